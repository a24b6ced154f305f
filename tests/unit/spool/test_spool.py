"""The spool on a real directory, the log in memory: what is put arrives once and in order, whatever fails."""

import asyncio
import json
import os
import resource
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any, cast
from uuid import UUID

import pytest
import structlog

from aicore.cli import main
from bus.memory import MemoryLog
from bus.ports import (
    AppendResult,
    InvalidAppend,
    LogError,
    LogUnavailable,
    NewEvent,
    Outbox,
    SpoolClosed,
    SpoolFull,
    StreamWrite,
)
from bus.spool.disk import DRAFT, SUFFIX, Directory, NoSuchLetter, SpoolInUse
from bus.spool.orphans import Orphans
from bus.spool.spool import Spool, SpoolOptions, open_free_spool, open_spool
from tests.harness.files import no_file_left

WAIT_S = 10.0
POLL_S = 0.005


class Clock:
    """A clock that a test moves."""

    us = 1_000_000

    def __call__(self) -> int:
        return self.us


class Gate:
    """The log in memory behind a way that a test can cut, or that refuses some appends."""

    def __init__(self, log: MemoryLog) -> None:
        self.log = log
        self.open = True
        self.appends = 0
        self.refuses: Callable[[Sequence[StreamWrite]], bool] = lambda _: False

    async def append(self, *writes: StreamWrite) -> AppendResult:
        self.appends += 1
        await asyncio.sleep(0)
        if not self.open:
            raise LogUnavailable("the way is cut")
        if self.refuses(writes):
            raise LogError("out of sorts")
        return await self.log.append(*writes)


clock = Clock()


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog("spool", clock)


@pytest.fixture
def gate(log: MemoryLog) -> Gate:
    return Gate(log)


def options(**changes: object) -> SpoolOptions:
    values: dict[str, object] = {"now_us": clock, "draw": Random(7).random, "drain_s": 5.0, **changes}
    return SpoolOptions(**values)  # type: ignore[arg-type]  # a test's own choice of values


def write(number: int, stream: str = "story-a", expected: object = "any", size: int = 20) -> StreamWrite:
    event = NewEvent(UUID(int=number), "story.told", 1, b"\x81\xa1t\xc4" + bytes([size]) + bytes(size))
    return StreamWrite(stream, [event], expected)  # type: ignore[arg-type]  # as above


async def numbers(log: MemoryLog, stream: str = "") -> list[int]:
    events = await log.read_stream(stream) if stream else await log.read_all(limit=100_000)
    return [event.id.int for event in events]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - the condition is the spool's state
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def image_of(spool_path: Path, to: Path, gate: Gate) -> AsyncIterator[Spool]:
    """Open a copy of a directory in use: what a crash at this instant would have left, but for a draft."""
    shutil.copytree(spool_path, to, ignore=shutil.ignore_patterns(f"*{DRAFT}"))
    async with open_spool(to, gate, options()) as spool:
        yield spool


def segments(path: Path) -> list[Path]:
    return sorted(path.glob(f"*{SUFFIX}"))


def held_bytes(path: Path) -> int:
    """Return what the segments hold; the spool may delete one while this looks."""
    found = 0
    for segment in segments(path):
        with suppress(FileNotFoundError):
            found += segment.stat().st_size
    return found


async def test_what_is_put_is_in_the_log_in_order_and_leaves_no_segment(
    tmp_path: Path, log: MemoryLog, gate: Gate
) -> None:
    async with open_spool(tmp_path, gate, options(segment_bytes_max=2_000)) as spool:
        for number in range(1, 501):
            spool.put(write(number, f"story-{number % 7}", (number - 1) // 7))
            if number % 50 == 0:
                await asyncio.sleep(0)
        await spool.drained()
        assert (spool.figures().shipped, spool.figures().dead_letters) == (500, 0)

    for stream in range(7):
        found = await numbers(log, f"story-{stream}")
        assert found == sorted(found)
    assert segments(tmp_path) == []


async def test_a_put_is_confirmed_only_when_it_is_on_the_disk(
    tmp_path: Path, log: MemoryLog, gate: Gate
) -> None:
    gate.open = False
    async with open_spool(tmp_path / "a", gate, options(drain_s=0.0)) as spool:
        await asyncio.gather(*(spool.put(write(number)) for number in range(1, 101)))
        gate.open = True
        async with image_of(tmp_path / "a", tmp_path / "b", gate) as other:
            await other.drained()
            assert await numbers(log) == list(range(1, 101))
        gate.open = False

    async with open_spool(tmp_path / "a", gate, options()) as spool:
        gate.open = True
        spool.put(write(101))
        await spool.drained()
    assert await numbers(log) == list(range(1, 102)), "shipped a second time, recorded once"


async def test_a_spool_is_an_outbox(tmp_path: Path, log: MemoryLog) -> None:
    """Handlers know only the port; the log in memory stands for any other."""
    async with open_spool(tmp_path, log, options()) as spool:
        outbox: Outbox = spool
        await outbox.put(write(1))
    assert await numbers(log) == [1]


async def test_a_second_process_is_told_who_has_the_directory(tmp_path: Path, gate: Gate) -> None:
    async with open_spool(tmp_path, gate, options()):
        with pytest.raises(SpoolInUse, match=r"in use by process \d+"):
            async with open_spool(tmp_path, gate, options()):
                pass


async def test_each_process_has_a_spool_and_the_next_one_takes_over_all_that_was_left(
    tmp_path: Path, log: MemoryLog, gate: Gate
) -> None:
    gate.open = False
    async with (
        open_free_spool(tmp_path, gate, options(drain_s=0.0)) as first,
        open_free_spool(tmp_path, gate, options(drain_s=0.0)) as second,
    ):
        await asyncio.gather(first.put(write(1)), second.put(write(2, "story-b")))
    gate.open = True
    async with open_free_spool(tmp_path, gate, options()) as spool:
        await spool.drained()
        await until(lambda: not segments(tmp_path / "1"))
    assert sorted(await numbers(log)) == [1, 2], "one process goes on where two were"
    assert sorted(os.listdir(tmp_path)) == ["0", "1"]


async def test_a_letter_given_back_to_a_process_that_is_gone_is_taken_by_another(
    tmp_path: Path, log: MemoryLog, gate: Gate
) -> None:
    async with open_spool(tmp_path / "1", gate, options()) as spool:
        await log.append(write(1))
        spool.put(write(2, expected=0))
        await spool.drained()
        [letter] = await spool.letters()
    Directory(tmp_path / "1").redrive(letter.name, anyhow=True)
    async with open_free_spool(tmp_path, gate, options()) as spool:
        await until(lambda: not Directory(tmp_path / "1").is_left_to_do())
    assert await numbers(log) == [1, 2]


async def test_what_a_neighbour_leaves_behind_at_a_later_time_is_taken_over_too(
    tmp_path: Path, log: MemoryLog, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.spool.spool.TAKE_OVER_S", 0.01)
    async with open_free_spool(tmp_path, gate, options()):
        gate.open = False
        async with open_free_spool(tmp_path, gate, options(drain_s=0.0)) as neighbour:
            await neighbour.put(write(1))
        gate.open = True
        await until(lambda: not segments(tmp_path / "1"))
    assert await numbers(log) == [1]


async def test_a_disk_that_refuses_for_long_makes_a_spool_full(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.spool.spool.BUFFER_BYTES_MAX", 1_000)
    async with open_spool(tmp_path / "a", gate, options()) as spool:
        (tmp_path / "a").rename(tmp_path / "b")
        with pytest.raises(SpoolFull, match="wait for the disk"):
            for number in range(1, 100):
                spool.put(write(number))
        (tmp_path / "b").rename(tmp_path / "a")
        await spool.drained()


async def test_a_full_spool_says_so_and_takes_records_again_later(
    tmp_path: Path, log: MemoryLog, gate: Gate
) -> None:
    gate.open = False
    async with open_spool(tmp_path, gate, options(backlog_bytes_max=1_000)) as spool:
        taken = 0
        with pytest.raises(SpoolFull, match="wait for the log"):
            while True:
                spool.put(write(taken + 1))
                taken += 1
        assert (taken > 5, spool.figures().refused) == (True, 1)
        gate.open = True
        await spool.drained()
        await spool.put(write(taken + 1))
    assert await numbers(log) == list(range(1, taken + 2))


async def test_a_broken_append_is_refused_at_once(tmp_path: Path, gate: Gate) -> None:
    async with open_spool(tmp_path, gate, options()) as spool:
        with pytest.raises(InvalidAppend, match="stream"):
            spool.put(write(1, "no stream"))
        assert spool.figures().backlog_records == 0
    with pytest.raises(SpoolClosed):
        spool.put(write(1))


async def test_an_outage_raises_alerts_and_ends_without_loss(
    tmp_path: Path, log: MemoryLog, gate: Gate
) -> None:
    async with open_spool(tmp_path, gate, options()) as spool:
        await spool.put(write(1))
        await spool.drained()
        assert spool.alerts() == []
        gate.open = False
        await asyncio.gather(*(spool.put(write(number)) for number in range(2, 40)))
        await until(lambda: gate.appends > 3)
        figures = spool.figures(clock() + 31_000_000)
        assert (figures.backlog_records, figures.oldest_s) == (38, 31.0)
        assert {a.code for a in spool.alerts(clock() + 31_000_000)} == {"failure_share", "backlog_age"}
        gate.open = True
        await spool.drained()
        assert [a.code for a in spool.alerts(clock() + 120_000_000)] == []
    assert await numbers(log) == list(range(1, 40))


async def test_what_the_log_refuses_becomes_a_letter_and_the_rest_goes_on(
    tmp_path: Path, log: MemoryLog, gate: Gate
) -> None:
    await log.append(write(1_000, "story-b"))
    async with open_spool(tmp_path, gate, options()) as spool:
        for number in range(1, 10):
            spool.put(write(number, "story-b", 0) if number == 5 else write(number))
        await spool.drained()
        (letter,) = await spool.letters()
        assert (letter.error, letter.write.stream) == ("VersionConflict", "story-b")
        assert "expected 0" in letter.reason
        assert [a.code for a in spool.alerts() if a.code == "dead_letters"]

        with pytest.raises(NoSuchLetter):
            await spool.redrive("../lock")
        await spool.redrive(letter.name)
        await spool.drained()
        (again,) = await spool.letters()
        await spool.redrive(again.name, anyhow=True)
        await spool.drained()
        assert await spool.letters() == []
        assert spool.figures().dead_letters == 0
    assert await numbers(log, "story-a") == [1, 2, 3, 4, 6, 7, 8, 9]
    assert await numbers(log, "story-b") == [1_000, 5]


async def test_a_letter_is_there_once_however_often_its_record_is_shipped(tmp_path: Path, gate: Gate) -> None:
    await gate.log.append(write(1_000))
    async with open_spool(tmp_path / "a", gate, options()) as spool:
        await spool.put(write(1, expected=0))
        await spool.drained()
        assert not (tmp_path / "a" / "checkpoint").exists(), "the crash comes before the checkpoint"
        async with image_of(tmp_path / "a", tmp_path / "b", gate) as other:
            await other.drained()
            assert len(await other.letters()) == 1


async def test_an_id_with_other_content_is_a_letter(tmp_path: Path, gate: Gate) -> None:
    async with open_spool(tmp_path, gate, options()) as spool:
        spool.put(write(1))
        spool.put(write(2))
        spool.put(write(1, size=9))
        await spool.drained()
        assert [letter.error for letter in await spool.letters()] == ["IdConflict"]
    assert await numbers(gate.log) == [1, 2]


async def test_a_batch_that_the_log_knows_in_part_is_completed(
    tmp_path: Path, log: MemoryLog, gate: Gate
) -> None:
    for number in (1, 2, 3):
        await log.append(write(number, f"story-{number}", "none"))
    async with open_spool(tmp_path, gate, options()) as spool:
        for number in range(1, 7):
            spool.put(write(number, f"story-{number}", "none"))
        await spool.drained()
        assert spool.figures().dead_letters == 0
    assert sorted(await numbers(log)) == [1, 2, 3, 4, 5, 6]


async def test_one_record_that_the_log_never_takes_does_not_hold_up_the_others(
    tmp_path: Path, gate: Gate
) -> None:
    gate.refuses = lambda writes: any(event.id.int == 1 for w in writes for event in w.events)
    async with open_spool(tmp_path, gate, options(drain_s=0.0)) as spool:
        spool.put(write(1, "story-odd"))
        number = 1
        async with asyncio.timeout(WAIT_S):
            while not await spool.letters():
                number += 1
                await spool.put(write(number))
        await spool.drained()
        assert [letter.reason for letter in await spool.letters()] == ["out of sorts"]
    assert await numbers(gate.log) == list(range(2, number + 1))


async def test_a_log_that_refuses_everything_makes_no_letters(
    tmp_path: Path, log: MemoryLog, gate: Gate
) -> None:
    """A server that is read-only refuses every append; that is an outage, not poison."""
    gate.refuses = lambda _: True
    async with open_spool(tmp_path, gate, options()) as spool:
        await asyncio.gather(*(spool.put(write(number, f"story-{number}")) for number in range(1, 9)))
        await until(lambda: gate.appends > 30)
        assert await spool.letters() == []
        gate.refuses = lambda _: False
        await spool.drained()
    assert sorted(await numbers(log)) == list(range(1, 9))


async def test_damage_costs_the_record_it_hits_and_is_told(
    tmp_path: Path, log: MemoryLog, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed before a checkpoint said how far was confirmed."""
    monkeypatch.setattr("bus.spool.spool.CHECKPOINT_S", 60.0)
    gate.open = False
    async with open_spool(tmp_path / "a", gate, options(drain_s=0.0)) as spool:
        for number in range(1, 101):
            await spool.put(write(number))
        shutil.copytree(tmp_path / "a", tmp_path / "b")
    (segment,) = segments(tmp_path / "b")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data[:-3])

    gate.open = True
    async with open_spool(tmp_path / "b", gate, options()) as spool:
        await spool.drained()
        figures = spool.figures()
        assert (figures.damaged, figures.missing, figures.backlog_bytes) == (1, 1, 0)
        assert [a.code for a in spool.alerts()] == ["damaged"]
        assert (tmp_path / "b" / "damaged" / segment.name).read_bytes() == data[:-3]
    found = await numbers(log)
    assert len(found) == 98, "the one that was hit, and the one whose end was cut off"
    assert found == sorted(found)


async def test_a_disk_that_refuses_confirms_nothing_and_loses_nothing(
    tmp_path: Path, log: MemoryLog, gate: Gate
) -> None:
    path = tmp_path / "a"
    async with open_spool(path, gate, options()) as spool:
        path.rename(tmp_path / "b")
        done = spool.put(write(1))
        await until(lambda: spool.figures().disk_failing)
        assert not done.done()
        assert [a.code for a in spool.alerts()] == ["disk_failing"]
        (tmp_path / "b").rename(path)
        await done
        await spool.drained()
        assert spool.alerts() == []
    assert await numbers(log) == [1]


@contextmanager
def full_disk() -> Iterator[Sequence[Mapping[str, Any]]]:
    """Let no file be written, as a full disk does (they are made and deleted); yield what is logged."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with structlog.testing.capture_logs() as said:  # stderr may be a file, too
            yield said
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


async def test_a_disk_that_was_full_for_several_tries_is_written_to_again(
    tmp_path: Path, log: MemoryLog, gate: Gate
) -> None:
    async with open_spool(tmp_path, gate, options()) as spool:
        await spool.put(write(1))
        with full_disk() as said:
            done = spool.put(write(2))
            await until(lambda: sum("bytes" in line for line in said) >= 3)
        await asyncio.wait_for(done, WAIT_S)
    assert await numbers(log) == [1, 2]


async def test_what_was_shipped_makes_room_on_a_full_disk(
    tmp_path: Path, log: MemoryLog, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no room for a checkpoint either, and nobody else would ever make any."""
    monkeypatch.setattr("bus.spool.spool.CHECKPOINT_S", 0.01)
    gate.open = False
    async with open_spool(tmp_path / "a", gate, options(segment_bytes_max=300)) as spool:
        await spool.put(write(1))
        await spool.put(write(2, size=250))
        await spool.put(write(3))
        with full_disk():
            done = spool.put(write(4))
            await until(lambda: spool.figures().disk_failing)
            gate.open = True
            await until(lambda: not held_bytes(tmp_path / "a"))
            assert not (tmp_path / "a" / "checkpoint").exists()
        await asyncio.wait_for(done, WAIT_S)
        async with image_of(tmp_path / "a", tmp_path / "b", gate) as other:
            assert other.figures().missing == 0
    assert await numbers(log) == [1, 2, 3, 4]


async def test_a_write_that_fails_half_way_goes_on_in_another_segment(
    tmp_path: Path, log: MemoryLog, gate: Gate
) -> None:
    """The kernel lets no file grow beyond a limit here: it writes a part of the frame and then refuses."""
    gate.open = False
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with open_spool(tmp_path / "a", gate, options(drain_s=0.0)) as spool:
        await asyncio.gather(*(spool.put(write(number, size=250)) for number in range(1, 3_000)))
        (first,) = segments(tmp_path / "a")
        whole = first.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (whole + 50, limits[1]))
        try:
            await asyncio.gather(*(spool.put(write(number)) for number in range(3_000, 3_010)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert (len(segments(tmp_path / "a")), first.stat().st_size) == (2, whole)
        gate.open = True
        async with image_of(tmp_path / "a", tmp_path / "b", gate) as other:
            await other.drained()
            assert other.alerts() == []
    assert await numbers(log) == list(range(1, 3_010))


async def test_without_a_checkpoint_everything_is_shipped_again_harmlessly(
    tmp_path: Path, log: MemoryLog, gate: Gate
) -> None:
    async with open_spool(tmp_path / "a", gate, options(segment_bytes_max=500)) as spool:
        for number in range(1, 31):
            await spool.put(write(number, expected=number - 1))
        await spool.drained()
        await until(lambda: len(segments(tmp_path / "a")) == 1)  # the others were settled and deleted
        (tmp_path / "a" / "checkpoint").write_bytes(b"nonsense")
        async with image_of(tmp_path / "a", tmp_path / "b", gate) as other:
            await other.drained()
            assert (other.figures().dead_letters, other.figures().missing) == (0, 0)
    assert await numbers(log) == list(range(1, 31))


async def test_the_command_line_sees_what_waits_and_gives_letters_back(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*arguments: str) -> object:
        with redirect_stdout(StringIO()) as told, redirect_stderr(StringIO()), monkeypatch.context() as patch:
            patch.setattr("sys.argv", ["aicore", "spool", *arguments, "--json"])
            with pytest.raises(SystemExit) as ended:
                main()
        structlog.reset_defaults()  # the command's own log went to its stderr
        assert not ended.value.code
        return json.loads(told.getvalue())

    def state() -> dict[str, object]:
        (one,) = cast(list[dict[str, object]], said("status"))
        return one

    monkeypatch.setenv("AICORE_STATE_DIR", str(tmp_path))
    await gate.log.append(write(1_000))
    async with open_spool(tmp_path / "spool" / "one", gate, options(drain_s=0.0)) as spool:
        await spool.put(write(1, expected=0))
        await spool.put(write(3, expected=0))
        await spool.drained()
        gate.open = False
        await spool.put(write(2))
        await until(lambda: state()["backlog_records"] == 1)  # from the next checkpoint on
        assert (state()["in_use"], state()["dead_letters"]) == (True, 2)
        assert [alert["code"] for alert in cast(list[dict[str, object]], state()["alerts"])][
            -1
        ] == "dead_letters"
    letter, other = cast(list[dict[str, object]], said("letters"))
    assert (letter["error"], letter["types"]) == ("VersionConflict", ["story.told"])
    said("redrive", str(letter["name"]), "--anyhow")
    said("dismiss", str(other["name"]), "--operator", "mira", "--reason", "told twice")
    kept = tmp_path / "spool" / "one" / "dismissed"
    assert sorted(file.name for file in kept.iterdir()) == [other["name"], f"{other['name']}.why"]
    assert (kept / f"{other['name']}.why").read_text() == "mira: told twice\n"

    gate.open = True
    async with open_spool(tmp_path / "spool" / "one", gate, options()) as spool:
        await until(lambda: not list((tmp_path / "spool" / "one" / "redrive").iterdir()))
        await spool.drained()
    assert await numbers(gate.log) == [1_000, 2, 1]
    assert (state()["in_use"], state()["backlog_records"], state()["dead_letters"]) == (False, 0, 0)


async def test_without_a_file_left_records_are_made_durable_and_shipped_afterwards(
    tmp_path: Path, log: MemoryLog, gate: Gate
) -> None:
    """The scar: one connection too many elsewhere in the process, and no answer was recorded."""
    gate.open = False
    async with open_spool(tmp_path, gate, options(segment_bytes_max=2_000)) as spool:
        with no_file_left():
            for number in range(1, 101):
                await spool.put(write(number))
        assert len(segments(tmp_path)) > 1
        gate.open = True
        await spool.drained()

    assert await numbers(log) == list(range(1, 101))


async def test_without_a_file_left_nothing_ends_that_looks_for_the_work_of_others(
    tmp_path: Path, log: MemoryLog, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scar: looking into the folder failed, and the error ended the spool and all that recorded in it."""
    monkeypatch.setattr("bus.spool.spool.TAKE_OVER_S", 0.001)
    orphans = Orphans(tmp_path)
    async with open_free_spool(tmp_path, gate, options()) as spool:
        with no_file_left(), structlog.testing.capture_logs() as logged:
            await until(lambda: "spool_not_taken_over" in [entry["event"] for entry in logged])
            assert await orphans.read("story-a") == ()
        await spool.put(write(1))
        await spool.drained()

    assert await numbers(log) == [1]
