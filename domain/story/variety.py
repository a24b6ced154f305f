"""How varied a corpus is: repeated lines, shared runs of words, sentences that begin alike, and counts."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from domain.definition.faults import Fault
from domain.story.corpus import Found, Pair
from domain.story.plan import WORD

RUN_WORDS = 8
SHARED_RUNS_MAX = 0.05
"""Share of the lines that have a run of `RUN_WORDS` words with another line, at most."""

OPENING_WORDS = 3
OPENINGS_MAX = 1 / 25
"""Share of a voice's lines that begin with the same words as another of its lines, at most."""

OPENINGS_FROM = 50
"""Lines of a voice from which on the share says anything."""


ALIKE = 0.6
"""Share of the words that two lines have in common from which on they are nearly the same."""


@dataclass(frozen=True, slots=True)
class Variety:
    """What a corpus consists of.

    Attributes:
        pairs: how many there are.
        counts: heading → word → how many pairs: by genre, voice, act, mood, register, length.
        shared_runs: share of lines that have a run of eight words with another.
        openings: voice → share of its lines that begin like another of them.
    """

    pairs: int
    counts: Mapping[str, Mapping[str, int]]
    shared_runs: float
    openings: Mapping[str, float]


def variety_of(pairs: Sequence[Pair]) -> tuple[Variety, list[Found]]:
    """Return what a corpus consists of, and where it repeats itself too much."""
    faults = list(_twice(pairs))
    sharing = _sharing(pairs)
    runs = len(sharing) / max(1, len(pairs))
    if runs > SHARED_RUNS_MAX:
        text = "eight words that another line has"
        faults += [_fault(pairs[at], "shared_run", text, "words of its own") for at in sorted(sharing)]
    openings: dict[str, float] = {}
    by_voice: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_voice[f"{pair.voice.genre}/{pair.voice.name}"].append(pair)
    for voice, own in by_voice.items():
        alike = _beginning_alike(own)
        openings[voice] = len(alike) / len(own)
        if len(own) >= OPENINGS_FROM and openings[voice] > OPENINGS_MAX:
            faults += [
                _fault(pair, "opening", f"the beginning {' '.join(_opening(pair))!r}", "one of its own")
                for pair in alike
            ]
    return Variety(len(pairs), _counts(pairs), runs, openings), faults


def words_of(text: str) -> list[str]:
    """Return the words of a line in small letters; a placeholder is one word, whatever its form."""
    words: list[str] = WORD.findall(text.lower())
    return [re.sub(r"^(\{\w+)[^}]*\}", r"\1}", word) if word[0] == "{" else word for word in words]


def likeness(text: str, others: Collection[frozenset[str]], least: float = 0.0) -> float:
    """Return the largest share of words (of those in either) that a text has in common with one of others.

    Args:
        text: the line.
        others: words of others.
        least: what less than that is returned as; the more is passed over by length alone.
    """
    words, most = frozenset(words_of(text)), least
    count = len(words)
    # who has more in common with it misses fewer words than these: the longest, which few others have
    by_length = sorted(words, key=lambda word: (-len(word), word))
    rare = frozenset(by_length[: int((1 - least) * count) + 1])
    for other in others:
        size = len(other)
        fewer, more = (count, size) if count < size else (size, count)
        if fewer > most * more and not rare.isdisjoint(other):
            shared = len(words & other)
            if shared > most * (count + size - shared):
                most = shared / (count + size - shared)
    return most


def _counts(pairs: Iterable[Pair]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for pair in pairs:
        counts["genre"][pair.voice.genre] += 1
        counts["voice"][f"{pair.voice.genre}/{pair.voice.name}"] += 1
        counts["act"][pair.plan.act] += 1
        counts["mood"][pair.plan.mood] += 1
        counts["attitude"][pair.plan.attitude] += 1
        counts["register"][pair.plan.register] += 1
        counts["length"][pair.length] += 1
        counts["claims"][str(len(pair.plan.claims))] += 1
        for claim in pair.plan.claims:
            counts["predicate"][claim.predicate] += 1
    return counts


def _twice(pairs: Sequence[Pair]) -> Iterable[Found]:
    first: dict[tuple[str, ...], Pair] = {}
    for pair in pairs:
        before = first.setdefault(tuple(words_of(pair.text)), pair)
        if before is not pair:
            yield _fault(pair, "duplicate", f"the line of {before.mark}", "each line once")


def _sharing(pairs: Sequence[Pair]) -> set[int]:
    """Return the indices of the lines that have a run of words with another."""
    first: dict[tuple[str, ...], int] = {}
    sharing: set[int] = set()
    for at, pair in enumerate(pairs):
        words = words_of(pair.text)
        for start in range(len(words) - RUN_WORDS + 1):
            other = first.setdefault(tuple(words[start : start + RUN_WORDS]), at)
            if other != at:
                sharing |= {other, at}
    return sharing


def _opening(pair: Pair) -> tuple[str, ...]:
    return tuple(words_of(pair.text)[:OPENING_WORDS])


def _beginning_alike(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the lines that begin with the words of an earlier one."""
    seen: set[tuple[str, ...]] = set()
    alike = []
    for pair in pairs:
        opening = _opening(pair)
        if opening in seen:
            alike.append(pair)
        seen.add(opening)
    return alike


def _fault(pair: Pair, kind: str, found: str, allowed: str) -> Found:
    return Found(pair.mark, Fault(kind, "line", found, allowed))
