"""The questions of two worlds, asked of the fused search, of each arm alone, and of `bm25s`."""

from collections.abc import Mapping, Sequence

import bm25s
import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Report
from benchmarks.lore_kit import LoreWorld, Order, Question, plain_vectors, question_vectors, ranks
from domain.lore.fusion import WEIGHTS, Scores, best_of, reciprocal_ranks
from domain.lore.keeping import Encoder
from domain.lore.search import Arms, Asked, arms_of, order_of, search
from domain.lore.terms import terms_of

FOUND = 50
SETS: Mapping[str, Sequence[str]] = {
    "all": ("paraphrase", "alias", "limits"),
    "paraphrase": ("paraphrase",),
    "alias": ("alias",),
    "paraphrase and alias": ("paraphrase", "alias"),
    "limits": ("limits",),
    "riddle": ("riddle",),
}
"""Kinds of questions that are told of; riddles leave hardly a word, and stand for themselves."""

Vectors = Mapping[Question, NDArray[np.float32]]


def compare_arms(
    report: Report, encoder: Encoder, by: Mapping[str, LoreWorld], asked: Sequence[Question]
) -> None:
    """Ask everything of every way to search."""
    kept = [each for each in asked if each.half == "kept"]
    meant, plain = question_vectors(encoder, by, asked), plain_vectors(encoder, asked)
    ways = ways_of(by, meant, plain)
    answered = [each for each in kept if each.gold]
    for way, order in ways.items():
        for name, kinds in SETS.items():
            _tell(report, f"{way}, {name}", order, by, [each for each in answered if each.kind in kinds])
        for world in by:
            own = [each for each in answered if each.world == world and each.kind in SETS["all"]]
            _tell(report, f"{way}, {world}", order, by, own)
    _refusals(report, by, meant, kept)
    _refusals(report, by, None, kept, "without the encoder, ")


def _tell(
    report: Report, name: str, order: Order, by: Mapping[str, LoreWorld], asked: Sequence[Question]
) -> None:
    found = ranks(order, by, asked)
    report.add(f"{name}: recall@5", found.recall, "of 1")
    report.add(f"{name}: MRR", found.reciprocal, "of 1")


def ways_of(by: Mapping[str, LoreWorld], meant: Vectors, plain: Vectors) -> Mapping[str, Order]:
    """Return the ways to search, by name; single arms read a question as it is written."""
    peers = {name: _bm25s(world) for name, world in by.items()}

    def ours(world: LoreWorld, question: Question) -> Sequence[int]:
        arms = _arms(world, question, meant)
        return _best(arms, order_of(arms, WEIGHTS))

    def alone(arm: str) -> Order:
        def order(world: LoreWorld, question: Question) -> Sequence[int]:
            arms = _arms(world, question, plain)
            return _best(arms, getattr(arms, arm))

        return order

    def rrf(world: LoreWorld, question: Question) -> Sequence[int]:
        arms = _arms(world, question, meant)
        return _best(arms, reciprocal_ranks([arms.names, arms.words, arms.meaning]))

    def bm25s_alone(world: LoreWorld, question: Question) -> Sequence[int]:
        arms = _arms(world, question, plain)
        terms = [term for term in arms.terms if term in world.shelf.words]
        if not terms:
            return []
        scores = np.asarray(peers[world.name].get_scores(terms), np.float32)
        return _best(arms, scores[arms.visible])

    return {
        "fused": ours,
        "names alone": alone("names"),
        "words alone": alone("words"),
        "meaning alone": alone("meaning"),
        "reciprocal ranks": rrf,
        "bm25s": bm25s_alone,
    }


def _bm25s(world: LoreWorld) -> "bm25s.BM25":
    peer = bm25s.BM25(method="lucene")
    peer.index([terms_of(chunk.searched) for chunk in world.shelf.chunks], show_progress=False)
    return peer


def _arms(world: LoreWorld, question: Question, vectors: Vectors) -> Arms:
    asked = Asked(question.text, world.knower(question), vectors[question], world.shelf.encoder)
    return arms_of(world.shelf, asked, world.shelf.visible(asked.knower))


def _best(arms: Arms, scores: Scores) -> Sequence[int]:
    return [int(arms.visible[at]) for at in best_of(scores, FOUND)]


def _refusals(
    report: Report,
    by: Mapping[str, LoreWorld],
    vectors: Vectors | None,
    asked: Sequence[Question],
    how: str = "",
) -> None:
    """Tell how often it is rightly and wrongly said that something is not known."""
    refused: dict[str, list[bool]] = {"unanswerable": [], "forbidden or not now": [], "answerable": []}
    for question in asked:
        world = by[question.world]
        vector = vectors[question] if vectors is not None else None
        found = search(world.shelf, Asked(question.text, world.knower(question), vector, world.shelf.encoder))
        if question.kind == "none":
            refused["unanswerable"].append(bool(found.reason))
        elif not question.gold:
            refused["forbidden or not now"].append(bool(found.reason))
        elif question.kind != "riddle":
            refused["answerable"].append(bool(found.reason))
    for name, each in refused.items():
        report.add(f"{how}refused, {name}", float(np.mean(each)), f"of {len(each)}")
