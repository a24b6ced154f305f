"""What happened to a use case lately, summed up by ten seconds. Pure; whoever folds it holds it."""

from collections import deque
from dataclasses import dataclass, field

from domain.event import Event
from domain.guardrails.messages import ViolationDetected
from domain.inference.messages import (
    InferenceCompleted,
    InferenceFailed,
    InferenceRated,
    InferenceRefused,
    InferenceRequested,
)
from domain.optimisation.cost import Usage
from domain.optimisation.rules import Seen
from domain.registry.watch import OWN_FAULTS

BUCKET_US = 10_000_000
"""Turns are summed up by ten seconds."""
USUAL_S = 86_400.0
"""How far back anything is remembered."""


@dataclass(slots=True)
class Bucket:
    """What happened to a use case in ten seconds."""

    begin_us: int
    answered: int = 0
    failed: int = 0
    refused: int = 0
    violations: set[str] = field(default_factory=set)
    critical: set[str] = field(default_factory=set)
    """Inferences: one line may break several rules."""
    latency_ms: float = 0.0
    ratings: float = 0.0
    rated: int = 0
    cost_micro: int = 0
    tokens: int = 0
    own_tokens: int = 0
    consented: int = 0
    cut: int = 0
    cut_tokens: int = 0
    players: set[str] = field(default_factory=set)


class Tally:
    """How one use case goes, by ten seconds, for a day."""

    def __init__(self) -> None:
        self._buckets: deque[Bucket] = deque()

    def at(self, at_us: int) -> Bucket:
        """Return the bucket of a time; what is older than a day is dropped."""
        begin = at_us // BUCKET_US * BUCKET_US
        if not self._buckets or self._buckets[-1].begin_us < begin:
            self._buckets.append(Bucket(begin))
        while self._buckets[0].begin_us < at_us - USUAL_S * 1e6:
            self._buckets.popleft()
        return self._buckets[-1]

    def seen(self, since_us: float, until_us: float) -> Seen:
        """Return how it went from one time to another."""
        mine = self._between(since_us, until_us)
        answered, rated = sum(b.answered for b in mine), sum(b.rated for b in mine)
        return Seen(
            turns=answered + sum(b.failed for b in mine),
            failed=sum(b.failed for b in mine),
            refused=sum(b.refused for b in mine),
            violations=sum(len(b.violations) for b in mine),
            critical=sum(len(b.critical) for b in mine),
            latency_ms=sum(b.latency_ms for b in mine) / answered if answered else 0.0,
            rating=sum(b.ratings for b in mine) / rated if rated else None,
            consented=sum(b.consented for b in mine),
            cut=sum(b.cut for b in mine),
            cut_tokens=sum(b.cut_tokens for b in mine),
        )

    def usage(self, since_us: float, until_us: float) -> Usage:
        """Return what was used from one time to another; the engines are not known here."""
        mine = self._between(since_us, until_us)
        return Usage(
            seconds=(until_us - since_us) / 1e6,
            turns=sum(b.answered + b.failed for b in mine),
            tokens=sum(b.tokens for b in mine),
            own_tokens=sum(b.own_tokens for b in mine),
            token_cost_micro=sum(b.cost_micro for b in mine),
            players=len(set().union(*(b.players for b in mine))) if mine else 0,
        )

    def _between(self, since_us: float, until_us: float) -> list[Bucket]:
        return [b for b in self._buckets if since_us <= b.begin_us < until_us]


def count(bucket: Bucket, event: Event) -> None:
    """Take a turn's event into the sums; others say nothing here."""
    match event:
        case InferenceRequested():
            bucket.consented += event.consent
            bucket.cut += bool(event.cut)
            bucket.cut_tokens += sum(each.tokens for each in event.cut)
            if event.player:
                bucket.players.add(event.player)
        case InferenceCompleted():
            bucket.answered += 1
            bucket.latency_ms += event.latency_ms
            bucket.cost_micro += event.cost_micro
            tokens = event.prompt_tokens + event.completion_tokens
            bucket.tokens += tokens
            # An own engine has no price for tokens; nobody worked on an answer that was given again.
            at_own = event.engine and not event.cost_micro and event.source_inference_id is None
            bucket.own_tokens += tokens if at_own else 0
        case InferenceFailed():
            bucket.failed += event.code in OWN_FAULTS  # a caller's own fault is no turn of the model
        case InferenceRefused():
            bucket.refused += event.code == "overloaded"
        case InferenceRated():
            bucket.ratings += event.rating
            bucket.rated += 1
        case ViolationDetected() if event.side == "output":
            bucket.violations.add(event.inference_id)
            if event.severity == "critical":
                bucket.critical.add(event.inference_id)
        case _:
            pass
