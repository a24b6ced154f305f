"""The OpenAI-compatible door: the same requests, router and records as on NATS, for tools that speak HTTP.

A model's name here is a use case, such as ``npc_dialogue``, or ``npc_dialogue@silver`` for a tier. Messages
of a chat become one prompt: the last one's text, after what was said before. Loopback only by default.
"""

import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from bus.problems import problem_of
from handlers.inference.service import InferenceService
from handlers.registry.models import RegistryView
from protocol.errors import WireError
from protocol.messages import CommandMessage, ErrorReply, Reply
from protocol.meta import Meta

BODY_BYTES_MAX = 512 * 1024
STOP_TIMEOUT_S = 1.0
PRIVATE_FIELDS = (
    "npc",
    "player",
    "conversation",
    "context",
    "max_age_s",
    "authored_line",
    "deadline_ms",
    "adapter",
    "pattern",
    "priority",
    "consent",
)
"""Fields of inference.generate that OpenAI's API does not know; they may stand beside its own."""

NOT_DONE: Mapping[str, tuple[object, ...]] = {
    "stop": (None, "", []),
    "suffix": (None, ""),
    "echo": (None, False),
    "best_of": (None, 1),
    "logprobs": (None, False),
    "top_logprobs": (None, 0),
    "logit_bias": (None, {}),
    "tools": (None, []),
    "functions": (None, []),
    "response_format": (None, {"type": "text"}),
    "structured_outputs": (None,),
}
"""Fields that would give another answer than ours, and the values with which they ask for nothing."""

STATUS = {
    "overloaded": 429,
    "over_allowance": 429,
    "no_current_model": 404,
    "no_engine": 404,
    "engines_away": 503,
    "unavailable": 503,
    "inference_failed": 502,
    "internal": 500,
}

logger = structlog.get_logger(__name__)

Text = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Literal["text"]
    text: str


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")

    role: str
    content: str | list[_Part]

    def words(self) -> str:
        """Return the message's text."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content)


class _Asked(BaseModel):
    """What both kinds of request have in common; fields that only hint, such as top_p, are left alone."""

    model_config = ConfigDict(extra="allow")

    model: Text
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    stream: bool = False
    stream_options: Mapping[str, Any] | None = None
    n: Literal[1] = 1
    user: str | None = None

    def not_done(self) -> str | None:
        """Return a field that asks for what is not done here: a client must not take it for done."""
        given = self.model_extra or {}
        return next((name for name, plain in NOT_DONE.items() if given.get(name) not in plain), None)

    def payload(self, prompt: str) -> dict[str, Any]:
        """Return the payload of inference.generate."""
        use_case, _, tier = self.model.partition("@")
        wanted = {
            "max_tokens": self.max_completion_tokens or self.max_tokens,
            "temperature": self.temperature,
            "seed": self.seed,
            "tier": tier or None,
            **{name: (self.model_extra or {}).get(name) for name in PRIVATE_FIELDS},
        }
        known = {name: value for name, value in wanted.items() if value is not None}
        return {"use_case": use_case, "prompt": prompt, **known}


class _Completion(_Asked):
    prompt: str | list[str]

    def text(self) -> str:
        """Return the prompt."""
        if isinstance(self.prompt, str):
            return self.prompt
        return self.prompt[0] if len(self.prompt) == 1 else ""


class _Chat(_Asked):
    messages: list[_Message] = Field(min_length=1)

    def text(self) -> str:
        """Return the conversation as one prompt."""
        *before, last = [message.words() for message in self.messages]
        return "\n".join([*before, last])


class OpenAIDoor:
    """Answers the OpenAI API with an inference service. Make it serve with `serving_http`."""

    def __init__(
        self,
        service: InferenceService,
        registry: RegistryView,
        *,
        new_id: Callable[[], UUID],
        key: SecretStr,
    ) -> None:
        """Prepare. With a ``key`` every request must carry it as a bearer token."""
        self._service = service
        self._registry = registry
        self._new_id = new_id
        self._key = key.get_secret_value()

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[self._guarded])
        app.router.add_post("/v1/completions", self._completions)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/models/{model}", self._one_model)
        app.router.add_get("/health", self._health)
        return app

    @web.middleware
    async def _guarded(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Check the key and turn every failure into OpenAI's form of an error."""
        wanted = f"Bearer {self._key}"
        given = request.headers.get("Authorization", "")
        if self._key and not hmac.compare_digest(given.encode(), wanted.encode()):
            return _refused(401, "invalid_api_key", "the key is missing or wrong")
        try:
            return await handler(request)
        except web.HTTPRequestEntityTooLarge as error:
            return self._unreadable("too_large", "", error.reason, status=error.status)
        except web.HTTPException as error:
            return _refused(error.status, "invalid_request", error.reason)
        except orjson.JSONDecodeError:
            return self._unreadable("malformed_message", "", "the body is no JSON")
        except ValidationError as error:
            fault = error.errors(include_input=False, include_url=False)[0]
            return self._unreadable("invalid_field", ".".join(map(str, fault["loc"])), fault["msg"])
        except Exception as error:  # the edge: every failure becomes a typed answer
            problem = problem_of(error)
            if problem is None:
                error_id = self._new_id()
                logger.exception("http_request_failed", error_id=str(error_id), path=request.path)
                return _refused(500, "internal", f"an error of ours; report the id {error_id}")
            return _of(problem)

    def _unreadable(self, code: str, field: str, fault: str, *, status: int = 400) -> web.Response:
        """Refuse a request that cannot be read, which is recorded as on NATS."""
        error = WireError(code, field, fault)
        self._service.malformed(error)
        return _refused(status, "invalid_request", str(error))

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _models(self, _: web.Request) -> web.Response:
        return _json(
            {"object": "list", "data": [_model(use_case) for use_case in self._registry.use_cases()]}
        )

    async def _one_model(self, request: web.Request) -> web.Response:
        model = request.match_info["model"]
        if model.partition("@")[0] not in self._registry.use_cases():
            return _refused(404, "no_current_model", f"no model serves {model}", "model")
        return _json(_model(model))

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        asked = _Completion.model_validate(orjson.loads(await request.read()))
        if not asked.text():
            return self._unreadable("invalid_field", "prompt", "must be one text of at least one character")
        return await self._answer(request, asked, asked.text(), _Shape("text_completion", "cmpl-", "text"))

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked = _Chat.model_validate(orjson.loads(await request.read()))
        return await self._answer(
            request, asked, asked.text(), _Shape("chat.completion", "chatcmpl-", "message")
        )

    async def _answer(
        self, request: web.Request, asked: _Asked, prompt: str, shape: "_Shape"
    ) -> web.StreamResponse:
        if field := asked.not_done():
            return self._unreadable("invalid_field", field, "is not done here; for a form there is pattern")
        actor = f"http:{asked.user}"[:128] if asked.user and asked.user.isascii() else "http:anonymous"
        command = CommandMessage(
            self._new_id(), "inference.generate", asked.payload(prompt), "any", Meta(actor=actor)
        )
        if not asked.stream:
            reply = await self._service(command)
            return _json(shape.whole(command.id, asked.model, reply))
        return await self._stream(request, asked, command, shape)

    async def _stream(
        self, request: web.Request, asked: _Asked, command: CommandMessage, shape: "_Shape"
    ) -> web.StreamResponse:
        """Send the pieces as server-sent events; a caller that goes away cancels."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        )
        given = 0

        async def give(_number: int, text: str) -> None:
            nonlocal given
            if not response.prepared:  # a refusal before the first word is a plain error
                await response.prepare(request)
            given += 1
            await response.write(_event(shape.piece(command.id, asked.model, text, None)))

        try:
            reply = await self._service(command, give=give)
        except Exception as error:
            problem = problem_of(error)
            if not response.prepared or problem is None:
                raise
            # The head was sent: the failure is an event of the stream, as OpenAI's own servers do it.
            failure = {"message": problem.message, "type": problem.code, "code": problem.code}
            await response.write(_event({"error": failure}))
            await response.write_eof()
            return response
        if reply.result["finish_reason"] == "cancelled":
            return response
        if not response.prepared:
            await response.prepare(request)
        if not given and reply.result["text"]:
            text = str(reply.result["text"])
            await response.write(_event(shape.piece(command.id, asked.model, text, None)))
        await response.write(_event(shape.piece(command.id, asked.model, "", _reason(reply))))
        if (asked.stream_options or {}).get("include_usage"):
            await response.write(_event(shape.usage(command.id, asked.model, reply)))
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response


class _Shape:
    """How completions and chats differ in what is sent back."""

    def __init__(self, kind: str, prefix: str, field: str) -> None:
        self._kind = kind
        self._prefix = prefix
        self._field = field

    def whole(self, id_: UUID, model: str, reply: Reply) -> dict[str, Any]:
        text = str(reply.result["text"])
        said = (
            {"text": text} if self._field == "text" else {"message": {"role": "assistant", "content": text}}
        )
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": _reason(reply)}
        return {**self._base(id_, model, self._kind), "choices": [choice], "usage": _usage(reply)}

    def piece(self, id_: UUID, model: str, text: str, reason: str | None) -> dict[str, Any]:
        said: dict[str, Any] = {"text": text} if self._field == "text" else {"delta": {"content": text}}
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": reason}
        return {**self._base(id_, model, self._streamed()), "choices": [choice]}

    def usage(self, id_: UUID, model: str, reply: Reply) -> dict[str, Any]:
        return {**self._base(id_, model, self._streamed()), "choices": [], "usage": _usage(reply)}

    def _streamed(self) -> str:
        return self._kind if self._field == "text" else f"{self._kind}.chunk"

    def _base(self, id_: UUID, model: str, kind: str) -> dict[str, Any]:
        return {"id": f"{self._prefix}{id_.hex}", "object": kind, "created": int(time.time()), "model": model}


@asynccontextmanager
async def serving_http(app: web.Application, host: str, port: int) -> AsyncIterator[None]:
    """Serve ``app`` while the context is open.

    Raises:
        OSError: the port is taken.
    """
    # A handler is not cancelled when its caller leaves: the answer's record must come to its end.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_TIMEOUT_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()


def _reason(reply: Reply) -> str:
    """Return OpenAI's word for why an answer ended."""
    reason = reply.result["finish_reason"]
    if reason == "blocked":
        return "content_filter"
    return "length" if reason in ("length", "cut") else "stop"


def _usage(reply: Reply) -> dict[str, int]:
    usage = reply.result.get("usage", {})
    asked, answered = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _model(name: str) -> Mapping[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "aicore"}


def _json(value: object) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def _event(value: object) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _of(problem: ErrorReply) -> web.Response:
    response = _refused(
        STATUS.get(problem.code, 400), problem.code, f"{problem.message}; {problem.remedy}", problem.field
    )
    if problem.retry_after_ms:
        response.headers["Retry-After"] = str(max(1, round(problem.retry_after_ms / 1e3)))
        response.headers["Retry-After-Ms"] = str(problem.retry_after_ms)
    return response


def _refused(status: int, code: str, message: str, field: str = "") -> web.Response:
    error = {"message": message, "type": code, "param": field or None, "code": code}
    body = orjson.dumps({"error": error})
    return web.Response(status=status, body=body, content_type="application/json")
