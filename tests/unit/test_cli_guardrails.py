"""What the command line says of the guardrails: who ended a line, and which policy is tried."""

import asyncio
from typing import Any

import pytest

from aicore.cli.ask import ended, who_spoke
from aicore.cli.guardrails import held
from aicore.content.guardrails import load_policy
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from domain.guardrails.messages import EXAMPLE_POLICY
from domain.guardrails.policy import policy_from
from handlers.commands import CommandRunner
from handlers.guard import POLICY_BINDING
from handlers.guard_board import ViolationBoard
from protocol.messages import Answer
from tests.unit.kit import memory_log, message, until


@pytest.mark.parametrize(
    ("tier", "engine", "reason", "words"),
    [
        ("gold", "embedded-gold", "stop", "gold, embedded-gold"),
        ("gold", "embedded-gold", "blocked", "gold, embedded-gold, ended by the guardrails"),
        (None, "", "blocked", "ended by the guardrails"),
        (None, "", "authored", "authored line"),
    ],
)
def test_a_line_says_who_spoke_and_who_ended_it(
    tier: str | None, engine: str, reason: str, words: str
) -> None:
    assert who_spoke({"finish_reason": reason, "served": {"tier": tier, "engine": engine}}) == words


async def test_the_policy_that_holds_can_be_tried_from_elsewhere() -> None:
    log, codec = memory_log(), EventCodec(domain_catalogue())
    board = ViolationBoard(log, load_policy(), decode=codec.decode)

    class Asked:
        async def query(self, view: str, query: dict[str, Any]) -> Answer:
            assert view == "guardrails.policy"
            return Answer(*await board.answer_policy(query))

    client: Any = Asked()
    assert await held(client) == (load_policy(), None)
    runner = CommandRunner(log, codec, [POLICY_BINDING])
    by = {"operator": "mira", "reason": "the harbour's own"}
    policy = {**EXAMPLE_POLICY, "name": "harbour"}
    await runner(message("guardrails.publish_policy", {"policy": policy, **by}))
    which = {"name": "harbour", "version": 1, "profile": "MatureFullExperience"}
    await runner(message("guardrails.activate_policy", {**which, **by}))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(board.run())
        await until(lambda: board.position)
        task.cancel()
    assert await held(client) == (policy_from(policy), "MatureFullExperience")
    shown, _ = await board.answer_policy({})
    assert "policy" not in shown


def test_an_answer_that_another_one_cancelled_has_no_model_to_tell_of() -> None:
    assert ended({"finish_reason": "cancelled", "text": "I ", "latency_ms": 7.6}) == "cancelled after 7.6 ms"
