"""Who lives in a world, as arrays: made once for each version of a definition. Pure integers.

Rows are people, columns needs, activities or places, all by number; activities in the order of their ids, so
that of two with the same score the one with the lower id wins.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from domain.definition.definition import Definition
from domain.definition.people import Engagement, Person, minutes_of
from domain.people.living import Living, living_of
from domain.people.rules import CALM_CURVE, DAY_MINUTES, FULL, LABOUR, MILLE, SECOND_MS, SLEEP, Ints, Rules
from domain.places.city import City

NONE = -1


class Plain(NamedTuple):
    """Some arrays as lists: for one person at a time these are quicker."""

    empties_ms: list[int]
    alarms: list[int]
    takes_ms: list[int]
    gains: list[list[int]]
    drains: list[list[int]]


@dataclass(frozen=True, eq=False)
class Cast:
    """People, needs and activities of a definition.

    Attributes:
        rows: each person's number; places: each place's, as in the city's tables.
        words: by activity, as one says it of somebody.
        empties_ms: by need, game ms from full to empty. alarms: millionths below which it presses.
        takes_ms: by activity. gains: [activity, need] millionths for one time.
        counts: [activity, need] thousandths: how much of a want for the need is one for the activity.
        able: [person, activity] whether they ever do it. drains: [person, need] 0 for what they cannot fill.
        weights: [person, need] thousandths. fit: [person, activity] thousandths.
        diligence: [person] thousandths of conscientiousness.
        calm: [person] thousandths of what a place is worth to them where somebody was hurt.
        homes: [person] place. bases: [person, activity] where they do it by their schedule; NONE.
        doing, where, ends: by engagement: activity, place, minute of the day at which it ends.
        edges: by person, the minutes of the day at which an engagement begins or ends, in order.
        left: [person, minute of the day] minutes until the next of those.
        shuts: by place, the minutes of the day at which its door is shut.
        relations: by person, what they think of others when the world begins, in thousandths.
        living: what they earn and spend.
    """

    people: tuple[Person, ...]
    rows: Mapping[str, int]
    places: tuple[str, ...]
    place_rows: Mapping[str, int]
    needs: tuple[str, ...]
    acts: tuple[str, ...]
    act_rows: Mapping[str, int]
    words: tuple[str, ...]
    empties_ms: Ints
    alarms: Ints
    takes_ms: Ints
    gains: Ints
    counts: Ints
    able: Ints
    drains: Ints
    weights: Ints
    fit: Ints
    diligence: Ints
    calm: Ints
    homes: Ints
    bases: Ints
    doing: Ints
    where: Ints
    ends: Ints
    edges: tuple[tuple[int, ...], ...]
    left: Ints
    shuts: tuple[tuple[int, ...], ...]
    relations: tuple[Mapping[str, int], ...]
    engagements: tuple[tuple[int, Engagement], ...]
    living: Living
    tables: dict[tuple[str | None, str | None], Ints]
    """[person, minute] engagement, by weekday and the one before; filled as they come."""

    @cached_property
    def plain(self) -> Plain:
        """What needs are computed of, as lists."""
        arrays = self.empties_ms, self.alarms, self.takes_ms, self.gains, self.drains
        return Plain(*(each.tolist() for each in arrays))

    def schedule(self, weekday: str | None, day_before: str | None) -> Ints:
        """Return which engagement each person has at each minute of a day; NONE: none."""
        if (found := self.tables.get((weekday, day_before))) is None:
            found = np.full((len(self.people), DAY_MINUTES), NONE, dtype=np.int64)
            for number, (row, entry) in enumerate(self.engagements):
                for start, end in _spans(entry, weekday, day_before):
                    found[row, start:end] = number
            self.tables[weekday, day_before] = found
        return found

    def next_edge(self, row: int, minute: int) -> int:
        """Return in how many minutes after a minute of the day a person's next engagement begins or ends."""
        return int(self.left[row, minute])

    def next_shut(self, row: int, place: str, minute: int) -> int:
        """Return in how many minutes after a minute of the day the door is shut of where a person is."""
        at = self.place_rows.get(place, NONE)
        return DAY_MINUTES if at in (NONE, self.homes[row]) else _next(self.shuts[at], minute)


def _next(minutes: tuple[int, ...], minute: int) -> int:
    if not minutes:
        return DAY_MINUTES
    at = bisect_right(minutes, minute)
    return minutes[at] - minute if at < len(minutes) else minutes[0] + DAY_MINUTES - minute


def _spans(entry: Engagement, weekday: str | None, day_before: str | None) -> list[tuple[int, int]]:
    hours = entry.hours
    today = not hours.days or weekday in hours.days
    if hours.opens < hours.closes:
        return [(hours.opens, hours.closes)] if today else []
    found = [(hours.opens, DAY_MINUTES)] if today else []
    if not hours.days or day_before in hours.days:
        found.append((0, hours.closes))
    return found


def cast_of(definition: Definition, city: City, rules: Rules) -> Cast:
    """Return the cast of a definition; whose home or schedule names no place of the city stays out."""
    known = city.numbers
    people = tuple(
        sorted(
            (each for each in definition.people if _livable(each, known)),
            key=lambda each: each.id,
        )
    )
    needs = tuple(each.id for each in definition.needs)
    acts = tuple(sorted(each.id for each in definition.activities))
    by_id = {each.id: each for each in definition.activities}
    gains = np.zeros((len(acts), len(needs)), dtype=np.int64)
    for at, act in enumerate(acts):
        for gain in by_id[act].gains:
            gains[at, needs.index(gain.need)] = gain.amount * (FULL // MILLE)
    engagements = tuple((row, entry) for row, each in enumerate(people) for entry in each.schedule)
    act_rows = {act: at for at, act in enumerate(acts)}
    bases = _bases(people, act_rows, known, gains, needs)
    able = _able(people, acts, gains, needs, bases)
    traits, weights = _traits(definition, people), _weights(definition, people, needs)
    names = ("conscientiousness",)
    edges = tuple(_edges(each) for each in people)
    return Cast(
        people=people,
        rows={each.id: row for row, each in enumerate(people)},
        places=tuple(known),
        place_rows=known,
        needs=needs,
        acts=acts,
        act_rows=act_rows,
        words=tuple(by_id[act].name for act in acts),
        empties_ms=_ints([each.empties_in * SECOND_MS for each in definition.needs]),
        alarms=_ints([each.alarm * (FULL // MILLE) for each in definition.needs]),
        takes_ms=_ints([by_id[act].takes * SECOND_MS for act in acts]),
        gains=gains,
        counts=np.minimum(MILLE, gains // rules.enough),
        able=able,
        drains=np.any(able[:, :, None] * gains[None, :, :] > 0, axis=1).astype(np.int64),
        weights=weights,
        fit=_fit(traits, acts, rules),
        diligence=_ints([_mean(each, names) for each in traits]),
        calm=_calm(traits),
        homes=_ints([known[each.home] for each in people]),
        bases=bases,
        doing=_ints([act_rows[entry.do] for _, entry in engagements]),
        where=_ints([known[entry.at] for _, entry in engagements]),
        ends=_ints([entry.hours.closes for _, entry in engagements]),
        edges=edges,
        left=_left(edges),
        shuts=tuple(
            tuple(sorted({opening.closes % DAY_MINUTES for opening in place.hours}))
            for place in city.places.values()
        ),
        relations=tuple({each.to: each.regard for each in person.relations} for person in people),
        engagements=engagements,
        living=living_of(definition, people, acts, tuple(known)),
        tables={},
    )


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def _livable(person: Person, known: Mapping[str, int]) -> bool:
    return person.home in known and all(entry.at in known for entry in person.schedule)


def _edges(person: Person) -> tuple[int, ...]:
    spans = (span for entry in person.schedule for span in minutes_of(entry.hours))
    return tuple(sorted({minute % DAY_MINUTES for span in spans for minute in span}))


def _left(edges: tuple[tuple[int, ...], ...]) -> Ints:
    minutes = np.arange(DAY_MINUTES, dtype=np.int64)
    found = np.full((len(edges), DAY_MINUTES), DAY_MINUTES, dtype=np.int64)
    for row, each in enumerate(edges):
        if each:
            following = np.array([*each, each[0] + DAY_MINUTES], dtype=np.int64)
            found[row] = following[np.searchsorted(following, minutes, side="right")] - minutes
    return found


def _bases(
    people: tuple[Person, ...],
    act_rows: Mapping[str, int],
    known: Mapping[str, int],
    gains: Ints,
    needs: tuple[str, ...],
) -> Ints:
    """Return where people work by their schedule, and where they sleep."""
    found = np.full((len(people), len(act_rows)), NONE, dtype=np.int64)
    labour = needs.index(LABOUR) if LABOUR in needs else None
    for row, person in enumerate(people):
        for entry in reversed(person.schedule):
            act = act_rows[entry.do]
            if labour is not None and gains[act, labour]:
                found[row, act] = known[entry.at]
        if SLEEP in act_rows:
            found[row, act_rows[SLEEP]] = known[person.home]
    return found


def _able(
    people: tuple[Person, ...], acts: tuple[str, ...], gains: Ints, needs: tuple[str, ...], bases: Ints
) -> Ints:
    """Everybody can do everything but work: that is what somebody's schedule names."""
    found = np.ones((len(people), len(acts)), dtype=np.int64)
    if LABOUR in needs:
        labour = gains[:, needs.index(LABOUR)] > 0
        found[:, labour] = bases[:, labour] != NONE
    return found


def _traits(definition: Definition, people: tuple[Person, ...]) -> list[dict[str, int]]:
    sorts = {each.id: {trait.trait: trait.amount for trait in each.traits} for each in definition.archetypes}
    return [
        {**sorts.get(each.archetype, {}), **{trait.trait: trait.amount for trait in each.traits}}
        for each in people
    ]


def _weights(definition: Definition, people: tuple[Person, ...], needs: tuple[str, ...]) -> Ints:
    sorts = {each.id: {weight.need: weight.amount for weight in each.needs} for each in definition.archetypes}
    found = np.full((len(people), len(needs)), MILLE, dtype=np.int64)
    for row, person in enumerate(people):
        own = {weight.need: weight.amount for weight in person.needs}
        for need, amount in {**sorts.get(person.archetype, {}), **own}.items():
            found[row, needs.index(need)] = amount
    return found


def _fit(traits: list[dict[str, int]], acts: tuple[str, ...], rules: Rules) -> Ints:
    """Return 500 to 1,000 by the traits that an activity is for; 750 where it is for none."""
    found = np.full((len(traits), len(acts)), 750, dtype=np.int64)
    for at, act in enumerate(acts):
        if names := rules.fits.get(act):
            found[:, at] = [500 + _mean(each, names) // 2 for each in traits]
    return found


def _calm(traits: list[dict[str, int]]) -> Ints:
    tempers = [each.get("aggression", 500) + MILLE - each.get("neuroticism", 500) for each in traits]
    found: Ints = CALM_CURVE[_ints([temper // 2 for temper in tempers])]
    return found


def _mean(traits: Mapping[str, int], names: tuple[str, ...]) -> int:
    return sum(traits.get(name, 500) for name in names) // len(names)
