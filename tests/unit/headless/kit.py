"""Worlds of their own: a dozen people of the sample world, all of its places, and what may come of a day."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import orjson

from aicore.content.sample_world import sample_entries
from aicore.headless.simulation import Hour, Made, hours, opened
from aicore.headless.world import World
from domain.definition.entries import Key
from domain.kernel.event import Event

ROOT = Path(__file__).parents[3]
DAY = ROOT / "tests/golden/day"
ELSEWHERE = {
    "NPY_DISABLE_CPU_FEATURES": "AVX2 AVX512F AVX512CD AVX512_SKX",
    "PYTHONPATH": str(ROOT),
    "PYTHONWARNINGS": "ignore",
}


@lru_cache(1)
def small(seed: int | None = None) -> Made:
    """The world of the golden day, which never changes."""
    entries = orjson.loads((DAY / "world.json").read_bytes())
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
