"""What somebody remembers first: how fresh it is, how much it matters, how near to what is asked. Pure.

The three are added with equal weights, each between 0 and 1 (Park et al. 2023, Generative Agents, 4.1).
Nearness is structure: how many of the things asked for a memory names; one that names none is no answer.
"""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.beliefs.mind import SURE, Perceived
from domain.memories.memories import TALKED, Memories, Numbers, Scores, Shelf, recency

Flags = NDArray[np.bool_]

ROW_BITS = 24
"""Bits of a row's number: a holder has fewer than 16 million memories."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        about: what memories name; empty: anything.
        kinds: by which predicates; empty: any.
        now_ms: as of which game time; what happened later is left out.
        position: up to which position of the log.
        stage: of the story; predicates of a later one are left out.
        newest: whether the newest come first.
    """

    now_ms: int
    about: Sequence[str] = ()
    kinds: Collection[str] = ()
    position: int | None = None
    stage: int = 0
    newest: bool = False


class Remembered(NamedTuple):
    """A memory with what speaks for it, in thousandths."""

    seen: Perceived
    importance: int
    recency: int
    relevance: int

    @property
    def score(self) -> int:
        """All that speaks for it."""
        return self.importance + self.recency + self.relevance


class Recalled(NamedTuple):
    """The memories that come first, and how many more there are."""

    found: Sequence[Remembered]
    left_off: int


def recall(memories: Memories, holder: str, wanted: Wanted, limit: int) -> Recalled:
    """Return what somebody remembers of what is wanted, at most ``limit`` of it."""
    shelf = memories.shelves.get(holder)
    if shelf is None:
        return Recalled((), 0)
    numbers, near = _named(shelf, wanted.about)
    allowed = _allowed(memories, holder, shelf, numbers, wanted)
    numbers, near = numbers[allowed], near[allowed]
    if not len(numbers):
        return Recalled((), 0)
    worth = np.array(shelf.worth)[numbers] / SURE
    fresh = recency(np.array(shelf.at_ms)[numbers], wanted.now_ms)
    first = _first(numbers if wanted.newest else _ranks(worth + fresh + near, numbers), limit)
    found = [
        Remembered(shelf.rows[numbers[n]], *(round(float(each[n]) * SURE) for each in (worth, fresh, near)))
        for n in first
    ]
    return Recalled(found, len(numbers) - len(found))


def _named(shelf: Shelf, about: Sequence[str]) -> tuple[Numbers, Scores]:
    """Return which rows name what is asked about, and each's share of it."""
    if not about:
        return np.arange(len(shelf.rows)), np.zeros(len(shelf.rows))
    asked = list(dict.fromkeys(about))
    parts = [np.array(shelf.named[name], dtype=np.int64) for name in asked if name in shelf.named]
    if not parts:
        return np.empty(0, dtype=np.int64), np.empty(0)
    if len(parts) == 1:
        return parts[0], np.full(len(parts[0]), 1 / len(asked))
    numbers, counts = np.unique(np.concatenate(parts), return_counts=True)
    return numbers, counts / len(asked)


def _allowed(memories: Memories, holder: str, shelf: Shelf, numbers: Numbers, wanted: Wanted) -> Flags:
    allowed = np.ones(len(numbers), dtype=bool)
    if wanted.position is not None:
        allowed &= numbers < bisect_right(shelf.rows, wanted.position, key=lambda row: row.position)
    at_ms = np.array(shelf.at_ms)[numbers]
    allowed &= at_ms <= wanted.now_ms
    open_, secret = _kinds(memories, wanted)
    kinds = np.array(shelf.kinds)[numbers]
    allowed &= open_[kinds]
    if secret[kinds].any():
        own = np.array(shelf.named.get(holder, ()), dtype=np.int64)
        allowed &= ~secret[kinds] | np.isin(numbers, own)
    return allowed


def _kinds(memories: Memories, wanted: Wanted) -> tuple[Flags, Flags]:
    """Return by predicate's number whether it may be told, and whether only to whom it names."""
    open_, secret = np.zeros(len(memories.numbers), dtype=bool), np.zeros(len(memories.numbers), dtype=bool)
    for name, number in memories.numbers.items():
        predicate = memories.words.predicates.get(name)
        if name == TALKED or (predicate is not None and predicate.stage <= wanted.stage):
            open_[number] = not wanted.kinds or name in wanted.kinds
            secret[number] = predicate is not None and predicate.secret
    return open_, secret


def _ranks(scores: Scores, numbers: Numbers) -> Numbers:
    """Return numbers that sort as scores do, to a billionth; of equal scores the newer is the higher."""
    ranks: Numbers = ((scores * 1e9).astype(np.int64) << ROW_BITS) | numbers
    return ranks


def _first(ranks: Numbers, limit: int) -> Numbers:
    """Return where the highest stand, the highest first."""
    over = len(ranks) - limit
    top = np.argpartition(ranks, over)[over:] if over > 0 else np.arange(len(ranks))
    first: Numbers = top[np.argsort(-ranks[top])]
    return first
