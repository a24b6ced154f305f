"""What a comparison of stream and log concludes, and what an operator may confirm."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest

from bus.nats.topology import StreamState
from bus.ports import Head
from bus.relay.comparison import END, FOREIGN_MAX, places_of
from bus.relay.judgement import (
    NO_LONGER_KEPT,
    Exempt,
    Facts,
    Finding,
    Known,
    Message,
    judge,
    of_empty,
)
from domain.relay.confirmation import CONFIRMATION, covers
from domain.relay.messages import ConfirmLog, LogConfirmed, Lost
from protocol.chain import genesis, link
from protocol.envelope import Envelope, encode_envelope
from tests.unit.spec import changed, given

REALM = "demo"
CONFIRM = ConfirmLog.model_validate(ConfirmLog.example)
CONFIRMED = LogConfirmed.from_example()
GARBAGE = Message("demo.evt.story.told.a1", b"garbage")
ALONE = Known(alone=True)
NOTHING, NOWHERE = Known(), Exempt()


def event(place: int, before: bytes, told: bytes = b"\x80") -> Envelope:
    """Return an event that follows one with the hash ``before``; ``told`` tells histories apart."""
    id_ = UUID(int=place)
    digest = link(before, (place, id_.bytes, 0, 1, 1), (b"story.told", b"story-a1"), b"\x80", told)
    return Envelope(id_, "story.told", 1, REALM, "story-a1", 1, place, 0, b"\x80", digest, told)


def message(event: Envelope) -> Message:
    return Message("demo.evt.story.told.a1", encode_envelope(event))


def history(last: int, told: bytes = b"\x80", *, onto: Sequence[Envelope] = ()) -> list[Envelope]:
    """Return the events up to a position, behind those given."""
    found = list(onto)
    while len(found) < last:
        found.append(event(len(found) + 1, found[-1].hash if found else genesis(REALM), told))
    return found


LOG = history(9)
OTHER = history(9, b"\x81\xa1a\xa1b", onto=LOG[:4])
"""A history that parts from the log's behind 4."""


def judged(
    stream: Sequence[Envelope | Message | None],
    head: int = 9,
    *,
    known: Known = NOTHING,
    exempt: Exempt = NOWHERE,
    holes: bool = False,
) -> Finding:
    """Return the finding about a whole stream and the first ``head`` events of `LOG`."""
    messages: Mapping[int, Message | None] = {
        place: message(each) if isinstance(each, Envelope) else each for place, each in enumerate(stream, 1)
    }
    hashes = {0: genesis(REALM)} | {each.position: each.hash for each in LOG[:head]}
    return judge(Facts(REALM, messages, len(stream), head, hashes, holes, known, exempt))


def with_(place: int, what: Envelope | Message | None) -> list[Envelope | Message | None]:
    """Return the log's stream with something else at a place."""
    return [what if each.position == place else each for each in LOG]


def test_a_stream_that_has_what_the_log_has_is_usable() -> None:
    assert (judged(LOG).verdict, judged(LOG[:6]).verdict) == ("equal", "behind")
    assert judged(LOG).compared == 9


CLAIMED = event(5, LOG[3].hash, b"\x81\xa1a\xa1b")._replace(id=LOG[4].id, hash=LOG[4].hash)
"""The log's id and hash, over another content: what a comparison of names alone calls equal."""

FORGERIES = {
    "garbage inside": (with_(5, GARBAGE), "foreign"),
    "a hole that cannot be read": (with_(5, None), "unreadable"),
    "another realm's event": (with_(5, message(LOG[4]._replace(realm="other"))), "foreign"),
    "another position's event": (with_(5, message(LOG[5])), "foreign"),
    "another subject": (with_(5, message(LOG[4])._replace(subject="demo.evt.story.told.b2")), "foreign"),
    "the log's hash over other content": (with_(5, CLAIMED), "forged"),
    "a changed metadata": (with_(5, LOG[4]._replace(meta=b"\x81\xa1a\xa1b")), "forged"),
    "a changed time": (with_(5, LOG[4]._replace(time=7)), "forged"),
    "a number that no log holds": (with_(5, LOG[4]._replace(schema=2**40)), "foreign"),
    "a name longer than any": (with_(5, LOG[4]._replace(stream="story-" + "x" * 70_000)), "foreign"),
    "an event that follows, ours on top": (with_(5, OTHER[4]), "forged"),
    "two that follow, ours on top": ([*LOG[:4], *OTHER[4:6], *LOG[6:]], "forged"),
    "garbage at the end": ([*LOG, GARBAGE], "foreign"),
    "an end whose hash does not follow": ([*LOG, event(10, b"x" * 32)], "forged"),
    "what follows such an end": (
        [*LOG, event(10, b"x" * 32), event(11, event(10, b"x" * 32).hash)],
        "forged",
    ),
}


@pytest.mark.parametrize(("stream", "kind"), FORGERIES.values(), ids=FORGERIES)
def test_what_was_forged_or_damaged_is_named_and_witnesses_nothing(
    stream: list[Envelope | Message | None], kind: str
) -> None:
    found = judged(stream)

    assert (found.verdict, found.kind, found.lost) == ("different", kind, None)
    assert not found.usable
    lowest = 5 if len(stream) == 9 else 10
    assert (found.agrees, found.differs) == (lowest - 1, lowest)


def test_an_event_beyond_the_logs_end_may_be_one_that_the_log_lost() -> None:
    found = judged(LOG, head=7)

    assert (found.verdict, found.lost, found.kind) == ("ahead", Head(9, LOG[8].hash), "lost")
    covered = judged([*LOG, GARBAGE, GARBAGE], head=7, holes=True)
    assert (covered.verdict, covered.lost) == ("ahead", Head(9, LOG[8].hash))


def test_another_history_is_a_witness_though_the_log_went_on() -> None:
    found = judged(OTHER)

    assert (found.verdict, found.lost) == ("forked", Head(9, OTHER[8].hash))
    assert (found.agrees, found.differs) == (4, 5)


def test_who_led_alone_since_the_stream_was_the_logs_knows_what_he_did_not_send() -> None:
    assert judged(LOG, head=7, known=ALONE).kind == "forged"
    assert judged(OTHER, known=ALONE).kind == "forged"
    counted = of_empty(12, 9, ALONE)
    assert (counted.verdict, counted.kind, counted.lost) == ("different", "counted_on", None)


def test_a_log_that_lacks_what_was_published_from_it_is_not_believed() -> None:
    changed_log = Known(published=9, intact=False, alone=True)

    assert judged(LOG, head=7, known=changed_log).verdict == "ahead"
    assert judged(OTHER, known=changed_log).verdict == "forked"
    assert of_empty(12, 9, changed_log).verdict == "ahead"


def test_what_lies_below_the_newest_published_event_was_forged_later() -> None:
    assert judged(OTHER, known=Known(published=9)).kind == "forged"
    assert judged(OTHER, known=Known(published=6)).kind == "forged", "5 was published from this log"
    assert judged(OTHER, known=Known(published=4)).verdict == "forked"
    assert judged([*LOG[:4], None, None, *OTHER[6:]], known=Known(published=6)).verdict == "forked"


def test_a_stream_that_ends_before_what_was_published_is_an_older_one() -> None:
    found = judged(LOG[:6], known=Known(published=8))

    assert (found.verdict, found.kind, found.usable) == ("behind", "went_back", True)


def test_where_the_log_itself_was_changed_the_stream_may_have_the_truth() -> None:
    found = judged(with_(5, OTHER[4]), exempt=Exempt(unsound=frozenset([5])), known=ALONE)

    assert (found.verdict, found.lost) == ("forked", Head(5, OTHER[4].hash))
    same = judged(with_(5, OTHER[4]), exempt=Exempt(equal=frozenset([5])))
    assert same.verdict == "equal", "the log says as much: `aicore log verify` names it"


def test_counts_that_do_not_fit_are_named() -> None:
    assert judged(LOG, holes=True).kind == "holes"


def test_the_newest_end_is_compared_whole_and_the_rest_in_samples() -> None:
    def places(last: int, common: int) -> list[int]:
        return places_of(StreamState(first=1, last=last, messages=last, deleted=0), common, [])

    assert places(40, 40) == [*range(1, 41)]
    calm = places(100_000, 100_000)
    assert calm[-END:] == [*range(100_001 - END, 100_001)]
    assert len(calm) == END + 7
    ahead = places(100_000, 50_000)
    assert set(range(50_001 - END, 50_001 + FOREIGN_MAX // 2)) <= set(ahead)
    assert len(ahead) < FOREIGN_MAX + END + 10


def test_a_log_that_grew_over_the_count_of_an_empty_stream_has_not_what_was_lost() -> None:
    assert of_empty(20, 20).verdict == "equal"
    assert of_empty(20, 25).verdict == "behind"
    found, later = of_empty(20, 15), of_empty(20, 25, Known(lost_after=15))

    assert (found.verdict, found.lost, found.agrees) == ("ahead", Head(20, NO_LONGER_KEPT), 15)
    assert (later.verdict, later.lost, later.agrees) == ("ahead", Head(20, NO_LONGER_KEPT), 15)


def test_a_confirmation_is_recorded_once() -> None:
    given(CONFIRMATION).when(CONFIRM).then(CONFIRMED)
    given(CONFIRMATION, CONFIRMED).when(CONFIRM).then_nothing()


def test_a_confirmation_holds_for_what_it_names_alone() -> None:
    later = changed(CONFIRM, lost_position=500)

    assert not covers(None, Lost(lost_position=1, lost_hash="0" * 64))
    assert not covers(CONFIRMED, later)
    assert not covers(CONFIRMED, changed(CONFIRM, lost_hash="0" * 64))
    given(CONFIRMATION, CONFIRMED).when(later).then(changed(CONFIRMED, lost_position=500))
