"""Questions that the read models answer: each takes a map and returns (result, position it is true as of).

Every answer is one SQL statement, hence one snapshot: rows and position belong together. The pool is borrowed
and needs the role aicore_reader only.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import asyncpg
import orjson
from pydantic import Field

from bus.ports import EventLog
from domain.kernel.event import Query
from domain.kernel.parse import parse
from domain.kernel.vocabulary import ModelId, Tier, UseCase
from projections.inference.histogram import added, percentile_ms
from projections.inference.stats import INFERENCE_STATS
from projections.registry.current_models import CURRENT_MODELS

QUERY_TIMEOUT_S = 10.0
ROWS_MAX = 1_000
"""Rows of one answer."""

MODELS_MAX = 500
"""Models of one answer: a message holds as many of some 2,000 bytes, as one with ten files has."""

Answer = tuple[Any, int]
QueryHandler = Callable[[Mapping[str, Any]], Awaitable[Answer]]


class ModelsQuery(Query, name="registry.models"):
    """Ask for the newest models of one use case, or of all.

    The result is a list of at most 500 maps, the oldest first: the fields of registry.model_registered but
    ``card``, ``description`` and ``configuration`` as they are now, ``status`` (testing, current,
    candidate, deprecated or retired), ``evaluation`` (the last verdict, or nil), ``barred`` (true: it was
    rolled back and needs a new evaluation), ``registered_us``, ``changed_us`` and ``position``.
    """

    use_case: UseCase | None = None
    model_id: str = Field("", max_length=128, description="Only those whose id begins so.")


class StatsQuery(Query, name="inference.stats"):
    """Ask for counts, tokens, cost and latencies of inferences per model and tier.

    The result is a list of at most 1,000 maps: ``use_case``, ``model_id``, ``tier``, ``hour_us`` (with
    ``by_hour``), ``completed``, ``failed``, ``prompt_tokens``, ``completion_tokens``, ``cost_micro``
    (micro-dollars), ``latency_ms`` (``mean``, ``max``, ``p50``, ``p95``, ``p99``) and ``ttft_ms``
    (percentiles).
    """

    use_case: UseCase | None = None
    model_id: ModelId | None = None
    tier: Tier | None = None
    from_us: int = Field(
        0,
        ge=0,
        description="First hour (its start), since 1970-01-01T00:00Z.",
        json_schema_extra={"unit": "µs"},
    )
    by_hour: bool = Field(False, description="One entry per hour instead of one sum.")


class StatusQuery(Query, name="projections.status"):
    """Ask how far each projection is.

    The result is a list of maps: ``name``, ``view_version``, ``position``, ``lag`` (in events),
    ``updated_us`` (its last batch) and ``error`` (empty if it has none).
    """


# One statement, so rows and position are of one snapshot; small table, read whole or by its primary key.
_MODELS = """
SELECT (SELECT position FROM projection_checkpoint WHERE name = $1) AS position,
       (SELECT json_agg(row_to_json(m) ORDER BY m.use_case, m.registered_us, m.model_id)::text FROM
           (SELECT * FROM current_models
            WHERE ($2::text IS NULL OR use_case = $2) AND starts_with(model_id, $4)
            ORDER BY registered_us DESC, model_id LIMIT $3) AS m) AS rows
"""

_STATS = """
SELECT (SELECT position FROM projection_checkpoint WHERE name = $1) AS position,
       (SELECT json_agg(row_to_json(s))::text FROM
           (SELECT * FROM inference_stats
            WHERE ($2::text IS NULL OR use_case = $2) AND ($3::text IS NULL OR model_id = $3)
              AND ($4::text IS NULL OR tier = $4) AND hour_us >= $5
            ORDER BY hour_us, model_id, tier) AS s) AS rows
"""

_STATUS = "SELECT name, view_version, position, updated_us, error FROM projection_checkpoint ORDER BY name"


class Queries:
    """The query handlers over one realm's read models."""

    def __init__(self, pool: asyncpg.Pool, log: EventLog) -> None:
        self._pool = pool
        self._log = log

    def handlers(self) -> Mapping[type[Query], QueryHandler]:
        """Return what answers each query."""
        return {ModelsQuery: self.models, StatsQuery: self.stats, StatusQuery: self.status}

    async def models(self, query: Mapping[str, Any]) -> Answer:
        """Return the newest models, oldest first; without cards, which are long: see the event."""
        asked = parse(ModelsQuery, query)
        rows, position = await self._rows(
            _MODELS, CURRENT_MODELS.name, asked.use_case, MODELS_MAX, asked.model_id
        )
        return [{key: value for key, value in row.items() if key != "card"} for row in rows], position

    async def stats(self, query: Mapping[str, Any]) -> Answer:
        """Return counts, failures, tokens, cost and latency percentiles per model and tier (and hour)."""
        asked = parse(StatsQuery, query)
        rows, position = await self._rows(
            _STATS, INFERENCE_STATS.name, asked.use_case, asked.model_id, asked.tier, asked.from_us
        )
        groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
        for row in rows:
            hour = row["hour_us"] if asked.by_hour else None
            groups.setdefault((row["model_id"], row["tier"], hour), []).append(row)
        return [_summary(group, by_hour=asked.by_hour) for group in groups.values()][-ROWS_MAX:], position

    async def status(self, query: Mapping[str, Any]) -> Answer:
        """Return each projection's position, lag in events, time of its last batch, and error if any."""
        parse(StatusQuery, query)
        async with asyncio.timeout(QUERY_TIMEOUT_S):
            head = (await self._log.head()).position
            async with self._pool.acquire() as connection:
                rows = await connection.fetch(_STATUS)
        return [{**dict(row), "lag": max(0, head - row["position"])} for row in rows], head

    async def _rows(self, statement: str, *values: object) -> tuple[Sequence[Mapping[str, Any]], int]:
        async with asyncio.timeout(QUERY_TIMEOUT_S), self._pool.acquire() as connection:
            found = await connection.fetchrow(statement, *values)
        return orjson.loads(found["rows"] or "[]"), found["position"] or 0


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
