"""Verdicts on each message of the stream against the log, and on the whole. Pure.

A message is the log's if everything that the chain covers, hashed again behind the log's event before it,
gives the hash that the log has there, and its subject follows from it. The id and the hash that a message
names prove nothing: who forges one writes them as he likes.

What the relay published was committed before. So an event that the stream holds and the log does not may be
a witness that the log lost it, and nothing may be thrown away then unasked. It is no witness, and the log has
the truth, where one of these shows that it was forged:

- its hash does not follow from its content and the event before it;
- the stream holds an event of the log above it: whoever published that had the log as it is;
- it lies below the newest event known to be published, which the log still holds (`Known.published`);
- the relay that asks has led alone since the stream was the log's, and never sent it (`Known.alone`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from struct import error as StructError  # noqa: N812 - it is a class
from typing import Literal, NamedTuple

from bus.ports import Head
from protocol.chain import link
from protocol.envelope import Envelope, decode_envelope
from protocol.errors import WireError
from protocol.subjects import event_subject

Verdict = Literal["equal", "behind", "missing", "different", "ahead", "forked"]

Kind = Literal[
    "",
    "missing",
    "squatted",
    "settings",
    "emptied",
    "went_back",
    "holes",
    "unreadable",
    "foreign",
    "forged",
    "beyond",
    "counted_on",
    "lost",
    "stores_nothing",
    "consumer",
]
"""Names of what can be wrong, for people and programs. *went_back*: the stream has lost its end; *holes*: it
counts fewer messages than places; *unreadable*: a message cannot be read; *foreign*: it is no event of the
realm; *forged*: an event that is not the log's; *beyond*: the stream ends behind the log; *counted_on*:
likewise, and what lay there is gone; *lost*: the log may be the one that lacks events; *consumer*: one that
follows the stream is not as it was."""

Standing = Literal["same", "unreadable", "foreign", "forged", "other"]
"""Of one message. *other*: an event of the realm that may be true, and is not the log's."""


class Message(NamedTuple):
    """Content of a place in the stream."""

    subject: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Known:
    """Knowledge of the past beside log and stream."""

    published: int = 0
    """Up to here the stream is known to have held the log's events; 0: nothing is known."""
    intact: bool = True
    """The log still holds the event at ``published``, or that which this relay sent last."""
    alone: bool = False
    """The relay that asks has led without a break since the stream was the log's."""
    lost_after: int | None = None
    """The log's end when a stream without messages was first found to have counted beyond it."""


class Exempt(NamedTuple):
    """Places whose message is not what the log's hashes say, held against the log's rows."""

    equal: frozenset[int] = frozenset()
    """The message is the log's row, byte for byte: what is wrong there is wrong in the log."""
    unsound: frozenset[int] = frozenset()
    """The log's row is not as it was recorded, and the message is another: it may be the true one."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A case to judge: some messages of a stream, and the log's events at their places.

    Attributes:
        realm: whose stream.
        messages: by sequence; None: it cannot be read.
        last: the stream's last sequence; head: the log's.
        hashes: the log's at the same places and those before (0: the genesis), where it has any.
        holes: whether messages are missing inside the stream.
        known: of the past.
        exempt: places that were looked at once more.
    """

    realm: str
    messages: Mapping[int, Message | None]
    last: int
    head: int
    hashes: Mapping[int, bytes] = field(default_factory=dict)
    holes: bool = False
    known: Known = field(default_factory=Known)
    exempt: Exempt = field(default_factory=Exempt)


@dataclass(frozen=True, slots=True)
class Finding:
    """Outcome of a comparison; ``last`` is the stream's last sequence, ``head`` the log's.

    Verdicts: *equal*; *behind*: the log has more; *missing*: no stream; *different*: what is in the stream,
    or how it is set, is not the log's, and the log has the truth; *ahead*: the stream holds events beyond the
    log's end which the log may have lost; *forked*: at a position where the log has another event. With the
    last two, ``lost`` is the newest such event.

    ``agrees`` is the highest compared place below which no other differs, ``differs`` the lowest that does;
    both in a stream that is not usable.
    """

    verdict: Verdict
    last: int
    head: int
    reason: str = ""
    lost: Head | None = None
    agrees: int = 0
    differs: int = 1
    compared: int = 0
    """Positions that were compared."""
    kind: Kind = ""
    emptied: bool = False
    """Somebody took messages out that the stream should still keep."""

    @property
    def of_empty(self) -> bool:
        """Whether a stream that keeps nothing counted further than the log; ``agrees``: where that ended."""
        return self.lost is not None and self.lost.hash == NO_LONGER_KEPT

    @property
    def usable(self) -> bool:
        """Whether publishing may simply go on after ``last``."""
        return self.verdict in ("equal", "behind")


NO_LONGER_KEPT = bytes(32)
"""Stands for the hash of a message that the stream counted and does not hold any more."""


def event_at(realm: str, place: int, message: Message | None) -> Envelope | None:
    """Return the event of the realm that a message is; None if it is none, or not of that place."""
    if message is None:
        return None
    try:
        event = decode_envelope(message.data)
    except WireError:
        return None
    return event if (event.realm, event.position) == (realm, place) else None


def follows(event: Envelope, before: bytes) -> bool:
    """Return whether an event's hash is that of its content behind an event with the hash ``before``."""
    header = (event.position, event.id.bytes, event.time, event.version, event.schema)
    names = (event.type.encode(), event.stream.encode())
    try:
        return link(before, header, names, event.meta, event.payload) == event.hash
    except StructError:  # numbers and lengths that no log holds
        return False


def standing(
    realm: str,
    place: int,
    message: Message | None,
    *,
    hashes: Mapping[int, bytes],
    before: bytes | None = None,
) -> Standing:
    """Return how the message at a place stands to the log.

    Args:
        realm: whose stream.
        place: its sequence.
        message: as the stream serves it; None: it serves none.
        hashes: the log's, of this place and the one before (0: the genesis), where it has them.
        before: hash of the event before it in the stream, if that was read and may be true.
    """
    if message is None:
        return "unreadable"
    event = event_at(realm, place, message)
    if event is None or not _subject_fits(realm, event, message.subject):
        return "foreign"
    logged = hashes.get(place - 1)
    if logged is not None and follows(event, logged):
        return "same" if event.hash == hashes.get(place) else "other"
    return "forged" if before is not None and not follows(event, before) else "other"


def _subject_fits(realm: str, event: Envelope, subject: str) -> bool:
    try:
        return event_subject(realm, event.type, event.stream) == subject
    except (ValueError, WireError):
        return False


def judge(facts: Facts) -> Finding:
    """Return the finding about some messages of the stream."""
    stands = stand(facts)
    wrong = wrong_of(stands)
    lost = _witness(facts, stands)
    verdict, kind, reason = _verdict(facts, lost, wrong, stands)
    agrees, differs = _parting(facts, wrong)
    ends = (facts.last, facts.head)
    return Finding(verdict, *ends, reason, lost, agrees, differs, len(facts.messages), kind)


def _verdict(
    facts: Facts, lost: Head | None, wrong: list[int], stands: Mapping[int, Standing]
) -> tuple[Verdict, Kind, str]:
    last, head = facts.last, facts.head
    if lost and lost.position > head:
        return "ahead", "lost", f"the stream holds an event at {lost.position}, the log ends at {head}"
    if lost:
        return "forked", "lost", f"at {lost.position} the stream holds another event than the log"
    if wrong:
        return "different", *_named(wrong[0], stands[wrong[0]], len(wrong))
    if facts.holes:
        return "different", "holes", "messages are missing inside the stream"
    if last > head:
        return "different", "beyond", f"the stream ends at {last}, the log at {head}"
    if last < facts.known.published and facts.known.intact:
        held = facts.known.published
        return "behind", "went_back", f"the stream ends at {last}, and had events up to {held}"
    return "equal" if last == head else "behind", "", ""


def _named(place: int, how: Standing, many: int) -> tuple[Kind, str]:
    """Return kind and words for the lowest place that is not the log's."""
    more = f", and {many - 1} more of those compared differ" if many > 1 else ""
    if how == "unreadable":
        return "unreadable", f"message {place} cannot be read{more}"
    if how == "foreign":
        return "foreign", f"message {place} is no event of the realm{more}"
    return "forged", f"message {place} is an event that the log never held{more}"


def _parting(facts: Facts, wrong: list[int]) -> tuple[int, int]:
    """Return the highest compared place below all that differ, and the lowest that differs."""
    top = max(facts.messages, default=0)
    if not wrong:
        return min(top, facts.head), min(top + 1, facts.head + 1)
    return max((place for place in facts.messages if place < wrong[0]), default=0), wrong[0]


def wrong_of(stands: Mapping[int, Standing]) -> list[int]:
    """Return the places whose message is not the log's, upwards."""
    return [place for place in sorted(stands) if stands[place] != "same"]


def stand(facts: Facts) -> dict[int, Standing]:
    """Return how each message stands, upwards; what follows a forged one is not made true by that."""
    found: dict[int, Standing] = {}
    before = facts.hashes.get(0) if 1 in facts.messages else None  # nothing but the genesis is before 1
    for place in sorted(facts.messages):
        message = facts.messages[place]
        how = standing(facts.realm, place, message, hashes=facts.hashes, before=before)
        if how == "other" and found.get(place - 1) in ("forged", "foreign"):
            how = "forged"
        found[place] = how
        event = event_at(facts.realm, place, message) if how in ("same", "other") else None
        before = event.hash if event and place + 1 in facts.messages else None
    return found | dict.fromkeys(facts.exempt.equal & found.keys(), "same")


def _witness(facts: Facts, stands: Mapping[int, Standing]) -> Head | None:
    """Return the newest event that the log may have lost; None if there is none."""
    known = facts.known
    events = {place: event_at(facts.realm, place, facts.messages[place]) for place in wrong_of(stands)}
    if changed := [place for place in facts.exempt.unsound if events.get(place)]:
        return _head(events[max(changed)])
    if known.alone and known.intact:
        return None
    top = max((place for place, how in stands.items() if how == "same"), default=0)
    published = known.published if known.intact else 0
    beyond = {place: event for place, event in events.items() if place > top}
    if any(place <= published and stands[place] != "unreadable" for place in beyond):
        return None  # a forgery, and what lies on top of it belongs to it
    true = [place for place, event in beyond.items() if event and stands[place] == "other"]
    return _head(beyond[max(true)]) if true else None


def _head(event: Envelope | None) -> Head | None:
    return Head(event.position, event.hash) if event else None


def of_empty(last: int, head: int, known: Known = Known()) -> Finding:
    """Return the finding about a stream that counted to ``last`` and keeps none of it.

    That the log grew since its end was first found before ``last`` says nothing of what is missing.
    """
    if last <= head and known.lost_after is None:
        return Finding("equal" if last == head else "behind", last, head)
    end = head if known.lost_after is None else known.lost_after
    reason = f"the stream counted to {last} and keeps none of it, the log ended at {end}"
    if known.alone and known.intact:
        return Finding("different", last, head, reason, agrees=end, differs=end + 1, kind="counted_on")
    lost = Head(last, NO_LONGER_KEPT)
    return Finding("ahead", last, head, reason, lost, agrees=end, differs=end + 1, kind="lost")
