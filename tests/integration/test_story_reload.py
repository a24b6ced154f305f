"""A writer's change of the world reaches the next line that is said, in the process that runs."""

from collections.abc import Mapping
from uuid import UUID, uuid5

import pytest
from pydantic import JsonValue

from aicore.audit.lines import explain_line
from aicore.client import Client
from aicore.clock import now_us
from aicore.content.sample_world import sample_entries
from aicore.running import System
from aicore.settings import Settings
from aicore.wiring.story import shipped_mouth
from bus.nats.connection import connect
from bus.ports import EventLog, StreamWrite
from bus.postgres.log import open_log
from domain.definition.entries import Key, digest_of
from domain.definition.messages import EntryDefined, VersionPublished
from domain.story.messages import LineSaid, stream_of
from tests.integration.test_declared_is_served import program, system
from tests.integration.test_places import a_clock_goes
from tests.integration.test_story import ANN, CODEC, patiently, people_come
from tests.unit.kit import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

__all__ = ["system"]
PERSON = Key("people", "una_pell")


async def publish(log: EventLog, number: int, entries: Mapping[Key, JsonValue]) -> None:
    """Write down a version of the world, as `aicore world load` does."""
    defined = [
        EntryDefined(section=key.section, entry_id=key.id, written=written, digest=digest_of(written))
        for key, written in entries.items()
    ]
    version = VersionPublished(
        number=number, digest="sha256:" + "0" * 64, entries=len(defined), operator="mira", reason="a test"
    )
    events = [
        CODEC.encode(event, uuid5(UUID(int=number), str(at))) for at, event in enumerate([*defined, version])
    ]
    await log.append(StreamWrite("world-definition", events))


async def test_who_gets_another_voice_speaks_with_it_without_a_restart(system: System) -> None:
    settings = Settings(lore_encoder="")
    async with (
        program(settings, system, ("commands", "queries")),
        connect(system.nats_url, name="game") as nc,
        open_log(system.postgres_dsn, system.realm, now_us=now_us) as log,
    ):
        client = Client(nc, system.realm)
        await publish(log, 1, sample_entries())
        await a_clock_goes(client)
        await people_come(log)
        await client.command("session.open", {"player": "ann"})
        await client.command("places.enter", {**ANN, "place": "ropewalk_quay"})
        voices: dict[int, str] = {}

        async def said() -> LineSaid:
            name = (await patiently(client, "Hello"))["line"]
            number = int(name.partition(".")[2])
            (recorded,) = await log.read_stream(stream_of("ann"), after=number - 1, limit=1)
            line = CODEC.decode(recorded)
            assert isinstance(line, LineSaid)
            told = await explain_line(log, CODEC, name, shipped_mouth())
            assert (told.differs, told.again) == ([], line)
            voices[line.made_of.definition] = line.made_of.voice
            return line

        async def by_version(number: int) -> bool:
            return (await said()).made_of.definition == number

        await until(lambda: by_version(1))
        una = sample_entries()[PERSON]
        assert isinstance(una, dict)
        await publish(log, 2, {PERSON: {**una, "voice": "riddling"}})
        await until(lambda: by_version(2))
        assert (voices[1], voices[2]) == ("harbour/collector", "harbour/riddler")
