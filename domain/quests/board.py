"""All that quests go by and that the log tells: who is on what, how far, and what the world has lost.

A fold that is changed in place. Whoever follows the log has the same one.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import JsonValue

from domain.clock.messages import CalendarSet, ClockJumped, PhaseBegan
from domain.definition.loading import Loaded
from domain.kernel.event import Event
from domain.ledger.messages import HoldPosted, Moving, Reversed, Transferred, UnitOpened
from domain.ledger.vocabulary import is_sink
from domain.people.harm_messages import Died
from domain.places.messages import Arrived, Departed, Entered, Left
from domain.quests.instance import Instance, Offered, evolve
from domain.quests.messages import (
    Abandoned,
    Accepted,
    Closed,
    Completed,
    Failed,
    GoneTold,
    Happened,
    Joined,
    OfferMade,
    Parted,
    QuestEvent,
    StageReached,
    Withdrawn,
)
from domain.quests.vocabulary import Thing
from domain.weather.messages import WeatherChanged

PLAYER = "player."
MINUTE_MS = 60_000
KINDS: Mapping[str, str] = {"people": "person", "places": "place", "goods": "good"}
"""What an entry of the definition is to a quest, by its section."""


@dataclass(slots=True)
class Board:
    """Everything by what it is asked for.

    Attributes:
        running: the quests that are under way, by instance.
        offered: made quests that wait to be taken, by instance. written: how. made: how many, by player.
        of: the instances that a player is on.
        taken: how often a player has taken a quest; with the instance that the last time was.
        completed: by player, quests that they completed.
        standings: by player and faction, in thousandths.
        experience: by player.
        places: where each player is.
        arrivals: by instance and objective, when somebody came to its place since the stage began.
        told: what events said is gone. retired: what the definition has no more. kept: the only ones of
            their kind that nobody gives away again.
        skies: the weather by zone. items: units of which there is one.
        touched: instances for which something may follow, with the event by which.
        cause: the event that is taken in.
    """

    running: dict[str, Instance] = field(default_factory=dict)
    offered: dict[str, Offered] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)
    written: dict[str, Mapping[str, JsonValue]] = field(default_factory=dict, repr=False)
    of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    taken: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    completed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    standings: Counter[tuple[str, str]] = field(default_factory=Counter)
    experience: Counter[str] = field(default_factory=Counter)
    places: dict[str, str] = field(default_factory=dict)
    arrivals: dict[str, dict[int, list[int]]] = field(default_factory=lambda: defaultdict(dict))
    told: set[Thing] = field(default_factory=set)
    retired: frozenset[Thing] = frozenset()
    kept: set[Thing] = field(default_factory=set)
    skies: dict[str, str] = field(default_factory=dict)
    items: set[str] = field(default_factory=set)
    touched: dict[str, UUID | None] = field(default_factory=dict)
    cause: UUID | None = None

    @property
    def gone(self) -> frozenset[Thing]:
        """What is not in the world any more."""
        return self.retired | self.told | self.kept

    def take(self, event: Event) -> None:
        """Take an event in; those of others change nothing."""
        match event:
            case OfferMade() | Withdrawn():
                self._offers(event)
            case Joined() | Accepted():
                self._begins(event)
            case Happened():
                self._goes_on(event)  # type: ignore[arg-type]
            case Entered() | Arrived() | Left() | Departed():
                self._moves(event)
            case PhaseBegan() | ClockJumped() | CalendarSet():
                self.touch_all()
            case WeatherChanged():
                self.skies[event.zone] = event.state
                self.touch_all()
            case UnitOpened():
                self.items |= {event.unit} if event.kind == "item" else set()
            case Transferred() | HoldPosted() | Reversed():
                self._moved(event)
            case _:
                if thing := gone_by(event):
                    self.told.add(thing)
                    self.touch_all()

    def retire(self, loaded: Loaded) -> None:
        """Take over what a published version of the definition has no more."""
        self.retired = frozenset(
            Thing(KINDS[key.section], key.id) for key in loaded.retired if key.section in KINDS
        )
        self.touch_all()

    def touch_all(self) -> None:
        """Have every quest looked at: time of day or the world changed."""
        for instance in (*self.running, *self.offered):
            self.touch(instance)

    def state(self, instance: str) -> Instance | Offered | None:
        """Return a quest that is under way, or waits to be taken."""
        return self.running.get(instance) or self.offered.get(instance)

    def made_for(self, player: str) -> list[Offered]:
        """Return the made quests that a player may take."""
        return [each for each in self.offered.values() if player in each.players]

    def touch(self, instance: str) -> None:
        """Have a quest looked at."""
        self.touched.setdefault(instance, self.cause)

    def _offers(self, event: OfferMade | Withdrawn) -> None:
        state = evolve(None, event) if isinstance(event, OfferMade) else None
        if not isinstance(state, Offered):
            self._taken(event.instance)
            return
        self.offered[event.instance] = state
        self.made[event.players[0]] += 1
        self.written[event.instance] = event.written if isinstance(event, OfferMade) else {}
        self.touch(event.instance)

    def _taken(self, instance: str) -> None:
        self.offered.pop(instance, None)
        self.written.pop(instance, None)
        self.touched.pop(instance, None)

    def _begins(self, event: Accepted | Joined) -> None:
        player = event.players[0] if isinstance(event, Accepted) else event.player
        before = self.offered.get(event.instance)
        self._taken(event.instance)
        self.taken[player, event.quest] = event.number, event.instance
        self.of[player].add(event.instance)
        if isinstance(event, Joined) and event.instance not in self.running:
            return
        self._goes_on(event, before)

    def _goes_on(self, event: QuestEvent, offered: Offered | None = None) -> None:
        before = self.running.get(event.instance) or offered
        if isinstance(event, Joined) and isinstance(before, Instance) and event.player in before.players:
            return  # the same word, on the stream of who came along
        state = evolve(before, event)
        if not isinstance(state, Instance):
            return
        self.running[event.instance] = state
        self.touch(event.instance)
        match event:
            case Accepted() | StageReached():
                self.arrivals.pop(event.instance, None)
            case Parted():
                self.of[event.player].discard(event.instance)
            case Completed() | Failed() | Closed() | Abandoned():
                self._ends(event)
            case _:
                pass

    def _ends(self, event: Completed | Failed | Closed | Abandoned) -> None:
        self.running.pop(event.instance, None)
        self.arrivals.pop(event.instance, None)
        self.touched.pop(event.instance, None)
        for player in event.players:
            self.of[player].discard(event.instance)
            if isinstance(event, Completed):
                self.completed[player].add(event.quest)
            if not isinstance(event, Abandoned):
                self.experience[player] += event.experience
                for faction, change in event.standing.items():
                    self.standings[player, faction] += change

    def _moves(self, event: Entered | Arrived | Left | Departed) -> None:
        if isinstance(event, Entered | Arrived):
            self._is_at(event.who, event.place, event.at_ms)
        else:
            self.places.pop(event.who, None)

    def _is_at(self, who: str, place: str, at_ms: int) -> None:
        self.places[who] = place
        for instance in self.of.get(who, ()):
            state = self.running[instance]
            for number in state.left:
                objective = state.objective(number)
                if objective.kind == "go" and objective.place == place:
                    self.arrivals[instance].setdefault(number, []).append(at_ms)
            self.touch(instance)

    def _moved(self, event: Moving) -> None:
        for each in event.after:
            if each.account.startswith(PLAYER):
                for instance in self.of.get(each.account.split(".")[1], ()):
                    self.touch(instance)
            if each.unit in self.items and (is_sink(each.account) or _keeps(each.account)):
                thing = Thing("good", each.unit)
                self.kept = self.kept | {thing} if each.balance else self.kept - {thing}
                self.touch_all()


def gone_by(event: Event) -> Thing | None:
    """Return what an event says is gone; None if it says nothing of the kind.

    The seam to whoever knows of deaths: their event is named here.
    """
    match event:
        case GoneTold():
            return Thing(event.kind, event.thing)
        case Died():
            return Thing("person", event.person)
        case _:
            return None


def _keeps(account: str) -> bool:
    return account.startswith("person.") and account.endswith(".kept")


def next_ms(state: Instance | Offered, now_ms: int) -> int | None:
    """Return the game time at which time alone may change something for a quest; None: never.

    Phases of the day are told by events.
    """
    if isinstance(state, Offered):
        return state.until_ms + 1
    times = [] if state.due_ms is None else [state.due_ms + 1]
    conditions = [branch.when for branch in state.at.branches]
    for number in state.left:
        objective = state.objective(number)
        conditions.append(objective.when)
        if objective.kind == "wait":
            times.append(state.entered_ms + 1_000 * objective.seconds)
    if any(condition.hours or condition.weather for condition in conditions):
        times.append(now_ms - now_ms % MINUTE_MS + MINUTE_MS)
    later = [time for time in times if time > now_ms]
    return min(later) if later else None
