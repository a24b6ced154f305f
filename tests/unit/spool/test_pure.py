"""The spool's pure parts: frames under any damage, what recovery makes of them, batches, pauses, alerts."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.expectations import meets
from bus.ports import ExpectedVersion, NewEvent, StreamWrite
from bus.spool.batches import BATCH_EVENTS_MIN, BatchSize, plan_batch
from bus.spool.figures import WINDOW_S, Ages, AlertLimits, Figures, Window, alerts_of
from bus.spool.frames import HEADER_BYTES, Frame, encode_frame, scan
from bus.spool.records import (
    Letter,
    Record,
    Undecodable,
    decode_letter,
    decode_write,
    encode_letter,
    encode_write,
)
from bus.spool.recovery import Recovery, count_missing

SALT = 0x5EED1234
BODIES = st.lists(st.binary(min_size=0, max_size=60), min_size=1, max_size=6)


def file_of(bodies: list[bytes], first: int = 1) -> bytes:
    return b"".join(encode_frame(first + i, 7 + i, body, SALT) for i, body in enumerate(bodies))


def ends_of(bodies: list[bytes]) -> list[int]:
    ends, end = [], 0
    for body in bodies:
        end += HEADER_BYTES + len(body)
        ends.append(end)
    return ends


def seen(frames: list[Frame]) -> list[tuple[int, bytes]]:
    return [(frame.sequence, frame.body) for frame in frames]


# --- frames -------------------------------------------------------------------------------------------------


@given(BODIES, st.integers(1, 4))
def test_what_was_written_comes_back_in_steps_of_any_size(bodies: list[bytes], step: int) -> None:
    data, frames, at = file_of(bodies), list[Frame](), 0
    while at < len(data):
        found = scan(data, SALT, start=at, limit=step)
        assert (found.gaps, found.torn) == ([], False)
        frames += found.frames
        at = found.end

    assert seen(frames) == list(enumerate(bodies, 1))
    assert [frame.put_us for frame in frames] == [7 + i for i in range(len(bodies))]


@given(BODIES, st.data())
def test_a_file_cut_anywhere_keeps_every_whole_record_and_is_torn(
    bodies: list[bytes], data: st.DataObject
) -> None:
    whole = file_of(bodies)
    cut = data.draw(st.integers(0, len(whole)))
    found = scan(whole[:cut], SALT)
    kept = sum(end <= cut for end in ends_of(bodies))

    assert seen(found.frames) == list(enumerate(bodies, 1))[:kept]
    assert found.gaps == []
    assert found.torn == (cut not in (0, *ends_of(bodies)))
    assert found.end == (ends_of(bodies)[kept - 1] if kept else 0)


@given(BODIES, st.data())
def test_any_byte_changed_costs_one_record_and_no_other(bodies: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(file_of(bodies))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    hit = sum(end <= at for end in ends_of(bodies))
    found = scan(bytes(whole), SALT)

    expected = list(enumerate(bodies, 1))
    assert seen(found.frames) == expected[:hit] + expected[hit + 1 :]
    assert found.gaps, "damage is never taken for a torn tail"
    assert not found.torn


@given(
    BODIES, st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=30), st.integers(0, 600)
)
def test_nothing_is_invented_whatever_happens(
    bodies: list[bytes], changes: list[tuple[int, int]], cut: int
) -> None:
    whole = bytearray(file_of(bodies)[:cut])
    for at, value in changes:
        if at < len(whole):
            whole[at] = value
    found = scan(bytes(whole), SALT)

    assert set(seen(found.frames)) <= set(enumerate(bodies, 1))
    assert [frame.sequence for frame in found.frames] == sorted({frame.sequence for frame in found.frames})
    assert found.end <= len(whole)


def test_a_frame_inside_a_body_is_only_a_body() -> None:
    """A player's text may hold the bytes of a frame, but not made with the file's salt."""
    trojan = encode_frame(2, 7, b"mine", SALT ^ 1)
    data = bytearray(file_of([trojan, b"after"]))
    data[3] ^= 1

    assert seen(scan(bytes(data), SALT).frames) == [(2, b"after")]


def test_a_tail_of_zeros_is_torn_and_a_repeated_record_is_left_out() -> None:
    data = file_of([b"a", b"b"])

    found = scan(data + bytes(5_000), SALT)
    assert (seen(found.frames), found.gaps, found.torn) == ([(1, b"a"), (2, b"b")], [], True)
    assert seen(scan(data + data, SALT).frames) == [(1, b"a"), (2, b"b")]
    assert seen(scan(data, SALT, after=1).frames) == [(2, b"b")]


# --- records ------------------------------------------------------------------------------------------------

EVENTS = st.builds(
    NewEvent,
    st.uuids(),
    st.just("story.told"),
    st.integers(1, 2**31 - 1),
    st.binary(max_size=40),
    st.binary(max_size=9),
)
EXPECTED: st.SearchStrategy[ExpectedVersion] = st.one_of(
    st.integers(0, 2**53), st.sampled_from(["none", "exists", "any"])
)
WRITES = st.builds(StreamWrite, st.just("story-a"), st.lists(EVENTS, min_size=1, max_size=4), EXPECTED)


@given(WRITES, st.integers(1, 2**53), st.text(max_size=30))
def test_an_append_and_a_letter_come_back_as_they_were(write: StreamWrite, number: int, reason: str) -> None:
    letter = Letter(number, 1, 2, "VersionConflict", reason, write)

    assert decode_write(encode_write(write)) == write
    assert decode_letter(encode_letter(letter)) == letter


@given(st.binary(max_size=40))
def test_other_bytes_are_no_record_and_no_letter(data: bytes) -> None:
    for decode in (decode_write, decode_letter):
        try:
            decode(data)
        except Undecodable:
            continue
        pytest.fail("bytes of nobody were taken for a record")


# --- recovery -----------------------------------------------------------------------------------------------


def test_a_clean_directory_has_nothing_to_do() -> None:
    recovery = Recovery(5)

    assert (recovery.seen, recovery.records, recovery.missing) == (5, 0, [])


def test_what_is_settled_is_spent_and_the_rest_is_counted() -> None:
    recovery = Recovery(3)
    recovery.add("a", 1, scan(file_of([b"1", b"2"]), SALT, after=3))
    recovery.add("b", 3, scan(file_of([b"3", b"4", b"5"], 3), SALT, after=3))

    assert recovery.spent == ["a"]
    assert (recovery.records, recovery.bytes, recovery.seen) == (2, 2 * (HEADER_BYTES + 1), 5)
    assert recovery.oldest == [(4, 8)]


def test_a_torn_tail_is_cut_and_a_damaged_middle_is_set_aside_and_its_record_missing() -> None:
    damaged = bytearray(file_of([b"1", b"2", b"3"]))
    damaged[HEADER_BYTES + 5] ^= 1
    tail = file_of([b"4", b"5"], 4)[:-1]
    recovery = Recovery(0)
    recovery.add("a", 1, scan(bytes(damaged), SALT))
    recovery.add("b", 4, scan(tail, SALT))

    assert (recovery.damaged, recovery.missing) == (["a"], [(2, 2)])
    assert recovery.cut == [("b", HEADER_BYTES + 1)]
    assert (recovery.records, recovery.seen) == (3, 4)


def test_a_lost_end_and_a_lost_segment_are_noticed_by_the_numbers() -> None:
    """Cut off exactly between two records, nothing in the file itself looks wrong."""
    recovery = Recovery(0)
    recovery.add("a", 1, scan(file_of([b"1"]), SALT))
    recovery.add("c", 6, scan(file_of([b"6"], 6), SALT))

    assert recovery.missing == [(2, 5)]
    assert count_missing(recovery.missing) == 4
    assert (recovery.records, recovery.damaged) == (2, [])


def test_records_confirmed_behind_the_last_that_is_there_are_missing() -> None:
    recovery = Recovery(0)
    recovery.add("a", 1, scan(file_of([b"1", b"2"]), SALT))
    recovery.end(5)

    assert (recovery.tail, recovery.missing, recovery.seen) == ((3, 5), [(3, 5)], 5)
    again = Recovery(5)
    again.end(5)
    assert (again.tail, again.missing) == (None, [])


def test_what_the_names_of_two_empty_segments_tell_is_missing_to_the_end() -> None:
    """Nobody ever reads a record behind those: the spool would have waited for them for ever."""
    recovery = Recovery(0)
    recovery.add("a", 1, scan(file_of([b"1"]), SALT))
    recovery.add("b", 2, scan(b"", SALT))
    recovery.add("c", 4, scan(b"", SALT))
    recovery.end(0)

    assert (recovery.tail, recovery.missing) == ((2, 3), [(2, 3)])


def test_a_record_that_is_missing_in_two_ranges_counts_once() -> None:
    assert count_missing([(2, 5), (4, 7), (10, 10), (2, 3)]) == 7


def test_a_group_that_was_written_again_in_another_segment_is_there_once() -> None:
    recovery = Recovery(0)
    recovery.add("a", 1, scan(file_of([b"1", b"2"]), SALT))
    recovery.add("b", 2, scan(file_of([b"2", b"3"], 2), SALT, after=recovery.seen))

    assert (recovery.records, recovery.missing, recovery.seen) == (3, [], 3)


@given(
    st.lists(st.lists(st.binary(max_size=20), min_size=1, max_size=4), min_size=2, max_size=5),
    st.data(),
)
def test_whatever_befalls_a_middle_segment_every_record_is_there_or_counted(
    contents: list[list[bytes]], data: st.DataObject
) -> None:
    total = sum(map(len, contents))
    hit = data.draw(st.integers(0, len(contents) - 2))
    settled = data.draw(st.integers(0, total))
    recovery, first = Recovery(settled), 1
    for index, bodies in enumerate(contents):
        raw = bytearray(file_of(bodies, first))
        if index == hit and data.draw(st.booleans()):
            raw = raw[: data.draw(st.integers(0, len(raw)))]
        elif index == hit:
            raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
        recovery.add(str(index), first, scan(bytes(raw), SALT, after=recovery.seen))
        first += len(bodies)

    lost = count_missing(recovery.missing)
    assert recovery.seen == total
    assert recovery.records + lost == total - settled
    assert lost <= len(contents[hit])
    assert all(low > settled for low, _ in recovery.missing)


# --- batches ------------------------------------------------------------------------------------------------


def record(number: int, stream: str, expected: ExpectedVersion, events: int = 1) -> Record:
    made = [NewEvent(UUID(int=number * 100 + i), "story.told", 1, b"\x80") for i in range(events)]
    return Record(number, 0, StreamWrite(stream, made, expected), 100)


def append_to(versions: dict[str, int], write: StreamWrite) -> bool:
    """Do what a log does; False for a refusal."""
    actual = versions.get(write.stream, 0)
    if not meets(actual, write.expected):
        return False
    versions[write.stream] = actual + len(write.events)
    return True


ASKED: st.SearchStrategy[ExpectedVersion] = st.one_of(
    st.integers(0, 4), st.sampled_from(["none", "exists", "any"])
)


@given(
    st.lists(
        st.tuples(st.sampled_from(["s-a", "s-b", "s-c"]), ASKED, st.integers(1, 2)), min_size=1, max_size=9
    ),
    st.integers(1, 12),
    st.dictionaries(st.sampled_from(["s-a", "s-b"]), st.integers(0, 3)),
)
def test_a_batch_that_the_log_takes_is_what_its_records_would_have_been(
    asked: list[tuple[str, ExpectedVersion, int]], events_max: int, before: dict[str, int]
) -> None:
    waiting = [record(n, *one) for n, one in enumerate(asked, 1)]
    batch = plan_batch(waiting, events_max)
    together, apart = dict(before), dict(before)

    assert batch.records == waiting[: len(batch.records)]
    assert batch.records
    assert len({write.stream for write in batch.writes}) == len(batch.writes)
    assert sum(len(r.write.events) for r in batch.records) <= max(events_max, asked[0][2])
    if all(append_to(together, write) for write in batch.writes):
        assert all(append_to(apart, r.write) for r in batch.records)
        assert together == apart
        for write in batch.writes:
            own = [e for r in batch.records if r.write.stream == write.stream for e in r.write.events]
            assert own == list(write.events)


def test_question_and_answer_of_one_stream_are_one_write() -> None:
    batch = plan_batch([record(1, "s-a", "none"), record(2, "s-b", 0), record(3, "s-a", 1)], 100)

    assert [(w.stream, len(w.events), w.expected) for w in batch.writes] == [
        ("s-a", 2, "none"),
        ("s-b", 1, 0),
    ]


def test_batches_grow_while_the_log_is_quick_and_shrink_when_it_is_not() -> None:
    size = BatchSize(events=64, most=200)
    size.succeeded(10, 0.01)
    assert size.events == 64, "a batch that was not full says nothing"
    for _ in range(3):
        size.succeeded(size.events, 0.01)
    assert size.events == 200
    size.succeeded(200, 1.0)
    assert size.events == 100
    for _ in range(9):
        size.failed()
    assert size.events == BATCH_EVENTS_MIN


# --- figures and alerts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figures", "codes"),
    [
        (Figures(), []),
        (Figures(successes=95, failures=5, oldest_s=30.0), []),
        (Figures(successes=94, failures=6), ["failure_share"]),
        (Figures(backlog_records=1, oldest_s=30.1), ["backlog_age"]),
        (Figures(dead_letters=1, damaged=1, disk_failing=True), ["dead_letters", "damaged", "disk_failing"]),
        (Figures(missing=2), ["damaged"]),
        (Figures(lacking=1), ["lacking"]),
    ],
)
def test_alerts(figures: Figures, codes: list[str]) -> None:
    alerts = alerts_of(figures, AlertLimits())

    assert [alert.code for alert in alerts] == codes
    assert all(alert.value > alert.limit and alert.message for alert in alerts)


@pytest.mark.parametrize("looked_at", [True, False])
def test_a_window_forgets_in_its_time_what_was_counted_by_a_clock_that_was_days_fast(looked_at: bool) -> None:
    """The scar: seconds of a wrong clock stood before all later ones, and nothing was forgotten for days."""
    window, second, days = Window(), 1_000_000, 3 * 86_400_000_000
    for n in range(30):
        window.add(days + n * second, failures=1)
    if looked_at:
        assert window.counts(40 * second) == (0, 30), "as of now, whatever that clock said"
    window.add(40 * second, successes=1)
    assert window.counts(40 * second) == (1, 30)
    window.add((41 + WINDOW_S) * second, successes=1)
    assert window.counts((41 + WINDOW_S) * second) == (1, 0)


def test_records_put_by_a_clock_that_was_days_fast_grow_old_from_when_it_was_set_right() -> None:
    """The scar: their age was 0 for days, and the alert of an outage was silent."""
    ages, second, days = Ages([]), 1_000_000, 3 * 86_400_000_000
    ages.put(1, 10 * second)
    for sequence in range(2, 30):
        ages.put(sequence, days + sequence * second)
    ages.put(30, 40 * second)
    ages.put(31, 50 * second)
    assert ages.oldest_us() == 10 * second
    ages.settle(1, last=31)
    assert ages.oldest_us() == 40 * second
    ages.settle(30, last=31)
    assert ages.oldest_us() == 50 * second


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3), st.integers(0, 3)), max_size=20))
def test_the_window_counts_the_last_minute(happened: list[tuple[int, int, int]]) -> None:
    happened.sort()
    window = Window()
    for second, good, bad in happened:
        window.add(second * 1_000_000, successes=good, failures=bad)
    now = happened[-1][0] if happened else 0

    recent = [one for one in happened if one[0] > now - 60]
    assert window.counts(now * 1_000_000) == (sum(o[1] for o in recent), sum(o[2] for o in recent))


@given(st.lists(st.integers(0, 3_000_000), min_size=1, max_size=30), st.data())
def test_the_age_of_the_oldest_is_right_to_a_second(steps: list[int], data: st.DataObject) -> None:
    ages, now, times = Ages([]), 0, dict[int, int]()
    for sequence, step in enumerate(steps, 1):
        now += step
        ages.put(sequence, now)
        times[sequence] = now
    settled = data.draw(st.integers(0, len(steps)))
    ages.settle(settled, last=len(steps))

    oldest = ages.oldest_us()
    if settled == len(steps):
        assert oldest is None
    else:
        assert oldest is not None
        assert 0 <= times[settled + 1] - oldest < 1_000_000
