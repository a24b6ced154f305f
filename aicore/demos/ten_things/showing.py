"""Shows the ten things one after the other, in the order in which the world's day has them."""

import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from aicore.client import Refused, Unanswered
from aicore.demos.ten_things import people, trade, world
from aicore.demos.ten_things.stage import NotSo, Say, Stage, staged

Show = Callable[[Stage], Awaitable[str]]
"""Shows one of the ten and returns what the world answered; its docstring begins with the number."""

THINGS: Sequence[Show] = (
    people.theft,
    world.fog,
    people.reasons,
    world.designer,
    people.giver_dies,
    trade.bought_up,
    people.stall,
    trade.plug_pulled,
    world.crash_and_pause,
    world.three_days,
)


def told_by(thing: Show) -> tuple[int, str]:
    """Return the number of a thing, and what it says."""
    number, _, says = (thing.__doc__ or "").partition(": ")
    return int(number), says.strip()


async def show(things: Sequence[Show], stage: Stage, say: Say) -> Mapping[int, str]:
    """Show things one after the other; return what each that is not so was found to be."""
    failed: dict[int, str] = {}
    for thing in things:
        number, says = told_by(thing)
        say(f"{number}. {says}")
        try:
            say(f"   ok: {await thing(stage)}")
        except (NotSo, Refused, Unanswered, TimeoutError) as found:
            failed[number] = f"{type(found).__name__}: {found}"
            say(f"   FAILED: {failed[number]}")
    return failed


async def ten_things(say: Say, folder: Path | None = None) -> Mapping[int, str]:
    """Start a system of its own and show all ten in it; return what is not so, by number.

    Args:
        say: tells a person what happens, a line at a time.
        folder: where the system is kept; None: in a folder that is gone afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="aicore-ten-") as own:
        async with staged(folder or Path(own), lambda line: say(f"   {line}")) as stage:
            return await show(THINGS, stage, say)
