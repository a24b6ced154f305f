"""Two operators on a running program: proven names in events, and a command that waits for a second one."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aicore.cli.main import PARTS, app_of
from aicore.client import Client, Refused
from aicore.clock import new_id, now_us
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from aicore.running import System
from aicore.settings import Settings
from aicore.wiring.parts import COMPONENTS
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.connection import connect
from bus.nats.dead_letters import list_letters
from bus.ports import RecordedEvent
from bus.postgres.log import open_log
from protocol.identity import UNNAMED, Identity
from protocol.meta import decode_meta
from tests.integration.inbox_kit import Inbox
from tests.integration.test_declared_is_served import program
from tests.unit.kit import model, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

CODEC = EventCodec(domain_catalogue())


@pytest.fixture
def system(postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str, tmp_path: Path) -> System:
    return System(
        realm=realm, state_dir=tmp_path, postgres_dsn=postgres.dsn, nats_url=nats_server.url, pid=os.getpid()
    )


@asynccontextmanager
async def operator(system: System, name: str) -> AsyncIterator[Client]:
    """Speak for somebody: the owner's key lets a connection end its subjects in any name."""
    async with connect(system.nats_url, name=name, identity=Identity("operator", name)) as nc:
        yield Client(nc, system.realm)


async def events(system: System) -> list[RecordedEvent]:
    async with open_log(system.postgres_dsn, system.realm, now_us=now_us) as log:
        return await log.read_all(after=0, limit=1_000)


async def refused(client: Client, command: str, payload: dict[str, Any], **more: Any) -> str:
    with pytest.raises(Refused) as told:
        await client.command(command, payload, **more)
    return told.value.error.code


def said_by(system: System, monkeypatch: pytest.MonkeyPatch, name: str, *arguments: str) -> Result:
    """Run a command of `aicore four-eyes` as somebody: with the owner's key, which may take any name."""
    monkeypatch.setenv("AICORE_NATS_URL", system.nats_url.replace(str(UNNAMED), f"operator-{name}", 1))
    monkeypatch.setenv("AICORE_POSTGRES_DSN", system.postgres_dsn)
    monkeypatch.setenv("AICORE_REALM", system.realm)
    monkeypatch.setenv("AICORE_STATE_DIR", str(system.state_dir))
    return CliRunner().invoke(
        app_of([part for part in PARTS if part.name == "four-eyes"]), ["four-eyes", *arguments]
    )


async def test_a_promotion_with_an_override_waits_for_a_second_operator_by_both_ways(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        program(Settings(four_eyes="all"), system, COMPONENTS),
        operator(system, "mira") as mira,
        operator(system, "jan") as jan,
    ):
        sent = [await mira.command("registry.register_model", model(version)) for version in "123"]
        _, second, third = [reply.result["model_id"] for reply in sent]
        said = {"use_case": "npc_dialogue", "operator": "somebody", "reason": "r", "override": "a raid"}
        order = new_id()
        promotion = {**said, "model_id": second}
        assert await refused(mira, "registry.promote_model", promotion, id=order) == "awaits_second"
        inbox = Inbox(mira._nc, system.realm)
        await inbox.there()
        put = await inbox.put("registry.promote_model", {**said, "model_id": third})
        await inbox.empty()

        async def waiting() -> set[str]:
            shown = (await jan.query("four_eyes.orders", {"open_only": True})).result
            return {row["order_id"] for row in shown}

        async def both() -> bool:
            return await waiting() == {order.hex, put.hex}

        await until(both)
        word = {"order_id": order.hex, "operator": "x", "reason": "seen"}
        assert await refused(mira, "four_eyes.confirm", word) == "same_operator"
        assert await list_letters(mira._nc, system.realm) == []

        async def at_the_cli(name: str, *arguments: str) -> Result:
            return await asyncio.to_thread(said_by, system, monkeypatch, name, *arguments)

        listed = json.loads((await at_the_cli("jan", "list", "--json")).stdout)
        assert {row["order_id"] for row in listed} == {order.hex, put.hex}
        own = await at_the_cli("mira", "confirm", order.hex, "--reason", "seen")
        assert "same_operator" in repr(own.exception)
        confirmed = await at_the_cli("jan", "confirm", order.hex, "--reason", "seen")
        assert "registry.promote_model of operator:mira is confirmed" in confirmed.stdout
        told = await at_the_cli("mira", "result", order.hex, "--json")
        assert (json.loads(told.stdout)["status"], told.exit_code) == ("current", 0)
        assert (await mira.command("registry.promote_model", promotion, id=order)).duplicate

    found = await events(system)
    [promoted] = [
        each
        for each in found
        if each.type == "registry.model_promoted" and decode_meta(each.meta).causation == order
    ]
    meta = decode_meta(promoted.meta)
    assert CODEC.decode(promoted).model_dump()["operator"] == meta.actor == "operator:mira"
    assert (meta.extra["role"], meta.extra["second"]) == ("operator", "operator:jan")
    assert {decode_meta(each.meta).actor for each in found} >= {"operator:mira", "operator:jan"}
