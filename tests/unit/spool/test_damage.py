"""Segments whose bytes changed or were cut off: each record is in the log, or written down as lost."""

import asyncio
import random
import shutil
from pathlib import Path

import pytest

from bus.memory import MemoryLog
from bus.spool.disk import DRAFT, Directory
from bus.spool.spool import open_spool
from tests.unit.spool.test_spool import Gate, clock, numbers, options, segments, until, write

RECORDS = 60
FLIPPED_MAX = 40


def flip(segment: Path, draw: random.Random) -> None:
    data, at = bytearray(segment.read_bytes()), draw.randrange(segment.stat().st_size)
    for place in range(at, min(at + draw.randint(1, FLIPPED_MAX), len(data))):
        data[place] ^= draw.randint(1, 255)
    segment.write_bytes(data)


def cut(segment: Path, draw: random.Random) -> None:
    segment.write_bytes(segment.read_bytes()[: draw.randrange(segment.stat().st_size)])


def remove(segment: Path, _: random.Random) -> None:
    segment.unlink()


async def left_by_a_crash(at: Path) -> None:
    """Leave the folder of a process that was killed while the log was away."""
    gate = Gate(MemoryLog("spool", clock))
    gate.open = False
    async with open_spool(at / "whole", gate, options(drain_s=0.0, segment_bytes_max=2_000)) as spool:
        for number in range(1, RECORDS + 1):
            await spool.put(write(number))
        await until(lambda: Directory(at / "whole").confirmed() == RECORDS)
        shutil.copytree(at / "whole", at / "left", ignore=shutil.ignore_patterns(f"*{DRAFT}"))


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("rounds", [6, pytest.param(200, marks=pytest.mark.slow)])
async def test_each_record_of_a_damaged_spool_is_in_the_log_or_named_as_lost(
    tmp_path: Path, rounds: int
) -> None:
    draw = random.Random(20261130)
    await left_by_a_crash(tmp_path)
    for number in range(rounds):
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "left", folder)
        kind = draw.choice((flip, flip, cut, remove))
        for segment in draw.sample(segments(folder), draw.randint(1, 2)):
            kind(segment, draw)
        log = MemoryLog("spool", clock)
        async with open_spool(folder, Gate(log), options()) as spool:
            await spool.drained()
            there = set(await numbers(log))
            lost = RECORDS - len(there)
            assert spool.figures().missing == lost, (number, kind)
            assert [alert.code for alert in spool.alerts()] == ["damaged"] * bool(lost or kind is flip)
        async with open_spool(folder, Gate(log), options()) as spool:
            await spool.put(write(1_000))
            await spool.drained()
            assert spool.figures().missing == lost, "it stays named until an operator has seen it"
        assert set(await numbers(log)) == there | {1_000}
        named = {each for first, last in Directory(folder).missing() for each in range(first, last + 1)}
        assert named == set(range(1, RECORDS + 1)) - there, "a record's number is its place in the spool"


async def test_the_two_newest_segments_cut_to_nothing_hold_nobody_up(tmp_path: Path) -> None:
    await left_by_a_crash(tmp_path)
    *_, before, newest = segments(tmp_path / "left")
    before.write_bytes(b"")
    newest.write_bytes(b"")
    log = MemoryLog("spool", clock)

    async with open_spool(tmp_path / "left", Gate(log), options()) as spool:
        await asyncio.wait_for(spool.drained(), 30)
        assert spool.figures().missing == RECORDS - len(await numbers(log))


async def test_what_was_cut_off_between_two_records_is_named(tmp_path: Path) -> None:
    """Nothing in the file itself looks wrong; the checkpoint knows what was confirmed."""
    await left_by_a_crash(tmp_path)
    newest = segments(tmp_path / "left")[-1]
    (segment,) = [each for each in Directory(tmp_path / "left").segments() if each.path == newest]
    kept = segment.scan(newest.read_bytes()).frames[0]
    newest.write_bytes(newest.read_bytes()[: kept.size])

    async with open_spool(tmp_path / "left", Gate(MemoryLog("spool", clock)), options()) as spool:
        await spool.drained()
        assert spool.figures().missing == RECORDS - kept.sequence
        assert [alert.code for alert in spool.alerts()] == ["damaged"]
