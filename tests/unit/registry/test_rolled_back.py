"""What was rolled back: what lets it come again, and what its refusal says."""

from typing import Any

import pytest

from domain.registry.deployment_messages import RollBack
from domain.registry.facts import configuration_digest
from domain.registry.look_ups import status_of
from domain.registry.messages import ModelEvaluated, ModelPromoted, ShiftTraffic
from domain.registry.use_case import USE_CASE
from handlers.registry.commands import REGISTRY
from tests.unit.registry.test_deployment import (
    AT_5,
    BASE,
    BY,
    ID,
    NEW,
    OLD,
    ROLLED,
    Event,
    back,
    evaluated,
    record,
    start,
)
from tests.unit.registry.test_registry import UC, model_id, promote, registered
from tests.unit.spec import changed, given


def of_measure(measure: str) -> tuple[Event, ...]:
    """A candidate that was taken back by a measure of the gate, or by an operator."""
    return (*AT_5, changed(ROLLED, measure=measure), back("gate", "6 failures"))


@pytest.mark.parametrize(
    ("measure", "scorers", "lifts"),
    [
        ("lore", ["answered", "in_character", "latency"], False),
        ("lore", ["answered", "lore_stated"], True),
        ("violations", ["answered", "lore_stated"], False),
        ("violations", ["answered", "rating"], True),
        ("latency", ["answered"], False),
        ("failures", ["answered"], True),
        ("", ["answered"], True),
    ],
)
def test_a_bar_is_lifted_only_by_what_measures_what_took_the_model_back(
    measure: str, scorers: list[str], lifts: bool
) -> None:
    passed = changed(evaluated(number=1), scorers=scorers, rollbacks=1, lifts_bar=lifts)
    given(USE_CASE, *of_measure(measure)).when(record(passed)).then(passed)
    assert USE_CASE.fold([*of_measure(measure), passed]).models[NEW].needs_reevaluation is not lifts


@pytest.mark.parametrize(
    ("change", "lifts"),
    [
        ({}, True),
        ({"rollbacks": 0}, False),
        ({"rollbacks": None}, False),
        ({"against_model_id": model_id("3")}, False),
        ({"against_configuration": configuration_digest(BASE[0].configuration)}, True),
        ({"against_configuration": configuration_digest({"template": "line@2"})}, False),
    ],
)
def test_a_bar_is_lifted_only_by_an_evaluation_begun_since_then_against_the_current_model(
    change: dict[str, Any], lifts: bool
) -> None:
    """The scar: one that ran while its candidate was taken back lifted the bar with pairs of before."""
    passed = changed(evaluated(number=1), **{"rollbacks": 1, **change}, lifts_bar=lifts)
    history = (*of_measure(""), registered("3"))
    given(USE_CASE, *history).when(record(passed)).then(passed)
    assert USE_CASE.fold([*history, passed]).models[NEW].needs_reevaluation is not lifts


@pytest.mark.parametrize(
    ("after", "says"),
    [
        ([], "not evaluated since"),
        ([evaluated("failed", number=1)], "its evaluation since then ended failed"),
        ([evaluated("undecided", number=1)], "its evaluation since then ended undecided"),
        (
            [changed(evaluated(number=1), scorers=["lore_stated"], rollbacks=0, lifts_bar=False)],
            "its newest evaluation (s@1) was begun before that",
        ),
        (
            [changed(evaluated(number=1), scorers=["answered"], lifts_bar=False)],
            "its evaluation since then (s@1) has no scorer lore_stated to measure lore",
        ),
        (
            [changed(evaluated(number=1, against=NEW), scorers=["lore_stated"], lifts_bar=False)],
            "was not against the current model",
        ),
    ],
)
@pytest.mark.parametrize("field", ["model_id", "shares"])
def test_who_was_taken_back_hears_what_is_missing(after: list[Event], says: str, field: str) -> None:
    """The scar: an evaluation had failed a minute ago, and the refusal said that there was none."""
    command = start() if field == "model_id" else ShiftTraffic(use_case=UC, shares={OLD: 50, NEW: 50}, **BY)
    given(USE_CASE, *of_measure("lore"), *after).when(command).then_rejected(
        "rolled_back", field=field, says=says
    )


def test_a_pass_in_an_older_log_lifts_a_bar_as_it_did() -> None:
    old = ModelEvaluated.model_validate(
        evaluated(number=1).model_dump(exclude={"scorers", "rollbacks", "lifts_bar"})
    )
    assert not USE_CASE.fold([*of_measure("lore"), old]).models[NEW].needs_reevaluation


def test_an_operator_lets_a_silenced_model_speak_again_with_an_override() -> None:
    """The scar: one finding silenced a use case, and nothing could end it: no evaluation of itself passes."""
    rolled = USE_CASE.decide(RollBack(use_case=UC, model_id=OLD, silence=True, **BY), USE_CASE.fold(BASE))
    state = USE_CASE.fold([*BASE, *rolled])
    assert (status_of(OLD, state), state.models[OLD].status) == ("silenced", "current")
    given(USE_CASE, *BASE, *rolled).when(promote("1")).then_rejected(
        "rolled_back", field="model_id", says="promote another one, or this one with an override"
    )
    again = changed(promote("1"), override="the report was a false alarm")
    promoted = ModelPromoted(
        use_case=UC,
        model_id=OLD,
        previous_model_id=OLD,
        operator=again.operator,
        reason=again.reason,
        override="the report was a false alarm",
    )
    given(USE_CASE, *BASE, *rolled).when(again).then(promoted)
    back = USE_CASE.fold([*BASE, *rolled, promoted])
    assert (status_of(OLD, back), back.models[OLD].needs_reevaluation, back.silenced) == (
        "current",
        False,
        False,
    )


def test_while_a_model_speaks_no_override_brings_back_what_was_rolled_back() -> None:
    given(USE_CASE, *of_measure("lore")).when(changed(promote("2"), override="I know")).then_rejected(
        "rolled_back", field="model_id", says="an override is not enough"
    )


@pytest.mark.parametrize("override", ["   ", "\t\n"])
def test_a_blank_override_is_none(override: str) -> None:
    rolled = USE_CASE.decide(RollBack(use_case=UC, model_id=OLD, silence=True, **BY), USE_CASE.fold(BASE))
    given(USE_CASE, *BASE, *rolled).when(changed(promote("1"), override=override)).then_rejected(
        "rolled_back", field="model_id", says="with an override that says why"
    )
    given(USE_CASE, *BASE).when(start(override=override)).then_rejected("not_evaluated", field="model_id")
    given(USE_CASE, *BASE).when(promote("2", override)).then_rejected("not_evaluated", field="model_id")


def test_the_reply_to_a_rollback_names_only_the_deployment_that_it_ended() -> None:
    """The scar: taken back again by hand, it named the deployment of weeks ago."""
    runner = REGISTRY.answer
    assert runner
    command = RollBack(use_case=UC, model_id=NEW, **BY)
    state = USE_CASE.fold(of_measure("failures"))
    assert runner(command, state)["deployment_id"] == ID
    again = [
        changed(evaluated(number=1), scorers=["answered"]),
        ModelPromoted.model_validate({"use_case": UC, "model_id": NEW, "previous_model_id": OLD, **BY}),
    ]
    state = USE_CASE.fold([*of_measure("failures"), *again])
    state = USE_CASE.fold(USE_CASE.decide(command, state), state)
    assert state.current == OLD
    assert "deployment_id" not in runner(command, state)
