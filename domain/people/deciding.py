"""What people decide at a game minute: who, in which order, and the events that follow. Pure.

All who decide in a minute weigh by how the world was before any of them did. What only one can have then
goes by the order of their ids: a place gives each bed, stall and seat once, and whoever comes too late takes
what is next best and does not try there again for a while.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np

from domain.kernel.event import Event
from domain.people.cast import NONE
from domain.people.crowd import Crowd
from domain.people.fear import endangered
from domain.people.lives import Life, who_of
from domain.people.messages import IDLE, Bought, PersonDecided, PersonFled, RunnerUp, Why
from domain.people.rules import DAY_MINUTES, FULL, MINUTE_MS, SECOND_MS, TALK
from domain.people.scene import FOOT, World
from domain.people.weighing import (
    ALONE,
    BARRED,
    CLOSED,
    NO_COIN,
    NO_WAY,
    OK,
    SOLD_OUT,
    TAKEN,
    UNABLE,
    weigh,
)
from domain.places.messages import Departed

WHY: Mapping[int, Why] = {
    OK: "wish",
    CLOSED: "closed",
    NO_WAY: "no_way",
    UNABLE: "no_way",
    ALONE: "alone",
    TAKEN: "taken",
    SOLD_OUT: "sold_out",
    NO_COIN: "no_coin",
}
"""Reasons for not doing what the schedule says, by what was found of it."""

LOST_MAX = 16


@dataclass(slots=True)
class Chosen:
    """What somebody takes: a column of what was weighed, with what they claim for it and what they lost."""

    column: int
    claim: str = ""
    lost: list[str] = field(default_factory=list)
    runner_up: int | None = None


def decide_all(crowd: Crowd, world: World, lives: Sequence[Life], now_ms: int) -> list[Event]:
    """Return what ``lives`` decide at a whole game minute, and take it in; who goes on decides nothing."""
    if not lives:
        return []
    minute = Minute(crowd, world, sorted(lives, key=lambda life: life.person), now_ms)
    found: list[Event] = []
    for number, life in enumerate(minute.weighed.lives):
        chosen = minute.choose(number)
        if minute.goes_on(number, chosen):
            continue
        events = list(minute.events(number, chosen))
        crowd.people.evolve_all(events)
        crowd.pockets.outcomes.pop(life.person, None)
        crowd.note(life)
        found += events
    return found


class Minute:
    """What some people weighed at a whole game minute, and what they make of it one after the other."""

    def __init__(self, crowd: Crowd, world: World, lives: Sequence[Life], now_ms: int) -> None:
        """Weigh; people may go on meanwhile, by what others of that minute decide."""
        self.crowd, self.people, self.world, self.now_ms = crowd, crowd.people, world, now_ms
        self.cast = world.cast
        self.scene = world.scene(world.day(now_ms))
        self.weighed = weigh(crowd, world, lives, now_ms)
        self.company = crowd.company.copy()
        """Who was awake where before any of them decided."""
        scores = self.weighed.scores
        self._orders = np.argsort(-scores, axis=1, kind="stable").tolist()
        self._possible = (scores != BARRED).sum(axis=1).tolist()
        self._targets = self.weighed.targets.tolist()

    # --- who gets what --------------------------------------------------------------------------------------

    def choose(self, number: int) -> Chosen:
        """Return the best that somebody can have; there is always doing nothing."""
        order = self._orders[number][: self._possible[number]]
        lost: list[str] = []
        for at, column in enumerate(order):
            place = self.place_of(number, column)
            claim = self._claim(self.weighed.lives[number], column, place)
            if claim is not None:
                return Chosen(column, claim, lost[:LOST_MAX], order[at + 1] if order[at + 1 :] else None)
            lost.append(place)
        raise AssertionError("nothing at all is always possible")

    def action_of(self, column: int) -> str:
        """Return the activity of a column."""
        return IDLE if column == len(self.cast.acts) else self.cast.acts[column]

    def place_of(self, number: int, column: int) -> str:
        """Return the place of a column; doing nothing is done where one is."""
        if column == len(self.cast.acts):
            return self.weighed.lives[number].place
        found: str = self.cast.places[self._targets[number][column]]
        return found

    def _claim(self, life: Life, column: int, place: str) -> str | None:
        """Return what somebody would claim, "" if nothing need be; None: others have it all."""
        cast, rules = self.cast, self.world.rules
        if column == len(cast.acts):
            return ""
        at_home = cast.places[int(cast.homes[cast.rows[life.person]])] == place
        capacity = self.world.city.places[place].capacity
        full = capacity is not None and self.crowd.bound_for(place) >= capacity
        if full and life.at != place and not at_home:
            return None
        thing = rules.things.get(cast.acts[column])
        if thing is None:
            return ""
        begin = f"{place}/{thing}/"
        if life.claim.startswith(begin):
            return life.claim
        count = rules.numbers[thing] if capacity is None else capacity
        if at_home:
            count = max(count, len(cast.people))
        claims = (f"{begin}{n}" for n in range(count))
        return next((claim for claim in claims if claim not in self.people.claims), None)

    def goes_on(self, number: int, chosen: Chosen) -> bool:
        """Say whether somebody keeps at what they do: then nothing is decided, and nothing told."""
        life = self.weighed.lives[number]
        if self.now_ms >= life.until_ms or life.at != life.place:
            return False
        if self.crowd.pockets.missed(life.person) is not None:
            return False
        same = self.action_of(chosen.column) == life.action
        return same and self.place_of(number, chosen.column) == life.at

    # --- what is told of it ---------------------------------------------------------------------------------

    def events(self, number: int, chosen: Chosen) -> Iterator[Event]:
        """Yield the decision, before it that it is a flight, and the departure if it is for elsewhere."""
        life, world, now_ms = self.weighed.lives[number], self.world, self.now_ms
        place = self.place_of(number, chosen.column)
        legs = self.scene.city.route(FOOT, life.place, place) or []
        times = [now_ms]
        for _, _, seconds in legs:
            times.append(times[-1] + seconds * SECOND_MS)
        if place != life.place and endangered(life, world, now_ms):
            since_ms = world.dangers[life.place].at_ms
            yield PersonFled(person=life.person, place=life.place, at_ms=now_ms, danger_ms=since_ms)
        yield self.decided(number, chosen, times[-1])
        if legs:
            yield Departed(
                who=who_of(life.person),
                kind="person",
                places=[life.place, *(to for _, to, _ in legs)],
                ways=[way.id for way, _, _ in legs],
                times_ms=times,
                means=FOOT,
                real_ms=0,
                at_us=world.real_us(now_ms),
            )

    def decided(self, number: int, chosen: Chosen, begins_ms: int) -> PersonDecided:
        """Return the decision as it is told."""
        life, weighed, action = self.weighed.lives[number], self.weighed, self.action_of(chosen.column)
        place = self.place_of(number, chosen.column)
        there = self.cast.place_rows[place]
        reason, need = self._why(number, chosen)
        return PersonDecided(
            person=life.person,
            at_ms=self.now_ms,
            action=action,
            place=place,
            begins_ms=begins_ms,
            until_ms=self._until(number, chosen.column, begins_ms),
            reason=reason,
            need=need,
            with_person=self._partner(life, there) if action == TALK else None,
            claim=chosen.claim,
            lost=chosen.lost,
            score=int(weighed.scores[number, chosen.column]),
            runner_up=self._runner_up(number, chosen),
            levels=dict(zip(self.cast.needs, weighed.levels[number].tolist(), strict=True)),
            digest=self.digest(number),
            known=self.world.known,
            **self._purse(number, action, place),
        )

    def _purse(self, number: int, action: str, place: str) -> dict[str, Any]:
        """Return what somebody has to spend, has earned, buys and got; {} of who has no purse."""
        life, crowd = self.weighed.lives[number], self.crowd
        if (coins := crowd.pockets.coins.get(life.person)) is None:
            return {}
        got = crowd.pockets.outcomes.get(life.person)
        carries = {act: count for act, count in crowd.carries(life).items() if count}
        earned, owed = self._earned(number)
        market, pieces = self._buys(number, action, place, carries.get(action, 0))
        if not market and action in carries and self._uses_up(action):
            carries[action] -= 1
        return {
            "coins": coins,
            "earned": earned,
            "owed": owed,
            "market": market or None,
            "pieces": pieces,
            "carries": {act: count for act, count in carries.items() if count},
            "bought": got if isinstance(got, Bought) else None,
            "missed": crowd.pockets.missed(life.person),
        }

    def _earned(self, number: int) -> tuple[int, int]:
        """Return what a shift that ends now is to be paid, and what is owed as it goes on after a break."""
        cast, rows = self.cast, self.weighed.rows[number : number + 1]
        worked = int(self.crowd.earned(rows, self.now_ms)[0])
        owed = self.weighed.lives[number].owed + worked
        if not worked:
            return 0, owed
        day, minute = self.world.day(self.now_ms), self.now_ms // MINUTE_MS % DAY_MINUTES
        until = minute + self.world.rules.break_minutes
        coming = cast.schedule(day.weekday, day.day_before)[rows[0], minute:until]
        acts = cast.doing[coming[coming != NONE]]
        return (0, owed) if (cast.living.wages[rows[0], acts] > 0).any() else (owed, 0)

    def _uses_up(self, action: str) -> bool:
        return action != IDLE and bool(self.cast.living.goods[self.cast.act_rows[action]])

    def _buys(self, number: int, action: str, place: str, carried: int) -> tuple[str, int]:
        """Return where somebody buys what an activity uses up, and how many pieces; "", 0: nowhere.

        Where it is sold one is bought each time. Elsewhere they eat what they carry along, and before the
        last of it is gone they bring some from the nearest stall.
        """
        if not self._uses_up(action):
            return "", 0
        act, at = self.cast.act_rows[action], self.cast.place_rows[place]
        if self.cast.living.prices[act, at] != NONE:
            return place, 1
        stall = int(self.weighed.suppliers[act][at])
        if carried > 1 or (carried and stall == NONE):
            return "", 0
        return self.cast.places[stall], self.world.rules.provisions

    def _partner(self, life: Life, place: int) -> str | None:
        return self.crowd.partner(life, np.flatnonzero(self.company == place).tolist())

    def _runner_up(self, number: int, chosen: Chosen) -> RunnerUp | None:
        column = chosen.runner_up
        if column is None:
            return None
        score = int(self.weighed.scores[number, column])
        return RunnerUp(action=self.action_of(column), place=self.place_of(number, column), score=score)

    def _until(self, number: int, column: int, begins_ms: int) -> int:
        """Return until when: what is scheduled to its end, all else for its time.

        Who has little time left then before the next engagement stays until that.
        """
        cast, engaged = self.cast, int(self.weighed.engaged[number])
        minute = self.now_ms // MINUTE_MS % DAY_MINUTES
        if engaged != NONE and column == int(cast.doing[engaged]):
            left = (int(cast.ends[engaged]) - minute) % DAY_MINUTES or DAY_MINUTES
            return max(self.now_ms + left * MINUTE_MS, begins_ms + MINUTE_MS)
        end = begins_ms + self._takes_ms(number, column)
        edge = self.now_ms + cast.next_edge(int(self.weighed.rows[number]), minute) * MINUTE_MS
        lingers = engaged == NONE and 0 < edge - end <= self.world.rules.linger_ms
        return edge if lingers else end

    def _takes_ms(self, number: int, column: int) -> int:
        """Return how long it takes, as often in a row as it needs to fill what it fills."""
        cast, rules = self.cast, self.world.rules
        if column == len(cast.acts):
            return rules.idle_ms
        lacks, gains = FULL - self.weighed.levels[number], cast.gains[column]
        times = (-(-int(lacks[at]) // int(gains[at])) for at in np.flatnonzero(gains).tolist())
        return int(cast.takes_ms[column]) * max(1, min(max(times, default=1), rules.times_max))

    def _why(self, number: int, chosen: Chosen) -> tuple[Why, str | None]:
        """Return the reason, and the need that presses if it is one."""
        cast, engaged = self.cast, int(self.weighed.engaged[number])
        need = self._pressing_need(number, chosen.column)
        if engaged == NONE:
            return ("need", need) if need else ("free", None)
        due, where = int(cast.doing[engaged]), cast.places[int(cast.where[engaged])]
        if chosen.column == due and self.place_of(number, due) == where:
            return "routine", None
        missed = self.weighed.missed.get(number, {}).get(where)
        if missed is not None and self._uses_up(self.action_of(due)):
            return missed, None
        if need:
            return "need", need
        if where in chosen.lost:
            return "taken", None
        return WHY[int(self.weighed.refused[number, due])], None

    def _pressing_need(self, number: int, column: int) -> str | None:
        cast = self.cast
        if column == len(cast.acts) or not self.weighed.pressing[number, column]:
            return None
        levels = self.weighed.levels[number]
        low = np.flatnonzero((cast.counts[column] > 0) & (levels < cast.alarms)).tolist()
        return min((int(levels[at]), cast.needs[at]) for at in low)[1]

    def digest(self, number: int) -> str:
        """Return what stands for everything that was weighed: SHA-256 of the numbers, little-endian."""
        weighed = self.weighed
        parts = (weighed.levels, weighed.targets, weighed.refused, weighed.scores)
        total = sha256(" ".join([weighed.lives[number].person, *self.cast.acts]).encode())
        for part in (weighed.engaged[number : number + 1], *(part[number] for part in parts)):
            total.update(part.astype("<i8").tobytes())
        total.update(weighed.considered[:, number].astype("<i8").tobytes())
        return total.hexdigest()[:16]
