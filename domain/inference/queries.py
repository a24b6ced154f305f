"""Queries of inference."""

from pydantic import Field

from domain.kernel.event import Query
from domain.kernel.vocabulary import ModelId, Tier, TimeUs, UseCase


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
    from_us: TimeUs = Field(0, description="First hour (its start), since 1970-01-01T00:00Z.")
    by_hour: bool = Field(False, description="One entry per hour instead of one sum.")
