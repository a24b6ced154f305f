"""The port of whoever has words of their own for a plan: a small model (R2), a large one (R3).

Whatever they say is read back before it is said. They say it in batches, and are asked for no more once words
of one passed. One that is late, or fails, is done without: the written lines are there first, so a true line
is always said.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from domain.story.saying import Heard, Saying
from domain.story.stops import Stop
from domain.story.talk import Made

logger = structlog.get_logger(__name__)

DEADLINE_S = 0.5
"""How long a line waits for models; then the written one is said."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be said, and by whom.

    Attributes:
        voice: of the corpus, harbour/ferryman.
        heard: what who listens has heard. seed: what chance is drawn from.
        written: what R1 says, if nothing else does.
        names: what the world has, by id, as a sentence has it. present: who is there and awake.
        given: what everybody of the voice has or does.
    """

    saying: Saying = field(repr=False)
    voice: str
    heard: Heard = field(repr=False)
    seed: str = field(repr=False)
    written: str = field(repr=False)
    names: Mapping[str, str] = field(default_factory=dict, repr=False)
    present: frozenset[str] = frozenset()
    given: str = field(default="", repr=False)


class Realiser(Protocol):
    """Somebody who has words for plans."""

    def realise(self, asked: Asked) -> AsyncGenerator[Sequence[Made], None]:
        """Yield candidates, batch by batch, rung and score in each.

        What the model itself found useless is stopped already; no other has passed a gate yet.
        """
        ...


class Gates(Protocol):
    """Reads a text back."""

    def read(self, text: str, asked: Asked) -> Sequence[Stop]:
        """Return what stops it; none: it may be said."""
        ...


async def realised(realisers: Sequence[Realiser], asked: Asked, gates: Gates) -> list[Made]:
    """Return everybody's candidates that come in time, each with the gate that stopped it."""
    if not realisers:
        return []
    found: list[list[Made]] = [[] for _ in realisers]
    tasks = [
        asyncio.ensure_future(_asked_of(each, asked, gates, into))
        for each, into in zip(realisers, found, strict=True)
    ]
    try:
        done, _ = await asyncio.wait(tasks, timeout=DEADLINE_S)
    finally:
        for task in tasks:
            task.cancel()
    for task in done:
        if (error := task.exception()) is not None:
            logger.warning("realiser_failed", error=f"{type(error).__name__}: {error}")
    return [made for into in found for made in into]


async def _asked_of(realiser: Realiser, asked: Asked, gates: Gates, into: list[Made]) -> None:
    """Have somebody say a plan until a batch has words that pass."""
    async with aclosing(realiser.realise(asked)) as batches:
        async for batch in batches:
            read = [_gated(made, asked, gates) for made in batch]
            into.extend(read)
            if any(not made.stopped for made in read):
                return


def _gated(made: Made, asked: Asked, gates: Gates) -> Made:
    if made.stopped or not (stops := gates.read(made.text, asked)):
        return made
    return replace(made, stopped=stops[0].gate, why=stops[0].why)
