"""Streams as servers really send them, from a real HTTP server to the engine's client: what each comes to."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from handlers.engines.openai_compatible import OpenAICompatibleEngine
from handlers.engines.port import End, EngineAsk, EngineError, Piece
from tests.unit.cases import each_of

FOLDER = Path(__file__).parent / "shapes"
EXPECTED: Mapping[str, Mapping[str, Any]] = tomllib.loads((FOLDER / "expected.toml").read_text())
ASK = EngineAsk(prompt="Who goes there?", max_tokens=64)


async def read(body: bytes, *, chat: bool, parts: int = 1) -> tuple[str, End]:
    """Return the text and the end that the engine makes of a body, sent in so many parts."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        size = max(1, len(body) // parts)
        for begin in range(0, len(body), size):
            await response.write(body[begin : begin + size])
        return response

    app = web.Application()
    app.router.add_post("/v1/{door:.*}completions", answer)
    async with TestServer(app, skip_url_asserts=True) as server:
        engine = OpenAICompatibleEngine("far", url=str(server.make_url("")), model="m", chat=chat, vllm=False)
        await engine.start()
        try:
            *pieces, end = [item async for item in engine.stream(ASK)]
        finally:
            await engine.stop()
    assert isinstance(end, End)
    return "".join(piece.text for piece in pieces if isinstance(piece, Piece)), end


def test_every_recorded_stream_has_its_expectation() -> None:
    assert {path.stem for path in FOLDER.glob("*.sse")} == EXPECTED.keys()


@pytest.mark.parametrize("parts", [1, 40])
@each_of("name", EXPECTED)
async def test_a_stream_comes_to_what_it_says(name: str, parts: int) -> None:
    expected, body = EXPECTED[name], (FOLDER / f"{name}.sse").read_bytes()
    if "fault" in expected:
        with pytest.raises(EngineError) as fault:
            await read(body, chat=expected.get("chat", True), parts=parts)
        assert fault.value.code == expected["fault"], str(fault.value)
        return
    text, end = await read(body, chat=expected.get("chat", True), parts=parts)
    assert (text, end.finish_reason) == (expected["text"], expected["reason"])
    if "usage" in expected:
        assert [end.prompt_tokens, end.completion_tokens] == expected["usage"]
    assert end.estimated == ("usage" not in expected)
    assert end.prompt_tokens > 0, "a prompt always has some"
