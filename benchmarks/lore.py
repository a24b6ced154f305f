"""Lore: what three arms find, what they refuse, what nobody is shown, and how fast at 100,000 passages.

Questions of two worlds (benchmarks/lore_worlds): weights were tuned on every second one, and the figures are
of the others. Beside it: each arm alone, reciprocal rank fusion of the same arms, and `bm25s` over the same
texts. The encoder is compared with the same weights in 32-bit floats (`sentence-transformers`, if a Python
that has it is named by LORE_REFERENCE_PYTHON; else our own forward pass in numpy).
"""

from pathlib import Path

from aicore.content.lore import texts_of
from aicore.content.sample_world import sample_definition
from benchmarks.harness import Progress, Report
from benchmarks.lore_arms import compare_arms
from benchmarks.lore_faults import found_of, pairs_of
from benchmarks.lore_kit import questions, worlds
from benchmarks.lore_limits import violations
from benchmarks.lore_pairs import compare_encoder
from benchmarks.lore_size import measure_size
from handlers.guardrails.sentence_encoder import SentenceEncoder, shared_encoder

MODELS = Path(".state/benchmarks/models")
RANDOM, RANDOM_QUICK = 100_000, 5_000
PASSAGES, PASSAGES_QUICK = 100_000, 5_000


async def run(quick: bool, progress: Progress) -> Report:
    report = Report("lore", 1)
    encoder: SentenceEncoder = shared_encoder(MODELS)
    progress("sentence pairs: int8 beside 32-bit floats")
    compare_encoder(report, encoder, quick=quick)
    progress("questions of two worlds")
    by = worlds(encoder)
    compare_arms(report, encoder, by, questions())
    progress("random holders, days, stages and questions")
    found = violations(by, RANDOM_QUICK if quick else RANDOM)
    report.add("random searches", found.searches, "searches")
    report.add("passages shown", found.shown, "passages")
    report.add("passages shown against their limits", found.against, "passages")
    _planted(report)
    await measure_size(report, encoder, PASSAGES_QUICK if quick else PASSAGES, progress)
    report.facts |= {"encoder": encoder.digest, "questions": len(questions())}
    return report


def _planted(report: Report) -> None:
    definition = sample_definition()
    documents = texts_of(definition)
    pairs = pairs_of(definition)
    for name, contradicts in (("contradictions planted, found", True), ("harmless claims, told of", False)):
        some = [pair for pair in pairs if pair.contradicts == contradicts]
        told = sum(found_of(definition, documents, pair) for pair in some)
        report.add(name, told / len(some), f"of {len(some)}")
