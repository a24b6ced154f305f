"""The questions of two worlds, asked of the fused search, of each arm alone, and of `bm25s`."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace

import bm25s
import numpy as np

from benchmarks.harness import Report
from benchmarks.lore_kit import LoreWorld, Order, Question, asked_of, plain_vectors, ranks
from domain.lore.fusion import Scores, best_of, reciprocal_ranks
from domain.lore.keeping import Encoder, Vector
from domain.lore.search import Arms, Asked, arms_of, search
from domain.lore.shelf import Shelf
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

PLAIN = ("names alone", "words alone", "meaning alone")
GAINS: Mapping[str, Sequence[str]] = {
    "the best of names, words and vectors": PLAIN,
    "the best arm of all": (*PLAIN, "related words alone", "sentences alone"),
}
"""What the fused search is compared with: the arms of old, and beside them those that only it has."""

Askings = Mapping[Question, Asked]


def compare_arms(
    report: Report, encoder: Encoder, by: Mapping[str, LoreWorld], asked: Sequence[Question]
) -> None:
    """Ask everything of every way to search."""
    kept = [each for each in asked if each.half == "kept"]
    meant = {each: asked_of(encoder, by[each.world], each) for each in asked}
    ways = ways_of(by, meant, plain_vectors(encoder, asked))
    answered = [each for each in kept if each.gold]
    for way, order in ways.items():
        for name, kinds in SETS.items():
            _tell(report, f"{way}, {name}", order, by, [each for each in answered if each.kind in kinds])
        for world in by:
            own = [each for each in answered if each.world == world and each.kind in SETS["all"]]
            _tell(report, f"{way}, {world}", order, by, own)
    _tell_gain(report, ways, by, [each for each in answered if each.kind in SETS["paraphrase and alias"]])
    _refusals(report, by, meant, kept)
    blind = {each: replace(meant[each], vector=None) for each in asked}
    _refusals(report, by, blind, kept, "without the encoder, ")
    tuning = [each for each in asked if each.half == "tuning"]
    _tell_gain(
        report,
        ways,
        by,
        [each for each in tuning if each.gold and each.kind in SETS["paraphrase and alias"]],
        "tuning half, ",
    )
    _refusals(report, by, meant, tuning, "tuning half, ")


def _tell_gain(
    report: Report,
    ways: Mapping[str, Order],
    by: Mapping[str, LoreWorld],
    asked: Sequence[Question],
    how: str = "",
) -> None:
    """Tell by how many points of MRR the fused search is before the best arm alone."""
    found = {way: 100 * ranks(order, by, asked).reciprocal for way, order in ways.items()}
    for name, arms in GAINS.items():
        best = max(found[arm] for arm in arms)
        report.add(f"{how}gain over {name}", found["fused"] - best, "points of MRR")


def _tell(
    report: Report, name: str, order: Order, by: Mapping[str, LoreWorld], asked: Sequence[Question]
) -> None:
    found = ranks(order, by, asked)
    report.add(f"{name}: recall@5", found.recall, "of 1")
    report.add(f"{name}: MRR", found.reciprocal, "of 1")


def ways_of(
    by: Mapping[str, LoreWorld], meant: Askings, plain: Mapping[Question, Vector]
) -> Mapping[str, Order]:
    """Return the ways to search, by name; single arms read a question as it is written."""
    peers = {name: _bm25s(world) for name, world in by.items()}

    def ours(world: LoreWorld, question: Question) -> Sequence[int]:
        # The hits come also where it is said not to be known: here it is asked where they stand.
        return [hit.at for hit in search(world.shelf, meant[question]).hits]

    def alone(arm: str, *, related: bool = False) -> Order:
        def order(world: LoreWorld, question: Question) -> Sequence[int]:
            asked = replace(meant[question], vector=plain[question], encoder=world.shelf.encoder)
            shelf = world.shelf if related else _unrelated(world.shelf)
            found = arms_of(shelf, asked, shelf.visible(asked.knower))
            if arm == "sentence":
                return _best(found, shelf.sentence_cosines(found.visible, plain[question]))
            return _best(found, getattr(found, arm))

        return order

    def rrf(world: LoreWorld, question: Question) -> Sequence[int]:
        arms = _arms(world, meant[question])
        return _best(arms, reciprocal_ranks([arms.names, arms.words, arms.meaning]))

    def bm25s_alone(world: LoreWorld, question: Question) -> Sequence[int]:
        arms = _arms(world, meant[question])
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
        "related words alone": alone("words", related=True),
        "sentences alone": alone("sentence"),
        "reciprocal ranks": rrf,
        "bm25s": bm25s_alone,
    }


def _unrelated(shelf: Shelf) -> Shelf:
    """Return a shelf whose words count as they stand only."""
    other = copy(shelf)
    other.senses = None
    return other


def _bm25s(world: LoreWorld) -> "bm25s.BM25":
    peer = bm25s.BM25(method="lucene")
    peer.index([terms_of(chunk.searched) for chunk in world.shelf.chunks], show_progress=False)
    return peer


def _arms(world: LoreWorld, asked: Asked) -> Arms:
    return arms_of(world.shelf, asked, world.shelf.visible(asked.knower))


def _best(arms: Arms, scores: Scores) -> Sequence[int]:
    return [int(arms.visible[at]) for at in best_of(scores, FOUND)]


def _refusals(
    report: Report,
    by: Mapping[str, LoreWorld],
    askings: Askings,
    asked: Sequence[Question],
    how: str = "",
) -> None:
    """Tell how often it is rightly and wrongly said that something is not known."""
    refused: dict[str, list[bool]] = {"unanswerable": [], "forbidden or not now": [], "answerable": []}
    refused |= {f"{kind}, {world}": [] for world in by for kind in ("unanswerable", "answerable")}
    for question in asked:
        world = by[question.world]
        found = search(world.shelf, askings[question])
        if question.kind == "none":
            refused["unanswerable"].append(bool(found.reason))
            refused[f"unanswerable, {question.world}"].append(bool(found.reason))
        elif not question.gold:
            refused["forbidden or not now"].append(bool(found.reason))
        elif question.kind != "riddle":
            refused["answerable"].append(bool(found.reason))
            refused[f"answerable, {question.world}"].append(bool(found.reason))
    for name, each in refused.items():
        report.add(f"{how}refused, {name}", float(np.mean(each)), f"of {len(each)}")
