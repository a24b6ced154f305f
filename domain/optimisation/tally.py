"""Recent figures of a use case, in buckets of ten seconds. Pure; its holder folds it."""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.guardrails.messages import ViolationDetected
from domain.inference.messages import (
    InferenceCompleted,
    InferenceFailed,
    InferenceRated,
    InferenceRefused,
    InferenceRequested,
)
from domain.kernel.event import Event
from domain.optimisation.cost import Usage
from domain.optimisation.rules import Seen
from domain.registry.watch import ENDED_MAX

BUCKET_US = 10_000_000
"""Turns are summed up by ten seconds."""
USUAL_S = 86_400.0
"""How far back anything is remembered."""


@dataclass(slots=True)
class Bucket:
    """Figures of a use case in a bucket of ten seconds."""

    begin_us: int
    asked: int = 0
    """Turns that a model was to take, however they ended."""
    served: int = 0
    """Turns that got an answer, or would have if the model were not at fault."""
    judged: int = 0
    """Those of them that speak for the model or against it (`domain.outcomes`)."""
    failed: int = 0
    refused: int = 0
    violations: int = 0
    critical: int = 0
    latency_ms: float = 0.0
    timed: int = 0
    """Turns whose latencies these are."""
    ratings: float = 0.0
    rated: int = 0
    cost_micro: int = 0
    tokens: int = 0
    own_tokens: int = 0
    consented: int = 0
    cut: int = 0
    cut_tokens: int = 0
    players: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Ended:
    """A turn that ended, and what was found in its line: several rules broken are one turn."""

    bucket: Bucket
    broken: bool = False
    critical: bool = False


class Tally:
    """How one model of a use case goes, by ten seconds, for a day."""

    def __init__(self) -> None:
        self._buckets: deque[Bucket] = deque()
        self._ended: OrderedDict[str, _Ended] = OrderedDict()
        """The newest turns that were judged: what is found in a line may be known later than its end."""
        self._found: OrderedDict[str, bool] = OrderedDict()
        """Turns with violations that were not judged yet, or never will be; whether one was critical."""

    def take(self, event: Event, at_us: int) -> None:
        """Take a turn's event into the sums; others say nothing here."""
        bucket = self._at(at_us)
        match event:
            case InferenceRequested():
                bucket.asked += 1
                bucket.consented += event.consent
                bucket.cut += bool(event.cut)
                bucket.cut_tokens += sum(each.tokens for each in event.cut)
                if event.player:
                    bucket.players.add(event.player)
            case InferenceCompleted():
                bucket.served += 1
                bucket.cost_micro += event.cost_micro
                tokens = event.prompt_tokens + event.completion_tokens
                bucket.tokens += tokens
                # An own engine has no price for tokens; nobody worked on an answer that was given again.
                at_own = event.engine and not event.cost_micro and event.source_inference_id is None
                bucket.own_tokens += tokens if at_own else 0
                self._judge(event, bucket)
            case InferenceFailed():
                bucket.served += event.counts_as is not None  # a caller's own fault is no turn of the model
                self._judge(event, bucket)
            case InferenceRefused():
                bucket.refused += event.code == "overloaded"
            case InferenceRated():
                bucket.ratings += event.rating
                bucket.rated += 1
            case ViolationDetected() if event.side == "output":
                self._violated(event.inference_id, critical=event.severity == "critical")
            case _:
                pass

    def usage(self, since_us: float, until_us: float) -> Usage:
        """Return what was used from one time to another; the engines are not known here."""
        mine = self.between(since_us, until_us)
        return Usage(
            seconds=(until_us - since_us) / 1e6,
            turns=sum(b.served for b in mine),
            tokens=sum(b.tokens for b in mine),
            own_tokens=sum(b.own_tokens for b in mine),
            token_cost_micro=sum(b.cost_micro for b in mine),
            players=len(self.players(since_us, until_us)),
        )

    def players(self, since_us: float, until_us: float) -> set[str]:
        """Return who asked from one time to another."""
        return set().union(*(b.players for b in self.between(since_us, until_us)))

    def between(self, since_us: float, until_us: float) -> list[Bucket]:
        """Return the sums of a span of time."""
        return [b for b in self._buckets if since_us <= b.begin_us < until_us]

    def _at(self, at_us: int) -> Bucket:
        """Return the bucket of a time; what is older than a day is dropped."""
        begin = at_us // BUCKET_US * BUCKET_US
        if not self._buckets or self._buckets[-1].begin_us < begin:
            self._buckets.append(Bucket(begin))
        while self._buckets[0].begin_us < at_us - USUAL_S * 1e6:
            self._buckets.popleft()
        return self._buckets[-1]

    def _judge(self, event: InferenceCompleted | InferenceFailed, bucket: Bucket) -> None:
        """Count a turn as a deployment's gate does."""
        how, critical = event.counts_as, self._found.pop(event.inference_id, None)
        if how is None:  # a line that was shared is one line, however many listened
            return
        bucket.judged += 1
        bucket.failed += how == "failed"
        if how == "answered":
            bucket.latency_ms += event.latency_ms
            bucket.timed += 1
        self._ended[event.inference_id] = _Ended(bucket)
        if len(self._ended) > ENDED_MAX:
            self._ended.popitem(last=False)
        if critical is not None:
            self._violated(event.inference_id, critical=critical)

    def _violated(self, inference_id: str, *, critical: bool) -> None:
        if ended := self._ended.get(inference_id):
            ended.bucket.violations += not ended.broken
            ended.bucket.critical += critical and not ended.critical
            ended.broken, ended.critical = True, ended.critical or critical
            return
        self._found[inference_id] = critical or self._found.get(inference_id, False)
        if len(self._found) > ENDED_MAX:
            self._found.popitem(last=False)


def seen(tallies: Iterable[Tally], since_us: float, until_us: float) -> Seen:
    """Return how it went from one time to another, over all ``tallies``."""
    mine = [bucket for tally in tallies for bucket in tally.between(since_us, until_us)]
    timed, rated = sum(b.timed for b in mine), sum(b.rated for b in mine)
    return Seen(
        asked=sum(b.asked for b in mine),
        turns=sum(b.judged for b in mine),
        failed=sum(b.failed for b in mine),
        refused=sum(b.refused for b in mine),
        violations=sum(b.violations for b in mine),
        critical=sum(b.critical for b in mine),
        latency_ms=sum(b.latency_ms for b in mine) / timed if timed else 0.0,
        rating=sum(b.ratings for b in mine) / rated if rated else None,
        consented=sum(b.consented for b in mine),
        cut=sum(b.cut for b in mine),
        cut_tokens=sum(b.cut_tokens for b in mine),
    )
