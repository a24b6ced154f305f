"""What an append expects of its streams, which events a reader names, and what a repeated append gets."""

from typing import Any
from uuid import UUID

import pytest

from bus.expectations import first_result, matches, meets
from bus.ports import AppendResult, IdConflict, NewEvent, RecordedEvent, Where


@pytest.mark.parametrize(
    ("expected", "met"),
    [
        ("any", [True, True, True]),
        ("none", [True, False, False]),
        ("exists", [False, True, True]),
        (0, [True, False, False]),
        (1, [False, True, False]),
        (2, [False, False, True]),
    ],
)
def test_a_stream_at_version_0_1_or_2_is_as_expected_or_not(expected: Any, met: list[bool]) -> None:
    assert [meets(actual, expected) for actual in (0, 1, 2)] == met


def recorded(n: int, **changes: Any) -> RecordedEvent:
    facts = {"stream": "story-a", "type": "story.told", "schema_version": 1, "payload": b"\x80", **changes}
    return RecordedEvent(
        position=10 + n, version=n, id=UUID(int=n), recorded_us=500 + n, meta=b"\x80", hash=bytes(32), **facts
    )


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (Where(), True),
        (Where(types=["story.told"]), True),
        (Where(types=["story.ended", "story.told"]), True),
        (Where(types=["story.ended"]), False),
        (Where(context="story"), True),
        (Where(context="stor"), False),
        (Where(context="batch"), False),
        (Where(stream_prefix="story-a"), True),
        (Where(stream_prefix="story-b"), False),
        (Where(types=["story.told"], context="batch"), False),
        (Where(types=["story.ended"], context="story"), False),
        (Where(types=["story.told"], context="story", stream_prefix="batch-"), False),
        (Where(types=["story.told"], context="story", stream_prefix="story-"), True),
    ],
)
def test_an_event_is_among_those_that_all_given_fields_name(where: Where, found: bool) -> None:
    assert matches(recorded(1), where) is found


def new(n: int, **changes: Any) -> NewEvent:
    return NewEvent(UUID(int=n), **{"type": "story.told", "schema_version": 1, "payload": b"\x80", **changes})


def test_an_append_whose_ids_are_unknown_is_new() -> None:
    assert first_result([]) is None
    assert first_result([("story-a", new(1), None), ("story-a", new(2), None)]) is None


def test_a_repeated_append_gets_what_it_came_to_first() -> None:
    pairs: list[Any] = [("story-a", new(n), recorded(n)) for n in (1, 2)]

    assert first_result(pairs) == AppendResult((11, 12), (1, 2), 501, duplicate=True)


@pytest.mark.parametrize(
    "other",
    [{"stream": "story-b"}, {"type": "story.ended"}, {"schema_version": 2}, {"payload": b"\x81\xa1n\x01"}],
)
def test_a_known_id_with_other_content_is_a_conflict(other: dict[str, Any]) -> None:
    with pytest.raises(IdConflict, match="is recorded with other content") as found:
        first_result([("story-a", new(1), recorded(1)), ("story-a", new(2), recorded(2, **other))])

    assert found.value.event_id == UUID(int=2)


def test_metadata_may_differ_as_it_tells_of_the_sending() -> None:
    assert first_result([("story-a", new(1, meta=b"\x81\xa1a\x01"), recorded(1))]) is not None


@pytest.mark.parametrize("known", [1, 2])
def test_an_append_of_which_only_some_ids_are_known_is_a_conflict(known: int) -> None:
    pairs = [("story-a", new(n), recorded(n) if n == known else None) for n in (1, 2)]

    with pytest.raises(IdConflict, match="other ids of the same append are not") as found:
        first_result(pairs)

    assert found.value.event_id == UUID(int=known)


def test_of_several_known_ids_the_first_is_named() -> None:
    pairs = [("story-a", new(n), recorded(n) if n > 1 else None) for n in (1, 2, 3)]

    with pytest.raises(IdConflict) as found:
        first_result(pairs)

    assert found.value.event_id == UUID(int=2)
