"""Worlds of their own: a dozen people of the sample world, all of its places, and what may come of a day."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import orjson

from aicore.content.sample_world import sample_entries
from aicore.headless.record import event_of, row_of
from aicore.headless.script import Played, read_script
from aicore.headless.simulation import Hour, Made, hours, opened
from aicore.headless.world import World, begun
from bus.ports import NewEvent, StreamWrite
from domain.definition.entries import Key
from domain.kernel.event import Event

ROOT = Path(__file__).parents[3]
DAY = ROOT / "tests/golden/day"
ELSEWHERE = {
    "NPY_DISABLE_CPU_FEATURES": "AVX2 AVX512F AVX512CD AVX512_SKX",
    "PYTHONPATH": str(ROOT),
    "PYTHONWARNINGS": "ignore",
}


def small(seed: int | None = None) -> Made:
    """The world of the golden day, which never changes."""
    return made_of(DAY, seed)


def made_of(folder: Path, seed: int | None) -> Made:
    """Return the world of a folder with another seed."""
    entries = orjson.loads((folder / "world.json").read_bytes())
    return Made.of({Key(section, id_): content for section, id_, content in entries}, seed)


def sample(seed: int | None = None) -> Made:
    """The sample world as it is now."""
    return Made.of(sample_entries(), seed)


async def lived(made: Made, count: int) -> tuple[World, Sequence[Hour]]:
    """Return a world after so many game hours, and each of them."""
    world = await opened(made)
    return world, [hour async for hour in hours(world, count)]


def last_hours(made: Made, count: int) -> Sequence[Hour]:
    """Return game hours, in an event loop of their own."""
    return asyncio.run(lived(made, count))[1]


def events_of(world: World, *kinds: type[Event]) -> list[Event]:
    """Return what happened of some kinds."""
    names = {kind.event_name for kind in kinds}
    return [world.parts.codec.decode(each) for each in world.log.since(0) if each.type in names]


def elsewhere(code: str, hash_seed: int) -> str:
    """Return what a program prints in another process, with another hash seed and without AVX."""
    env = {**os.environ, **ELSEWHERE, "PYTHONHASHSEED": str(hash_seed)}
    made = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=ROOT, check=True, capture_output=True, text=True
    )
    return made.stdout.splitlines()[-1]


# --- golden days --------------------------------------------------------------------------------------------

Row = Mapping[str, Any]


async def played(folder: Path) -> tuple[World, Played]:
    """Return the world of a golden day after its script, and what each step came to."""
    script = read_script(folder / "script.yaml")
    world = await opened(made_of(folder, script.seed), script.at_ms)
    play = Played(world, script)
    await play.to_the_end()
    assert world.faults() == []
    return world, play


async def golden_rows(folder: Path) -> Sequence[Row]:
    """Return every event of a golden day as it is decided now."""
    world, _ = await played(folder)
    return [_short(row_of(event)) for event in world.log.since(0)]


def _short(row: Row) -> Row:
    """Return a row without what it leaves empty."""
    return {key: value for key, value in row.items() if value not in (None, "", {})}


def written(rows: Sequence[Row]) -> bytes:
    """Return rows as they are kept, a line each."""
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def kept(folder: Path) -> Sequence[Row]:
    """Return the rows that are kept of a golden day."""
    return [orjson.loads(line) for line in (folder / "log.jsonl").read_bytes().splitlines()]


def new_event(row: Row) -> NewEvent:
    """Return the event of a row, byte for byte as it was appended."""
    empty: Row = {"causation": None, "correlation": None, "extra": {}, "actor": ""}
    return event_of({**empty, **row})


async def replayed(folder: Path) -> World:
    """Return a world whose log is the one that is kept, and whose read models heard all of it."""
    world = await begun()
    for row in kept(folder):
        world.set_clock(row["at_us"])
        await world.log.append(StreamWrite(row["stream"], [new_event(row)]))
    return world


def first_difference(expected: Sequence[Row], found: Sequence[Row]) -> str:
    """Return where two logs part, with the events before it and what is other; "": nowhere."""
    for number, (one, other) in enumerate(zip_longest(expected, found)):
        if one == other:
            continue
        lines = [f"the logs part at event {number + 1} of {len(expected)} ({len(found)} were found)"]
        lines += [f"  before: {_told(row)}" for row in expected[max(0, number - 3) : number]]
        if one is None or other is None:
            return "\n".join([*lines, f"  {'more' if one is None else 'less'}: {_told(one or other or {})}"])
        fields = [key for key in {**one, **other} if one.get(key) != other.get(key) and key != "hash"]
        lines += [f"  {key}: {one.get(key)!r}\n  {' ' * len(key)}  {other.get(key)!r}" for key in fields]
        return "\n".join([*lines, f"  it was to be: {_told(one)}", f"  it is:        {_told(other)}"])
    return ""


def _told(row: Row) -> str:
    return f"{row.get('position')} {row.get('type')} on {row.get('stream')} by {row.get('actor', 'nobody')}"
