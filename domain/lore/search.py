"""A search: who may know what, three arms over that, one order, and whether it answers the question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from domain.lore.fusion import WEIGHTS, Weights, best_of, fused
from domain.lore.knowing import Knower
from domain.lore.products import products
from domain.lore.refusal import Reason, Signs, answers
from domain.lore.senses import Related
from domain.lore.shelf import Naming, Shelf, Vectors
from domain.lore.terms import cased_words_of, stem, terms_of

CANDIDATES = 50
"""Of the fused order, from which results and signs are taken."""

COVERING = 3
"""Best passages that may cover a question together."""

AHEAD_OF_FEW = 0.5

GATHERED = 256
"""Rows of vectors gathered at a time, 400 kB: 10,000 rows take 1.3 ms so, and 6 at once (2026-11-30)."""

SKETCHED_SHARE = 0.25
"""Visible share from which the sketch of all is looked at first: of fewer whole vectors are read as soon."""

Scan = Literal["none", "exact", "sketch", "nearest"]


@dataclass(frozen=True, slots=True)
class Near:
    """What an index of nearest neighbours found: chunks, and their cosines."""

    at: NDArray[np.intp]
    cosines: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question.

    Attributes:
        vector: of the text; None: the arm of meaning is away.
        encoder: digest of the encoder that made it; with vectors of another one it is not compared.
        near: what an index found for the vector within what the asker may know; None: all are compared.
        senses: vectors of those of its words, by term, that stand nowhere on the shelf.
    """

    text: str = field(repr=False)
    knower: Knower
    vector: NDArray[np.float32] | None = None
    encoder: str = ""
    near: Near | None = None
    weights: Weights = WEIGHTS
    senses: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found, with its fused score and each arm's share of that arm's best."""

    at: int
    score: float
    names: float
    words: float
    meaning: float
    sentence: float


@dataclass(frozen=True, slots=True)
class Found:
    """Outcome of a search.

    Attributes:
        hits: the best first; also when they do not answer, for who looks why.
        reason: why it is not known; "": it is.
        visible: chunks that the asker may know.
        entities: whom or what the question names.
    """

    hits: Sequence[Hit] = ()
    reason: Reason = ""
    visible: int = 0
    scan: Scan = "none"
    entities: Sequence[str] = ()
    signs: Signs | None = None


@dataclass(frozen=True, slots=True)
class Arms:
    """Every arm's scores of the visible chunks, in their order.

    Attributes:
        sentence: of the best by the others only; 0 elsewhere.
        likeness: of each term of the question, how near each term of the shelf is.
    """

    visible: NDArray[np.intp]
    names: NDArray[np.float32]
    words: NDArray[np.float32]
    meaning: NDArray[np.float32]
    sentence: NDArray[np.float32]
    naming: Naming
    terms: Sequence[str]
    by_meaning: bool
    likeness: Mapping[str, NDArray[np.float32]]

    def weighed(self, weights: Weights) -> Sequence[tuple[float, NDArray[np.float32]]]:
        """Return each arm's weight and scores."""
        return (
            (weights.names, self.names),
            (weights.words, self.words),
            (weights.meaning, self.meaning),
            (weights.sentence, self.sentence),
        )


def arms_of(shelf: Shelf, asked: Asked, visible: NDArray[np.intp]) -> Arms:
    """Return what each arm says of the chunks that the asker may know; the arm of sentences still nothing."""
    terms = list(dict.fromkeys(terms_of(asked.text)))
    naming, both = shelf.naming(asked.text, asked.knower), _comparable(shelf, asked)
    likeness: Mapping[str, NDArray[np.float32]] = {}
    if both is not None and shelf.senses is not None:
        likeness = shelf.senses.likeness(asked.senses, terms)
    words, names = shelf.words.scores(terms, _related(shelf, likeness)), naming.scores
    if len(visible) < len(shelf.chunks):
        words, names = words[visible], names[visible]
    meaning = _meaning(shelf, asked, visible)
    none = np.zeros(len(visible), np.float32)
    return Arms(visible, names, words, meaning, none, naming, terms, both is not None, likeness)


def _related(shelf: Shelf, likeness: Mapping[str, NDArray[np.float32]]) -> Mapping[str, Related]:
    if shelf.senses is None:
        return {}
    return {term: shelf.senses.related(term, near) for term, near in likeness.items()}


def _comparable(shelf: Shelf, asked: Asked) -> tuple[Vectors, NDArray[np.float32]] | None:
    """Return the vectors of passages and question if they are of one space.

    Those of two encoders have the same width: compared they give numbers, no error, and no sense.
    """
    if asked.vector is None or shelf.vectors is None or asked.encoder != shelf.encoder:
        return None
    return shelf.vectors, asked.vector


def _meaning(shelf: Shelf, asked: Asked, visible: NDArray[np.intp]) -> NDArray[np.float32]:
    both = _comparable(shelf, asked)
    if both is None:
        return np.zeros(len(visible), np.float32)
    if asked.near is not None:
        found = np.zeros(len(shelf.chunks), np.float32)
        found[asked.near.at] = asked.near.cosines
        return found[visible]
    vectors, vector = both
    whole = len(visible) == len(shelf.chunks)
    if shelf.sketch is not None and _by_sketch(shelf, visible):
        found = np.zeros(len(shelf.chunks), np.float32)
        places = shelf.sketch.nearest(vector, None if whole else visible)
        found[places] = _cosines(vectors, places, vector)
        return found if whole else found[visible]
    if whole:
        return products(vectors, vector)
    return _cosines(vectors, visible, vector)


def _by_sketch(shelf: Shelf, visible: NDArray[np.intp]) -> bool:
    return shelf.sketch is not None and len(visible) >= SKETCHED_SHARE * len(shelf.chunks)


def _cosines(vectors: Vectors, visible: NDArray[np.intp], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosines of some rows, gathered so few at a time that they stay in the cache."""
    found = np.empty(len(visible), np.float32)
    rows = np.empty((GATHERED, vectors.shape[1]), np.float32)
    for begin in range(0, len(visible), GATHERED):
        part = visible[begin : begin + GATHERED]
        some = np.take(vectors, part, axis=0, out=rows[: len(part)], mode="clip")
        found[begin : begin + len(part)] = products(some, vector)
    return found


def search(shelf: Shelf, asked: Asked) -> Found:
    """Return what is found, and whether it answers."""
    visible = shelf.visible(asked.knower)
    if not len(visible):
        return Found(reason="nothing_visible")
    arms = arms_of(shelf, asked, visible)
    if not arms.terms and not arms.naming.entities:
        return Found(reason="nothing_asked", visible=len(visible))
    return _ordered(shelf, asked, arms)


def _ordered(shelf: Shelf, asked: Asked, arms: Arms) -> Found:
    hits = hits_of(shelf, asked, arms)
    heard = heard_of(shelf, arms, np.array([hit.at for hit in hits[:COVERING]], np.intp))
    signs = signs_of(shelf, asked, arms, heard, hits)
    reason = _reason(asked.text, heard, signs)
    return Found(hits, reason, len(arms.visible), scan_of(shelf, asked, arms), arms.naming.entities, signs)


def scan_of(shelf: Shelf, asked: Asked, arms: Arms) -> Scan:
    """Return how the arm of meaning found what it found."""
    if not arms.by_meaning:
        return "none"
    if asked.near is not None:
        return "nearest"
    return "sketch" if _by_sketch(shelf, arms.visible) else "exact"


def hits_of(shelf: Shelf, asked: Asked, arms: Arms) -> list[Hit]:
    """Return the best chunks, the best first; fills in the arm of sentences.

    Sentences are looked at in the best by the other arms: what none of them finds no sentence of it would.
    """
    best = best_of(order_of(arms, asked.weights), CANDIDATES)
    both, places = _comparable(shelf, asked), arms.visible[best]
    if both is not None:
        # What the other arms found, and a sketch or an index of neighbours did not, is compared by itself.
        compared = np.where(arms.meaning[best] > 0, arms.meaning[best], products(both[0][places], both[1]))
        arms.meaning[best] = compared
        arms.sentence[best] = shelf.sentence_cosines(places, both[1])
    by = [(weight, _shares(scores, best)) for weight, scores in arms.weighed(asked.weights)]
    total = sum(weight for weight, share in by if share.any()) or 1.0
    scores = np.zeros(len(best), np.float32)
    for weight, share in by:
        scores += np.float32(weight / total) * share
    order = np.argsort(-scores, kind="stable")
    return [
        Hit(int(places[at]), float(scores[at]), *(float(share[at]) for _, share in by))
        for at in order[scores[order] > 0]
    ]


def _shares(scores: NDArray[np.float32], best: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return some of an arm's scores as shares of its best; zeros if none is above 0."""
    most = float(scores.max(initial=0.0))
    if most <= 0:
        return np.zeros(len(best), np.float32)
    return (np.maximum(scores[best], 0) / np.float32(most)).astype(np.float32, copy=False)


def order_of(arms: Arms, weights: Weights) -> NDArray[np.float32]:
    """Return the fused score of every visible chunk, as far as the arms have looked."""
    return fused([(weight, scores) for weight, scores in arms.weighed(weights) if weight])


@dataclass(frozen=True, slots=True)
class Heard:
    """Terms of a question: those that the best passages have, and those that stand nowhere."""

    covered: frozenset[str]
    unheard: frozenset[str]


def heard_of(shelf: Shelf, arms: Arms, top: NDArray[np.intp]) -> Heard:
    """Return which terms are covered by the passages ``top``, and which stand nowhere."""
    may = np.zeros(len(shelf.chunks), bool)
    may[arms.visible] = True
    covered, unheard = set(), set()
    for term in arms.terms:
        # A word that stands for somebody is covered by who speaks of them, under whatever name.
        spoken = [arms.naming.shares[entity] for entity in arms.naming.standing.get(term, ())]
        having = shelf.words.having(term)
        if _any_of(top, having) or any(each[top].any() for each in spoken):
            covered.add(term)
        elif not may[having].any() and not any(each[may].any() for each in spoken):
            unheard.add(term)
    return Heard(frozenset(covered), frozenset(unheard))


def _any_of(few: NDArray[np.intp], ordered: NDArray[np.int32]) -> bool:
    """Say whether one of a few numbers is among many that are in order."""
    if not len(ordered):
        return False
    at = np.minimum(np.searchsorted(ordered, few), len(ordered) - 1)
    return bool((ordered[at] == few).any())


def signs_of(shelf: Shelf, asked: Asked, arms: Arms, heard: Heard, hits: Sequence[Hit]) -> Signs:
    """Return what speaks for an answer."""
    weights = {term: shelf.words.idf(term) for term in arms.terms}
    total = sum(weights.values()) or 1.0
    named, told, least = 0.5, 0.5, 0.5
    if hits:
        first = hits[0].at
        cover = {term: _covered(shelf, arms, term, first) for term in arms.terms}
        least = min(cover.values(), default=0.5)
        beside = {term: weights[term] for term in arms.terms if term not in arms.naming.standing}
        if beside:
            told = sum(weight * cover[term] for term, weight in beside.items()) / sum(beside.values())
        if arms.naming.entities:
            named = sum(bool(each[first]) for each in arms.naming.shares.values()) / len(arms.naming.shares)
    as_names = {stem(word) for word, as_name in cased_words_of(asked.text) if as_name}
    return Signs(
        meaning=float(arms.sentence.max(initial=0.0)) if arms.by_meaning else None,
        covered=sum(weights[term] for term in heard.covered) / total,
        unheard=sum(weights[term] for term in heard.unheard) / total,
        strange=sum(weights[term] for term in heard.unheard & as_names) / total,
        named=named,
        # Where fewer than five have any score at all, to be ahead of the others is no sign of anything.
        ahead=1 - hits[4].score / hits[0].score if len(hits) > 4 else AHEAD_OF_FEW,
        told=told,
        least=least,
    )


def _covered(shelf: Shelf, arms: Arms, term: str, at: int) -> float:
    """Return how well a chunk covers a term: by itself, by whom it stands for, or by a related word."""
    chunk = shelf.chunks[at]
    stands = any(arms.naming.shares[entity][at] for entity in arms.naming.standing.get(term, ()))
    terms = frozenset(terms_of(chunk.searched))
    if stands or term in terms:
        return 1.0
    if shelf.senses is None or term not in arms.likeness:
        return 0.0
    return shelf.senses.nearest(arms.likeness[term], terms)


def _reason(text: str, heard: Heard, signs: Signs) -> Reason:
    if answers(signs):
        return ""
    named = {stem(word) for word, as_name in cased_words_of(text) if as_name}
    return "no_such_name" if named & heard.unheard else "nothing_near"


def best_sentence(shelf: Shelf, at: int, terms: Sequence[str]) -> int:
    """Return the number of the sentence of a chunk that says most of what was asked; the first of equals."""
    wanted = set(terms)

    def told(text: str) -> float:
        return sum(shelf.words.idf(term) for term in wanted.intersection(terms_of(text)))

    return max(shelf.chunks[at].sentences, key=lambda sentence: told(sentence.text)).number
