"""A real HTTP server on a free port that answers as the test says, and engines that ask it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from handlers.engines.openai_compatible import OpenAICompatibleEngine

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served_by(answer: Answer) -> AsyncIterator[str]:
    """Serve every path with ``answer`` and yield the address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app, skip_url_asserts=True) as server:
        yield str(server.make_url("")).rstrip("/")


@asynccontextmanager
async def engine_at(url: str, **options: Any) -> AsyncIterator[OpenAICompatibleEngine]:
    """Yield a started engine of a server that is no vLLM unless ``options`` say so."""
    engine = OpenAICompatibleEngine("far", url=url, model="m", **{"vllm": False, **options})
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


def said(text: str, reason: str | None = None, *, chat: bool) -> bytes:
    """Return an event with some of an answer."""
    words = {"delta": {"content": text}} if chat else {"text": text}
    choice = {"index": 0, "finish_reason": reason, **words}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"
