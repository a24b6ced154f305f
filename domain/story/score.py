"""How good a line is among candidates that passed the gates: its voice, its fit, what is new in it. Pure.

A voice is known by the words and pairs of words that it uses more than the others do (log-odds with a prior,
after Monroe, Colaresi and Quinn 2008, "Fightin' Words"); a line is the nearer to it the more it has of them.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from domain.story.corpus import Pair
from domain.story.plan import Length, length_of
from domain.story.repeating import Grams, grams_of, likeness
from domain.story.variety import words_of

PRIOR = 0.2
"""How often every word counts as met once more than it was; rarer ones say little of a voice."""

ODDS_MAX = 5.0
"""Log-odds of one word, at most, so that one oath does not make a sailor."""

VOICE_WEIGHT, NOVELTY_WEIGHT, LENGTH_WEIGHT, FIT_WEIGHT = 1.0, 1.0, 0.3, 1.0
WORDS_BEST = {Length.SHORT: 5, Length.MIDDLE: 12, Length.LONG: 22}


@dataclass(frozen=True, slots=True)
class Voices:
    """How often each voice uses which words.

    Attributes:
        own: voice → word or pair of words → how often. genres: genre → the same of all its voices.
        totals: voice or genre → how many words and pairs.
    """

    own: Mapping[str, Counter[str]]
    genres: Mapping[str, Counter[str]]
    totals: Mapping[str, int]

    def nearness(self, text: str, voice: str) -> float:
        """Return how much a text has of a voice: the mean log-odds of its words and pairs against others'.

        A word that nobody of the genre uses says nothing; 0 if the voice is unknown.
        """
        genre = voice.partition("/")[0]
        own, all_ = self.own.get(voice), self.genres.get(genre)
        if own is None or all_ is None:
            return 0.0
        grams = [each for each in _grams(text) if each in all_]
        totals = self.totals[voice], self.totals[genre]
        return sum(_odds(own[each], all_[each], totals) for each in grams) / max(1, len(grams))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a line is scored for.

    Attributes:
        voice: ``harbour/ferryman``.
        length: how long it should be; None does not matter.
        heard: what the listener heard lately, from `grams_of`.
        fit: how well the words fit the plan by whoever chose them, 0 to 1: a model's chance, a line's rank.
    """

    voice: str
    length: Length | None = None
    heard: Sequence[Grams] = field(default=(), repr=False)
    fit: float = 0.0


def voices_of(pairs: Iterable[Pair]) -> Voices:
    """Return what distinguishes the voices of a corpus, each against all others of its genre."""
    counts: dict[str, Counter[str]] = {}
    genres: dict[str, Counter[str]] = {}
    for pair in pairs:
        grams = list(_grams(pair.text))
        counts.setdefault(f"{pair.voice.genre}/{pair.voice.name}", Counter()).update(grams)
        genres.setdefault(pair.voice.genre, Counter()).update(grams)
    return Voices(counts, genres, {name: each.total() for name, each in (*counts.items(), *genres.items())})


def score(text: str, wanted: Wanted, voices: Voices) -> float:
    """Return how good a line is; the higher, the better. It says nothing of whether a line is true."""
    heard = max((likeness(grams_of(text), each) for each in wanted.heard), default=0.0)
    return (
        VOICE_WEIGHT * voices.nearness(text, wanted.voice)
        + NOVELTY_WEIGHT * (1.0 - heard)
        + LENGTH_WEIGHT * _length_fit(text, wanted.length)
        + FIT_WEIGHT * wanted.fit
    )


def _length_fit(text: str, length: Length | None) -> float:
    """Return 1 for a line of the wanted length, and less the further its words are from it."""
    if length is None or length_of(text) == length:
        return 1.0
    return 1.0 / (1.0 + abs(math.log(max(1, len(words_of(text))) / WORDS_BEST[length])))


def _grams(text: str) -> Iterable[str]:
    words = [word for word in words_of(text) if word[0] != "{"]
    yield from words
    yield from (f"{one} {other}" for one, other in pairwise(words))


def _odds(own: int, all_: int, totals: tuple[int, int]) -> float:
    """Return the log-odds of a word in a voice against the others of its genre, within `ODDS_MAX`."""
    total, others = totals[0], totals[1] - totals[0]
    odds = math.log((own + PRIOR) / (total + PRIOR)) - math.log((all_ - own + PRIOR) / (others + PRIOR))
    return max(-ODDS_MAX, min(ODDS_MAX, odds))
