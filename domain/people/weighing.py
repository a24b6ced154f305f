"""What everybody could do now, and how good each of it is: whole arrays, whole numbers. Pure.

One column for each activity, at the one place where somebody would do it, and a last one for nothing at all.
A row is of one person and looks at nobody else's, so it is the same however many are weighed together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from domain.people.cast import NONE
from domain.people.crowd import Crowd, rows_of
from domain.people.fear import fears_of, shun, want_away
from domain.people.lives import Life
from domain.people.messages import Missed
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

OK, CLOSED, NO_WAY, UNABLE, ALONE, TAKEN, SOLD_OUT, NO_COIN = range(8)
"""Why something cannot be done; it has the score -1."""

REFUSED = ("", "closed", "no_way", "unable", "alone", "taken", "sold_out", "no_coin")
MISSED = {"closed": CLOSED, "sold_out": SOLD_OUT, "no_coin": NO_COIN}
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
        missed: by number of a person, places where they got nothing a short time ago, and why.
        suppliers: by activity that uses up what is bought, for each place the nearest stall that has it.
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
    missed: Mapping[int, Mapping[str, Missed]]
    suppliers: Mapping[int, Ints]


def weigh(crowd: Crowd, world: World, lives: Sequence[Life], now_ms: int) -> Weighed:
    """Return what ``lives`` could do at a whole game minute, and how good it is."""
    return _Look(crowd, world, lives, now_ms).weighed()


def scored(considered: Ints, rules: Rules) -> Ints:
    """Return the product of what is considered, made up for there being so many of them; millionths.

    Source: Dave Mark's compensation, score + (1 - score) * (1 - 1/n) * score.
    """
    score: Ints = considered[0] * MILLE
    for each in considered[1:]:
        score *= each
        score //= MILLE
    lacks: Ints = FULL - score
    lacks *= len(considered) - 1
    lacks //= len(considered)
    lacks *= score
    lacks //= FULL
    score += lacks
    return score


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
        fears = fears_of(self.crowd, self.world, self.lives, self.rows, self.now_ms)
        want_away(considered, targets, fears, rules.routine.pressing)
        scores = scored(considered, rules)
        pressing = self.pressed
        scores[pressing] = scores[pressing] * rules.pressing // MILLE
        at = np.flatnonzero(running[:, 0] != NONE)
        at = at[targets[at, running[at, 0]] == running[at, 1]]
        held = at, running[at, 0]
        scores[held] = scores[held] * rules.momentum // MILLE
        np.putmask(scores, refused != OK, BARRED)
        idle = np.full((len(self.lives), 1), rules.idle_score, dtype=np.int64)
        scores = np.concatenate([scores, idle], axis=1)
        shun(scores, targets, fears)
        return Weighed(
            self.lives,
            self.rows,
            self.levels,
            self.engaged,
            targets,
            considered,
            refused,
            self.pressing,
            scores,
            self.missed,
            self.suppliers if self.spends else {},
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
        home = np.flatnonzero(cast.homes[self.rows] == places)
        here[home] |= self.world.offered.T[places[home]]
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
        for number, missed in self.missed.items():
            for act in self.buying:
                if cast.places[int(found[number, act])] in missed:
                    found[number, act] = self._elsewhere(number, act, missed)
        return found

    @cached_property
    def buying(self) -> Sequence[int]:
        """Activities that use up what is bought."""
        return [act for act, goods in enumerate(self.cast.living.goods) if goods]

    @cached_property
    def spends(self) -> bool:
        """Whether anybody has a purse."""
        return bool(self.crowd.pockets.coins)

    @cached_property
    def missed(self) -> Mapping[int, Mapping[str, Missed]]:
        """By number of who has some: places where they got nothing a short time ago, and why."""
        found = {}
        for number in self._disappointed():
            life = self.lives[number]
            known = {place: why for place, (until, why) in life.missed.items() if self.now_ms < until}
            if (missed := self.crowd.pockets.missed(life.person)) is not None:
                known[life.at] = missed
            if known:
                found[number] = known
        return found

    def _disappointed(self) -> Sequence[int]:
        """Return the numbers of those who may have got nothing somewhere: few, in a city of thousands."""
        crowd, cast = self.crowd, self.cast
        may = crowd.missed.copy()
        may[[cast.rows[person] for person in crowd.pockets.outcomes if person in cast.rows]] = True
        numbers: list[int] = np.flatnonzero(may[self.rows]).tolist()
        return numbers

    @cached_property
    def kept(self) -> Bools:
        """Whether somebody serves in a place, as far as that is for people to say."""
        crowd, found = self.crowd, np.ones(len(self.cast.places), dtype=bool)
        for place, keepers in self.cast.living.keepers:
            there = crowd.place[keepers]
            lives = there != NONE
            found[place] = not lives.any() or bool((crowd.present[keepers] & (there == place)).any())
        return found

    @cached_property
    def suppliers(self) -> Mapping[int, Ints]:
        """By activity that uses up what is bought, for each place the nearest stall that has it; NONE."""
        return {act: self.scene.nearest_of(self.scene.sells[act] & self.kept) for act in self.buying}

    def _elsewhere(self, number: int, act: int, missed: Mapping[str, Missed]) -> int:
        """Return the nearest other place for something that was not to be had; if there is none, that one."""
        tried = [self.cast.place_rows[place] for place in missed if place in self.cast.place_rows]
        wanted = self.scene.offers[act].copy()
        wanted[tried] = False
        place = int(self.places[number])
        ways = np.where(wanted, self.scene.near[place], FAR)[self.scene.order]
        at = int(ways.argmin())
        return int(self.scene.order[at]) if ways[at] < FAR else tried[-1]

    @cached_property
    def walk(self) -> Ints:
        """Game seconds from where each is to each target."""
        return self.scene.seconds[self.places[:, None], np.maximum(self.targets, 0)]

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
        np.putmask(found, (scene.locked[at] & ~keys) | ~(scene.open[at] | home), CLOSED)
        np.putmask(found, (targets == NONE) | (self.walk >= FAR), NO_WAY)
        for number in np.flatnonzero(self.crowd.cools[self.rows]).tolist():
            for place, until_ms in self.lives[number].cool.items():
                if self.now_ms < until_ms:
                    there = targets[number] == cast.place_rows.get(place, NONE)
                    found[number, there & ~home[number]] = TAKEN
        self._see_affordable(found)
        np.putmask(found, cast.able[self.rows] == 0, UNABLE)
        return found

    def _see_affordable(self, found: Ints) -> None:
        """Refuse what those with a purse cannot pay, what nobody sells, and what was just not to be had."""
        living, coins = self.cast.living, self.crowd.coins(self.rows)
        for act in self.buying if self.spends else ():
            at = np.maximum(self.targets[:, act], 0)
            here, stall = living.prices[act, at], self.suppliers[act][at]
            sold = here != NONE
            price = np.where(sold, here, living.prices[act, np.maximum(stall, 0)])
            buys = (coins != NONE) & (found[:, act] == OK) & (sold | (self.carried(act) < 1))
            nobody = np.where(sold, ~self.kept[at], stall == NONE)
            found[buys & (coins < price), act] = NO_COIN
            found[buys & nobody, act] = CLOSED
        for number, missed in self.missed.items():
            for act in self.buying:
                why = missed.get(self.cast.places[int(self.targets[number, act])])
                if why is not None and found[number, act] in (OK, TAKEN):
                    found[number, act] = MISSED[why]

    def carried(self, act: int) -> Ints:
        """Return how often each can do something with what they carry along."""
        action, crowd = self.cast.acts[act], self.crowd
        return np.array([crowd.carries(life).get(action, 0) for life in self.lives], dtype=np.int64)

    @cached_property
    def pressing(self) -> Bools:
        """Whether an activity fills a need that presses."""
        cast = self.cast
        low = (self.levels < cast.alarms) & (cast.drains[self.rows] > 0)
        found = np.zeros((len(self.lives), len(cast.acts)), dtype=bool)
        for need in range(len(cast.needs)):
            found |= low[:, need, None] & (cast.counts[:, need] > 0)
        return found

    @cached_property
    def pressed(self) -> tuple[Ints, ...]:
        """The same as persons and activities."""
        return np.nonzero(self.pressing)

    def _considered(self) -> Ints:
        cast, rules, rows, due = self.cast, self.rules, self.rows, self.due
        urges = WANT_CURVE[self.levels * MILLE // FULL] * cast.weights[rows] // MILLE * cast.drains[rows]
        found: Ints = np.empty((len(CONSIDERED), *self.targets.shape), dtype=np.int64)
        want, routine, near, fit, company = found
        want[:] = 0
        for need in range(len(cast.needs)):
            np.maximum(want, urges[:, need, None] * cast.counts[:, need], out=want)
        want //= MILLE
        np.minimum(want, MILLE, out=want)
        duty = rules.duty + rules.diligence * cast.diligence[rows[due[0]]] // MILLE
        want[due] = np.maximum(want[due], duty)
        self._routine(routine)
        self._near(near)
        np.take(cast.fit, rows, axis=0, out=fit)
        self._social(company)
        return found

    def _routine(self, found: Ints) -> None:
        cast, rules = self.cast, self.rules.routine
        found[:] = rules.free
        if LABOUR in cast.needs:
            found[:, cast.gains[:, cast.needs.index(LABOUR)] > 0] = rules.free_labour
        if self.spends:
            purse = np.flatnonzero(self.crowd.coins(self.rows) != NONE)
            for act in self.buying:
                found[purse, act] = rules.free_buying
        found[self.due[0]] = rules.against
        pressing = self.pressed
        found[pressing] = np.maximum(found[pressing], rules.pressing)
        found[self.due] = rules.scheduled

    def _near(self, near: Ints) -> None:
        """What is far is worth less, and what ends before it is of use.

        Nobody goes to bed for the quarter of an hour before work.
        """
        cast = self.cast
        walk = np.minimum(self.walk, DAY_S)
        np.take(NEAR_CURVE, np.minimum(walk, HOUR_S) * MILLE // HOUR_S, out=near)
        left = cast.left[self.rows, self.minute] * MINUTE_S
        takes = np.minimum(cast.takes_ms // SECOND_MS, DAY_S)
        rest = left[:, None] - walk
        useful = np.full(rest.shape, MILLE, dtype=np.int64)
        short = np.nonzero(rest < takes)
        useful[short] = np.maximum(rest[short], 0) * MILLE // takes[short[1]]
        pressing = self.pressed
        useful[pressing] = np.maximum(useful[pressing], self.rules.routine.pressing)
        useful[self.due] = MILLE
        near *= useful
        near //= MILLE

    def _social(self, found: Ints) -> None:
        cast, at = self.cast, np.maximum(self.targets, 0)
        found[:] = MILLE
        sociable = [cast.act_rows[act] for act in cast.acts if act in self.rules.sociable]
        if sociable:
            means = self.crowd.regard(self.rows, at[:, sociable])
            found[:, sociable] = REGARD_CURVE[np.clip(500 + means // 2, 0, MILLE)]
