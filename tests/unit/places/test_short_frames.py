"""Short frames say what frames say: whoever reads one form or the other shows the same at every number."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from domain.places.feed import CROWD, FOLD, Cell, Change, Feed, Room
from domain.places.messages import Entered, WayClosed, WayOpened
from protocol.errors import WireError
from protocol.frames import Frame, decode_frame, encode_frame
from protocol.short_frames import KINDS, OPS, decode_short, encode_short
from tests.unit.places.test_feed import DEPARTED, ENTERED, random_events
from tests.unit.places.trace import row
from tests.vectors_make import FOLDER


def read(room: Room, frame: Frame) -> Room:
    for position, *ops in frame.changes:
        room.take(position, [tuple(op) for op in ops])
    return room


def frames(seed: int, count: int, crowd: int = 0) -> Iterator[tuple[Feed, Cell, Frame]]:
    """What is sent, each change in a frame of its own; before it ``crowd`` come to one place."""
    feed = Feed()
    came = [Entered(who=f"p{n}", kind="person", place="quay", at_ms=2**40 + n, at_us=1) for n in range(crowd)]
    closed = [WayClosed.from_example(), WayOpened.from_example()]
    for position, event in enumerate([*came, *random_events(seed, count), *closed], 1):
        for cell, change in feed.apply(event, position):
            yield feed, cell, Frame(7, FOLD, change.number, [row(change)])


@pytest.mark.parametrize(("seed", "count", "crowd"), [(1, 600, 0), (2, 400, 3 * CROWD)])
def test_both_forms_show_the_same_at_every_number(seed: int, count: int, crowd: int) -> None:
    shown: dict[Cell, tuple[Room, Room]] = {}
    words, cells = set(), set()
    for feed, cell, frame in frames(seed, count, crowd):
        long, short = shown.setdefault(cell, (Room(), Room()))
        read(long, decode_frame(encode_frame(frame)))
        read(short, decode_short(encode_short(frame)))
        assert long.state() == short.state() == feed.room(cell).state()
        assert decode_short(encode_short(frame))[:3] == frame[:3]
        words |= {op[0] for change in frame.changes for op in change[1:]}
        cells.add(cell.number)
    assert words | {"cells"} == set(OPS), "each word has a number"
    assert bool(crowd) == (len(cells) > 1)


def test_what_an_op_says_anyway_is_left_out() -> None:
    feed = Feed()
    feed.apply(ENTERED, 1)
    change = next(change for cell, change in feed.apply(DEPARTED, 2) if cell.place == "quay")
    assert [op[0] for op in change.ops] == ["out", "way"]
    assert short(change) == [2, ["way", "ann", "player", "", 100, "square", 100, 160]]


def short(change: Change) -> Any:
    [found] = decode_short(encode_short(Frame(7, FOLD, change.number, [row(change)]))).changes
    return found


def test_a_frame_of_one_form_is_none_of_the_other() -> None:
    """So an old reader is told what is wrong, and a new one too."""
    frame = Frame(7, FOLD, 1, [[41, ["out", "ann"]]])
    for decode, data, said in (
        (decode_frame, encode_short(frame), "is a msgpack list, not a map"),
        (decode_short, encode_frame(frame), "is a msgpack dict, not a list"),
    ):
        with pytest.raises(WireError, match=said):
            decode(data)
    assert encode_short(frame)[1] == 2, "the version is the second byte"


def test_the_frames_that_a_corner_of_a_grid_sends_have_half_the_bytes() -> None:
    """Measured of the benchmark's names: what it costs without NATS's line."""
    who, here, there, at = "walker-512", "grid_corner_0711", "grid_corner_0712", 7_300_000
    until = at + 60_000
    changes: Sequence[Sequence[Any]] = (
        [["out", who], ["way", who, "player", "", at, there, at, until]],
        [["way", who, "player", here, at, "", until, until]],
        [["off", who]],
        [["off", who], ["in", who, "player", until]],
    )
    both = [Frame(912, 1, 140, [[123_456, *ops]]) for ops in changes]
    assert [len(encode_frame(each)) for each in both] == [112, 96, 56, 83]
    assert [len(encode_short(each)) for each in both] == [55, 57, 27, 33]


def test_vectors_of_both_forms_are_read_and_show_what_they_say() -> None:
    cases = json.loads((FOLDER / "frames.json").read_text(encoding="utf-8"))
    for form, decode in (("frame", decode_frame), ("short frame", decode_short)):
        room, mine = Room(), [case for case in cases if case["kind"] == form]
        for case in mine:
            frame = decode(bytes.fromhex(case["hex"]))
            assert frame.after == room.seq
            read(room, frame)
            assert (frame.seq, room.state()) == (case["seq"], case["state"]), case["name"]
        assert len(mine) == 6
    assert set(KINDS) == {"player", "person"}
