"""Plans of group commits: where each event will be, what is assumed of the log, and what rests on that."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.ports import AppendResult, NewEvent, StreamWrite, VersionConflict
from bus.postgres.planning import (
    GROUP_BYTES_MAX,
    GROUP_EVENTS_MAX,
    REPEATING,
    ROW_COLUMNS,
    Plan,
    Tip,
    plan_group,
)

END = Tip(10, 1_000)


def event(n: int, **changes: Any) -> NewEvent:
    facts = {"type": "story.told", "schema_version": 1, "payload": b"\x80", **changes}
    return NewEvent(UUID(int=n), **facts)


def write(*numbers: int, stream: str = "story-a", expected: Any = "any") -> StreamWrite:
    return StreamWrite(stream, [event(n) for n in numbers], expected)


def planned(*group: list[StreamWrite], known: Mapping[str, int] | None = None, now_us: int = 1_000) -> Plan:
    return plan_group(group, END, known or {}, now_us)


def conflict(outcome: AppendResult | VersionConflict | None) -> tuple[str, object, int]:
    assert isinstance(outcome, VersionConflict)
    return outcome.stream, outcome.expected, outcome.actual


# --- rows ------------------------------------------------------------------------------------------------


def test_each_row_holds_the_event_and_its_version() -> None:
    told = NewEvent(UUID(int=7), "story.told", 3, b"\x81\xa1n\x01", b"\x81\xa1m\x02")
    ended = NewEvent(UUID(int=8), "story.ended", 2, b"\x81\xa1n\x02")

    plan = planned([StreamWrite("story-a", [told, ended])], known={"story-a": 4}, now_us=2_000)

    assert plan.rows == [
        ("story-a", 5, told.id, "story.told", 3, told.meta, told.payload),
        ("story-a", 6, ended.id, "story.ended", 2, ended.meta, ended.payload),
    ]
    assert plan.tip == Tip(12, 2_000)
    assert (plan.bases, plan.heads) == ({"story-a": 4}, {"story-a": 6})


@pytest.mark.parametrize(("now_us", "recorded_us"), [(999, 1_000), (1_001, 1_001)])
def test_the_time_of_recording_never_runs_backwards(now_us: int, recorded_us: int) -> None:
    plan = planned([write(1)], now_us=now_us)

    assert plan.tip.recorded_us == recorded_us
    assert plan.outcomes == [AppendResult((11,), (1,), recorded_us)]


def test_several_writes_of_several_appends_follow_each_other() -> None:
    plan = planned([write(1, 2), write(3, stream="story-b")], [write(4)], known={"story-b": 5})

    assert plan.outcomes == [
        AppendResult((11, 12, 13), (1, 2, 6), 1_000),
        AppendResult((14,), (3,), 1_000),
    ]
    assert [(row[0], row[1]) for row in plan.rows] == [
        ("story-a", 1), ("story-a", 2), ("story-b", 6), ("story-a", 3),
    ]  # fmt: skip
    assert plan.tip.position == 14
    assert plan.unsure == {"story-a": 0}, "what is known is not assumed"
    assert (plan.bases, plan.heads) == ({"story-a": 0, "story-b": 5}, {"story-a": 3, "story-b": 6})


def test_two_writes_of_one_append_may_be_for_the_same_stream() -> None:
    assert planned([write(1), write(2)]).outcomes == [AppendResult((11, 12), (1, 2), 1_000)]


# --- ids -------------------------------------------------------------------------------------------------


def test_an_append_that_shares_an_id_with_an_earlier_one_waits_and_the_next_is_planned() -> None:
    plan = planned([write(1, 2)], [write(2, stream="story-b")], [write(3)])

    assert plan.outcomes == [AppendResult((11, 12), (1, 2), 1_000), None, AppendResult((13,), (3,), 1_000)]
    assert "story-b" not in plan.heads
    assert [row[2].int for row in plan.rows] == [1, 2, 3]


def test_of_two_appends_with_one_id_the_second_waits() -> None:
    assert planned([write(1)], [write(1)]).outcomes == [AppendResult((11,), (1,), 1_000), None]


def test_the_ids_of_an_append_that_came_to_nothing_are_free() -> None:
    plan = planned([write(1, expected=5)], [write(1)], known={"story-a": 0})

    assert conflict(plan.outcomes[0]) == ("story-a", 5, 0)
    assert plan.outcomes[1] == AppendResult((11,), (1,), 1_000)


# --- expectations ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "assumed", "pinned"),
    [("any", 0, False), ("none", 0, True), ("exists", 1, False), (7, 7, True)],
)
def test_of_an_unknown_stream_the_likeliest_is_assumed(expected: Any, assumed: int, pinned: bool) -> None:
    plan = planned([write(1, expected=expected)])

    assert plan.unsure == plan.bases == {"story-a": assumed}
    assert plan.heads == {"story-a": assumed + 1}
    assert plan.pinned == ({"story-a"} if pinned else set())
    assert plan.outcomes == [AppendResult((11,), (assumed + 1,), 1_000)]


def test_a_stream_that_the_plan_itself_makes_is_as_the_plan_leaves_it() -> None:
    plan = planned([write(1, expected="none")], [write(2, expected="none")], [write(3, expected=1)])

    assert plan.outcomes[0] == AppendResult((11,), (1,), 1_000)
    assert conflict(plan.outcomes[1]) == ("story-a", "none", 1)
    assert plan.outcomes[2] == AppendResult((12,), (2,), 1_000)
    assert plan.unsure == {"story-a": 0}


@pytest.mark.parametrize(("expected", "known"), [("none", 3), ("exists", 0), (2, 3)])
def test_a_conflict_writes_nothing_and_has_the_database_check_what_it_rests_on(
    expected: Any, known: int
) -> None:
    plan = planned([write(1, stream="story-b"), write(2, expected=expected)], known={"story-a": known})

    assert conflict(plan.outcomes[0]) == ("story-a", expected, known)
    assert plan.rows == []
    assert plan.tip == END
    assert plan.pinned == {"story-a"}
    assert plan.unsure == {"story-b": 0, "story-a": known}


def test_a_conflict_rests_on_the_version_before_the_plan() -> None:
    """The database compares with what is there before it writes the plan's rows."""
    plan = planned([write(1)], [write(2, expected=9)], known={"story-a": 4})

    assert conflict(plan.outcomes[1]) == ("story-a", 9, 5)
    assert plan.unsure == {"story-a": 4}


# --- columns ---------------------------------------------------------------------------------------------


def test_no_rows_are_as_many_empty_columns() -> None:
    assert ROW_COLUMNS == 7
    assert planned().columns() == ((),) * 7


def test_a_column_that_says_the_same_in_all_rows_says_it_once() -> None:
    columns = planned([write(1, 2, 3)]).columns()

    assert REPEATING == (0, 3, 4, 5)
    assert columns == (
        ("story-a",),
        (1, 2, 3),
        (UUID(int=1), UUID(int=2), UUID(int=3)),
        ("story.told",),
        (1,),
        (b"\x80",),
        (b"\x80",) * 3,
    )


def test_a_column_that_differs_somewhere_is_whole() -> None:
    others = [event(1), event(2), event(3, type="story.ended", schema_version=2, meta=b"\x81\xa1a\x01")]

    columns = planned([StreamWrite("story-a", others)], [write(4, stream="story-b")]).columns()

    assert columns[0] == ("story-a", "story-a", "story-a", "story-b")
    assert columns[3] == ("story.told", "story.told", "story.ended", "story.told")
    assert columns[4] == (1, 1, 2, 1)
    assert columns[5] == (b"\x80", b"\x80", b"\x81\xa1a\x01", b"\x80")


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=6))
def test_columns_hold_what_the_rows_do(streams: list[str]) -> None:
    plan = planned(*([write(n, stream=f"story-{name}")] for n, name in enumerate(streams)))

    columns = [
        column * len(plan.rows) if len(column) == 1 else column  # type: ignore[operator]  # a tuple of one
        for column in plan.columns()
    ]
    assert list(zip(*columns, strict=True)) == plan.rows


# --- a log that has moved on -----------------------------------------------------------------------------


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=6), st.integers(0, 9), st.integers(0, 5))
def test_a_shifted_plan_is_what_had_been_planned_at_that_end(
    streams: list[str], later: int, more: int
) -> None:
    group = [[write(n, stream=f"story-{name}")] for n, name in enumerate(streams)]
    actual = {f"story-{name}": more + n for n, name in enumerate(sorted(set(streams)))}
    plan = plan_group(group, END, {}, 1_000)
    there = plan_group(group, Tip(10 + later, 3_000), actual, 1_000)

    moved = plan.shifted(there.tip, actual)

    assert moved.outcomes == there.outcomes
    assert moved.heads == there.heads
    assert moved.tip == there.tip
    assert moved.rows == plan.rows


def test_an_append_that_waits_waits_in_a_shifted_plan_too() -> None:
    plan = planned([write(1)], [write(1)], [write(2)])

    assert plan.shifted(Tip(22, 5_000), {"story-a": 3}).outcomes == [
        AppendResult((21,), (4,), 5_000),
        None,
        AppendResult((22,), (5,), 5_000),
    ]


def test_a_group_is_small_enough_for_one_message_to_the_database_and_holds_many_turns() -> None:
    assert GROUP_EVENTS_MAX == 2_000
    assert GROUP_BYTES_MAX == 8_388_608


def test_the_database_is_told_the_versions_of_those_streams_alone_that_get_no_rows() -> None:
    missing = [write(2, stream="story-b", expected="exists")]
    plan = planned([write(1, stream="story-a")], missing, known={"story-b": 0})

    assert plan.unsure == {"story-a": 0, "story-b": 0}
    assert plan.judged() == {"story-b": 0}
