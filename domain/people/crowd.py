"""Everybody's lives as arrays, a row for each person of a cast: what is looked up for many at once. Pure.

It holds nothing that lives do not say; whoever changes a life has it noted again.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from domain.people.cast import NONE, Cast
from domain.people.lives import Life, People
from domain.people.messages import Bought
from domain.people.purchases import Pockets
from domain.people.rules import FULL, HOUR_MS, LABOUR, RULES, SLEEP, TALK, Ints

TIES_MIN = 64


class Crowd:
    """Where everybody is, what they do, and what they think of each other.

    Attributes:
        place, at: by row, numbers of places; NONE: nowhere that the city has.
        action: number of the activity; NONE: nothing.
        company: place of whoever is awake there; NONE.
        present: whether they are where ``place`` says, and not on the way from there.
        cools: whether there is a place that they do not try again yet.
        missed: whether there is one where they got nothing. fears: whether there is one that they fear.
        since_ms, begins_ms, until_ms, owed: as in `Life`. levels: [person, need] at ``since_ms``.
        pockets: what they have to spend now, and got of what they ordered.
    """

    def __init__(self, people: People, cast: Cast, pockets: Pockets | None = None) -> None:
        self.people = people
        self.cast = cast
        self.pockets = pockets or Pockets()
        count = len(cast.people)
        self.place, self.at, self.action, self.company = (
            np.full(count, NONE, dtype=np.int64) for _ in range(4)
        )
        self.cools, self.present, self.missed, self.fears = (np.zeros(count, dtype=bool) for _ in range(4))
        self._bound = [0] * len(cast.places)
        self.since_ms, self.begins_ms, self.until_ms, self.owed = (
            np.zeros(count, dtype=np.int64) for _ in range(4)
        )
        self.levels = np.full((count, len(cast.needs)), FULL, dtype=np.int64)
        self._tie: dict[tuple[int, int], int] = {}
        self._ties = np.zeros((3, TIES_MIN), dtype=np.int64)
        for row, relations in enumerate(cast.relations):
            for other, regard in relations.items():
                self._bind(row, cast.rows.get(other, NONE), regard)
        for pair in people.talks:
            self._talked(*pair)
        for life in people.lives.values():
            self.note(life)

    def note(self, life: Life) -> None:
        """Note how somebody is now."""
        cast, row = self.cast, self.cast.rows.get(life.person)
        if row is None:
            return
        place, at = cast.place_rows.get(life.place, NONE), cast.place_rows.get(life.at, NONE)
        for number, more in ((int(self.at[row]), -1), (at, 1)):
            if number != NONE:
                self._bound[number] += more
        self.place[row], self.at[row], self.cools[row] = place, at, bool(life.cool)
        self.present[row] = life.journey is None
        self.missed[row], self.fears[row] = bool(life.missed), bool(life.fears)
        self.action[row] = cast.act_rows.get(life.action, NONE)
        self.company[row] = NONE if life.journey is not None or life.action == SLEEP else place
        self.since_ms[row], self.begins_ms[row] = life.since_ms, life.begins_ms
        failed = life.journey is None and self.pockets.missed(life.person) is not None
        self.until_ms[row] = life.begins_ms if failed else life.until_ms
        self.owed[row] = life.owed
        self.levels[row] = [life.levels.get(need, FULL) for need in cast.needs]
        if life.action == TALK and life.with_person:
            self._talked(life.person, life.with_person)

    def bound_for(self, place: str) -> int:
        """Return how many are in a place, or bound for it."""
        return self._bound[self.cast.place_rows[place]]

    # --- what they think of each other ----------------------------------------------------------------------

    def _talked(self, one: str, other: str) -> None:
        more, cast = self.people.acquainted(one, other), self.cast
        for who, whom in ((one, other), (other, one)):
            row = cast.rows.get(who)
            if row is not None:
                self._bind(row, cast.rows.get(whom, NONE), cast.relations[row].get(whom, 0) + more)

    def _bind(self, row: int, other: int, regard: int) -> None:
        if other == NONE:
            return
        number = self._tie.setdefault((row, other), len(self._tie))
        if number == self._ties.shape[1]:
            self._ties = np.concatenate([self._ties, np.zeros_like(self._ties)], axis=1)
        self._ties[:, number] = row, other, regard

    def thinks(self, person: str) -> Mapping[str, int]:
        """Return what somebody thinks of those they know, in thousandths."""
        known = dict(self.cast.relations[self.cast.rows[person]])
        for other in self.people.friends.get(person, ()):
            known[other] = known.get(other, 0) + self.people.acquainted(person, other)
        return known

    def regard(self, rows: Ints, places: Ints) -> Ints:
        """Return the mean of what each thinks of those awake in a place whom they know; 0: there are none.

        Args:
            rows: of persons, each once.
            places: [person, any number] of places.
        """
        number = np.full(len(self.cast.people), NONE, dtype=np.int64)
        number[rows] = np.arange(len(rows))
        one, other, regard = self._ties[:, : len(self._tie)]
        known = (number[one] != NONE) & (self.company[other] != NONE)
        one, other, regard = number[one[known]], other[known], regard[known]
        at, found = self.company[other], np.zeros_like(places)
        for column in range(places.shape[1]):
            there = places[one, column] == at
            who = one[there]
            # Sums of small whole numbers: exact also as doubles.
            sums = np.bincount(who, weights=regard[there], minlength=len(rows)).astype(np.int64)
            found[:, column] = sums // np.maximum(np.bincount(who, minlength=len(rows)), 1)
        return found

    def partner(self, life: Life, rows: Sequence[int]) -> str | None:
        """Return whom of some people somebody would talk to: whom they like best; of equals the lower id."""
        liked = self.thinks(life.person)
        others = (other for row in rows if (other := self.cast.people[row].id) != life.person)
        return min(others, key=lambda other: (-liked.get(other, 0), other), default=None)

    # --- needs ----------------------------------------------------------------------------------------------

    def levels_at(self, rows: Ints, now_ms: int) -> Ints:
        """Return [person, need] in millionths at a game time."""
        cast, since, acts = self.cast, self.since_ms[rows], self.action[rows]
        passed = np.maximum(0, now_ms - since)
        done = np.minimum(now_ms, self.until_ms[rows]) - np.maximum(since, self.begins_ms[rows])
        drained = passed[:, None] * FULL // cast.empties_ms * cast.drains[rows]
        filled = np.maximum(0, done)[:, None] * cast.gains[acts] // cast.takes_ms[acts][:, None]
        filled[acts == NONE] = 0
        found: Ints = np.clip(self.levels[rows] - drained + filled, 0, FULL)
        if LABOUR in cast.needs:
            coins, likes = self.coins(rows), cast.living.purses[rows]
            known = np.flatnonzero((coins != NONE) & (likes > 0))
            has = coins[known] + self.owed[rows[known]] + self.earned(rows[known], now_ms)
            found[known, cast.needs.index(LABOUR)] = np.minimum(FULL, has * FULL // likes[known])
        return found

    # --- purses ---------------------------------------------------------------------------------------------

    def coins(self, rows: Ints) -> Ints:
        """Return what each has to spend; NONE: they have no purse."""
        names, coins = self.cast.people, self.pockets.coins
        if not coins:
            return np.full(len(rows), NONE, dtype=np.int64)
        return np.array([coins.get(names[row].id, NONE) for row in rows.tolist()], dtype=np.int64)

    def carries(self, life: Life) -> Mapping[str, int]:
        """Return how often somebody can do what with what they carry along now."""
        if life.coins is None:  # they come with something in the pantry
            return dict.fromkeys(sorted(self.cast.living.brought), RULES.pantry)
        got = self.pockets.outcomes.get(life.person)
        if not isinstance(got, Bought) or got.quantity == 1:
            return life.carries
        return {**life.carries, life.action: life.carries.get(life.action, 0) + got.quantity - 1}

    def earned(self, rows: Ints, now_ms: int) -> Ints:
        """Return what each has earned by what they do, up to a game time; 0: they have no purse."""
        acts = self.action[rows]
        done = np.minimum(now_ms, self.until_ms[rows]) - self.begins_ms[rows]
        found: Ints = self.cast.living.wages[rows, acts] * np.maximum(0, done) // HOUR_MS
        none = (acts == NONE) | (self.coins(rows) == NONE) | (self.place[rows] != self.at[rows])
        found[none] = 0
        return found


def rows_of(cast: Cast, lives: Sequence[Life]) -> Ints:
    """Return the numbers of some people."""
    return np.array([*map(cast.rows.__getitem__, [life.person for life in lives])], dtype=np.int64)
