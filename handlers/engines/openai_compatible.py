"""An engine behind the OpenAI API: vLLM's server, or anything that speaks it.

Prompts are rendered here, so the plain completions are used; ``chat`` is for servers that have no other.
Closing the connection is how a request is cancelled; vLLM then aborts it at its next step.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import suppress
from typing import Any

import aiohttp
import orjson
from pydantic import SecretStr
from yarl import URL

from handlers.engines.openai_dialect import (
    PLAIN,
    Continuation,
    Dialect,
    Seam,
    Server,
    Thoughts,
    request_of,
)
from handlers.engines.openai_events import Chunk, Events, Usage, chunk, errors_of, usage
from handlers.engines.openai_faults import broken_off, refusal, shown
from handlers.engines.port import End, EngineAsk, EngineError, FinishReason, Health, Piece, upper_count

CONNECT_TIMEOUT_S = 2.0
PROBE_TIMEOUT_S = 1.0
SILENCE_MAX_S = 60.0
"""Longest wait between two parts of an answer; the router's own limits are shorter."""

LINE_BYTES_MAX = 1024 * 1024

USAGE_WAIT_S = 0.5
"""Longest wait for the token counts that follow an answer."""

THERE = (200, 404, 405, 429)
"""Statuses of a health probe by which a server is there: not each of them has a list of models."""

WAITING = re.compile(rb"^vllm:num_requests_(running|waiting)(?:\{[^}]*\})? ([0-9.e+]+)$", re.MULTILINE)


class OpenAICompatibleEngine:
    """One model of one server. Started and stopped by its owner; used by one event loop."""

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        name: str,
        *,
        url: str,
        model: str,
        provider: str = "vllm",
        models: Collection[str] = (),
        capacity: int = 16,
        api_key: SecretStr = SecretStr(""),  # noqa: B008 - a constant
        chat: bool = False,
        vllm: bool = True,
        dialect: Dialect = PLAIN,
    ) -> None:
        """Prepare; nothing is sent before `start`.

        Args:
            name: name of the engine in settings and records.
            url: the server's address, without ``/v1``.
            model: the model's name there.
            provider: it serves models registered with this provider.
            models: and only those with these names; empty: all.
            capacity: requests that it works on at a time.
            api_key: sent as a bearer token, or as ``dialect`` says; "" sends none.
            chat: use ``/v1/chat/completions``.
            vllm: it takes vLLM's own fields (structured outputs, priority) and tells its queue.
            dialect: how the server differs.
        """
        self.name = name
        self.provider = provider
        self.models = frozenset(models)
        self.capacity = capacity
        self.own = vllm
        self._url = url.rstrip("/").removesuffix("/v1")
        # Parsed once: a turn's call is on the way of its first token.
        self._at = str(URL(self._url).origin())
        """Where it is, without what the address may say of a user."""
        path = dialect.path or f"/v1/{'chat/' if chat else ''}completions"
        self._completions = URL(f"{self._url}{path}").update_query(dialect.query)
        probe = ("/health" if vllm else "/v1/models") if dialect.probe_path is None else dialect.probe_path
        self._probe = URL(f"{self._url}{probe}").update_query(dialect.query) if probe else None
        self._model = model
        self._key = api_key
        continues = dialect.continues or ("continue_final_message" if vllm else "repeat")
        self._chat: Continuation | None = continues if chat else None
        """How a chat goes on after given words; None: plain completions do."""
        self._vllm = vllm
        self._dialect = dialect
        self._server = Server(name=name, model=model, chat=self._chat, vllm=vllm, dialect=dialect)
        self._session: aiohttp.ClientSession | None = None

    def count_tokens(self, text: str) -> int:
        """Return an upper estimate of the tokens of a text: the tokenizer is the server's."""
        return upper_count(text)

    async def start(self) -> None:
        """Open the connection pool; whether the server answers, `health` says."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers(),
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=SILENCE_MAX_S
                ),
                read_bufsize=LINE_BYTES_MAX,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
                auto_decompress=False,
            )

    def _headers(self) -> dict[str, str]:
        key, name = self._key.get_secret_value(), self._dialect.key_header
        mine = {name: key} if name else {"Authorization": f"Bearer {key}"}
        return {"Content-Type": "application/json", **(mine if key else {}), **self._dialect.headers}

    async def stop(self) -> None:
        """Close all connections, which cancels what runs."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def health(self) -> Health:
        """Ask the server; see the port."""
        if self._session is None:
            return Health(False, "it is not started")
        if self._probe is None:
            return Health(True)
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                async with self._session.get(self._probe, allow_redirects=False) as answer:
                    if answer.status != 200 and (self._vllm or answer.status not in THERE):
                        return Health(False, f"{self._at}: HTTP {answer.status}")
                return await self._queue(self._session) if self._vllm else Health(True)
        except (aiohttp.ClientError, OSError) as error:
            return Health(False, str(_broken(self._at, error)))

    async def _queue(self, session: aiohttp.ClientSession) -> Health:
        async with session.get(f"{self._url}/metrics") as answer:
            body = await answer.read() if answer.status == 200 else b""
        counts = {kind: int(float(number)) for kind, number in WAITING.findall(body)}
        return Health(True, "", counts.get(b"running", 0), counts.get(b"waiting", 0))

    async def stream(self, ask: EngineAsk) -> AsyncGenerator[Piece | End, None]:
        """Yield the answer as it comes; see the port."""
        if self._session is None:
            raise EngineError(f"{self.name} is not started", "engine_unreachable")
        rest = await ask.rest_aside()
        if rest == "":
            yield End("stop", 0, 0)
            return
        told = orjson.dumps(request_of(ask, rest, self._server))
        reading = _Reading(self._server, ask, self._key.get_secret_value())
        try:
            async with self._session.post(self._completions, data=told, allow_redirects=False) as answer:
                await self._check(answer, ask)
                events = _events(answer, reading)
                while reading.reason is None and (event := await anext(events, None)) is not None:
                    if piece := reading.take(event):
                        yield piece
                if piece := reading.finish():
                    yield piece
                if not reading.over:
                    await _usage(events, reading)
        except (aiohttp.ClientError, OSError) as error:
            if reading.reason is None:
                raise _broken(f"{self.name} at {self._at}", error) from error
        yield reading.end()

    async def likelihood(self, prompt: str, text: str) -> float:
        """Return how likely a text is; only vLLM tells. See `handlers.engines.port.Scoring`."""
        if not self._vllm or self._chat is not None:
            raise EngineError(f"{self.name} returns no log probabilities of a text; use vLLM", "unsupported")
        begin = len(await self._logprobs(prompt))
        found = [each for each in (await self._logprobs(f"{prompt} {text}"))[begin:] if each is not None]
        if not found:
            raise EngineError("the text is empty", "invalid_request")
        return sum(found) / len(found)

    async def _logprobs(self, prompt: str) -> list[float | None]:
        """Return the log chance of every token of a prompt; None for the first."""
        if (session := self._session) is None:
            raise EngineError(f"{self.name} is not started", "engine_unreachable")
        body = {"model": self._model, "prompt": prompt, "max_tokens": 1, "prompt_logprobs": 0}
        try:
            async with session.post(self._completions, data=orjson.dumps(body)) as answer:
                await self._check(answer, EngineAsk(prompt=prompt, max_tokens=1))
                told = orjson.loads(await answer.read())["choices"][0]["prompt_logprobs"]
            return [None if each is None else float(next(iter(each.values()))["logprob"]) for each in told]
        except (aiohttp.ClientError, OSError) as error:
            raise _broken(f"{self.name} at {self._at}", error) from error
        except (ValueError, KeyError, TypeError, IndexError, StopIteration, AttributeError) as error:
            raise EngineError(
                f"{self.name} returned no log probabilities ({error!r})", "engine_nonsense"
            ) from error

    async def _check(self, answer: aiohttp.ClientResponse, ask: EngineAsk) -> None:
        """Raise what the status says, if it is not OK."""
        page = answer.status == 200 and answer.content_type == "text/html"
        if answer.status == 200 and not page:
            return
        said = (await answer.content.read(LINE_BYTES_MAX)).decode(errors="replace")
        if page:
            raise EngineError(f"{self.name} sent {shown(said)}, no completion", "engine_nonsense")
        key = self._key.get_secret_value()
        raise refusal(self.name, answer.status, said, headers=answer.headers, ask=ask, secret=key)


class _Reading:
    """One answer as it is read: its pieces, why it ended, and what it took."""

    def __init__(self, server: Server, ask: EngineAsk, secret: str) -> None:
        self.name = server.name
        self._ask = ask
        self._secret = secret
        self._seam = Seam(ask.sent, server.chat, server.name) if ask.sent else None
        # Who goes on in the middle of an answer has thought already; who says all of it again thinks again.
        thinks = server.dialect.thoughts if not ask.sent or server.chat == "repeat" else None
        self._thinking = Thoughts(thinks) if thinks else None
        # The space after the prompt's last tag is not the answer's.
        self._first = not ask.sent and ask.pattern is None
        self._held = self._tokens = self._thoughts = 0
        self._usage = Usage()
        self._refused = False
        self.reason: FinishReason | None = None
        """Why it ended; None: it goes on."""
        self.over = False
        """The server has said that nothing follows."""

    def take(self, event: Mapping[str, Any]) -> Piece | None:
        """Return the piece of the answer that an event has, if it has one.

        Raises:
            EngineError: it tells of an error, or is nonsense.
        """
        self.count(event)
        if (error := errors_of(event)) is not None:
            raise broken_off(self.name, error, ask=self._ask, secret=self._secret)
        found: Chunk = chunk(event, self.name)
        self.reason = found.reason
        self._refused |= found.refused
        self._thoughts += found.thought
        text = found.text
        if self._thinking is not None and text:
            text = self._thinking.feed(text)
            if not text:
                self._thoughts += found.token
                return None
        if self._seam is not None and text:
            text = self._seam.feed(text)
        return self._piece(text, found.token)

    def _piece(self, text: str, token: bool) -> Piece | None:
        if self._seam is not None and self._seam.repeating:
            self._thoughts += token
            return None
        if self._first:
            text = text.lstrip()
        self._held += bool(text) or token
        if not text:
            return None
        piece = Piece(text, self._held)
        self._tokens, self._held, self._first = self._tokens + self._held, 0, False
        return piece

    def count(self, event: Mapping[str, Any]) -> None:
        """Note the tokens that an event tells of."""
        self._usage = usage(event, self._usage)

    def finish(self) -> Piece | None:
        """See that the answer is whole; return what was held back of it.

        Where a server gives no reason, that it says the stream is over is one; a broken connection is none.

        Raises:
            EngineError: it broke off.
        """
        text = "" if self._thinking is None or self._thinking.over else self._thinking.finish()
        self._thoughts -= bool(text)  # it was none
        if self._seam is not None and self._seam.repeating and self.reason != "filtered":
            text = self._seam.feed(text) + self._seam.finish()
        piece = self._piece(text, token=bool(text))
        if self.reason is None and self.over and self._tokens:
            self.reason = "length" if self._tokens >= self._ask.max_tokens else "stop"
        if self.reason is None:
            raise EngineError(f"{self.name} broke off without an end")
        if self._refused and not self._tokens:
            self.reason = "filtered"
        return piece

    def end(self) -> End:
        """Return how it ended, with the server's own counts of tokens where it told them."""
        assert self.reason is not None
        told = self._usage
        # Nothing for words that were said is no count.
        known = told.prompt is not None and (told.completion or (told.completion == 0 and not self._tokens))
        words = "".join(message.text for message in self._ask.messages) or self._ask.prompt
        prompt = upper_count(words + self._ask.sent) if told.prompt is None else told.prompt
        return End(self.reason, prompt, told.completion or self._tokens + self._thoughts, estimated=not known)


async def _events(answer: aiohttp.ClientResponse, reading: _Reading) -> AsyncIterator[Mapping[str, Any]]:
    """Yield what a server sends, event by event."""
    events = Events(reading.name)
    try:
        async for line in answer.content:
            event = events.line(line)
            if events.done:
                reading.over = True
                return
            if event is not None:
                yield event
        events.end()
    except ValueError as error:  # no JSON, or a line beyond every measure
        raise EngineError(
            f"{reading.name} sent something that is no JSON ({error})", "engine_nonsense"
        ) from error


async def _usage(events: AsyncIterator[Mapping[str, Any]], reading: _Reading) -> None:
    """Read what is told of the tokens after the end of an answer, if it comes at once.

    The answer is whole by then: what breaks, or is said, after it changes nothing.
    """
    with suppress(aiohttp.ClientError, OSError, EngineError):  # TimeoutError is an OSError
        async with asyncio.timeout(USAGE_WAIT_S):
            async for event in events:
                reading.count(event)


def _broken(who: str, error: Exception) -> EngineError:
    """Return what a failed connection means."""
    if isinstance(error, (aiohttp.ServerTimeoutError, TimeoutError)):
        return EngineError(f"{who} timed out", "engine_timeout")
    if isinstance(error, aiohttp.ClientSSLError | aiohttp.ClientConnectorCertificateError):
        return EngineError(f"{who}: no secure connection ({error}); see its url", "engine_misconfigured")
    if isinstance(error, aiohttp.ClientConnectorError):
        return EngineError(f"{who}: not reachable", "engine_unreachable")
    return EngineError(f"{who} broke off ({type(error).__name__})")
