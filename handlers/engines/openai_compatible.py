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

from handlers.engines.port import End, EngineAsk, EngineError, EngineFault, FinishReason, Health, Piece

CONNECT_TIMEOUT_S = 2.0
PROBE_TIMEOUT_S = 1.0
SILENCE_MAX_S = 60.0
"""Longest wait between two parts of an answer; the router's own limits are shorter."""

LINE_BYTES_MAX = 1024 * 1024
BYTES_PER_TOKEN = 3
"""Below what usual tokenizers reach in any language, so that a count is rather too high."""

USAGE_WAIT_S = 0.5
"""Longest wait for the token counts that follow an answer."""

COUNT_MAX = 2**32
SHOWN_CHARACTERS = 300
BUSY = (429, 503)
FINISHED: Mapping[str, FinishReason] = {"stop": "stop", "length": "length", "abort": "length"}
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
    ) -> None:
        """Prepare; nothing is sent before `start`.

        Args:
            name: name of the engine in settings and records.
            url: the server's address, without ``/v1``.
            model: the model's name there.
            provider: it serves models registered with this provider.
            models: and only those with these names; empty: all.
            capacity: requests that it works on at a time.
            api_key: sent as a bearer token; "" sends none.
            chat: use ``/v1/chat/completions``; such a server cannot go on after what another one sent.
            vllm: it takes vLLM's own fields (structured outputs, priority) and tells its queue.
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
        self._completions = URL(f"{self._url}/v1/{'chat/' if chat else ''}completions")
        self._model = model
        self._key = api_key
        self._chat = chat
        self._vllm = vllm
        self._session: aiohttp.ClientSession | None = None

    def count_tokens(self, text: str) -> int:
        """Return an upper estimate of the tokens of a text: the tokenizer is the server's."""
        return -(-len(text.encode()) // BYTES_PER_TOKEN)

    async def start(self) -> None:
        """Open the connection pool; whether the server answers, `health` says."""
        if self._session is None:
            key = self._key.get_secret_value()
            self._session = aiohttp.ClientSession(
                headers={
                    "Content-Type": "application/json",
                    **({"Authorization": f"Bearer {key}"} if key else {}),
                },
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=SILENCE_MAX_S
                ),
                read_bufsize=LINE_BYTES_MAX,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
                auto_decompress=False,
            )

    async def stop(self) -> None:
        """Close all connections, which cancels what runs."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def health(self) -> Health:
        """Ask the server; see the port."""
        if self._session is None:
            return Health(False, "it is not started")
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                path = "/health" if self._vllm else "/v1/models"
                async with self._session.get(self._url + path) as answer:
                    if answer.status != 200:
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
        body = self._body(ask, rest)
        reason: FinishReason | None = None
        usage: object = None
        tokens, held = 0, 0
        first = not ask.sent and ask.pattern is None
        try:
            async with self._session.post(self._completions, data=orjson.dumps(body)) as answer:
                await self._check(answer, ask)
                events = _events(answer.content, self.name)
                while reason is None and (event := await anext(events, None)) is not None:
                    usage = event.get("usage") or usage
                    text, reason = self._choice(event)
                    if first:  # the space after the prompt's last tag is not the answer's
                        text = text.lstrip()
                    held += bool(text or not self._is_head(event))
                    if text:
                        yield Piece(text, held)
                        tokens, held, first = tokens + held, 0, False
                if reason is not None:
                    usage = await _usage(events) or usage
        except (aiohttp.ClientError, OSError) as error:
            if reason is None:
                raise _broken(f"{self.name} at {self._at}", error) from error
        if reason is None:
            raise EngineError(f"{self.name} broke off without an end")
        yield End(reason, _count(usage, "prompt_tokens", 0), _count(usage, "completion_tokens", tokens))

    async def likelihood(self, prompt: str, text: str) -> float:
        """Return how likely a text is; only vLLM tells. See `handlers.engines.port.Scoring`."""
        if not self._vllm or self._chat:
            raise EngineError(f"{self.name} does not tell how likely a text is; use vLLM", "unsupported")
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
            raise EngineError(f"{self.name} told no chances ({error!r})", "engine_nonsense") from error

    def _body(self, ask: EngineAsk, rest: str | None) -> dict[str, Any]:
        if self._chat and ask.sent:
            raise EngineError(f"{self.name} only chats: it cannot go on after another's words", "unsupported")
        if ask.pattern is not None and not self._vllm:
            raise EngineError(f"{self.name} cannot hold an answer to a pattern; use vLLM", "unsupported")
        return {
            "model": ask.adapter or self._model,
            "max_tokens": ask.max_tokens,
            "temperature": ask.temperature,
            "seed": ask.seed,
            "stream": True,
            "stream_options": {"include_usage": True},
            **(
                {"messages": [{"role": "user", "content": ask.prompt}]}
                if self._chat
                else {"prompt": f"{ask.prompt} {ask.sent}" if ask.sent else ask.prompt}
            ),
            **({"priority": ask.priority} if self._vllm and ask.priority else {}),
            **({"structured_outputs": {"regex": rest}} if rest is not None else {}),
        }

    async def _check(self, answer: aiohttp.ClientResponse, ask: EngineAsk) -> None:
        """Raise what the status says, if it is not OK."""
        if answer.status == 200:
            return
        said = (await answer.content.read(LINE_BYTES_MAX)).decode(errors="replace")
        shown = f"{self.name}: HTTP {answer.status}: {_message(said)[:SHOWN_CHARACTERS]}"
        code: EngineFault = "engine_failed"
        if answer.status in BUSY:
            code = "engine_overloaded"
        elif answer.status == 404:
            code = "unknown_adapter" if ask.adapter else "unsupported"
        elif answer.status in (400, 422):
            code = "prompt_too_long" if "context length" in said or "too long" in said else "invalid_request"
        raise EngineError(shown, code)

    def _is_head(self, event: Mapping[str, Any]) -> bool:
        """Say whether an event comes before the first token, as chats have one that names the role."""
        choices = event["choices"]
        return not choices or (self._chat and "role" in choices[0]["delta"])

    def _choice(self, event: Mapping[str, Any]) -> tuple[str, FinishReason | None]:
        """Return an event's text and, at the end, why it ended."""
        if "error" in event:
            raise EngineError(f"{self.name}: {str(event['error'])[:SHOWN_CHARACTERS]}")
        try:
            choices = event["choices"]
            if not choices:
                return "", None
            choice = choices[0]
            text = (choice["delta"].get("content") if self._chat else choice["text"]) or ""
            ended = choice.get("finish_reason")
            if not isinstance(text, str):
                raise TypeError("text")
            return text, FINISHED[ended] if ended is not None else None
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise EngineError(
                f"{self.name} sent something that is no completion ({error!r})", "engine_nonsense"
            ) from error


async def _events(content: aiohttp.StreamReader, name: str) -> AsyncIterator[Mapping[str, Any]]:
    """Yield the server-sent events until ``[DONE]``."""
    try:
        async for line in content:
            if not line.startswith(b"data:"):
                if line.strip() and not line.startswith((b":", b"event:", b"id:", b"retry:")):
                    raise EngineError(f"{name} sent something that is no event stream", "engine_nonsense")
                continue
            data = line[5:].strip()
            if data == b"[DONE]":
                return
            event = orjson.loads(data)
            if not isinstance(event, dict):
                raise EngineError(f"{name} sent an event that is no object", "engine_nonsense")
            yield event
    except ValueError as error:  # no JSON, or a line beyond every measure
        raise EngineError(f"{name} sent something that is no JSON ({error})", "engine_nonsense") from error


async def _usage(events: AsyncIterator[Mapping[str, Any]]) -> object:
    """Return what is told of the tokens after the end of an answer, None if that does not come at once.

    The answer is whole by then: what breaks, or is said, after it changes nothing.
    """
    found = None
    with suppress(aiohttp.ClientError, OSError, EngineError):  # TimeoutError is an OSError
        async with asyncio.timeout(USAGE_WAIT_S):
            async for event in events:
                found = event.get("usage") or found
    return found


def _count(usage: object, key: str, otherwise: int) -> int:
    """Return a number of tokens that a server told, if it is one."""
    found = usage.get(key) if isinstance(usage, dict) else None
    return found if isinstance(found, int) and 0 <= found <= COUNT_MAX else otherwise


def _broken(who: str, error: Exception) -> EngineError:
    """Return what a failed connection means."""
    if isinstance(error, (aiohttp.ServerTimeoutError, TimeoutError)):
        return EngineError(f"{who} is silent", "engine_timeout")
    if isinstance(error, aiohttp.ClientConnectorError):
        return EngineError(f"{who}: nobody answers there", "engine_unreachable")
    return EngineError(f"{who} broke off ({type(error).__name__})")


def _message(said: str) -> str:
    """Return the message of an error's body, whatever its shape."""
    try:
        fields = orjson.loads(said)
        inner = fields.get("error", fields)
        return str(inner.get("message", said) if isinstance(inner, dict) else inner)
    except (ValueError, AttributeError):
        return said
