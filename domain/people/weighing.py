"""What everybody could do now, and how good each of it is: whole arrays, whole numbers. Pure.

One column for each activity, at the one place where somebody would do it, and a last one for nothing at all.
A row is of one person and looks at nobody else's, so it is the same however many are weighed together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from domain.people.cast import NONE
from domain.people.crowd import Crowd, rows_of
from domain.people.lives import Life
from domain.people.rules import (
    DAY_MINUTES,
    FULL,
    HOUR_S,
    LABOUR,
    MILLE,
    MINUTE_MS,
    NEAR_CURVE,
    REGARD_CURVE,
    SECOND_MS,
    TALK,
    WANT_CURVE,
    Ints,
    Rules,
)
from domain.people.scene import Bools, World
from domain.places.travel import FAR

CONSIDERED = ("want", "routine", "near", "fit", "company")
"""What is weighed, in this order; each 0 to 1,000."""

OK, CLOSED, NO_WAY, UNABLE, ALONE, TAKEN = range(6)
"""Why something cannot be done; it has the score -1."""

REFUSED = ("", "closed", "no_way", "unable", "alone", "taken")
BARRED = -1
MINUTE_S, DAY_S = 60, 86_400


@dataclass(frozen=True, eq=False, slots=True)
class Weighed:
    """What was weighed for some people at a moment, a row for each.

    Attributes:
        levels: [person, need]. engaged: by person, the engagement now; NONE.
        targets: [person, activity] place; NONE.
        considered: [consideration, person, activity] thousandths.
        refused: [person, activity] `OK`, or why not.
        pressing: [person, activity] whether it fills a need that presses.
        scores: [person, activity or nothing] millionths.
    """

    lives: Sequence[Life]
    rows: Ints
    levels: Ints
    engaged: Ints
    targets: Ints
    considered: Ints
    refused: Ints
    pressing: Bools
    scores: Ints


def weigh(crowd: Crowd, world: World, lives: Sequence[Life], now_ms: int) -> Weighed:
    """Return what ``lives`` could do at a whole game minute, and how good it is."""
    return _Look(crowd, world, lives, now_ms).weighed()


def scored(considered: Ints, rules: Rules) -> Ints:
    """Return the product of what is considered, made up for there being so many of them; millionths.

    Source: Dave Mark's compensation, score + (1 - score) * (1 - 1/n) * score.
    """
    score = considered[0] * MILLE
    for each in considered[1:]:
        score = score * each // MILLE
    count = len(considered)
    found: Ints = score + (FULL - score) * (count - 1) // count * score // FULL
    return found


class _Look:
    """One look of some people at what they could do."""

    def __init__(self, crowd: Crowd, world: World, lives: Sequence[Life], now_ms: int) -> None:
        self.crowd, self.world, self.lives, self.now_ms = crowd, world, lives, now_ms
        self.cast, self.rules = world.cast, world.rules
        cast, day = world.cast, world.day(now_ms)
        self.scene = world.scene(day)
        self.rows = rows_of(cast, lives)
        self.places = crowd.place[self.rows]
        self.levels = crowd.levels_at(self.rows, now_ms)
        self.counts = np.bincount(crowd.company[crowd.company != NONE], minlength=len(cast.places))
        """How many are awake in each place."""
        self.minute = now_ms // MINUTE_MS % DAY_MINUTES
        self.engaged = cast.schedule(day.weekday, day.day_before)[self.rows, self.minute]
        self.talk = cast.act_rows.get(TALK)

    def weighed(self) -> Weighed:
        """Return all that was weighed."""
        rules, running, targets, refused = self.rules, self.running, self.targets, self.refused
        considered = self._considered()
        scores = scored(considered, rules)
        scores = np.where(self.pressing, scores * rules.pressing // MILLE, scores)
        held = np.zeros(scores.shape, dtype=bool)
        at = np.flatnonzero(running[:, 0] != NONE)
        held[at, running[at, 0]] = targets[at, running[at, 0]] == running[at, 1]
        scores = np.where(held, scores * rules.momentum // MILLE, scores)
        scores = np.where(refused == OK, scores, BARRED)
        idle = np.full((len(self.lives), 1), rules.idle_score, dtype=np.int64)
        return Weighed(
            self.lives,
            self.rows,
            self.levels,
            self.engaged,
            targets,
            considered,
            refused,
            self.pressing,
            np.concatenate([scores, idle], axis=1),
        )

    @cached_property
    def due(self) -> tuple[Ints, Ints]:
        """Persons and activities of what the schedule says now."""
        busy = np.flatnonzero(self.engaged != NONE)
        return busy, self.cast.doing[self.engaged[busy]]

    @cached_property
    def running(self) -> Ints:
        """[person, (activity, place)] of what is going on; NONE, NONE: nothing, or it is over."""
        crowd, rows = self.crowd, self.rows
        on = (self.now_ms < crowd.until_ms[rows]) & (crowd.at[rows] == crowd.place[rows])
        found = np.stack([crowd.action[rows], crowd.at[rows]], axis=1)
        found[~on] = NONE
        return found

    @cached_property
    def targets(self) -> Ints:
        """Where each would do what: where they do it, should, usually do, are, or the nearest place."""
        cast, scene, places = self.cast, self.scene, self.places
        found = scene.nearest.T[places]
        here = scene.offers.T[places]
        here = here | (self.world.offered.T[places] & (cast.homes[self.rows] == places)[:, None])
        found = np.where(here, places[:, None], found)
        if self.talk is not None:
            others = scene.nearest_of(scene.offers[self.talk] & (self.counts > 0), but_here=True)
            stays = here[:, self.talk] & (self._others(places) > 0)
            found[:, self.talk] = np.where(stays, places, others[places])
        bases = cast.bases[self.rows]
        found = np.where(bases != NONE, bases, found)
        busy, acts = self.due
        runs = self.running[:, 0] != NONE
        runs[busy] &= self.running[busy, 0] != acts
        at = np.flatnonzero(runs)
        found[at, self.running[at, 0]] = self.running[at, 1]
        found[busy, acts] = cast.where[self.engaged[busy]]
        return found

    def _others(self, places: Ints) -> Ints:
        """Return how many others are awake in a place of each."""
        found: Ints = self.counts[places] - (self.crowd.company[self.rows] == places)
        return found

    @cached_property
    def refused(self) -> Ints:
        """What cannot be done, and why."""
        cast, scene, targets = self.cast, self.scene, self.targets
        at = np.maximum(targets, 0)
        home = targets == cast.homes[self.rows][:, None]
        keys = home | (targets == cast.bases[self.rows])
        keys[self.due] = True
        found = np.full(targets.shape, OK, dtype=np.int64)
        if self.talk is not None:
            found[self._others(at[:, self.talk]) < 1, self.talk] = ALONE
        found[(scene.locked[at] & ~keys) | (~scene.open[at] & ~home)] = CLOSED
        found[(targets == NONE) | (scene.seconds[self.places[:, None], at] >= FAR)] = NO_WAY
        for number, life in enumerate(self.lives):
            for place, until_ms in life.cool.items():
                if self.now_ms < until_ms:
                    there = targets[number] == cast.place_rows.get(place, NONE)
                    found[number, there & ~home[number]] = TAKEN
        found[cast.able[self.rows] == 0] = UNABLE
        return found

    @cached_property
    def pressing(self) -> Bools:
        """Whether an activity fills a need that presses."""
        low = (self.levels < self.cast.alarms[None, :]) & (self.cast.drains[self.rows] > 0)
        found: Bools = np.any(low[:, None, :] & (self.cast.counts[None, :, :] > 0), axis=2)
        return found

    def _considered(self) -> Ints:
        cast, rules, rows, due = self.cast, self.rules, self.rows, self.due
        urges = WANT_CURVE[self.levels * MILLE // FULL] * cast.weights[rows] // MILLE * cast.drains[rows]
        want = np.minimum(MILLE, (urges[:, None, :] * cast.counts[None, :, :] // MILLE).max(axis=2))
        duty = rules.duty + rules.diligence * cast.diligence[rows[due[0]]] // MILLE
        want[due] = np.maximum(want[due], duty)
        return np.stack([want, self._routine(), self._near(), cast.fit[rows], self._social()])

    def _routine(self) -> Ints:
        cast, rules = self.cast, self.rules.routine
        found = np.full(self.targets.shape, rules.free, dtype=np.int64)
        if LABOUR in cast.needs:
            found[:, cast.gains[:, cast.needs.index(LABOUR)] > 0] = rules.free_labour
        found[self.due[0]] = rules.against
        found = np.where(self.pressing, np.maximum(found, rules.pressing), found)
        found[self.due] = rules.scheduled
        return found

    def _near(self) -> Ints:
        """What is far is worth less, and what ends before it is of use.

        Nobody goes to bed for the quarter of an hour before work.
        """
        cast, at = self.cast, np.maximum(self.targets, 0)
        walk = np.minimum(self.scene.seconds[self.places[:, None], at], DAY_S)
        near = NEAR_CURVE[np.minimum(walk, HOUR_S) * MILLE // HOUR_S]
        left = cast.left[self.rows, self.minute] * MINUTE_S
        takes = np.minimum(cast.takes_ms // SECOND_MS, DAY_S)
        rest = left[:, None] - walk
        useful = np.clip(rest * MILLE // takes[None, :], 0, MILLE)
        useful = np.where(self.pressing, np.maximum(useful, self.rules.routine.pressing), useful)
        useful[self.due] = MILLE
        found: Ints = near * useful // MILLE
        return found

    def _social(self) -> Ints:
        cast, at = self.cast, np.maximum(self.targets, 0)
        found = np.full(self.targets.shape, MILLE, dtype=np.int64)
        sociable = [cast.act_rows[act] for act in cast.acts if act in self.rules.sociable]
        if sociable:
            means = self.crowd.regard(self.rows, at[:, sociable])
            found[:, sociable] = REGARD_CURVE[np.clip(500 + means // 2, 0, MILLE)]
        return found
