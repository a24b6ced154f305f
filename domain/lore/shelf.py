"""All chunks that hold, in the form in which they are searched: made once, and never changed afterwards.

Limits come before the search: of all distinct limits (there are a few hundred, however many chunks) those are
picked that the asker may know, and only chunks under them are looked at by any arm.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from math import log

import numpy as np
from numpy.typing import NDArray

from domain.lore.chunks import Chunk, Limits
from domain.lore.keeping import Rows, Vector
from domain.lore.knowing import Knower, may_know
from domain.lore.names import Names
from domain.lore.products import products
from domain.lore.senses import Senses
from domain.lore.sketch import Sketch
from domain.lore.terms import STOP, small_words_of, stem, words_of
from domain.lore.words import Words

Vectors = NDArray[np.float32]
"""A vector of length 1 a row; a row of zeros stands for one that is not there yet."""

Shares = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Chunks, and how much each speaks of something, from 0 to 1."""

SKETCHED_FROM = 20_000
"""Chunks from which a sketch of their vectors is made: below, to compare all takes a millisecond."""

MENTIONED = 0.6
"""Of what a chunk is about counts 1; what it only mentions counts this."""


@dataclass(slots=True)
class Shelf:
    """Chunks and their indexes.

    Attributes:
        names: what everybody may know the names of.
        aliases: names that documents give, by the limits of the documents: a secret name is one, too.
        vectors: of each chunk; None: there are none.
        sentences: vectors of all chunks' sentences in half floats, in their order, those of a chunk from
            ``begins`` on.
        encoder: digest of the encoder that made them; "": none did.
        senses: vectors of the terms; None: there are none yet, and words are not related.
        sketch: short vectors of all chunks, where there are many; None: whole ones are compared.
    """

    chunks: Sequence[Chunk]
    names: Names
    aliases: Mapping[Limits, Names] = field(default_factory=dict)
    vectors: Vectors | None = None
    sentences: NDArray[np.float16] | None = None
    encoder: str = ""
    senses: Senses | None = None
    sketch: Sketch | None = None
    words: Words = field(init=False)
    spoken: Mapping[str, str] = field(init=False)
    """A word for each term, as it stands somewhere."""
    begins: NDArray[np.int64] = field(init=False)
    at: Mapping[str, int] = field(init=False)
    """Places of the chunks by their digests."""
    known: frozenset[str] = field(init=False)
    """Words that stand somewhere: no slip is looked for in them."""
    common: frozenset[str] = field(init=False)
    """Words that stand somewhere in small letters: no names by themselves."""
    _limits: Sequence[Limits] = field(init=False)
    _under: NDArray[np.int32] = field(init=False)
    _counts: Sequence[int] = field(init=False)
    _about: Mapping[str, Shares] = field(init=False)
    _named: Sequence[tuple[Limits | None, Names, Mapping[str, Shares]]] = field(init=False)

    def __post_init__(self) -> None:
        """Index the chunks."""
        self.at = {chunk.digest: at for at, chunk in enumerate(self.chunks)}
        texts = [words_of(chunk.searched) for chunk in self.chunks]
        self.known = frozenset(word for text in texts for word in text)
        self.common = frozenset(word for chunk in self.chunks for word in small_words_of(chunk.text))
        self.words = Words([[stem(word) for word in text if word not in STOP] for text in texts])
        self.spoken = {stem(word): word for word in sorted(self.known, reverse=True) if word not in STOP}
        self.begins = np.cumsum([0, *(len(chunk.sentences) for chunk in self.chunks)])
        numbers: dict[Limits, int] = {}
        under = [numbers.setdefault(chunk.limits, len(numbers)) for chunk in self.chunks]
        self._limits, self._under = tuple(numbers), np.array(under, np.int32)
        self._counts = np.bincount(self._under, minlength=len(numbers)).tolist()
        self._about = _shares(
            (entity, at, 1.0) for at, chunk in enumerate(self.chunks) for entity in chunk.about
        )
        groups = [(None, self.names), *self.aliases.items()]
        self._named = [(limits, names, self._mentions(names)) for limits, names in groups]

    def _mentions(self, names: Names) -> Mapping[str, Shares]:
        return _shares(
            (entity, at, MENTIONED)
            for at, chunk in enumerate(self.chunks)
            for entity in names.found_in(f"{chunk.title}. {chunk.text}", self.common)
        )

    def without_vectors(self) -> "Shelf":
        """Return the same shelf with no vectors, to be given its own."""
        other = copy(self)
        other.vectors, other.sentences, other.encoder, other.senses, other.sketch = None, None, "", None, None
        return other

    def lacking(self) -> Mapping[str, int]:
        """Return the digests of the chunks that have no vectors, each with how many it is to have."""
        without = range(len(self.chunks)) if self.vectors is None else self._empty().tolist()
        return {self.chunks[at].digest: 1 + len(self.chunks[at].sentences) for at in without}

    def _empty(self) -> NDArray[np.intp]:
        assert self.vectors is not None
        return np.flatnonzero(~self.vectors.any(axis=1))

    def give(self, encoder: str, rows: Mapping[str, Rows]) -> None:
        """Give chunks their vectors, all of one encoder; those of another are forgotten."""
        if not rows:
            return
        self.sketch = None
        if self.vectors is None or self.sentences is None or self.encoder != encoder:
            width = next(iter(rows.values())).shape[1]
            self.vectors, self.encoder = np.zeros((len(self.chunks), width), np.float32), encoder
            self.sentences = np.zeros((int(self.begins[-1]), width), np.float16)
        for digest, own in rows.items():
            at = self.at[digest]
            self.vectors[at] = own[0]
            self.sentences[self.begins[at] : self.begins[at + 1]] = own[1:]

    def make_sketch(self) -> None:
        """Make the sketch of the vectors that there are, if there are so many that it is worth while."""
        if self.vectors is not None and len(self.vectors) >= SKETCHED_FROM:
            self.sketch = Sketch(self.vectors)

    def rows_of(self, at: int) -> Rows:
        """Return the vectors of a chunk, as `give` takes them; there must be some."""
        assert self.vectors is not None
        assert self.sentences is not None
        own = self.sentences[self.begins[at] : self.begins[at + 1]]
        return np.vstack([self.vectors[at : at + 1], own.astype(np.float32)])

    def take_over(self, other: "Shelf") -> None:
        """Take over the vectors of another shelf for the chunks that both have."""
        if other.vectors is not None:
            both = [(digest, at) for digest, at in other.at.items() if digest in self.at]
            self.give(other.encoder, {digest: other.rows_of(at) for digest, at in both})

    def sentence_cosines(self, places: NDArray[np.intp], vector: Vector) -> NDArray[np.float32]:
        """Return for some chunks the cosine of their best sentence, 0 at least; each has a sentence."""
        if self.sentences is None or not len(places):
            return np.zeros(len(places), np.float32)
        counts = self.begins[places + 1] - self.begins[places]
        offsets = np.cumsum(counts) - counts
        rows = np.repeat(self.begins[places] - offsets, counts) + np.arange(int(counts.sum()))
        cosines = products(self.sentences[rows].astype(np.float32), vector)
        return np.maximum(np.maximum.reduceat(cosines, offsets), 0)

    def visible(self, knower: Knower) -> NDArray[np.intp]:
        """Return the places of the chunks that somebody may know."""
        allowed = np.array([may_know(knower, limits) for limits in self._limits], bool)
        return np.flatnonzero(allowed[self._under]) if len(allowed) else np.empty(0, np.intp)

    def count_visible(self, knower: Knower) -> int:
        """Return how many chunks somebody may know."""
        counts = zip(self._limits, self._counts, strict=True)
        return sum(count for limits, count in counts if may_know(knower, limits))

    def naming(self, text: str, knower: Knower) -> "Naming":
        """Return whom a question names, by names that the asker may know, and which chunks speak of them."""
        groups = [each for each in self._named if each[0] is None or may_know(knower, each[0])]
        lists, words = [names for _, names, _ in groups], words_of(text)
        spans = [span for names in lists for span in names.spans(text, self.common, self.known)]
        named = _longest(spans)
        entities = list(dict.fromkeys(entity for _, each in named for entity in sorted(each)))
        standing: dict[str, set[str]] = {}
        for (begin, end), each in named:
            for word in words[begin:end]:
                standing.setdefault(stem(word), set()).update(each)
        total = np.zeros(len(self.chunks), np.float32)
        shares = {entity: self._of(entity, [named for _, _, named in groups]) for entity in entities}
        weights = {entity: self._weight(each) for entity, each in shares.items()}
        whole = sum(weights.values()) or 1.0  # on an empty shelf a name tells nothing
        for entity, share in shares.items():
            total += share * np.float32(weights[entity] / whole)
        return Naming(entities, total, shares, standing)

    def meant(self, text: str, knower: Knower) -> str:
        """Return a question as the encoder is to read it: with the names that its aliases stand for.

        Only aliases that the asker may know count: who asks for a secret name is not told whose it is.
        """
        said = " ".join(words_of(text))
        lists = [names for limits, names, _ in self._named if limits is None or may_know(knower, limits)]
        called = []
        for entity in self.naming(text, knower).entities:
            name = next((names.called[entity] for names in lists if entity in names.called), "")
            if name and " ".join(words_of(name)) not in said:
                called.append(name)
        return f"{text} ({', '.join(called)})" if called else text

    def strange_words(self, text: str) -> Mapping[str, str]:
        """Return the words of a question that stand nowhere on the shelf, by their terms."""
        words = {stem(word): word for word in words_of(text) if word not in STOP}
        return {term: word for term, word in words.items() if term not in self.spoken}

    def _of(self, entity: str, named: Sequence[Mapping[str, Shares]]) -> NDArray[np.float32]:
        """Return how much every chunk speaks of an entity."""
        found = np.zeros(len(self.chunks), np.float32)
        for each in (*named, self._about):
            if entity in each:
                at, share = each[entity]
                found[at] = np.maximum(found[at], share)
        return found

    def _weight(self, shares: NDArray[np.float32]) -> float:
        """Return how much it tells that a question names an entity: little if many chunks do."""
        return log(1 + len(self.chunks) / (1 + int(np.count_nonzero(shares))))


@dataclass(frozen=True, slots=True)
class Naming:
    """What the arm of names says of a question.

    Attributes:
        entities: whom it names.
        scores: for every chunk the share of them that it speaks of, rare ones counting most.
        shares: of each entity, how much every chunk speaks of it.
        standing: terms of the question that stand for somebody, and for whom.
    """

    entities: Sequence[str]
    scores: NDArray[np.float32]
    shares: Mapping[str, NDArray[np.float32]]
    standing: Mapping[str, set[str]]


def _longest(spans: Sequence[tuple[tuple[int, int], set[str]]]) -> list[tuple[tuple[int, int], set[str]]]:
    """Return the spans of names that are within no longer one."""

    def within(span: tuple[int, int]) -> bool:
        begin, end = span
        return any(
            other[0] <= begin and end <= other[1] and other[1] - other[0] > end - begin for other, _ in spans
        )

    return [(span, entities) for span, entities in spans if not within(span)]


def _shares(found: Iterable[tuple[str, int, float]]) -> Mapping[str, Shares]:
    """Return by entity the chunks that speak of it, and how much."""
    there: dict[str, dict[int, float]] = {}
    for entity, at, share in found:
        there.setdefault(entity, {})[at] = share
    return {
        entity: (np.array(list(each), np.int32), np.array(list(each.values()), np.float32))
        for entity, each in there.items()
    }
