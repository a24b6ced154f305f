"""Random operations on a ledger; sum, overdraft, holds and ownership are checked after each."""

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.unit.ledger.shadow import OPERATIONS, Dice, Shadow

SHARE = 4_000
WHOLE = 1_000_000


class LedgerMachine(RuleBasedStateMachine):
    """Hypothesis chooses the operations, and shrinks what fails."""

    def __init__(self) -> None:
        super().__init__()
        self.shadow = Shadow()

    @rule(name=st.sampled_from(OPERATIONS), data=st.data())
    def operate(self, name: str, data: st.DataObject) -> None:
        self.shadow.operate(name, Dice(lambda below: data.draw(st.integers(0, below - 1))))


LedgerMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestLedgerMachine = LedgerMachine.TestCase


@pytest.mark.parametrize("count", [SHARE, pytest.param(WHOLE, marks=pytest.mark.slow)])
def test_whatever_is_asked_the_books_balance(count: int) -> None:
    dice, shadow = Random(20_261_130), Shadow()
    for _ in range(count):
        shadow.operate(dice.choice(OPERATIONS), Dice(dice.randrange))
    asked = {"transfer", "hold", "post", "void", "reverse", "link", "credit", "expired"}
    refused = {"insufficient", "hold_not_open", "not_reversible", "already_reversed", "item_exists"}
    assert asked | refused <= {name for name, times in shadow.done.items() if times > count // 1_000}
