"""What the command line says of the guardrails: who ended a line, and which policy is tried."""

import asyncio
from typing import Any

import pytest

from aicore.cli.ask import ended, who_spoke
from aicore.cli.guardrails import held
from aicore.content.guardrails import load_policy
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import StreamWrite
from domain.guardrails.messages import EXAMPLE_POLICY, ViolationDetected, ViolationReviewed
from domain.guardrails.policy import policy_from
from handlers.guardrails.board import ViolationBoard
from handlers.guardrails.guard import POLICY_BINDING
from handlers.kernel.commands import CommandRunner
from protocol.messages import Answer
from tests.unit.kit import ident, memory_log, message, until


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


async def test_violations_can_be_asked_for_by_what_is_left_to_review_and_how_grave_it_is() -> None:
    log, codec = memory_log(), EventCodec(domain_catalogue())
    board, ids = ViolationBoard(log, load_policy(), decode=codec.decode), []
    for severity, reviewed in (("low", False), ("critical", True), ("critical", False)):
        found = {**ViolationDetected.example, "violation_id": str(ident()), "severity": severity}
        events: list[Any] = [ViolationDetected.model_validate(found)]
        if reviewed:
            review = {**ViolationReviewed.example, "violation_id": found["violation_id"]}
            events.append(ViolationReviewed.model_validate(review))
        new = [codec.encode(event, ident()) for event in events]
        await log.append(StreamWrite(f"violation-{found['violation_id']}", new, "any"))
        ids.append(found["violation_id"])
    async with asyncio.TaskGroup() as group:
        task = group.create_task(board.run())
        await until(lambda: board.position == 4)
        task.cancel()

    async def told(**asked: Any) -> list[str]:
        shown, _ = await board.answer(asked)
        return [row["violation_id"] for row in shown["violations"]]

    assert await told() == ids[::-1]
    assert await told(limit=1) == ids[2:]
    assert await told(unreviewed=True) == [ids[2], ids[0]]
    assert await told(severity="critical") == [ids[2], ids[1]]
    assert await told(severity="critical", unreviewed=True) == ids[2:]
