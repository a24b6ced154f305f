"""What is declared is served, what is served is declared: asked of a running program, whole and in parts."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from nats.aio.client import Client as Nats

from aicore.client import Client
from aicore.clock import now_us
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from aicore.running import System
from aicore.settings import Settings
from aicore.supervisor import Start
from aicore.wiring import components
from aicore.wiring.contexts import parts_of, views_of
from aicore.wiring.parts import COMPONENTS, Part
from bus.catalogue import domain_catalogue
from bus.nats.connection import connect
from bus.nats.discovery import discovered
from bus.ports import NewEvent, StreamWrite
from bus.postgres.log import open_log
from domain.kernel.event import Command
from domain.registry.messages import RegisterModel
from protocol.identity import UNNAMED
from protocol.messages import ErrorReply, encode_query
from protocol.subjects import command_subject, query_subject
from tests.integration.inbox_kit import Inbox
from tests.unit.kit import until

CATALOGUE = domain_catalogue()
ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def program(settings: Settings, system: System, chosen: Collection[str]) -> AsyncIterator[None]:
    """Run components as `aicore up` or `aicore run` do."""
    stop, ready = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(components.run(settings, system, chosen, stop=stop, start=Start(ready.set)))
        await ready.wait()
        yield
        stop.set()


@pytest.fixture
def system(postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str, tmp_path: Path) -> System:
    return System(
        realm=realm, state_dir=tmp_path, postgres_dsn=postgres.dsn, nats_url=nats_server.url, pid=os.getpid()
    )


async def served(nc: Nats, realm: str) -> set[str]:
    """Every subject that service discovery names for the realm, with the names behind a wildcard."""
    found: set[str] = set()
    for told in await discovered(nc, "INFO", "aicore", realm):
        for endpoint in told["endpoints"]:
            root = ".".join(endpoint["subject"].split(".")[:2])
            found.update(
                f"{root}.{name}.{UNNAMED}" for name in endpoint["metadata"]["names"].split(",") if name
            )
    return found


def declared(realm: str) -> set[str]:
    return {command_subject(realm, name, UNNAMED) for name in CATALOGUE.commands} | {
        query_subject(realm, name, UNNAMED) for name in CATALOGUE.queries
    }


@asynccontextmanager
async def apart(settings: Settings, system: System) -> AsyncIterator[None]:
    """Run each component as if it were a process of its own, with a connection of its own."""
    async with (
        program(settings, system, ["commands"]),
        program(settings, system, ["queries"]),
        program(settings, system, ["inference"]),
    ):
        yield


@pytest.mark.timeout(120)
async def test_declared_is_served_in_one_process(system: System) -> None:
    async with program(Settings(), system, COMPONENTS), connect(system.nats_url, name="test") as nc:
        assert await served(nc, system.realm) == declared(system.realm)


@pytest.mark.timeout(120)
async def test_declared_is_served_by_processes_apart_and_every_name_is_answered(system: System) -> None:
    async with apart(Settings(), system), connect(system.nats_url, name="test") as nc:
        assert await served(nc, system.realm) == declared(system.realm)
        client = Client(nc, system.realm)
        unknown = await client.request(f"{system.realm}.cmd.registry.explode.{UNNAMED}", b"")
        assert isinstance(unknown, ErrorReply)
        assert (unknown.code, unknown.retry) == ("unknown_command", "never")
        unasked = await client.request(f"{system.realm}.qry.registry.secrets.{UNNAMED}", encode_query({}))
        assert isinstance(unasked, ErrorReply)
        assert unasked.code == "unknown_query"
        answers = await asyncio.gather(*(client.query("inference.tiers") for _ in range(20)))
        assert {len(answer.result) for answer in answers} == {3}, "who hears all names keeps silent here"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("alone", ["commands", "queries", "inference"])
async def test_declared_is_served_however_the_services_are_divided(system: System, alone: str) -> None:
    """One beside the two others; each of the seven sets of services runs in one of these tests."""
    others = {"commands", "queries", "inference"} - {alone}
    async with (
        program(Settings(), system, [alone]),
        connect(system.nats_url, name="test") as nc,
    ):
        first = await served(nc, system.realm)
        async with program(Settings(), system, others):
            assert await served(nc, system.realm) == declared(system.realm)
            assert first < declared(system.realm)
            reply = await Client(nc, system.realm).request(f"{system.realm}.cmd.no.such.{UNNAMED}", b"")
            assert isinstance(reply, ErrorReply)
            assert reply.code == "unknown_command"


@pytest.mark.timeout(120)
async def test_what_the_command_loop_decides_is_taken_from_the_inbox_and_nothing_else(system: System) -> None:
    payload = {**RegisterModel.example, "use_case": "market_dialogue"}
    async with apart(Settings(), system), connect(system.nats_url, name="test") as nc:
        inbox = Inbox(nc, system.realm)
        await inbox.there()
        id_ = await inbox.put(RegisterModel.command_name, payload)
        turn = await inbox.put("inference.generate", {})
        await inbox.empty()
        again = await Client(nc, system.realm).command(RegisterModel.command_name, payload, id=id_)
        [letter] = await inbox.letters()

    assert (again.duplicate, again.events[0].type) == (True, "registry.model_registered")
    assert (letter.message_id, letter.code) == (str(turn), "request_only")
    taken = {
        kind.command_name
        for part in parts_of(Settings())
        for binding in part.bindings
        for kind in binding.commands
        if binding.answer
    }
    taken |= {name for part in parts_of(Settings()) for name in part.lanes}
    told = (ROOT / "protocol" / "SPEC.md").read_text()
    (row,) = [line for line in told.splitlines() if line.startswith("| not for the inbox |")]
    assert set(re.findall(r"`(\w+\.\w+)`", row)) == CATALOGUE.commands.keys() - taken


@pytest.mark.timeout(120)
async def test_a_declared_name_that_no_process_serves_is_unavailable(system: System) -> None:
    async with (
        program(Settings(), system, ["queries"]),
        connect(system.nats_url, name="test") as nc,
    ):
        reply = await Client(nc, system.realm).request(
            command_subject(system.realm, "inference.generate", UNNAMED), b""
        )
        assert isinstance(reply, ErrorReply)
        assert (reply.code, reply.retry) == ("unavailable", "later")
        assert "no process serves inference.generate" in reply.message


@pytest.mark.timeout(120)
async def test_a_binding_that_is_forgotten_shows(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: with one context's part taken out, its commands are declared and not served."""
    whole = parts_of(Settings())
    taken = next(part for part in whole if part.bindings and not part.serve and not part.views)
    rest: list[Part] = [part for part in whole if part is not taken]
    monkeypatch.setattr(components, "parts_of", lambda _: rest)
    lost: list[type[Command]] = [kind for binding in taken.bindings for kind in binding.commands]

    async with program(Settings(), system, COMPONENTS), connect(system.nats_url, name="test") as nc:
        missing = declared(system.realm) - await served(nc, system.realm)

    assert missing == {command_subject(system.realm, kind.command_name, UNNAMED) for kind in lost} != set()


def test_every_view_has_a_table_of_its_own() -> None:
    names = [view.name for view in views_of(Settings())]

    assert sorted(set(names)) == sorted(names) != []


@pytest.mark.timeout(120)
async def test_what_a_follower_cannot_take_in_is_told_by_service_discovery(
    system: System, postgres: EmbeddedPostgres
) -> None:
    """So doctor can name it; the services go on."""
    services = ["commands", "queries", "inference"]
    async with program(Settings(), system, services), connect(system.nats_url, name="test") as nc:
        async with open_log(postgres.dsn, system.realm, now_us=now_us) as log:
            newer = NewEvent(uuid4(), "registry.model_promoted", 99, b"\x80")
            await log.append(StreamWrite("registry-lamps", [newer]))

        async def faults() -> set[str]:
            told = await discovered(nc, "STATS", "aicore", system.realm)
            standing = [each for one in told for each in one["endpoints"][0]["data"]["followers"]]
            return {each["name"] for each in standing if each["error"]}

        await until(faults)
        assert "models" in await faults()
        answer = await Client(nc, system.realm).query("registry.current", {"use_case": "lamps"})
        assert answer.result is None
