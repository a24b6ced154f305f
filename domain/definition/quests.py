"""Quests as a definition says them: stages with objectives, ways on, ends, and what if somebody is gone.

The world is shared and hostile: who gives a quest may die before it is done. So a quest must say what becomes
of it then (`Gone`); there is no default.
"""

from dataclasses import dataclass
from typing import Literal

from domain.definition.goods import Money
from domain.definition.places import FactionId, GoodId, Id, Opening, PersonId, PlaceId

OBJECTIVE_KINDS = ("collect", "deliver", "talk", "go", "banish", "wait")
ObjectiveKind = Literal["collect", "deliver", "talk", "go", "banish", "wait"]
OUTCOMES = ("completed", "failed")
Outcome = Literal["completed", "failed"]
GONE_RULES = ("fail", "close", "complete", "pass_on")
GoneRule = Literal["fail", "close", "complete", "pass_on"]


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be so. All that are given hold; a condition without any is always so.

    Attributes:
        phases: phases of the day, of which it is one ("dusk").
        weather: states of the weather at the quest's place, of which it is one.
        has: a good that the player carries.
        standing: with whom (a faction), and at least how much in thousandths.
        done: a quest that the player has completed.
        alive: a person who lives.
        hours: a span of the day.
    """

    phases: tuple[Id, ...] = ()
    weather: tuple[Id, ...] = ()
    has: GoodId | None = None
    standing: tuple[FactionId, int] | None = None
    done: Id | None = None
    alive: PersonId | None = None
    hours: Opening | None = None


ALWAYS = Condition()


@dataclass(frozen=True, slots=True)
class Objective:
    """Something to do.

    Attributes:
        kind: collect (`good`), deliver (`good` to `person`), talk (to `person`), go (to `place`), banish
            (something at `place`), wait (`seconds`).
        count: how many goods.
        seconds: game seconds to wait.
        when: what must be so for it to count.
    """

    kind: ObjectiveKind
    person: PersonId | None = None
    place: PlaceId | None = None
    good: GoodId | None = None
    count: int = 1
    seconds: int = 0
    when: Condition = ALWAYS


@dataclass(frozen=True, slots=True)
class Branch:
    """A way on from a stage, once its objectives are done.

    Attributes:
        to: the stage or the end that follows.
        when: what must be so; the first branch whose condition holds is taken.
        choice: what the player is asked, if they choose it themselves; "": nobody is asked.
    """

    to: Id
    when: Condition = ALWAYS
    choice: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a quest.

    Attributes:
        text: what the journal says meanwhile.
        objectives: all of them, in any order.
        branches: at least one.
        within: game seconds after which it is too late; None: there is time.
        late: the end that follows then.
    """

    id: Id
    text: str
    objectives: tuple[Objective, ...]
    branches: tuple[Branch, ...]
    within: int | None = None
    late: Id | None = None


@dataclass(frozen=True, slots=True)
class Reward:
    """What who completes a quest gets, all at once and once."""

    money: tuple[Money, ...] = ()
    goods: tuple[tuple[GoodId, int], ...] = ()
    standing: tuple[tuple[FactionId, int], ...] = ()
    experience: int = 0


@dataclass(frozen=True, slots=True)
class End:
    """An end of a quest, what the journal says of it, and what it brings or costs."""

    id: Id
    outcome: Outcome
    text: str
    reward: Reward = Reward()


@dataclass(frozen=True, slots=True)
class Gone:
    """What becomes of a quest if its giver, or a person, place or good that it needs, is gone.

    Attributes:
        rule: fail it, close it without blame, complete it, or pass it on.
        to: whom it is passed on to; they take the place of who is gone.
        text: what the journal says.
    """

    rule: GoneRule
    text: str
    to: PersonId | None = None


@dataclass(frozen=True, slots=True)
class Quest:
    """A quest.

    Attributes:
        aim: what the giver asks for, as they say it ("bring me three bells from the wrecks").
        word: what it is about, in a word ("bells").
        giver: who has it to give.
        offered: when it is offered.
        stages: the first is where it begins.
        party: whether a group shares it; else everybody has their own.
        again: game seconds until the same player may take it again; None: never.
        giver_gone: what becomes of it, also while it runs, if the giver is gone.
        target_gone: likewise if anything else that it needs is gone.
    """

    id: Id
    name: str
    aim: str
    word: str
    giver: PersonId
    stages: tuple[Stage, ...]
    ends: tuple[End, ...]
    giver_gone: Gone
    target_gone: Gone
    offered: Condition = ALWAYS
    party: bool = False
    again: int | None = None
