"""Why somebody did what they did: what they weighed, computed again from the log, beside what the log says.

Nothing of what was not done is stored. It follows from lives as they were before that minute's decisions, the
world as the decision names it (`PersonDecided.known`), and what others took before in the same minute.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.kernel.event import Event
from domain.people.cast import NONE
from domain.people.crowd import Crowd
from domain.people.deciding import Minute
from domain.people.fear import fears_of
from domain.people.lives import People
from domain.people.messages import PersonDecided
from domain.people.purchases import Pockets
from domain.people.scene import World
from domain.people.weighing import CONSIDERED, REFUSED

COMPARED = (
    "action",
    "place",
    "begins_ms",
    "until_ms",
    "reason",
    "need",
    "with_person",
    "claim",
    "lost",
    "score",
    "runner_up",
    "levels",
    "digest",
    "earned",
    "owed",
    "market",
    "pieces",
    "carries",
)


@dataclass(frozen=True, slots=True)
class Option:
    """Something that could have been done.

    Attributes:
        considered: thousandths, by what was considered.
        refused: why it could not be done; "": it could.
        score: millionths; -1: it could not be done.
    """

    action: str
    place: str
    considered: dict[str, int]
    refused: str
    score: int


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision, and what was weighed for it.

    Attributes:
        options: the best first.
        differs: fields of the decision that come out otherwise today; empty: all is as it was recorded.
        fears: places where they would rather not be, as they saw somebody hurt there.
    """

    decided: PersonDecided
    again: PersonDecided
    options: Sequence[Option]
    differs: Sequence[str]
    fears: Sequence[str] = ()


def explain(people: People, world: World, before: Sequence[Event], decided: PersonDecided) -> Explained:
    """Return why; ``people`` are as before the minute's first decision, and are changed.

    Args:
        people: everybody's lives.
        world: as the decision knew it.
        before: events of the same minute up to the decision.
        decided: the decision, of somebody who lives then.
    """
    crowd = Crowd(people, world.cast, _pockets(decided))
    minute = Minute(crowd, world, [people.lives[decided.person]], decided.at_ms)
    life = minute.weighed.lives[0]
    options = _options(minute)
    fears = fears_of(minute.crowd, world, minute.weighed.lives, minute.weighed.rows, decided.at_ms)
    feared = [world.cast.places[fear.place] for fear in fears]
    people.evolve_all(before)
    for each in people.lives.values():
        minute.crowd.note(each)
    chosen = minute.choose(0)
    again = next(event for event in minute.events(0, chosen) if isinstance(event, PersonDecided))
    assert life.person == decided.person
    differs = [name for name in COMPARED if getattr(again, name) != getattr(decided, name)]
    return Explained(decided, again, options, differs, feared)


def _pockets(decided: PersonDecided) -> Pockets:
    """Return what somebody had to spend, and got, as the decision says it."""
    person, got = decided.person, decided.bought or decided.missed
    coins = {} if decided.coins is None else {person: decided.coins}
    return Pockets(coins, {} if got is None else {person: got})


def _options(minute: Minute) -> Sequence[Option]:
    weighed, cast = minute.weighed, minute.cast
    found = []
    for column in range(len(cast.acts) + 1):
        idle = column == len(cast.acts)
        values = [] if idle else weighed.considered[:, 0, column].tolist()
        nowhere = not idle and int(weighed.targets[0, column]) == NONE
        found.append(
            Option(
                minute.action_of(column),
                "" if nowhere else minute.place_of(0, column),
                dict(zip(CONSIDERED, values, strict=False)),
                "" if idle else REFUSED[int(weighed.refused[0, column])],
                int(weighed.scores[0, column]),
            )
        )
    return sorted(found, key=lambda option: -option.score)
