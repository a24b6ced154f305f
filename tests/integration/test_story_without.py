"""What people say while parts of the program are away: a true line always, with its rung in the event."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar
from uuid import UUID, uuid4

import asyncpg
import pytest

from aicore.audit.lines import explain_line
from aicore.client import Client, Refused, Unanswered
from aicore.clock import now_us
from aicore.running import System
from aicore.settings import Settings
from aicore.wiring import story as wiring
from bus.nats.connection import connect
from bus.ports import EventLog
from bus.postgres.connect import schema_of
from bus.postgres.log import open_log
from domain.promises.messages import PromiseMade
from domain.story.messages import LineSaid, stream_of
from handlers.engines.embedded import EmbeddedEngine
from handlers.lore import encoding, keeper
from handlers.story import realiser
from projections.lore.vectors import RESTORING
from protocol.messages import Reply
from tests.integration.test_declared_is_served import program, system
from tests.integration.test_places import a_clock_goes
from tests.integration.test_story import ANN, CODEC, UNA, people_come
from tests.unit.kit import until
from tests.unit.lore.kit import BY, content

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

__all__ = ["system"]
PATIENT_S = 60.0
KEEPS = "keeps(person.nib, place.sea_wall)"
ASKED = "Who keeps the sea wall?"
PLEDGE = "I promise to bring you lamp oil by tomorrow"


class Kept(EmbeddedEngine):
    """The engine, which the test may stop as if it had died."""

    all: ClassVar[list["Kept"]] = []

    async def start(self) -> None:
        await super().start()
        self.all.append(self)


class Telling:
    """Ann and Una in a running program, with all that was answered."""

    def __init__(self, client: Client, log: EventLog) -> None:
        self.client = client
        self.log = log
        self.heard: dict[UUID, Reply] = {}

    async def say(self, text: str, id_: UUID | None = None) -> LineSaid:
        """Have a true line said: what it states is in the log, and it is made again from that."""
        id_ = id_ or uuid4()
        reply = self.heard[id_] = await self.client.command(
            "story.say", {**ANN, "to": UNA, "text": text}, id=id_
        )
        told = await explain_line(self.log, CODEC, reply.result["line"], wiring.shipped_mouth())
        assert (told.differs, told.again) == ([], told.line)
        assert all(each.position for each in told.goes_by), "what it goes by is in the log"
        assert (told.line.text, told.line.rung) == (reply.result["text"], reply.result["rung"])
        return told.line

    async def without(self, text: str) -> list[str]:
        """Return which arms a search of the lore had to do without."""
        found = await self.client.query("lore.search", {"text": text, "holder": UNA})
        return [each["arm"] for each in found.result["without"]]


@pytest.fixture
async def telling(system: System, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Telling]:
    """Begin with an encoder that cannot be opened: a file lies where its folder should be."""
    (system.state_dir / "models").write_text("no folder")
    monkeypatch.setattr(encoding, "PAUSE_S", 0.0)
    monkeypatch.setattr(keeper, "LOOK_S", 0.1)
    monkeypatch.setattr(realiser, "DEADLINE_S", PATIENT_S)
    Kept.all.clear()
    monkeypatch.setattr(wiring, "EmbeddedEngine", Kept)
    settings = Settings(story_realiser="embedded")
    async with (
        program(settings, system, ("commands", "queries", "projections")),
        connect(system.nats_url, name="game") as nc,
        open_log(system.postgres_dsn, system.realm, now_us=now_us) as log,
    ):
        client = Client(nc, system.realm)
        await a_clock_goes(client)
        await people_come(log)
        await client.command("session.open", {"player": "ann"})
        await client.command("places.enter", {**ANN, "place": "ropewalk_quay"})
        yield Telling(client, log)


async def test_a_true_line_is_said_whatever_is_away(system: System, telling: Telling) -> None:
    """Encoder, pgvector, engine and log go one after the other, in one running program."""
    await _write_down(telling.client)
    await until(lambda: _lacks(telling, "meaning"))
    line = await telling.say(ASKED)
    assert ([each.claim for each in line.plan.claims], line.rung) == ([KEEPS], "small"), "no encoder"
    assert [each.document for each in line.plan.claims[0].cites] == ["shed"]

    (system.state_dir / "models").unlink()
    await until(lambda: _lacks(telling))
    async with _no_pgvector(system):
        line = await telling.say(ASKED)
        assert ([each.claim for each in line.plan.claims], line.rung) == ([KEEPS], "small"), "no pgvector"
        assert await telling.without(ASKED) == [], "a few passages are compared in memory"

    (engine,) = Kept.all
    await engine.stop()
    line = await telling.say("Where is Nib?")
    assert [each.claim for each in line.plan.claims] == ["at(person.nib, place.ropewalk_quay)"]
    assert (line.rung, [each.rung for each in line.candidates]) == ("written", ["written"]), "no engine"

    await _promises_while_the_log_is_away(system, telling)
    page = await telling.log.read_stream(stream_of("ann"), after=0, limit=100)
    lines = [each for each in map(CODEC.decode, page) if isinstance(each, LineSaid)]
    assert sorted(each.line for each in lines) == sorted(r.result["line"] for r in telling.heard.values())


async def _promises_while_the_log_is_away(system: System, telling: Telling) -> None:
    """What nobody could record is not said; the same words under the same id are, with what follows."""
    id_ = uuid4()
    async with _no_log(system):
        with pytest.raises((Refused, Unanswered, TimeoutError)) as away:
            await telling.say(PLEDGE, id_)
        assert not isinstance(away.value, Refused) or away.value.error.retry != "never"
    said: list[LineSaid] = []

    async def is_said() -> bool:
        try:
            said.append(await telling.say(PLEDGE, id_))
        except (Refused, Unanswered, TimeoutError) as error:
            assert not isinstance(error, Refused) or error.error.retry != "never"
        return bool(said)

    await until(is_said)
    assert [each.type for each in telling.heard[id_].events] == ["story.said", "promises.made"]
    assert said[0].rung == "written"
    page = await telling.log.read_stream("promises_player-ann", after=0, limit=100)
    promised = [each for each in map(CODEC.decode, page) if isinstance(each, PromiseMade)]
    assert [each.promise for each in promised] == [id_.hex], "once, in the append of its line"


async def _lacks(telling: Telling, *arms: str) -> bool:
    return await telling.without(ASKED) == [*arms]


@asynccontextmanager
async def _no_pgvector(system: System) -> AsyncIterator[None]:
    """Drop the extension, and what depends on it, while the context is open."""
    session = await asyncpg.connect(system.postgres_dsn)
    try:
        await session.execute("DROP EXTENSION vector CASCADE")
        yield
    finally:
        await session.execute(RESTORING.format(schema=schema_of(system.realm)))
        await session.close()


@asynccontextmanager
async def _no_log(system: System) -> AsyncIterator[None]:
    """End all connections to the database, and let no new ones in: so a server goes that starts anew."""
    session = await asyncpg.connect(system.postgres_dsn, database="template1")
    database = (await _database_of(system)).replace('"', '""')
    may = f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS'
    try:
        await session.execute(f"{may} false")
        await session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", database
        )
        yield
    finally:
        await session.execute(f"{may} true")
        await session.close()


async def _database_of(system: System) -> str:
    session = await asyncpg.connect(system.postgres_dsn)
    try:
        found: str = await session.fetchval("SELECT current_database()")
        return found
    finally:
        await session.close()


async def _write_down(client: Client) -> None:
    """Have a document that alone says who keeps the sea wall."""
    claims = [{"predicate": "keeps", "subject": "person.nib", "object": "place.sea_wall"}]
    text = "Nib keeps the sea wall, and walks along it every night."
    await client.command("lore.add_document", {**content("shed", text, claims=claims), **BY})
