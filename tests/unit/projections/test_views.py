"""Views as pure functions: rows from events; and the histogram they count latencies in."""

import math
from typing import Any

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from domain.inference.messages import InferenceCompleted, InferenceFailed
from domain.kernel.event import Event
from domain.registry.deployment_messages import DeploymentRolledBack
from domain.registry.messages import (
    ModelDescribed,
    ModelEvaluated,
    ModelPromoted,
    ModelRegistered,
    ModelRetired,
)
from projections.inference.histogram import (
    BUCKET_MAX,
    added,
    bucket_of,
    counted,
    percentile_ms,
    upper_bound_ms,
)
from projections.inference.stats import HOUR_US, INFERENCE_STATS
from projections.kernel.table import Table
from projections.kernel.view import Fact, Key, Row, View
from projections.registry.current_models import CURRENT_MODELS
from tests.unit.spec import changed

REGISTERED = ModelRegistered.from_example()
OTHER = changed(REGISTERED, model_id="0b5d5c5e-0000-5000-8000-000000000001", version="0.2.0")
COMPLETED = InferenceCompleted.from_example()
FAILED = InferenceFailed.from_example()


def rows_of(view: View, *events: Event, at_us: int = 5) -> dict[Key, Row | None]:
    return view.fold({}, (Fact(event, position, at_us) for position, event in enumerate(events, start=1)))


def promoted(model: ModelRegistered, previous: ModelRegistered | None) -> ModelPromoted:
    return ModelPromoted(
        use_case=model.use_case,
        model_id=model.model_id,
        previous_model_id=previous.model_id if previous else None,
        operator="mira",
        reason="better",
    )


class TestCurrentModels:
    def test_promotion_changes_both_models(self) -> None:
        rows = rows_of(
            CURRENT_MODELS, REGISTERED, promoted(REGISTERED, None), OTHER, promoted(OTHER, REGISTERED)
        )

        statuses = {key[1]: (row or {})["status"] for key, row in rows.items()}
        assert statuses == {REGISTERED.model_id: "deprecated", OTHER.model_id: "current"}
        assert {(row or {})["position"] for row in rows.values()} == {4}

    def test_description_and_retirement_are_shown(self) -> None:
        described = ModelDescribed(
            use_case=REGISTERED.use_case,
            model_id=REGISTERED.model_id,
            description="new",
            configuration={"a": [1, {"b": None}]},
        )
        retired = ModelRetired(
            use_case=REGISTERED.use_case, model_id=REGISTERED.model_id, operator="mira", reason="old"
        )
        (row,) = rows_of(CURRENT_MODELS, REGISTERED, described, retired).values()

        assert row is not None
        assert (row["description"], row["status"]) == ("new", "retired")
        assert row["configuration"] == {"a": [1, {"b": None}]}

    def test_who_was_rolled_back_without_anyone_left_is_silenced_until_one_is_promoted(self) -> None:
        of = {"deployment_id": None, "model_id": REGISTERED.model_id, "to_model_id": None, "share": 100}
        rolled = changed(DeploymentRolledBack.from_example(), **of, use_case=REGISTERED.use_case)
        history = (REGISTERED, promoted(REGISTERED, None), rolled)
        again = changed(promoted(REGISTERED, REGISTERED), override="a false alarm")

        def shown(*events: Event) -> list[tuple[str, bool]]:
            rows = rows_of(CURRENT_MODELS, *history, *events).values()
            return [(row["status"], row["barred"]) for row in rows if row]

        assert shown() == [("silenced", True)]
        assert shown(again) == [("current", False)]
        assert shown(OTHER, promoted(OTHER, REGISTERED)) == [("deprecated", True), ("current", False)]

    def test_a_bar_is_lifted_as_the_event_says(self) -> None:
        rolled = changed(
            DeploymentRolledBack.from_example(), model_id=OTHER.model_id, use_case=OTHER.use_case
        )
        passed = changed(ModelEvaluated.from_example(), model_id=OTHER.model_id, use_case=OTHER.use_case)
        for lifts in (True, False):
            rows = rows_of(CURRENT_MODELS, OTHER, rolled, changed(passed, lifts_bar=lifts))
            assert [row["barred"] for row in rows.values() if row] == [not lifts]

    def test_event_about_an_unknown_model_makes_no_row(self) -> None:
        assert rows_of(CURRENT_MODELS, promoted(OTHER, REGISTERED)) == {}


class TestInferenceStats:
    def test_outcomes_are_counted_by_model_tier_and_hour(self) -> None:
        ((key, row),) = rows_of(
            INFERENCE_STATS, COMPLETED, FAILED, changed(COMPLETED, latency_ms=20.0), at_us=HOUR_US + 7
        ).items()

        assert key == (COMPLETED.model_id, "gold", HOUR_US)
        assert row is not None
        assert (row["completed"], row["failed"]) == (2, 1)
        assert (row["latency_sum_us"], row["latency_max_us"]) == (29_600, 20_000)
        assert row["completion_tokens"] == 22
        assert sum(row["latency_histogram"].values()) == 2

    def test_other_tier_is_another_row(self) -> None:
        assert len(rows_of(INFERENCE_STATS, COMPLETED, changed(COMPLETED, tier="bronze"))) == 2


@any_of(
    st.lists(st.sampled_from([REGISTERED, OTHER, promoted(OTHER, REGISTERED)]), max_size=6), st.integers(0, 6)
)
def test_batches_give_the_same_rows_as_one_by_one(events: list[Event], cut: int) -> None:
    facts = [Fact(event, position, position) for position, event in enumerate(events, start=1)]
    first = CURRENT_MODELS.fold({}, facts[:cut])
    rest = CURRENT_MODELS.fold({key: row for key, row in first.items() if row}, facts[cut:])

    assert {**first, **rest} == CURRENT_MODELS.fold({}, facts)


@any_of(st.floats(min_value=0, max_value=1_600_000))
def test_value_lies_in_its_bucket(value: float) -> None:
    bucket = bucket_of(value)

    assert value <= upper_bound_ms(bucket) * (1 + 1e-9)
    assert bucket == 0 or value > upper_bound_ms(bucket - 1) * (1 - 1e-9)


@any_of(st.lists(st.floats(min_value=0.1, max_value=60_000), min_size=1, max_size=200), st.floats(0.01, 1))
def test_percentile_is_never_too_low_and_at_most_nine_percent_too_high(
    values: list[float], share: float
) -> None:
    histogram: dict[str, int] = {}
    for value in values:
        histogram = counted(histogram, value)
    exact = sorted(values)[math.ceil(share * len(values)) - 1]
    told = percentile_ms(histogram, share, max_ms=max(values))

    assert told is not None
    assert exact - 0.001 <= told <= exact * 2 ** (1 / 8) * (1 + 1e-9) + 0.001


def test_histograms_add_up() -> None:
    assert added([{"1": 2}, {"1": 1, "3": 4}]) == {"1": 3, "3": 4}
    assert percentile_ms({}, 0.5) is None
    assert bucket_of(1e12) == BUCKET_MAX


@pytest.mark.parametrize("name", ["a b", "a;drop", "", "A"])
def test_table_takes_only_plain_names(name: str) -> None:
    with pytest.raises(ValueError, match="snake case"):
        Table(CURRENT_MODELS, name)


def test_rows_have_the_same_columns_whatever_happened() -> None:
    """The upsert's columns are those of the first row of a batch."""

    def columns(*events: Event) -> set[frozenset[Any]]:
        return {frozenset(row or {}) for row in rows_of(INFERENCE_STATS, *events).values()}

    assert columns(COMPLETED) == columns(FAILED) == columns(FAILED, COMPLETED)
