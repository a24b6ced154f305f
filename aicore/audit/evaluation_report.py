"""The report of an evaluation, as JSON for the record; its page is `evaluation_page`.

The JSON's digest stands in the event, so that a report can be held against what was decided on.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from domain.evaluation.messages import ScorerResult
from domain.evaluation.scorers import Answer
from handlers.evaluation.figures import Figure, figures
from handlers.evaluation.runner import CONCURRENT, Finding, Pair

WORST_MAX = 12
"""Pairs that are shown side by side."""

WORDS = {"not_worse": "not worse"}

MEANING = {
    "passed": "no scorer found it worse by its margin",
    "failed": "at least one scorer found it worse",
    "undecided": "the evidence did not suffice; that is no pass",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The subject of a report: suite, candidate, current model."""

    evaluation_id: str
    suite: str
    """name@version."""
    suite_digest: str
    seed: int
    candidate: Mapping[str, str] = field(default_factory=dict)
    """Facts about the candidate: name, version, digest of its files, template, temperature …"""
    current: Mapping[str, str] = field(default_factory=dict)
    made_at: str = ""

    def changed(self) -> list[tuple[str, str, str]]:
        """Return what differs between the two: its name, the current model's value, the candidate's."""
        keys = dict.fromkeys([*self.current, *self.candidate])
        both = [(key, self.current.get(key, ""), self.candidate.get(key, "")) for key in keys]
        return [(key, before, now) for key, before, now in both if before != now]


def worst(finding: Finding, limit: int = WORST_MAX) -> list[tuple[Pair, list[str]]]:
    """Return the pairs in which the candidate lost most, and the scorers that say so, the worst first.

    First counts what was lost by scorers that decided against it, then what was lost in all. A case that was
    asked again and again is shown once, where it lost most.
    """
    decided = {result.name for result in finding.scorers if result.verdict == "worse"}
    ranked = []
    for step in finding.steps:
        lost = {name: theirs - ours for name, (ours, theirs) in step.pair.scores.items() if ours < theirs}
        if lost:
            by_decided = sum(share for name, share in lost.items() if name in decided)
            names = sorted(lost, key=lambda name: (name not in decided, -lost[name], name))
            ranked.append(((by_decided, sum(lost.values()), -step.pair.number), step.pair, names))
    ranked.sort(key=lambda found: found[0])
    first = {pair.case.id: (rank, pair, names) for rank, pair, names in ranked}  # the worst one stays
    return [(pair, names) for _, pair, names in sorted(first.values(), reverse=True, key=lambda f: f[0])][
        :limit
    ]


# --- the record ---------------------------------------------------------------------------------------------


def as_json(finding: Finding, about: About) -> bytes:
    """Return the whole report, with every pair, as JSON; the same finding gives the same bytes."""
    whole = {
        "evaluation_id": about.evaluation_id,
        "suite": about.suite,
        "suite_digest": about.suite_digest,
        "seed": about.seed,
        "candidate": dict(about.candidate),
        "current": dict(about.current),
        "made_at": about.made_at,
        "verdict": finding.verdict,
        "reasons": list(finding.reasons),
        "margins": dict(finding.margins),
        "concurrent_pairs": CONCURRENT,
        "figures": {
            f.name: {"current": f.current, "candidate": f.candidate} for f in figures_of(finding, about)
        },
        "scorers": [result.model_dump() for result in finding.scorers],
        "pairs": [_pair(step.pair) for step in finding.steps],
    }
    return orjson.dumps(whole, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2) + b"\n"


def digest_of(report: bytes) -> str:
    """Return the digest that `FinishEvaluation` wants."""
    return f"sha256:{hashlib.sha256(report).hexdigest()}"


def _pair(pair: Pair) -> dict[str, object]:
    return {
        "number": pair.number,
        "case": pair.case.id,
        "seed": pair.seed,
        "candidate": _answer(pair.candidate),
        "current": _answer(pair.current),
        "scores": {name: list(both) for name, both in pair.scores.items()},
    }


def _answer(answer: Answer) -> dict[str, object]:
    return {
        "text": answer.text,
        "fault": answer.fault,
        "tokens": answer.completion_tokens,
        "ttft_ms": round(answer.ttft_ms, 3),
        "latency_ms": round(answer.latency_ms, 3),
    }


# --- figures and words, for each form of the report ---------------------------------------------------------


def figures_of(finding: Finding, about: About) -> Sequence[Figure]:
    """Return speed and cost of both."""
    return figures(finding, about.current, about.candidate)


def cells(result: ScorerResult, margin: float) -> Sequence[str]:
    """Return a scorer's figures: means, difference, interval, margin, pairs."""
    return (
        f"{result.candidate_mean:.3f}",
        f"{result.current_mean:.3f}",
        f"{result.difference:+.3f}",
        f"{result.low:+.3f} … {result.high:+.3f}",
        f"{margin:.2f}",
        str(result.applied),
    )


def told(answer: Answer) -> str:
    """Return what was answered, or in brackets why nothing was."""
    return answer.text if answer.answered else f"({answer.fault or 'empty'})"
