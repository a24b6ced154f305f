"""Promises over many turns, with deaths of the process, summaries, and another version between."""

import pytest

from tests.unit.promises.script import Result, Script


def no_promise_is_lost(result: Result) -> None:
    assert result.lost == []
    assert result.found == result.wanted
    assert result.summaries
    assert result.in_the_dark
    assert result.unsaid == 0


async def test_scripted_promises_end_by_their_events_and_none_is_lost() -> None:
    no_promise_is_lost(await Script(48, 24, seed=3).act())


@pytest.mark.slow
async def test_two_hundred_promises_over_a_hundred_turns() -> None:
    for seed in range(3):
        no_promise_is_lost(await Script(200, 100, seed).act())
