"""A server with OpenAI's API that answers at a fixed pace, like a batching engine, and whose words are known.

``python -m benchmarks.paced PORT [--base-ms 5] [--slope-ms 0] [--slots 256]``. All answers under way take a
step together, every ``base + slope x streams`` ms; beyond ``slots`` requests wait. The words follow from the
prompt, so a token that is lost, repeated or made up shows; a prompt that goes on after `MARK` is continued
there. With ``structured_outputs`` the answer keeps to the pattern.
"""

import argparse
import asyncio
import functools
import hashlib
import string
from dataclasses import dataclass, field

import orjson
import uvloop
from aiohttp import web

from domain.patterns import can_end, rest_of

MARK = "=>"
"""Ends the question; what stands behind it was sent already."""


def word(question: str, number: int) -> str:
    """Return a token of the answer to a question."""
    digest = hashlib.blake2b(f"{number}:{question}".encode(), digest_size=4).hexdigest()
    return f"{'' if number == 0 else ' '}{digest}"


def answer(question: str, tokens: int) -> str:
    """Return the whole answer to a question."""
    return "".join(word(question, number) for number in range(tokens))


@functools.cache
def moves(pattern: str) -> dict[str, str]:
    """Return what may come next in a pattern, each character with the pattern of the rest."""
    able = ((char, rest_of(pattern, char)) for char in string.printable[:95])
    return {char: rest for char, rest in able if rest is not None}


def characters(pattern: str, question: str, place: int = 0) -> list[str]:
    """Return characters that make a whole match, each chosen by the question and its place in the answer.

    Whoever goes on at a ``place`` with the pattern of the rest gives the very same ones.
    """
    found: list[str] = []
    rest = pattern
    while rest and not (can_end(rest) and place > 40):
        able = moves(rest)
        digest = hashlib.blake2b(f"{place}:{question}".encode(), digest_size=4).digest()
        found.append(list(able)[int.from_bytes(digest, "big") % len(able)])
        rest, place = able[found[-1]], place + 1
    return found


@dataclass(eq=False)
class Stream:
    """An answer under way."""

    words: list[str]
    given: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Paced:
    """The engine behind the door."""

    def __init__(self, base_ms: float, slope_ms: float, slots: int) -> None:
        self._base_ms, self._slope_ms, self._slots = base_ms, slope_ms, slots
        self._active: list[Stream] = []
        self._waiting: list[Stream] = []
        self._work = asyncio.Event()

    async def run(self) -> None:
        """Take a step after the other, for ever."""
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            while self._waiting and len(self._active) < self._slots:
                self._active.append(self._waiting.pop(0))
            if not self._active:
                self._work.clear()
                await self._work.wait()
                due = clock()
                continue
            due = max(due, clock() - 0.001) + (self._base_ms + self._slope_ms * len(self._active)) / 1e3
            await asyncio.sleep(due - clock())
            for stream in self._active:
                stream.given += 1
                stream.news.set()
            self._active = [stream for stream in self._active if stream.given < len(stream.words)]

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        body = orjson.loads(await request.read())
        prompt = body.get("prompt") or body["messages"][-1]["content"]
        question, _, sent = prompt.partition(MARK)
        limit = body["max_tokens"]
        pattern = (body.get("structured_outputs") or {}).get("regex")
        begin = len(sent.split())
        words = (
            characters(pattern, question, len(sent.removeprefix(" ")))  # between the prompt and what was sent
            if pattern is not None
            else [word(question, number) for number in range(begin, begin + limit)]
        )
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        stream = Stream(words)
        try:
            await response.prepare(request)
            self._waiting.append(stream)
            self._work.set()
            await self._send(stream, response, chat="messages" in body, capped=pattern is None)
        except ConnectionResetError:
            pass  # whoever asked has gone to another engine
        finally:
            for list_ in (self._active, self._waiting):
                if stream in list_:
                    list_.remove(stream)
        return response

    async def _send(self, stream: Stream, response: web.StreamResponse, *, chat: bool, capped: bool) -> None:
        sent = 0
        while sent < len(stream.words):
            await stream.news.wait()
            stream.news.clear()
            while sent < stream.given:
                text = stream.words[sent]
                sent += 1
                ended = ("length" if capped else "stop") if sent == len(stream.words) else None
                choice: dict[str, object] = {"index": 0, "finish_reason": ended}
                choice |= {"delta": {"content": text}} if chat else {"text": text}
                event = {"id": "p", "object": "c", "created": 1, "model": "m", "choices": [choice]}
                await response.write(b"data: " + orjson.dumps(event) + b"\n\n")
        await response.write(b"data: [DONE]\n\n")

    async def metrics(self, _: web.Request) -> web.Response:
        """Tell the queue as vLLM does."""
        running, waiting = len(self._active), len(self._waiting)
        return web.Response(
            text=f"vllm:num_requests_running {running}\nvllm:num_requests_waiting {waiting}\n"
        )

    async def models(self, _: web.Request) -> web.Response:
        """Tell the models; also serves as the health check."""
        return web.json_response({"data": [{"id": "m"}]})


def main() -> None:
    """Serve until killed."""
    options = argparse.ArgumentParser()
    options.add_argument("port", type=int)
    options.add_argument("--base-ms", type=float, default=5.0)
    options.add_argument("--slope-ms", type=float, default=0.0)
    options.add_argument("--slots", type=int, default=256)
    given = options.parse_args()
    uvloop.install()
    engine = Paced(given.base_ms, given.slope_ms, given.slots)
    app = web.Application()

    async def stepping(_: web.Application) -> object:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(engine.run())
            yield
            task.cancel()

    app.cleanup_ctx.append(stepping)  # type: ignore[arg-type]  # an async generator, as aiohttp wants
    app.router.add_post("/v1/completions", engine.complete)
    app.router.add_post("/v1/chat/completions", engine.complete)
    app.router.add_get("/v1/models", engine.models)
    app.router.add_get("/health", engine.models)
    app.router.add_get("/metrics", engine.metrics)
    web.run_app(app, host="127.0.0.1", port=given.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
