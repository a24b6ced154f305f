"""What comes of a batch's item, whatever the inference says."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from bus.ports import IdConflict
from domain.batch.batch import BATCH
from domain.batch.messages import (
    BatchEvent,
    BatchItemsAdded,
    BatchOpened,
    BatchSubmitted,
    Finished,
    Item,
)
from handlers.bronze import Bronze, Workshop
from protocol.messages import CommandMessage, Reply
from tests.unit.inference_kit import routes
from tests.unit.kit import WAIT_S, EchoEngine, ident

ITEM = Item(id="a", prompt="Who are you?")
ID = "0" * 32


async def ended(infer: Callable[[CommandMessage], Awaitable[Reply]], *, tier: str = "bronze") -> Finished:
    """Return what came of an item, on a router that serves one tier."""
    facts = {"batch_id": ID, "name": "n", "use_case": "npc_bark", "operator": "mira"}
    events: list[BatchEvent] = [
        BatchOpened.model_validate(facts),
        BatchItemsAdded(batch_id=ID, items=[ITEM]),
        BatchSubmitted(batch_id=ID, items=1),
    ]
    routing = routes(EchoEngine())
    routing._tiers = {tier: routing.tiers["gold"]}
    unused: Any = None
    shop = Workshop(unused, unused, unused, infer, routing, ident)
    async with asyncio.timeout(WAIT_S):
        return await Bronze(shop)._answered(ID, BATCH.fold(events), ITEM, 1)


def replying(finish_reason: str) -> Callable[[CommandMessage], Awaitable[Reply]]:
    async def infer(_: CommandMessage) -> Reply:
        return Reply(result={"finish_reason": finish_reason, "text": "I am"})

    return infer


async def test_an_item_that_was_answered_has_no_code() -> None:
    assert (await ended(replying("stop"))).code == ""


async def test_an_item_that_somebody_cancelled_was_not_answered() -> None:
    assert (await ended(replying("cancelled"))).code == "cancelled"


async def test_an_item_whose_id_asked_for_something_else_fails_alone() -> None:
    async def infer(message: CommandMessage) -> Reply:
        raise IdConflict(UUID(int=7), "asked for something else before")

    assert (await ended(infer)).code == "id_conflict"


async def test_without_a_bronze_tier_nobody_waits_for_its_engines() -> None:
    asked = list[CommandMessage]()

    async def infer(message: CommandMessage) -> Reply:
        asked.append(message)
        return Reply(result={"finish_reason": "stop", "text": ""})

    await ended(infer, tier="gold")
    assert asked  # and the service refuses it: no_engine


@pytest.mark.parametrize("reason", ["authored", "blocked", "cut", "length"])
async def test_what_else_ends_an_answer_is_one(reason: str) -> None:
    assert (await ended(replying(reason))).code == ""
