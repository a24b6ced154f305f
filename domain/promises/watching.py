"""The process that ends promises: by what happens, by what is no more, and by time. Pure.

A thing is given if nothing comes back for it in the same event of the ledger, and nobody stole it. What
happens after a promise's time does not keep it; the ledger's events tell no game time, so for them the latest
counts that any event has told. Nothing is remembered about what was said: a promise whose end is known is due
until the log has the end.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

from domain.definition.messages import EntryDefined, EntryRetired, VersionPublished
from domain.kernel.event import Event
from domain.kernel.process import Due, Heard, Moment, Process
from domain.ledger.messages import HoldPosted, Reversed, Transferred
from domain.people.belongings import STOLEN
from domain.people.harm_messages import Died, Harmed, Robbed
from domain.people.messages import PersonGone
from domain.people.presence import whose
from domain.places.messages import Arrived, Entered
from domain.promises.messages import ENDINGS, LAPSES_MS, PromiseMade
from domain.promises.promises import SettlePromise
from domain.quests.messages import GoneTold

GRACE_MS = 60_000
"""Game time that is waited behind a promise's, for events that happened before it and come late."""

TICK_S = 0.1
MOVED = (Transferred, HoldPosted, Reversed)
RECENT = (
    *(*MOVED, Arrived, Entered, Harmed, Died, Robbed, PersonGone, GoneTold),
    *(EntryDefined, EntryRetired, VersionPublished),
)
"""What may end a promise; heard from the oldest open one on."""

GIVING = ("give", "pay")
SECTIONS = {"people": "person", "goods": "good", "places": "place", "currencies": "currency"}

GameClock = Callable[[int], int]
"""From real µs to game ms; below 0 before there is a clock."""


class At(NamedTuple):
    """When something happened in the game, and by which event; "": by time alone."""

    ms: int
    event: str = ""


@dataclass(slots=True)
class Watched:
    """A promise that waits.

    Attributes:
        source: the event that made it.
        given: how much of what was promised has been given.
        end: how it ends, once that is known.
    """

    made: PromiseMade
    source: Heard
    given: int = 0
    end: SettlePromise | None = None

    @property
    def until_ms(self) -> int:
        """When its time is over."""
        due_ms = self.made.due_ms
        return self.made.at_ms + LAPSES_MS if due_ms is None else due_ms

    def ends(self, outcome: str, at: At, why: str = "", gone: str = "") -> None:
        """Note how it ends; the first thing that ends it counts."""
        if self.end is None:
            said = {"outcome": outcome, "why": why, "gone": gone, "event": at.event, "at_ms": at.ms}
            made = self.made
            self.end = SettlePromise.model_validate({"promise": made.promise, "by": made.by, **said})


@dataclass(slots=True)
class Watch:
    """All promises that wait; changed in place.

    Attributes:
        open: by who promised, then by id.
        times: a heap of when their times are over; those that ended otherwise are passed over.
        now_ms: the latest game time that an event told of.
        retired: what the next version of the definition will not have.
        due: those of which it is known how they end.
    """

    open: dict[str, dict[str, Watched]] = field(default_factory=dict)
    times: list[tuple[int, str, str]] = field(default_factory=list)
    now_ms: int = 0
    retired: set[str] = field(default_factory=set)
    due: dict[str, Watched] = field(default_factory=dict)

    def of(self, by: str) -> Iterable[Watched]:
        """Return what somebody promised."""
        return self.open.get(by, {}).values()

    def all(self) -> Iterator[Watched]:
        """Yield all of them."""
        for of in self.open.values():
            yield from of.values()


def evolve(state: Watch, heard: Heard) -> Watch:
    """Return what waits after an event; changes the state in place."""
    event = heard.event
    at_ms = getattr(event, "at_ms", None)
    if isinstance(at_ms, int):
        state.now_ms = max(state.now_ms, at_ms)
    if isinstance(event, PromiseMade):
        watched = Watched(event, heard)
        state.open.setdefault(event.by, {})[event.promise] = watched
        heappush(state.times, (watched.until_ms, event.by, event.promise))
    elif isinstance(event, ENDINGS):
        of = state.open.get(event.by, {})
        of.pop(event.promise, None)
        if not of:
            state.open.pop(event.by, None)
        state.due.pop(event.promise, None)
    elif state.open or isinstance(event, EntryDefined | EntryRetired | VersionPublished):
        _happens(state, event, str(heard.id))
    return state


def _happens(state: Watch, event: Event, id_: str) -> None:
    """Take in what may end a promise."""
    match event:
        case Transferred() | HoldPosted() | Reversed():
            _moved(state, event, id_)
        case Arrived() | Entered():
            _came(state, event, id_)
        case Harmed() if event.by:
            _done(state, event.by, event.who, ("hurt",), At(event.at_ms, id_))
        case Robbed():
            _done(state, event.by, event.of, ("rob",), At(event.at_ms, id_))
        case Died():
            _died(state, event, At(event.at_ms, id_))
        case PersonGone():
            _gone(state, f"person.{event.person}", At(event.at_ms, id_))
        case GoneTold():
            _gone(state, f"{event.kind}.{event.thing}", At(state.now_ms, id_))
        case _:
            _defined(state, event, id_)


def _defined(state: Watch, event: Event, id_: str) -> None:
    """Take in that the definition changes: what it retires is gone once a version is published."""
    match event:
        case EntryDefined() if kind := SECTIONS.get(event.section):
            state.retired.discard(f"{kind}.{event.entry_id}")
        case EntryRetired() if kind := SECTIONS.get(event.section):
            state.retired.add(f"{kind}.{event.entry_id}")
        case VersionPublished():
            for thing in sorted(state.retired):
                _gone(state, thing, At(state.now_ms, id_))
            state.retired.clear()
        case _:
            pass


def _ends(state: Watch, watched: Watched, outcome: str, at: At, **more: str) -> None:
    """Note how a promise ends by something that happened; after its time nothing keeps or breaks it."""
    if at.ms <= watched.until_ms:
        watched.ends(outcome, at, **more)
        state.due[watched.made.promise] = watched


def _moved(state: Watch, event: Transferred | HoldPosted | Reversed, id_: str) -> None:
    back = isinstance(event, Reversed)
    if event.reason == STOLEN and not back:
        return
    pairs = {(_owner(move.payer), _owner(move.payee)) for move in event.moves}
    for move in event.moves:
        payer, payee = _owner(move.payer), _owner(move.payee)
        if back:
            _given(state, (payee, payer), move.unit, -move.amount, At(state.now_ms, id_))
        elif (payee, payer) not in pairs:
            _given(state, (payer, payee), move.unit, move.amount, At(state.now_ms, id_))


def _given(state: Watch, of: tuple[str, str], unit: str, amount: int, at: At) -> None:
    by, to = of
    for watched in state.of(by):
        made = watched.made
        if made.kind in GIVING and made.to == to and made.what.partition(".")[2] == unit:
            watched.given += amount
            if watched.given >= made.amount:
                _ends(state, watched, "kept", at)


def _came(state: Watch, event: Arrived | Entered, id_: str) -> None:
    for watched in state.of(whose(event.who)):
        if watched.made.kind == "go" and watched.made.what == f"place.{event.place}":
            _ends(state, watched, "kept", At(event.at_ms, id_))


def _done(state: Watch, by: str, whom: str, deeds: tuple[str, ...], at: At) -> None:
    for watched in state.of(by):
        made = watched.made
        if made.what == whom and made.deed in deeds:
            if made.kind == "do":
                _ends(state, watched, "kept", at)
            else:
                _ends(state, watched, "broken", at, why="deed")


def _died(state: Watch, event: Died, at: At) -> None:
    who = f"person.{event.person}"
    if event.by:
        _done(state, event.by, who, ("hurt", "kill"), at)
        for watched in state.of(event.by):
            if watched.made.to == who:
                _ends(state, watched, "broken", at, why="killed")
    _gone(state, who, at)


def _gone(state: Watch, thing: str, at: At) -> None:
    """End what cannot be kept without a thing; nobody can do any more what was never to be done to it."""
    for watched in state.all():
        made = watched.made
        if thing in (made.by, made.to) or (thing == made.what and made.kind != "never"):
            _ends(state, watched, "expired", at, why="gone", gone=thing)
        elif thing == made.what:
            _ends(state, watched, "kept", at)


def _owner(account: str) -> str:
    """Return whose an account is, as promises name them: player.ann of player.ann.bank."""
    kind, _, rest = account.partition(".")
    return f"{kind}.{rest.partition('.')[0]}"


def _times_over(state: Watch, now_ms: int) -> None:
    while state.times and state.times[0][0] + GRACE_MS <= now_ms:
        until_ms, by, promise = heappop(state.times)
        watched = state.open.get(by, {}).get(promise)
        if watched is None:
            continue
        if watched.made.kind == "never":
            watched.ends("kept", At(until_ms))
        elif watched.made.due_ms is None:
            watched.ends("expired", At(until_ms), why="lapsed")
        else:
            watched.ends("broken", At(until_ms), why="late")
        state.due[promise] = watched


def _since(state: Watch, head: int) -> int:
    """Return the position of the oldest promise that waits."""
    return min((watched.source.position for watched in state.all()), default=head)


def promise_keeper(game_ms: GameClock) -> Process[Watch]:
    """Return the process; ``game_ms`` tells the game time of a moment."""

    def react(state: Watch, moment: Moment) -> Iterator[Due]:
        _times_over(state, game_ms(moment.now_us))
        for watched in list(state.due.values()):
            if (end := watched.end) is not None:
                source = watched.source
                what = f"promises.{end.outcome}"
                yield Due(end, source.id, what, source.id, source.correlation, source.actor)

    return Process(
        name="promises",
        types=tuple(kind.event_name for kind in (PromiseMade, *ENDINGS)),
        initial=lambda _: Watch(),
        evolve=evolve,
        react=react,
        recent=tuple(kind.event_name for kind in RECENT),
        tick_s=TICK_S,
        next_ms=lambda state: state.times[0][0] + GRACE_MS if state.times else None,
        since=_since,
    )
