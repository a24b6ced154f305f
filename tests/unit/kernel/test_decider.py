"""The shape of every aggregate: how history is folded, and what a refusal carries."""

import pytest

from domain.kernel.decider import Decider, Rejected

LIST: Decider[str, str, str] = Decider(
    "start", lambda command, state: [], lambda state, event: f"{state},{event}"
)


@pytest.mark.parametrize(
    ("events", "state", "folded"),
    [
        ([], None, "start"),
        (["a", "b"], None, "start,a,b"),
        ([], "later", "later"),
        (["c"], "later", "later,c"),
        (["c"], "", ",c"),
    ],
)
def test_history_is_folded_in_its_order_from_the_beginning_or_a_state(
    events: list[str], state: str | None, folded: str
) -> None:
    assert LIST.fold(events, state) == folded


def test_a_refusal_carries_what_the_caller_must_know() -> None:
    refusal = Rejected("model_not_found", "no model x", field="model_id", remedy="register it")

    assert (refusal.code, refusal.message, refusal.field, refusal.remedy) == (
        "model_not_found",
        "no model x",
        "model_id",
        "register it",
    )
    assert str(refusal) == "no model x", "as logs and tracebacks print it"
    assert refusal.retry_after_ms is None


def test_a_refusal_of_the_whole_command_names_no_field() -> None:
    refusal = Rejected("model_not_found", "no model x")

    assert (refusal.field, refusal.remedy) == ("", "")
