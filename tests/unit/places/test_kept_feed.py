"""What is kept of the place feed: a start with it finds what one without it finds, or passes it over."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.kept import DIGEST_BYTES, FolderShelf, Kept, packed, unpacked
from bus.memory import MemoryLog
from bus.ports import StreamWrite
from domain.kernel.event import Event
from domain.places.feed import Feed
from handlers.kernel import kept_view
from handlers.places.feed import PlaceFeed
from tests.unit.kit import ident, in_case, until
from tests.unit.places.kit import city
from tests.unit.places.test_feed import random_events

CODEC = EventCodec(domain_catalogue())
EVENTS = 600


class CountingLog(MemoryLog):
    """A log that counts the events that were read of it."""

    def __init__(self) -> None:
        super().__init__("test", lambda: 1)
        self.first = 0

    def subscribe(self, *, after: int = 0, **more: Any) -> Any:
        self.first = after
        return super().subscribe(after=after, **more)


async def filled(events: Sequence[Event], log: MemoryLog | None = None) -> Any:
    log = log or CountingLog()
    await log.append(StreamWrite("player-all", [CODEC.encode(each, ident()) for each in events]))
    return log


async def followed(log: MemoryLog, shelf: Any, *, keeps: bool = False) -> PlaceFeed:
    """Return a view that has taken in all there is, as a process's has that starts; and has kept it."""
    view = PlaceFeed(log, city, decode=CODEC.decode, shelf=shelf)
    head = (await log.head()).position
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max_workers=1))
    task = asyncio.ensure_future(view.run())
    try:
        await until(lambda: view.position == head and (not keeps or shelf.get(view.name)))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(int)  # on the one thread: behind what is being written still
    return view


def shown(feed: Feed) -> Any:
    """Return all that a feed may ever be asked for, and goes on with."""
    return feed.plain(), {cell: (room.state(), room.since(0)) for cell, room in feed.rooms.items()}


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_view, "KEEP_EVERY", 100)


@pytest.mark.usefixtures("often")
async def test_a_start_that_begins_with_what_was_kept_finds_the_same(tmp_path: Path) -> None:
    events = list(random_events(7, EVENTS))
    log, shelf = await filled(events[: EVENTS // 2]), FolderShelf(tmp_path / "kept")
    await followed(log, shelf, keeps=True)
    kept = unpacked(PlaceFeed.fold, shelf.get("place_feed"))
    assert kept is not None
    assert kept.position > 0
    await filled(events[EVENTS // 2 :], log)

    later = await followed(log, shelf)
    assert log.first >= kept.position
    whole = await followed(log, None)
    assert log.first == 0
    assert shown(later.feed) == shown(whole.feed)


@pytest.mark.usefixtures("often")
async def test_what_is_damaged_or_of_another_fold_or_log_is_passed_over(tmp_path: Path) -> None:
    events = list(random_events(7, EVENTS))
    log, shelf = await filled(events), FolderShelf(tmp_path)
    whole = await followed(log, shelf, keeps=True)
    good = shelf.get("place_feed")
    kept = unpacked(PlaceFeed.fold, good)
    assert kept is not None

    wrong: dict[str, bytes] = {
        "nothing": b"",
        "cut": good[: len(good) // 2],
        "a byte is other": good[:-1] + bytes([good[-1] ^ 1]),
        "no digest": good[DIGEST_BYTES:],
        "another fold": packed("0", kept),
        "another log": packed(PlaceFeed.fold, kept._replace(hash=b"0" * 32)),
        "beyond the log": packed(PlaceFeed.fold, kept._replace(position=10**6)),
        "no state": packed(PlaceFeed.fold, kept._replace(state=[1, 2])),
        "half a state": packed(PlaceFeed.fold, kept._replace(state=[*kept.state[:3], 7])),
    }
    for name, data in wrong.items():
        with in_case(name):
            shelf.put("place_feed", data)
            found = await followed(log, shelf)
            assert log.first == 0
            assert shown(found.feed)[1] == shown(whole.feed)[1]


@pytest.mark.usefixtures("often")
async def test_a_folder_that_cannot_be_written_or_is_gone_stops_nobody(tmp_path: Path) -> None:
    log = await filled(list(random_events(7, EVENTS)))
    (tmp_path / "file").write_text("no folder")
    whole = await followed(log, None)
    assert shown((await followed(log, FolderShelf(tmp_path / "file"))).feed) == shown(whole.feed)
    new = await followed(log, FolderShelf(tmp_path / "new"), keeps=True)
    assert shown(new.feed) == shown(whole.feed)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["place_feed.kept"]


def test_kept_is_what_was_kept() -> None:
    kept = Kept(7, b"h" * 32, {"a": [1, "b", b"c"]})
    assert unpacked("1", packed("1", kept)) == kept
    assert unpacked("2", packed("1", kept)) is None
