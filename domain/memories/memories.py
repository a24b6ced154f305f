"""What everybody remembers: things that they perceived and that are worth it, with the evidence. Pure.

A memory is what somebody came to know (`domain.beliefs.mind.Perceived`), when it happened and by which event
they know it; nothing is made up and nothing is put in other words. Beliefs say what somebody takes to be so
now; memories say what happened. So they are of deeds, of what is pinned, and of what players told one: not of
prices and weather, nor of who of the people came and went.
"""

from array import array
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from domain.beliefs.claims import kind_of
from domain.beliefs.mind import SURE, Perceived, confidence_of
from domain.beliefs.vocabulary import Vocabulary

COMES, GOES = "arrived", "left"
"""Predicates by which one sees others come and go all day; that a player came is remembered."""

TALKED, TALK_WORTH = "talked_with", 300
"""That a player and a person talked is a memory of both, whatever the world's predicates are. Of what they
said only what it did is in it (asked, answered, threatened); its event has the words."""

WORTH_MIN = 200
"""Thousandths by which a deed spreads from which on it is remembered; and what a player's word is worth."""

LOOSE_MAX, SLACK = 50_000, 5_000
"""Memories of a holder beside pinned ones; so many more are let go at once, those that matter least."""

ROWS_MAX = 2_000_000
"""Of all holders together; beyond, players who perceived nothing for longest remember nothing more."""

SAME_MAX = 256
"""Newest things of which a holder notices that they know them already, through whomever they hear of them."""

HOUR_MS = 3_600_000
DECAY = 0.995
"""Of each game hour (Park et al. 2023, Generative Agents, 4.1); there it is since the last retrieval, here
since it happened: to ask somebody must not change what they remember."""

Numbers = NDArray[np.int64]
Scores = NDArray[np.float64]


def worth(seen: Perceived, holder: str, words: Vocabulary) -> int:
    """Return how much something matters to who came to know it, in thousandths; 0: they do not keep it.

    What is pinned matters wholly. Else it is how readily such things are told on (`spreads`), halfway to
    the whole where it names the holder, times how sure they are of it.
    """
    claim = seen.claim
    if claim.predicate == TALKED:
        return TALK_WORTH
    predicate = words.predicates.get(claim.predicate)
    if predicate is None or (predicate.secret and holder not in claim.arguments):
        return 0
    if predicate.pinned:
        return SURE
    told = seen.teller.startswith("player.")
    if told:
        matters = max(predicate.spreads, WORTH_MIN)
    elif seen.over or predicate.holds != "deed" or predicate.spreads < WORTH_MIN:
        return 0
    else:
        matters = predicate.spreads
    if claim.predicate in (COMES, GOES) and not told:
        return matters if claim.predicate == COMES and kind_of(claim.subject) == "player" else 0
    if holder in claim.arguments:
        matters = (matters + SURE) // 2
    return min(SURE - 1, max(1, matters * confidence_of(seen) // SURE))


@dataclass(slots=True)
class Shelf:
    """One holder's memories, in the order in which they came to know them; columns of one length.

    Attributes:
        rows: what they are.
        at_ms: when it happened. worth: in thousandths. kinds: numbers of predicates.
        named: by what they name, the numbers of rows.
        forgotten: how many were let go.
    """

    rows: list[Perceived] = field(default_factory=list)
    at_ms: "array[int]" = field(default_factory=partial(array, "q"))
    worth: "array[int]" = field(default_factory=partial(array, "H"))
    kinds: "array[int]" = field(default_factory=partial(array, "H"))
    named: "defaultdict[str, array[int]]" = field(default_factory=lambda: defaultdict(partial(array, "I")))
    forgotten: int = 0
    _same: OrderedDict[tuple[str, object, bool], None] = field(default_factory=OrderedDict)

    def take(self, seen: Perceived, worth: int, kind: int) -> bool:
        """Keep something; say whether it was not known already, by whoever told of it before."""
        key = (seen.root or seen.event, seen.claim, seen.over)
        if key in self._same:
            return False
        self._same[key] = None
        if len(self._same) > SAME_MAX:
            self._same.popitem(last=False)
        self._add(seen, worth, kind)
        return True

    def _add(self, seen: Perceived, worth: int, kind: int) -> None:
        number = len(self.rows)
        self.rows.append(seen)
        self.at_ms.append(seen.at_ms)
        self.worth.append(worth)
        self.kinds.append(kind)
        for name in names_of(seen):
            self.named[name].append(number)

    def forget(self, most: int) -> int:
        """Let go of what matters least, if more than ``most`` and some are not pinned; return how many."""
        worth = np.array(self.worth)
        loose = np.flatnonzero(worth < SURE)
        if len(loose) <= most + SLACK:
            return 0
        at_ms = np.array(self.at_ms)
        score = worth[loose] / SURE + recency(at_ms[loose], int(at_ms.max()))
        over = len(loose) - most
        gone = set(loose[np.argpartition(score, over)[:over]].tolist())
        kept = [number for number in range(len(self.rows)) if number not in gone]
        rows, kinds = self.rows, self.kinds
        self.rows, self.at_ms = [], array("q")
        self.worth, self.kinds = array("H"), array("H")
        self.named = defaultdict(partial(array, "I"))
        for number in kept:
            self._add(rows[number], int(worth[number]), kinds[number])
        self.forgotten += over
        return over


def recency(at_ms: Numbers, now_ms: int) -> Scores:
    """Return how fresh what happened at game times is: 1 now, 0.995 an hour ago, half after six days."""
    hours = np.maximum(now_ms - at_ms, 0) / HOUR_MS
    scores: Scores = np.exp(hours * np.log(DECAY))
    return scores


def names_of(seen: Perceived) -> tuple[str, ...]:
    """Return what a memory names: its claim's arguments, who told it, and where that was."""
    place = f"place.{seen.place}" if seen.place else ""
    return tuple(dict.fromkeys(filter(None, (*seen.claim.arguments, seen.teller, place))))


@dataclass(slots=True)
class Memories:
    """Everybody's; changed in place by `take`.

    Attributes:
        words: the predicates of the definition that holds.
        shelves: by holder; players who perceived something last stand last.
        numbers: by predicate, its number in the columns.
        count: how many memories there are.
    """

    words: Vocabulary
    loose_max: int = LOOSE_MAX
    rows_max: int = ROWS_MAX
    shelves: OrderedDict[str, Shelf] = field(default_factory=OrderedDict)
    numbers: dict[str, int] = field(default_factory=dict)
    count: int = 0

    def take(self, holder: str, seen: Perceived) -> None:
        """Have a holder remember what they came to know, if it is worth it."""
        matters = worth(seen, holder, self.words)
        if not matters:
            return
        shelf = self.shelves.get(holder)
        if shelf is None:
            shelf = self.shelves[holder] = Shelf()
        kind = self.numbers.setdefault(seen.claim.predicate, len(self.numbers))
        if not shelf.take(seen, matters, kind):
            return
        self.count += 1
        if kind_of(holder) == "player":
            self.shelves.move_to_end(holder)
        if len(shelf.rows) > self.loose_max + SLACK and len(shelf.rows) % SLACK == 0:
            self.count -= shelf.forget(self.loose_max)
        if self.count > self.rows_max:
            self._make_room()

    def _make_room(self) -> None:
        oldest = next((who for who in self.shelves if kind_of(who) == "player"), None)
        if oldest is not None:
            self.lose(oldest)

    def lose(self, holder: str) -> None:
        """Have somebody remember nothing: they are no more."""
        if shelf := self.shelves.pop(holder, None):
            self.count -= len(shelf.rows)
