"""The port of whoever has words of their own for a plan: a small model (R2), a large one (R3).

Whatever they say is read back before it is said. One that is late, or fails, is done without: the written
lines are there first, so a true line is always said.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from domain.story.saying import Heard, Saying
from domain.story.stops import Stop
from domain.story.talk import Made

logger = structlog.get_logger(__name__)

DEADLINE_S = 0.6
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

    async def realise(self, asked: Asked) -> Sequence[Made]:
        """Return candidates, rung and score in each; none has passed a gate yet."""
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
    tasks = [asyncio.ensure_future(each.realise(asked)) for each in realisers]
    done, late = await asyncio.wait(tasks, timeout=DEADLINE_S)
    for task in late:
        task.cancel()
    found: list[Made] = []
    for task in tasks:
        if task not in done:
            continue
        if (error := task.exception()) is not None:
            logger.warning("realiser_failed", error=f"{type(error).__name__}: {error}")
            continue
        found += [_gated(made, asked, gates) for made in task.result()]
    return found


def _gated(made: Made, asked: Asked, gates: Gates) -> Made:
    stops = gates.read(made.text, asked)
    if not stops:
        return made
    return Made(made.rung, made.text, made.maker, made.score, stopped=stops[0].gate, why=f"{stops[0].why}")
