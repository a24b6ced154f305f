"""The OpenAI-compatible door: the same requests, router and records as on NATS, for tools that speak HTTP.

A model's name here is a use case, such as ``npc_dialogue``, or ``npc_dialogue@silver`` for a tier. What
becomes of each field is in `aicore.http.openai.fields`. Loopback only by default, and to who has a key; the
key's name is who asked, and what a request says of its user is a label beside it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from uuid import UUID

import orjson
import structlog
from aiohttp import web

from aicore.http.boundary import host_fault, page_fault
from aicore.http.openai.asking import NAMES, Asked, chat, completion
from aicore.http.openai.bodies import BODY_TIMEOUT_S, object_of
from aicore.http.openai.faults import Fault, model_unknown, of_problem, shown
from aicore.http.openai.shapes import Shape, event, model_of
from aicore.keys import Keys
from bus.problems import problem_of
from handlers.inference.service import InferenceService
from handlers.registry.models import RegistryView
from protocol.errors import WireError
from protocol.messages import CommandMessage, Reply
from protocol.meta import LABEL, Meta

SEND_TIMEOUT_S = 10.0
"""Longest wait for a caller to take a piece of a stream; then it counts as gone, and its engine is free."""

ID = web.RequestKey("id", UUID)
"""A request's own id: that of its command, and what `X-Request-Id` says."""

ASKED = web.RequestKey("asked", Asked)

OWNER = web.RequestKey("owner", str)
"""Name of the key that a request came with."""

HEALTH = "/health"
"""A page that asks for no key: it says that the process serves, and nothing else."""

READY = "/ready"
"""Another one: by its status whether what the process does is recorded; who has a key is told why not."""

logger = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class OpenAIDoor:
    """Answers the OpenAI API with an inference service. Make it serve with `aicore.http.server`."""

    def __init__(  # noqa: PLR0913 - the parts it is made of, by name
        self,
        service: InferenceService,
        registry: RegistryView,
        *,
        tiers: Collection[str],
        new_id: Callable[[], UUID],
        keys: Keys,
        hosts: Collection[str] = (),
        unready: Callable[[], Sequence[str]] = tuple,
        body_timeout_s: float = BODY_TIMEOUT_S,
        send_timeout_s: float = SEND_TIMEOUT_S,
    ) -> None:
        """Prepare. Every request must carry one of ``keys`` as a bearer token.

        ``hosts``: names under which the door is asked, beside ``localhost`` and addresses in numbers.
        ``unready``: why the process should be sent no requests now; empty: nothing speaks against it.
        """
        self._service = service
        self._registry = registry
        self._tiers = tiers
        self._new_id = new_id
        self._keys = keys
        self._unready = unready
        self._hosts = frozenset(host.lower() for host in hosts)
        self._body_timeout_s = body_timeout_s
        self._send_timeout_s = send_timeout_s

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application(middlewares=[self._guarded])
        app.router.add_post("/v1/completions", self._completions)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/models/{model}", self._one_model)
        app.router.add_get(HEALTH, self._health)
        app.router.add_get(READY, self._ready)
        app.on_response_prepare.append(_tell_little)
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Admit a request, and turn every failure into OpenAI's form of an error."""
        request[ID] = self._new_id()
        try:
            self._admit(request)
            return await handler(request)
        except Exception as error:  # the edge: every failure becomes a typed answer
            fault = self._fault_of(error, request)
            if fault.recorded:
                self._service.malformed(WireError(fault.recorded, fault.param, fault.message))
            response = fault.response()
            response.headers["X-Request-Id"] = request[ID].hex
            return response

    def _admit(self, request: web.Request) -> None:
        """Note whose key a request came with. Raises `Fault`: another host, a page in a browser, no key."""
        if fault := host_fault(request, self._hosts):
            raise Fault(421, "unknown_host", fault)
        if fault := page_fault(request):
            raise Fault(403, "origin_refused", fault)
        if request.path == HEALTH:
            return
        if request.path == READY and not request.headers.get("Authorization"):
            return
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        # What is no UTF-8 in a header comes as surrogates.
        token = given.strip().encode("utf-8", "surrogateescape")
        owner = self._keys.owner(token) if scheme.lower() == "bearer" else None
        if owner is None:
            headers = {"WWW-Authenticate": 'Bearer realm="aicore"'}
            raise Fault(401, "invalid_api_key", "the API key is missing or wrong", headers=headers)
        request[OWNER] = owner

    def _fault_of(self, error: Exception, request: web.Request) -> Fault:
        """Return what a caller is told; only an error of ours is logged with where it came from."""
        if isinstance(error, Fault):
            return error
        if isinstance(error, web.HTTPException):
            return _of_route(error, request)
        if (problem := problem_of(error)) is None:
            # Not the path as it came: it may hold anything, a key that slipped into it among that.
            route = request.match_info.route.resource
            path = route.canonical if route else ""
            logger.error("http_request_failed", exc_info=error, error_id=request[ID].hex, path=path)
            return Fault(500, "internal", f"an error of ours; report the id {request[ID].hex}")
        asked = request.get(ASKED)
        return of_problem(problem, error, asked.params if asked else NAMES, asked.model if asked else "")

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _ready(self, request: web.Request) -> web.Response:
        """Say whether the process is ready: 200 or 503, and to who has a key, why not."""
        reasons = [*self._unready()]
        status = 503 if reasons else 200
        if OWNER not in request:
            return web.Response(status=status)
        return _json(orjson.dumps({"ready": not reasons, "reasons": reasons}), status=status)

    async def _models(self, _: web.Request) -> web.Response:
        models = [model_of(use_case) for use_case in self._registry.use_cases()]
        return _json(orjson.dumps({"object": "list", "data": models}))

    async def _one_model(self, request: web.Request) -> web.Response:
        model = request.match_info["model"]
        use_case, at, tier = model.partition("@")
        if use_case not in self._registry.use_cases() or (at and tier not in self._tiers):
            raise model_unknown(model, "GET /v1/models lists the names; after @ comes a tier")
        return _json(orjson.dumps(model_of(model)))

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        body = await object_of(request, timeout_s=self._body_timeout_s)
        return await self._answer(request, completion(body), is_chat=False)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await object_of(request, timeout_s=self._body_timeout_s)
        return await self._answer(request, chat(body), is_chat=True)

    async def _answer(self, request: web.Request, asked: Asked, *, is_chat: bool) -> web.StreamResponse:
        request[ASKED] = asked
        label = {LABEL: asked.label} if asked.label else {}
        meta = Meta(actor=f"http:{request[OWNER]}", extra=label)
        command = CommandMessage(request[ID], "inference.generate", asked.payload, "any", meta)
        headers = {"X-Request-Id": command.id.hex}
        if asked.ignored:
            headers["X-Aicore-Ignored"] = ", ".join(asked.ignored)
        shape = Shape(command.id, asked.model, chat=is_chat, include_usage=asked.include_usage)
        if asked.stream:
            return await self._stream(command, _Stream(request, shape, headers, self._send_timeout_s))
        reply = await self._service(command)
        _not_cancelled(reply)
        return _json(shape.whole(reply), headers)

    async def _stream(self, command: CommandMessage, stream: "_Stream") -> web.StreamResponse:
        """Send the pieces as server-sent events; a caller that goes away cancels."""
        try:
            reply = await self._service(command, give=stream.give)
            _not_cancelled(reply)
            await stream.end(reply)
        except ConnectionResetError:
            pass  # nobody is there; the answer is recorded as far as it came
        except Exception as error:
            if not stream.response.prepared:  # a refusal before the first word is a plain error
                raise
            # The head was sent: the failure is an event of the stream, as OpenAI's own servers do it.
            await stream.fail(self._fault_of(error, stream.request))
        return stream.response


class _Stream:
    """A response of server-sent events; its head goes out with the first text."""

    def __init__(
        self, request: web.Request, shape: Shape, headers: Mapping[str, str], timeout_s: float
    ) -> None:
        self.request = request
        self.response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache", **headers}
        )
        self._shape = shape
        self._timeout_s = timeout_s
        self._begun = False

    async def give(self, _number: int, text: str) -> None:
        """Send a piece. Raises `ConnectionResetError` if nobody takes it."""
        head = b"" if self._begun else self._shape.first()
        self._begun = True
        await self._send(head + self._shape.piece(text))

    async def end(self, reply: Reply) -> None:
        """Send what is left of an answer, its end, and the usage if that was asked for."""
        if not self._begun:
            await self.give(0, str(reply.result["text"]))
        await self._send(self._shape.last(reply))
        await self.response.write_eof()

    async def fail(self, fault: Fault) -> None:
        """End the stream with an error, if the caller is still there."""
        try:
            await self._send(event(fault.body()))
            await self.response.write_eof()
        except ConnectionResetError:
            pass

    async def _send(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                if not self.response.prepared:
                    await self.response.prepare(self.request)
                await self.response.write(data)
        except TimeoutError:
            if self.request.transport:
                self.request.transport.abort()
            raise ConnectionResetError(f"the caller took nothing for {self._timeout_s:g} s") from None


async def _tell_little(_: web.Request, response: web.StreamResponse) -> None:
    """Say neither which versions serve, nor let a browser take an answer for a page."""
    response.headers["Server"] = "aicore"
    response.headers["X-Content-Type-Options"] = "nosniff"


def _not_cancelled(reply: Reply) -> None:
    """Refuse to give as a whole answer what somebody has ended. Raises `Fault`."""
    if reply.result["finish_reason"] == "cancelled":
        raise Fault(499, "cancelled", "this answer was cancelled by its id")


def _of_route(error: web.HTTPException, request: web.Request) -> Fault:
    """Return the fault of an address or a method that is not there."""
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status, "invalid_request")
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return Fault(
        error.status, code, f"{request.method} {shown(request.path)}: {error.reason}", headers=headers
    )


def _json(body: bytes, headers: Mapping[str, str] | None = None, *, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)
