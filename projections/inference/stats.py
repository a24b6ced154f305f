"""Figures of inference by model, tier and hour: counts, failures, tokens, cost, and latency histograms.

Sums are integers, so that adding up in any grouping, or anew in a rebuild, gives exactly the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.inference.messages import InferenceCompleted, InferenceFailed
from domain.inference.queries import StatsQuery
from domain.kernel.parse import parse
from projections.inference.histogram import added, counted, percentile_ms
from projections.kernel.reading import Answer, Reader
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

ROWS_MAX = 1_000
"""Rows of one answer."""

_STATS = """
SELECT (SELECT position FROM projection_checkpoint WHERE name = $1) AS position,
       (SELECT json_agg(row_to_json(s))::text FROM
           (SELECT * FROM inference_stats
            WHERE ($2::text IS NULL OR use_case = $2) AND ($3::text IS NULL OR model_id = $3)
              AND ($4::text IS NULL OR tier = $4) AND hour_us >= $5
            ORDER BY hour_us, model_id, tier) AS s) AS rows
"""


async def stats(reader: Reader, query: Mapping[str, Any]) -> Answer:
    """Return counts, failures, tokens, cost and latency percentiles per model and tier (and hour)."""
    asked = parse(StatsQuery, query)
    rows, position = await reader.rows(
        _STATS, INFERENCE_STATS.name, asked.use_case, asked.model_id, asked.tier, asked.from_us
    )
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        hour = row["hour_us"] if asked.by_hour else None
        groups.setdefault((row["model_id"], row["tier"], hour), []).append(row)
    return [_summary(group, by_hour=asked.by_hour) for group in groups.values()][-ROWS_MAX:], position


def _summary(rows: Sequence[Mapping[str, Any]], *, by_hour: bool) -> Mapping[str, Any]:
    """Return the sum of rows of one model and tier."""
    first = rows[0]
    total = {
        column: sum(row[column] for row in rows)
        for column in ("completed", "failed", "prompt_tokens", "completion_tokens", "cost_micro")
    }
    latency, ttft = added(r["latency_histogram"] for r in rows), added(r["ttft_histogram"] for r in rows)
    max_ms = max(row["latency_max_us"] for row in rows) / 1_000
    mean_ms = sum(row["latency_sum_us"] for row in rows) / 1_000 / total["completed"] if latency else None
    return {
        "use_case": first["use_case"],
        "model_id": first["model_id"],
        "tier": first["tier"],
        **({"hour_us": first["hour_us"]} if by_hour else {}),
        **total,
        "latency_ms": {
            "mean": None if mean_ms is None else round(mean_ms, 3),
            "max": max_ms if latency else None,
            **{f"p{share}": percentile_ms(latency, share / 100, max_ms=max_ms) for share in (50, 95, 99)},
        },
        "ttft_ms": {f"p{share}": percentile_ms(ttft, share / 100) for share in (50, 95, 99)},
    }
