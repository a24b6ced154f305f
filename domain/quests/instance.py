"""A quest that somebody took, as its stream tells. Pure, never changed in place."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from domain.definition.quests import End, Objective, Quest, Stage
from domain.quests.messages import (
    Abandoned,
    Accepted,
    Closed,
    Completed,
    Failed,
    Joined,
    OfferMade,
    Parted,
    PassedOn,
    Progressed,
    QuestEvent,
    StageReached,
    Withdrawn,
)
from domain.quests.terms import quest_of

Done = frozenset[tuple[str, int]]
"""Objectives that are done, by stage and number."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A quest under way, or over.

    Attributes:
        quest: as it was when it was taken.
        players: who is on it.
        number: how often its first player has taken it.
        stage: where it is; its last one, if it is over.
        entered_ms: since when.
        due_ms: when it is too late; None: there is time.
        done: what is done.
        went: by stage that was left by a choice, the way that was chosen.
        stands_for: who takes whose place.
        parted: who was on it and left.
        over: how it ended: completed, failed, closed, abandoned; "": it is under way.
        end: the definition's end; "": none of them.
        over_ms: when it ended.
        size: events on its stream.
    """

    id: str
    quest: Quest
    players: tuple[str, ...]
    number: int
    stage: str
    entered_ms: int
    due_ms: int | None = None
    done: Done = frozenset()
    went: Mapping[str, str] = field(default_factory=dict)
    stands_for: Mapping[str, str] = field(default_factory=dict)
    parted: frozenset[str] = frozenset()
    over: str = ""
    end: str = ""
    over_ms: int = 0
    size: int = 1

    @property
    def at(self) -> Stage:
        """The stage that it is in."""
        return stage_of(self.quest, self.stage)

    @property
    def left(self) -> list[int]:
        """Objectives of the stage that are not done."""
        return [n for n in range(len(self.at.objectives)) if (self.stage, n) not in self.done]

    def person(self, id_: str) -> str:
        """Return who a person of the definition is by now."""
        met = {id_}
        while (other := self.stands_for.get(id_)) and other not in met:
            met.add(other)
            id_ = other
        return id_

    def objective(self, number: int) -> Objective:
        """Return an objective of the stage, with whoever it is about by now."""
        found = self.at.objectives[number]
        return replace(found, person=self.person(found.person)) if found.person else found


@dataclass(frozen=True, slots=True)
class Along:
    """The stream that would be a player's own: they came along on another's quest.

    Attributes:
        of: the instance.
        number: how often the player has taken the quest with this.
    """

    of: str
    number: int
    size: int = 1


@dataclass(frozen=True, slots=True)
class Offered:
    """A quest that was made for a player, who has not taken it.

    Attributes:
        quest: what it is.
        digest: of how it is written.
        until_ms: when it cannot be taken any more.
        over: whether it was withdrawn.
    """

    id: str
    quest: Quest
    players: tuple[str, ...]
    digest: str
    until_ms: int
    over: str = ""
    size: int = 1


State = Instance | Along | Offered | None


def stage_of(quest: Quest, id_: str) -> Stage:
    """Return a stage by its id."""
    return next(stage for stage in quest.stages if stage.id == id_)


def end_of(quest: Quest, id_: str) -> End | None:
    """Return an end by its id; None if it is none."""
    return next((end for end in quest.ends if end.id == id_), None)


def evolve(state: State, event: QuestEvent) -> State:
    """Return the quest after an event."""
    if state is None:
        match event:
            case Accepted():
                return _begun(event, 1)
            case OfferMade():
                quest = quest_of(event.quest, event.written, event.digest)
                return Offered(event.instance, quest, tuple(event.players), event.digest, event.until_ms)
            case Joined():
                return Along(event.instance, event.number)
            case _:
                return None
    if isinstance(state, Offered):
        if isinstance(event, Accepted):
            return _begun(event, state.size + 1)
        return replace(state, over="withdrawn", size=state.size + 1)
    if isinstance(state, Along):
        return replace(state, size=state.size + 1)
    return _after(replace(state, size=state.size + 1), event)


def _begun(event: Accepted, size: int) -> Instance:
    quest = quest_of(event.quest, event.written, event.digest)
    begun = event.instance, quest, tuple(event.players), event.number, event.stage
    return Instance(*begun, event.at_ms, event.due_ms, size=size)


def _after(state: Instance, event: QuestEvent) -> Instance:
    match event:
        case Joined():
            return replace(state, players=(*state.players, event.player))
        case Parted():
            players = tuple(each for each in state.players if each != event.player)
            return replace(state, players=players, parted=state.parted | {event.player})
        case Progressed():
            return replace(state, done=state.done | {(event.stage, number) for number in event.objectives})
        case StageReached():
            return _reached(state, event)
        case PassedOn():
            return replace(state, stands_for={**state.stands_for, event.person: event.to})
        case Completed() | Failed() | Closed():
            went = {**state.went, event.left: event.end} if event.by == "chosen" else state.went
            ended = event.event_name.partition(".")[2], event.end, event.at_ms
            return replace(state, over=ended[0], end=ended[1], over_ms=ended[2], went=went, due_ms=None)
        case Abandoned():
            return replace(state, over="abandoned", over_ms=event.at_ms, due_ms=None)
        case Accepted() | OfferMade() | Withdrawn():
            return state


def _reached(state: Instance, event: StageReached) -> Instance:
    """Return the quest in another stage; who comes there again does everything again."""
    went = {key: to for key, to in state.went.items() if key != event.stage}
    if event.by == "chosen":
        went[event.left] = event.stage
    return replace(
        state,
        stage=event.stage,
        entered_ms=event.at_ms,
        due_ms=event.due_ms,
        done=frozenset(each for each in state.done if each[0] != event.stage),
        went=went,
    )
