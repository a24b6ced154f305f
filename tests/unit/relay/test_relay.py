"""What a comparison of stream and log concludes, and what an operator may confirm."""

from uuid import UUID

import pytest

from bus.nats.topology import StreamState
from bus.ports import Head
from bus.relay.comparison import NO_LONGER_KEPT, Finding, judge, of_empty, places_of
from domain.relay.confirmation import CONFIRMATION, covers
from domain.relay.messages import ConfirmLog, LogConfirmed, Lost
from protocol.envelope import Envelope, encode_envelope
from tests.unit.spec import changed, given

REALM = "demo"
CONFIRM = ConfirmLog.model_validate(ConfirmLog.example)
CONFIRMED = LogConfirmed.from_example()


def event(place: int, digest: int = 0, *, realm: str = REALM, position: int = 0) -> bytes:
    """Return the message of an event; ``digest`` tells histories apart."""
    where = ("story.told", 1, realm, "story-a1", 1, position or place, 0)
    return encode_envelope(Envelope(UUID(int=place), *where, b"\x80", bytes([digest or place]) * 32, b"\x80"))


def judged(messages: dict[int, bytes | None], head: int, *, holes: bool = False) -> Finding:
    rows = {place: (UUID(int=place), bytes([place]) * 32) for place in range(1, head + 1)}
    return judge(REALM, messages, rows, end=(max(messages), head), holes=holes)


@pytest.mark.parametrize(
    ("messages", "head", "verdict"),
    [
        ({1: event(1), 3: event(3)}, 3, "equal"),
        ({1: event(1), 3: event(3)}, 4, "behind"),
        ({1: event(1), 2: None, 3: event(3)}, 3, "different"),
        ({1: event(1), 3: b"foreign"}, 3, "different"),
        ({1: event(1), 4: b"foreign"}, 3, "different"),
        ({1: event(1), 4: event(4, realm="other")}, 3, "different"),
        ({1: event(1), 4: event(4, position=5)}, 3, "different"),
    ],
)
def test_what_is_no_event_of_the_realm_witnesses_nothing(
    messages: dict[int, bytes | None], head: int, verdict: str
) -> None:
    found = judged(messages, head)

    assert (found.verdict, found.lost) == (verdict, None)


def test_events_beyond_the_logs_end_are_a_witness_whatever_was_put_on_top() -> None:
    assert judged({1: event(1), 4: event(4), 5: event(5)}, 3).lost == Head(5, bytes([5]) * 32)
    covered = judged({1: event(1), 4: event(4), 5: b"foreign"}, 3, holes=True)
    assert (covered.verdict, covered.lost) == ("ahead", Head(4, bytes([4]) * 32))
    assert not covered.usable


def test_the_first_event_beyond_the_log_is_compared_however_much_lies_on_top() -> None:
    places = places_of(StreamState(first=1, last=40_000, messages=40_000, deleted=0), 16, [])

    assert 17 in places
    assert (places[0], places[-1], len(places)) == (1, 40_000, 9)


def test_the_search_for_where_they_part_is_given_its_ends() -> None:
    forked = judged({1: event(1), 4: event(4), 6: event(6, 78), 9: event(9, 79)}, 9)
    intruded = judged({1: event(1), 4: b"foreign", 6: event(6)}, 9)

    assert (forked.agrees, forked.differs) == (4, 6)
    assert (intruded.agrees, intruded.differs) == (1, 4)
    gone = judged({1: event(1), 4: None, 6: None}, 9)  # the server was exchanged between two requests
    assert (gone.agrees, gone.differs) == (6, 7)


def test_a_log_that_grew_over_the_count_of_an_empty_stream_has_not_what_was_lost() -> None:
    assert of_empty(20, 20, None).verdict == "equal"
    assert of_empty(20, 25, None).verdict == "behind"
    found, later = of_empty(20, 15, None), of_empty(20, 25, 15)

    assert (found.verdict, found.lost, found.agrees) == ("ahead", Head(20, NO_LONGER_KEPT), 15)
    assert (later.verdict, later.lost, later.agrees) == ("ahead", Head(20, NO_LONGER_KEPT), 15)


def test_another_event_at_the_same_position_is_a_witness_though_the_log_went_on() -> None:
    found = judged({1: event(1), 2: event(2, 77), 3: event(3, 78)}, 9)

    assert (found.verdict, found.lost) == ("forked", Head(3, bytes([78]) * 32))
    assert not found.usable


def test_a_confirmation_is_recorded_once() -> None:
    given(CONFIRMATION).when(CONFIRM).then(CONFIRMED)
    given(CONFIRMATION, CONFIRMED).when(CONFIRM).then_nothing()


def test_a_confirmation_holds_for_what_it_names_alone() -> None:
    later = changed(CONFIRM, lost_position=500)

    assert not covers(None, Lost(lost_position=1, lost_hash="0" * 64))
    assert not covers(CONFIRMED, later)
    assert not covers(CONFIRMED, changed(CONFIRM, lost_hash="0" * 64))
    given(CONFIRMATION, CONFIRMED).when(later).then(changed(CONFIRMED, lost_position=500))
