"""All promises there were, with how each ended: those of quests, and all others. Folded from events. Pure.

Nothing of it depends on the definition: a version that drops people, goods or predicates loses no promise.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple

from domain.kernel.event import Event
from domain.promises.messages import (
    ENDINGS,
    PromiseBroken,
    PromiseEnded,
    PromiseExpired,
    PromiseKept,
    PromiseMade,
)
from domain.promises.messages import EVENTS as PROMISES
from domain.quests.messages import Abandoned, Accepted, Closed, Completed, Failed, Joined, Parted

QUESTS = (Accepted, Joined, Parted, Completed, Failed, Abandoned, Closed)
KINDS: tuple[type[Event], ...] = (*PROMISES, *QUESTS)

State = Literal["open", "kept", "broken", "expired", "released"]
ENDS: Mapping[type[Event], State] = {
    Completed: "kept",
    Failed: "broken",
    Abandoned: "broken",
    Closed: "expired",
}


class Because(NamedTuple):
    """Why a promise ended, and by which event; empty: by the one that says that it ended."""

    why: str = ""
    event: str = ""


NOTHING = Because()


@dataclass(slots=True)
class Pledge:
    """One promise. What ended it is empty while it is open.

    Attributes:
        promise: its id; of a quest: its instance and the player.
        kind, deed, what, amount: as `domain.promises.messages.Terms` has them; of a quest: quest, quest.ID.
        made, position: id and position of the event that made it.
        ended, ended_at: of the one that ended it. cause: the event that decided that.
    """

    promise: str
    by: str
    to: str
    kind: str
    what: str
    made_ms: int
    made: str
    position: int
    deed: str = ""
    amount: int = 1
    due_ms: int | None = None
    state: State = "open"
    why: str = ""
    cause: str = ""
    ended: str = ""
    ended_at: int = 0
    ended_ms: int | None = None

    def as_of(self, position: int | None) -> State:
        """Return how it was as the log was up to a position; None: as it is."""
        over = self.state != "open" and (position is None or self.ended_at <= position)
        return self.state if over else "open"


@dataclass(slots=True)
class Pledges:
    """Changed in place by `apply`.

    Attributes:
        all: by id, in the order in which they were made.
        of: by who made them and to whom, their ids.
    """

    all: dict[str, Pledge] = field(default_factory=dict)
    of: defaultdict[str, list[str]] = field(default_factory=partial(defaultdict, list))
    _givers: dict[str, tuple[str, str, int | None]] = field(default_factory=dict)
    """By quest that runs (its instance): who gave it, which it is, and until when."""

    def apply(self, event: Event, id_: str, position: int) -> None:
        """Take an event in."""
        match event:
            case PromiseMade():
                self._make(_made(event, id_, position))
            case Accepted():
                given = f"person.{event.written.get('giver')}", f"quest.{event.quest}", event.due_ms
                self._givers[event.instance] = given
                for player in event.players:
                    self._take_quest(event.instance, player, event.at_ms, (id_, position))
            case Joined():
                self._take_quest(event.instance, event.player, event.at_ms, (id_, position))
            case Parted():
                self._end(_of_quest(event.instance, event.player), ("broken", event.at_ms), (id_, position))
            case Completed() | Failed() | Abandoned() | Closed():
                self._quest_ends(event, (id_, position))
            case _ if isinstance(event, ENDINGS):
                self._promise_ends(event, (id_, position))
            case _:
                pass

    def asked(self, of: str | None, *, open_: bool, position: int | None) -> Iterator[Pledge]:
        """Yield promises, the newest first: of somebody, that wait, as of a position."""
        ids = self.of.get(of, []) if of is not None else list(self.all)
        for id_ in reversed(ids):
            pledge = self.all[id_]
            known = position is None or pledge.position <= position
            if known and (not open_ or pledge.as_of(position) == "open"):
                yield pledge

    def between(self, one: str, other: str, position: int | None) -> Iterator[Pledge]:
        """Yield what two promised each other, the oldest first."""
        for pledge in reversed([*self.asked(one, open_=False, position=position)]):
            if other in (pledge.by, pledge.to):
                yield pledge

    def _make(self, pledge: Pledge) -> None:
        if pledge.promise not in self.all:
            for who in dict.fromkeys((pledge.by, pledge.to)):
                self.of[who].append(pledge.promise)
        self.all[pledge.promise] = pledge

    def _take_quest(self, instance: str, player: str, at_ms: int, by: tuple[str, int]) -> None:
        if given := self._givers.get(instance):
            giver, quest, due_ms = given
            id_ = _of_quest(instance, player)
            self._make(
                Pledge(id_, f"player.{player}", giver, "quest", quest, at_ms, by[0], by[1], due_ms=due_ms)
            )

    def _quest_ends(self, event: Completed | Failed | Abandoned | Closed, by: tuple[str, int]) -> None:
        because = NOTHING if isinstance(event, Abandoned) else Because(event.by)
        for player in event.players:
            self._end(_of_quest(event.instance, player), (ENDS[type(event)], event.at_ms), by, because)
        self._givers.pop(event.instance, None)

    def _promise_ends(self, event: PromiseEnded, by: tuple[str, int]) -> None:
        state: State = "released"
        why = cause = ""
        if isinstance(event, PromiseKept):
            state, cause = "kept", event.event
        elif isinstance(event, PromiseBroken | PromiseExpired):
            state = "broken" if isinstance(event, PromiseBroken) else "expired"
            why, cause = event.why, event.event
        self._end(event.promise, (state, event.at_ms), by, Because(why, cause))

    def _end(self, id_: str, end: tuple[State, int], by: tuple[str, int], because: Because = NOTHING) -> None:
        """Note a promise's end (how, and when in the game) by an event; the first one counts."""
        pledge = self.all.get(id_)
        if pledge is not None and pledge.state == "open":
            pledge.state, pledge.ended_ms = end
            pledge.ended, pledge.ended_at = by
            pledge.why, pledge.cause = because.why, because.event or by[0]


def _made(event: PromiseMade, id_: str, position: int) -> Pledge:
    return Pledge(
        *(event.promise, event.by, event.to, event.kind, event.what, event.at_ms, id_, position),
        deed=event.deed,
        amount=event.amount,
        due_ms=event.due_ms,
    )


def _of_quest(instance: str, player: str) -> str:
    return f"{instance}.{player}"


Says = Callable[[str], str]
"""From what is named to its name."""


def says(pledge: Pledge, name: Says) -> str:
    """Return a promise as a clause: ann promised Una Pell to give a can of lamp oil (2)."""
    what, begin = name(pledge.what), f"{name(pledge.by)} promised {name(pledge.to)}"
    match pledge.kind:
        case "give":
            return f"{begin} to give {what}{f' ({pledge.amount})' if pledge.amount > 1 else ''}"
        case "pay":
            return f"{begin} to pay {pledge.amount // 100}.{pledge.amount % 100:02d} {what}"
        case "go":
            return f"{begin} to come to {what}"
        case "do":
            return f"{begin} to {pledge.deed} {what}"
        case "never":
            return f"{begin} never to {pledge.deed} {what}"
        case _:
            return f"{begin} to see to {what}"
