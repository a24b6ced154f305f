"""Every kind of engine takes over from every kind, in the middle of a line, and the words fit together."""

import asyncio
import itertools
import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from aicore.content.weights import shipped_model
from handlers.engines.embedded import EmbeddedEngine
from handlers.engines.openai_compatible import OpenAICompatibleEngine
from handlers.engines.openai_dialect import AGAIN, Dialect
from handlers.engines.port import End, Engine, EngineAsk, EngineError, Message, Piece
from handlers.routing.router import Router
from handlers.routing.turns import Routed, RoutedTurn, Tier
from tests.conformance.engine_kit import PROMPT
from tests.unit.engines.server_kit import said, served_by

STORY = "the ferry leaves at dusk and not before."
PATTERN = re.escape(STORY)
TAIL = " And that is all."
GIVEN = 3
"""Pieces after which the first engine dies."""

CHATS = ("continue_final_message", "prefix", "assistant", "repeat")
KINDS = ("embedded", "vllm", "completions", *CHATS)
HOLD_PATTERNS = ("embedded", "vllm", "continue_final_message")
SCENE = (Message("system", "You are Bram Sallow."), Message("user", PROMPT))


class Dying(EmbeddedEngine):
    """The embedded engine, stopped in the middle of its first answer."""

    async def stream(self, ask: EngineAsk) -> AsyncGenerator[Piece | End, None]:
        async with aclosing(super().stream(ask)) as items:
            async for number in _counted(items):
                yield number[1]
                if number[0] == GIVEN:
                    await self.stop()
                    raise EngineError("the embedded engine was stopped", "engine_unreachable")


async def _counted(items: AsyncGenerator[Piece | End, None]) -> AsyncGenerator[tuple[int, Piece | End], None]:
    for number in itertools.count(1):
        try:
            yield number, await anext(items)
        except StopAsyncIteration:
            return


def after(sent: str) -> str:
    """Return what a server's model says after some words: the rest of its story, or the end of another's."""
    return STORY[len(sent) :] if STORY.startswith(sent) else TAIL


def begun(body: dict[str, Any], kind: str) -> str:
    """Return what a request says was given already."""
    if "prompt" in body:
        assert body["prompt"].startswith(PROMPT)
        return str(body["prompt"][len(PROMPT) + 1 :])
    roles = [message["role"] for message in body["messages"]]
    assert roles[:2] == ["system", "user"]
    if "assistant" not in roles:
        return ""
    sent = str(body["messages"][2]["content"])
    assert (body["messages"][-1]["content"] == AGAIN) == (kind == "repeat")
    return sent


@asynccontextmanager
async def server(kind: str, *, dies: bool) -> AsyncGenerator[str, None]:
    """Serve one model in the way of a kind; ``dies``: it breaks off after some pieces."""
    chat = kind in CHATS

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        sent = begun(body, kind)
        text = after(sent)
        if kind in ("repeat", "prefix"):
            text = sent + text
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number, word in enumerate(re.findall(r"\s*\S+", text), 1):
            await response.write(said(word, chat=chat))
            if dies and number == GIVEN:
                await asyncio.sleep(0.02)  # what was written leaves before the connection breaks
                assert request.transport
                request.transport.abort()
                return response
        await response.write(said("", "stop", chat=chat))
        return response

    async with served_by(answer) as url:
        yield url


async def engine(kind: str, stack: AsyncExitStack, *, dies: bool = False) -> Engine:
    name = f"{'first' if dies else 'second'}-{kind}"
    made: Engine
    if kind == "embedded":
        made = (Dying if dies else EmbeddedEngine)(shipped_model(), name=name, provider="any")
    else:
        url = await stack.enter_async_context(server(kind, dies=dies))
        dialect = Dialect(continues=kind) if kind in CHATS else Dialect()  # type: ignore[arg-type]  # one of them
        made = OpenAICompatibleEngine(
            name, url=url, model="m", provider="any", chat=kind in CHATS, dialect=dialect,
            vllm=kind in HOLD_PATTERNS,
        )  # fmt: skip
    await made.start()
    stack.push_async_callback(made.stop)
    return made


async def served(first: str, second: str, pattern: str | None) -> tuple[list[str], Routed]:
    """Return the pieces that the player gets, and how the turn was served."""
    async with AsyncExitStack() as stack:
        engines = [await engine(first, stack, dies=True), await engine(second, stack)]
        router = Router(
            {"gold": Tier(engines=engines, patience_s=0.0)},
            clock=asyncio.get_running_loop().time,
            draw=lambda: 0.0,
        )
        router.engine_states()[engines[1].name].active = 1  # so that the first one is asked first
        ask = EngineAsk(prompt=PROMPT, messages=SCENE, max_tokens=60, seed=1, pattern=pattern)
        turn = RoutedTurn(tier="gold", provider="any", ask=ask, authored="Not now.")
        async with aclosing(router.stream(turn)) as items:
            *pieces, routed = [item async for item in items]
    assert isinstance(routed, Routed)
    return [piece.text for piece in pieces if isinstance(piece, Piece)], routed


@pytest.mark.parametrize(("first", "second"), list(itertools.product(KINDS, KINDS)))
async def test_another_engine_goes_on_in_the_middle_of_a_line(first: str, second: str) -> None:
    pieces, routed = await served(first, second, None)
    before = "".join(pieces[:GIVEN])
    assert [(attempt.engine, bool(attempt.fault)) for attempt in routed.attempts] == [
        (f"first-{first}", True),
        (f"second-{second}", False),
    ], routed.attempts
    assert routed.finish_reason in ("stop", "length")
    assert routed.text == "".join(pieces)
    if second != "embedded":
        assert routed.text == before + after(before), "without a seam"
    else:
        assert routed.text.startswith(before)
        assert len(pieces) > GIVEN


@pytest.mark.parametrize(("first", "second"), list(itertools.product(HOLD_PATTERNS, HOLD_PATTERNS)))
async def test_the_whole_line_keeps_to_its_pattern(first: str, second: str) -> None:
    pieces, routed = await served(first, second, PATTERN)
    assert routed.text == "".join(pieces) == STORY
    assert [bool(attempt.fault) for attempt in routed.attempts] == [True, False]


@pytest.mark.parametrize("second", [kind for kind in KINDS if kind not in HOLD_PATTERNS])
async def test_where_no_engine_holds_the_pattern_the_line_is_cut_not_broken(second: str) -> None:
    pieces, routed = await served("vllm", second, PATTERN)
    assert (routed.text, routed.finish_reason) == ("".join(pieces), "cut")
    assert STORY.startswith(routed.text)
    assert [attempt.fault for attempt in routed.attempts] == ["engine_failed", "unsupported"]
