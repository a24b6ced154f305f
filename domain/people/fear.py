"""What danger does to what people weigh: where somebody was hurt a place is worth little to who saw it. Pure.

Only who is there and awake, or was and fled, knows of it. Safety is a need that any other place fills, so
that everything elsewhere is wanted as much as the danger is feared; how much that is, is by temper. Nothing
is changed where nothing is feared: a world without harm decides as if there were no such thing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from domain.people.crowd import Crowd
from domain.people.lives import Life
from domain.people.rules import MILLE, SLEEP, Ints
from domain.people.scene import World

WANT, ROUTINE = 0, 1
"""Rows of what is considered (`domain.people.weighing.CONSIDERED`)."""


class Fear(NamedTuple):
    """Somebody's, of a place."""

    number: int
    """Of the person, among those who weigh."""
    place: int
    calm: int
    """What the place is worth to them, in thousandths."""
    here: bool
    """Whether they are there, and it is dangerous now."""


def notices(life: Life, world: World, now_ms: int) -> bool:
    """Say whether somebody knows that there is danger where they are: who sleeps does not, unless hurt."""
    danger = world.dangers.get(life.place)
    if danger is None or life.journey is not None:
        return False
    asleep = life.action == SLEEP and now_ms < life.until_ms
    return not asleep or danger.person == life.person


def endangered(life: Life, world: World, now_ms: int) -> bool:
    """Say whether somebody is in a place that they have reason to flee from now."""
    danger = world.dangers.get(life.place)
    soon = danger is not None and danger.at_ms <= now_ms < danger.at_ms + world.rules.danger_ms
    return soon and notices(life, world, now_ms)


def fears_of(crowd: Crowd, world: World, lives: Sequence[Life], rows: Ints, now_ms: int) -> Sequence[Fear]:
    """Return what each of ``lives`` fears now; ``rows``: their numbers in the cast."""
    found: list[Fear] = []
    cast = crowd.cast
    for number in _who_may(crowd, world, rows):
        life = lives[number]
        here = endangered(life, world, now_ms)
        places = {place for place, until_ms in life.fears.items() if now_ms < until_ms}
        if here:
            places.add(life.place)
        calm = int(cast.calm[cast.rows[life.person]])
        found += (
            Fear(number, cast.place_rows[place], calm, here and place == life.place)
            for place in sorted(places & cast.place_rows.keys())
        )
    return found


def _who_may(crowd: Crowd, world: World, rows: Ints) -> Sequence[int]:
    """Return the numbers of those who may fear something: few, in a city of thousands."""
    may = crowd.fears[rows]
    for place in world.dangers.keys() & crowd.cast.place_rows.keys():
        may |= crowd.place[rows] == crowd.cast.place_rows[place]
    numbers: list[int] = np.flatnonzero(may).tolist()
    return numbers


def want_away(considered: Ints, targets: Ints, fears: Sequence[Fear], pressing: int) -> None:
    """Have those in danger want whatever is elsewhere, whatever their schedule says; changed in place.

    Args:
        considered: [consideration, person, activity] thousandths.
        targets: [person, activity] places.
        fears: what is feared.
        pressing: thousandths that the routine is worth at least for a need that presses.
    """
    for fear in fears:
        if fear.here:
            away = targets[fear.number] != fear.place
            for row, least in ((WANT, MILLE), (ROUTINE, pressing)):
                part = considered[row, fear.number]
                part[away] = part[away].clip(min=least * (MILLE - fear.calm) // MILLE)


def shun(scores: Ints, targets: Ints, fears: Sequence[Fear]) -> None:
    """Lower the scores of what is where one fears to be; changed in place.

    Args:
        scores: [person, activity or nothing].
        targets: [person, activity] places; nothing is done where one is.
        fears: what is feared.
    """
    for fear in fears:
        row = scores[fear.number]
        feared = np.append(targets[fear.number] == fear.place, fear.here) & (row > 0)
        row[feared] = row[feared] * fear.calm // MILLE
