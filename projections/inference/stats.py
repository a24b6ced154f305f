"""How inference goes, by model, tier and hour: counts, failures, tokens, cost, and latency histograms.

Sums are integers, so that adding up in any grouping, or anew in a rebuild, gives exactly the same.
"""

from collections.abc import Sequence

from domain.inference.messages import InferenceCompleted, InferenceFailed
from projections.inference.histogram import counted
from projections.kernel.view import Fact, Key, Row, View

HOUR_US = 3_600_000_000

_COUNTS = ("completed", "failed", "prompt_tokens", "completion_tokens", "cost_micro")


def _keys_of(fact: Fact) -> Sequence[Key]:
    match fact.event:
        case InferenceCompleted() | InferenceFailed() as event:
            return [(event.model_id, event.tier, fact.recorded_us // HOUR_US * HOUR_US)]
        case _:
            return []


def _empty(key: Key, use_case: str) -> Row:
    model_id, tier, hour_us = key
    return {
        "model_id": model_id,
        "tier": tier,
        "hour_us": hour_us,
        "use_case": use_case,
        **dict.fromkeys(_COUNTS, 0),
        "latency_sum_us": 0,
        "latency_max_us": 0,
        "latency_histogram": {},
        "ttft_histogram": {},
        "position": 0,
    }


def _completed(row: Row, event: InferenceCompleted) -> Row:
    latency_us = round(event.latency_ms * 1_000)
    return {
        **row,
        "completed": row["completed"] + 1,
        "prompt_tokens": row["prompt_tokens"] + event.prompt_tokens,
        "completion_tokens": row["completion_tokens"] + event.completion_tokens,
        "cost_micro": row["cost_micro"] + event.cost_micro,
        "latency_sum_us": row["latency_sum_us"] + latency_us,
        "latency_max_us": max(row["latency_max_us"], latency_us),
        "latency_histogram": counted(row["latency_histogram"], event.latency_ms),
        "ttft_histogram": counted(row["ttft_histogram"], event.ttft_ms),
    }


def _apply(row: Row | None, fact: Fact, key: Key) -> Row | None:
    match fact.event:
        case InferenceCompleted() as event:
            return {**_completed(row or _empty(key, event.use_case), event), "position": fact.position}
        case InferenceFailed() as event:
            before = row or _empty(key, event.use_case)
            return {**before, "failed": before["failed"] + 1, "position": fact.position}
        case _:
            return row


INFERENCE_STATS = View(
    name="inference_stats",
    version=1,
    types=frozenset(e.event_name for e in (InferenceCompleted, InferenceFailed)),
    key=("model_id", "tier", "hour_us"),
    keys_of=_keys_of,
    apply=_apply,
)
