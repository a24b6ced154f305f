"""Engines that do as they are told, a router over them, and a turn for it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from handlers.engines.port import End, EngineAsk, EngineError, Health, Piece
from handlers.routing.router import Router
from handlers.routing.turns import Routed, RoutedTurn, Tier

WORDS = ["the", "ferry", "leaves", "at", "dusk", "and", "not", "before"]


@dataclass
class Scripted:
    """Says `WORDS`, one token each; fails, stalls or waits at the token it is told to."""

    name: str
    capacity: int = 4
    own: bool = True
    provider: str = "script"
    fails_at: int | None = None
    stalls_at: int | None = None
    fault: EngineError = field(default_factory=lambda: EngineError("down", "engine_unreachable"))
    asks: list[EngineAsk] = field(default_factory=list)
    open: int = 0

    models: frozenset[str] = frozenset()

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def health(self) -> Health:
        return Health(True)

    async def stream(self, ask: EngineAsk) -> AsyncGenerator[Piece | End, None]:
        self.asks.append(ask)
        self.open += 1
        try:
            begin = len(ask.sent.split())
            words = WORDS[begin : begin + ask.max_tokens]
            for n, word in enumerate(words):
                if n == self.fails_at:
                    raise self.fault
                if n == self.stalls_at:
                    await asyncio.Event().wait()
                yield Piece(word if begin + n == 0 else f" {word}")
            yield End("stop" if begin + len(words) == len(WORDS) else "length", 3, len(words))
        finally:
            self.open -= 1


def router(*engines: Scripted, below: Sequence[Scripted] = (), **options: object) -> Router:
    tiers = {"gold": Tier(engines=engines, below="silver" if below else "", **options)}  # type: ignore[arg-type]  # options of the test
    if below:
        tiers["silver"] = Tier(engines=below)
    return Router(tiers, clock=asyncio.get_running_loop().time, draw=lambda: 0.0)


def turn(**changes: object) -> RoutedTurn:
    fields = {
        "tier": "gold",
        "provider": "script",
        "ask": EngineAsk(prompt="when?", max_tokens=20),
        **changes,
    }
    return RoutedTurn(**fields)  # type: ignore[arg-type]  # fields of the test


async def served(router: Router, asked: RoutedTurn) -> tuple[str, Routed]:
    """Return the streamed text and how the turn was served."""
    async with aclosing(router.stream(asked)) as items:
        *pieces, last = [item async for item in items]
    assert isinstance(last, Routed)
    return "".join(piece.text for piece in pieces if isinstance(piece, Piece)), last


class Says(Scripted):
    """Says what it is told to, whatever it was asked for; then raises, if it has something to raise."""

    pieces: Sequence[Piece] = ()
    end: End = End("stop", 3, 0)
    error: Exception | None = None

    async def stream(self, ask: EngineAsk) -> AsyncGenerator[Piece | End, None]:
        self.asks.append(ask)
        for piece in self.pieces:
            yield piece
        if self.error:
            raise self.error
        yield self.end
