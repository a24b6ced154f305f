"""Quests over NATS in a running program: taken, gone on with by what happens, handed in, paid once."""

from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest

from aicore.client import Client, Refused
from aicore.running import System
from aicore.settings import Settings
from bus.nats.connection import connect
from tests.integration.test_declared_is_served import program, system
from tests.integration.test_places import a_clock_goes, refused
from tests.unit.kit import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
__all__ = ["system"]


async def gives(client: Client, player: str, good: str, amount: int) -> None:
    """Have the world give a player goods, as a wreck does."""
    with suppress(Refused):  # whoever sells it has it counted already
        await client.command("ledger.open_unit", {"unit": good, "kind": "good", "digits": 0, "says": ""})
    await client.command("ledger.declare_flow", {"account": "source.wrecks", "says": "What lies there"})
    await client.command("ledger.open_account", {"account": f"player.{player}"})
    move = {"unit": good, "payer": "source.wrecks", "payee": f"player.{player}", "amount": amount}
    await client.command("ledger.transfer", {"moves": [move], "reason": "found"})


async def journal(client: Client, player: str) -> list[Any]:
    return list((await client.query("quests.journal", {"player": player})).result)


async def test_a_quest_is_taken_done_and_paid_in_one_append(system: System) -> None:
    async with (
        program(Settings(), system, ("commands", "queries", "projections")),
        connect(system.nats_url, name="game") as nc,
    ):
        client = Client(nc, system.realm)
        await a_clock_goes(client)
        await client.command("session.open", {"player": "ann"})
        await _three_bells(client)
        await _a_key_opens(client)
        await _two_fight(client)
        await _the_giver_dies(client)
        await _it_is_too_late(client)


async def _three_bells(client: Client) -> None:
    ann: dict[str, Any] = {"player": "ann", "session": 1}
    offered = (await client.query("quests.offers", {"player": "ann"})).result
    assert "three_bells" in {offer["quest"] for offer in offered}
    taken = (await client.command("quests.accept", {**ann, "quest": "three_bells"})).result
    assert (taken["stage"], taken["over"]) == ("dive", "")
    mine = {**ann, "instance": taken["instance"]}
    assert (await refused(client, "quests.accept", **ann, quest="bone_for_a_king")).code == "not_offered"
    early = {**mine, "stage": "dive", "objective": 0}
    assert (await refused(client, "quests.advance", **early)).code == "unmet"
    await gives(client, "ann", "wreck_bell", 3)

    async def found() -> bool:
        entries = await journal(client, "ann")
        return bool(entries) and entries[0]["stage"] == "hand_over"

    await until(found)  # what the ledger tells, nobody has to say
    done = {**mine, "stage": "hand_over", "objective": 0}
    id_ = uuid4()
    handed = await client.command("quests.advance", done, id=id_)
    assert (handed.result["over"], handed.result["end"]) == ("completed", "sorted")
    types = [event.type for event in handed.events]
    assert types[:2] == ["quests.progressed", "quests.completed"]
    assert types.count("ledger.transferred") == 2
    positions = sorted(event.position for event in handed.events)
    assert positions == list(range(positions[0], positions[0] + len(types)))
    again = await client.command("quests.advance", done, id=id_)
    assert (again.duplicate, again.result) == (True, handed.result)

    async def paid() -> bool:
        has = (await client.query("ledger.balance", {"account": "player.ann"})).result
        return {each["unit"]: each["balance"] for each in has} == {
            "wreck_bell": 0,
            "wicks": 900,
            "sorted_bones": 1,
        }

    await until(paid)
    assert (await refused(client, "quests.accept", **ann, quest="three_bells")).code == "taken_before"
    after = (await client.command("quests.accept", {**ann, "quest": "bone_for_a_king"})).result
    assert after["quest"] == "bone_for_a_king"


async def _a_key_opens(client: Client) -> None:
    """Without it nobody would come into the cellar, and the quest about it would never end."""
    ben: dict[str, Any] = {"player": "ben", "session": 1}
    await client.command("session.open", {"player": "ben"})
    await client.command("places.enter", {**ben, "place": "drowned_bell"})
    assert (await refused(client, "places.depart", **ben, to="bell_cellar")).code == "locked"
    await gives(client, "ben", "cellar_key", 1)
    assert (await client.command("places.depart", {**ben, "to": "bell_cellar"})).result["ways"]


async def _two_fight(client: Client) -> None:
    """Who stands in the same place can be hurt, and nobody else; a player is down and never dead."""
    for player in ("eve", "fay"):
        await client.command("session.open", {"player": player})
        await client.command("places.enter", {"player": player, "session": 1, "place": "drowned_bell"})
    blow = {"player": "eve", "session": 1, "who": "player.fay", "amount": 250, "how": "a stool"}
    struck = await client.command("people.harm", blow)
    assert (struck.result["health"], struck.result["dead"]) == (750, False)
    assert (await refused(client, "people.harm", **{**blow, "who": "person.nib"})).code == "not_there"
    assert (await refused(client, "people.harm", **{**blow, "session": 2})).code == "session_over"
    assert (await client.query("people.health", {"who": "player.fay"})).result["health"] >= 750


async def _the_giver_dies(client: Client) -> None:
    ann: dict[str, Any] = {"player": "ann", "session": 1}
    await client.command("quests.accept", {**ann, "quest": "ask_the_nurse"})
    await client.command("people.begin", {"operator": "test", "reason": "a test"})

    async def dies() -> bool:
        fall = {"who": "person.edda_marsh", "amount": 1_000, "how": "a fall"}
        try:
            return bool((await client.command("people.afflict", fall)).result["dead"])
        except Refused as refusal:
            assert refusal.error.code == "not_there"  # nobody has come yet
            return False

    async def gone() -> bool:
        return (await client.query("people.person", {"person": "edda_marsh"})).result is None

    await until(dies)
    await until(gone)
    dead = (await client.query("people.health", {"who": "person.edda_marsh"})).result["dead"]
    assert (dead["cause"], dead["estate"]) == ("a fall", "estate.edda_marsh")

    async def told() -> bool:
        entries = await journal(client, "ann")
        texts = [
            each["text"] for each in entries if (each["quest"], each["over"]) == ("ask_the_nurse", "closed")
        ]
        return len(texts) == 1 and texts[0].startswith("Edda Marsh is gone")

    await until(told)
    assert (await refused(client, "quests.accept", **ann, quest="ask_the_nurse")).code == "taken_before"


async def _it_is_too_late(client: Client) -> None:
    ann: dict[str, Any] = {"player": "ann", "session": 1}
    taken = (await client.command("quests.accept", {**ann, "quest": "walk_the_wall"})).result
    later = (await client.query("clock.now")).result["game_ms"] + 7 * 3_600_000
    by = {"operator": "test", "reason": "a test"}
    await client.command("clock.jump", {"jump_id": str(uuid4()), "to_game_ms": later, **by})

    async def late() -> bool:
        entries = await journal(client, "ann")
        return any((each["instance"], each["end"]) == (taken["instance"], "turned") for each in entries)

    await until(late)
