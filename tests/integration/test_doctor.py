"""The doctor on a healthy system, and on a dozen broken ones: each fault by name, with its mend."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from nats import micro
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.micro.service import ServiceConfig

from aicore.clock import new_id, now_us
from aicore.doctor import Check, examine
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from aicore.running import System
from aicore.settings import Settings
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.api import js_publish, js_request
from bus.nats.connection import connect
from bus.nats.dead_letters import DeadLetter, dismiss, put, redrive
from bus.nats.presence import NAME as PROCESS
from bus.nats.service import ServiceOptions, serve
from bus.nats.topology import (
    CacheLimits,
    InboxLimits,
    create_events_stream,
    delete_stream,
    ensure_inbox,
    events_stream,
    inbox_stream,
)
from bus.ports import ClockWrong, StreamWrite
from bus.postgres.connect import schema_of
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from bus.relay.leadership import Work, lock_of, relay_lock
from bus.spool.disk import LOCK
from domain.clock.clock import STREAM
from domain.clock.units import RealTime
from domain.factions.factions import STREAM as FACTIONS
from domain.factions.messages import FactionsLed
from domain.kernel.event import Event
from domain.ledger.book import STREAM as LEDGER
from domain.ledger.messages import Led
from domain.people.messages import COURSE, PeopleBegun, PeopleRested
from domain.weather.messages import WeatherLed
from domain.weather.weather import STREAM as WEATHER
from handlers.clock.view import shown
from protocol.chain import genesis, link
from protocol.envelope import Envelope, encode_envelope
from protocol.identity import UNNAMED
from protocol.messages import Answer, encode_reply
from protocol.subjects import query_subject
from tests.integration.log_kit import WAIT_S
from tests.unit.clock.kit import STARTED, clock_after

pytestmark = pytest.mark.integration

INBOX_BYTES_MAX = 20_000


@dataclass
class Case:
    """A healthy realm, and an administrator's ways to break it."""

    settings: Settings
    system: System
    admin: asyncpg.Connection
    nc: Client
    tiers: list[dict[str, Any]]
    tiers_served: Subscription | None = None
    clock: Callable[[], int] = now_us

    async def examine(self) -> list[Check]:
        checks = await examine(self.settings, self.system, clock=self.clock)
        return [check for check in checks if check.name != "abandoned data"]  # this machine's, not the case's

    async def answer_tiers(self, asked: Msg) -> None:
        await asked.respond(encode_reply(Answer(self.tiers, 0)))

    async def sql(self, statement: str) -> None:
        await self.admin.execute(statement)


def tiers() -> list[dict[str, Any]]:
    """Return what a process with engines says of its tiers when all is well."""
    engine = {"provider": "vllm", "models": [], "ok": True, "reason": "", "circuit": "closed"}
    return [
        {"tier": "gold", "below": "silver", "engines": [{"name": "a", **engine}, {"name": "b", **engine}]},
        {"tier": "silver", "below": "", "engines": [{"name": "c", **engine}]},
    ]


@pytest.fixture
async def case(
    postgres: EmbeddedPostgres,
    nats_server: EmbeddedNats,
    realm: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Case]:
    """A migrated realm with its empty stream; the test itself holds the relay's lock, as a leader would."""
    monkeypatch.setattr("bus.nats.discovery.DISCOVERY_S", 0.01)  # nobody is there to be waited for
    await migrate(postgres.dsn, realm)
    admin = await asyncpg.connect(postgres.dsn, server_settings={"search_path": schema_of(realm)})
    try:
        async with connect(nats_server.url, name="doctor test") as nc:
            await create_events_stream(nc, realm, CacheLimits(bytes_max=0))
            await ensure_inbox(nc, realm, InboxLimits(bytes_max=INBOX_BYTES_MAX))
            await admin.execute("SELECT pg_advisory_lock($1)", relay_lock(realm))
            await admin.execute("INSERT INTO projection_checkpoint VALUES ('current_models', 1, 0, 0)")
            system = System(
                realm=realm, postgres_dsn=postgres.dsn, nats_url=nats_server.url, state_dir=tmp_path
            )
            case = Case(Settings(), system, admin, nc, tiers())
            subject = query_subject(realm, "inference.tiers", UNNAMED)
            case.tiers_served = await nc.subscribe(subject, cb=case.answer_tiers)
            await nc.flush()
            yield case
    finally:
        await admin.close()


async def test_a_healthy_system_has_no_fault(case: Case) -> None:
    checks = await case.examine()

    assert [check for check in checks if check.verdict != "ok"] == []
    version = (await case.admin.fetchval("SHOW server_version")).split()[0]
    assert next(check.fact for check in checks if check.name == "postgres").startswith(
        f"PostgreSQL {version} "
    )
    assert {check.name for check in checks} == {
        "postgres",
        "nats",
        "roles",
        "migrations",
        "append-only",
        "log",
        "stream",
        "projections",
        "dead letters",
        "inbox",
        "disk",
        "clock",
        "systems",
        "use cases",
        "engines",
        "lore",
        "spool",
    }


def _nowhere() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _nats_down(case: Case) -> None:
    case.system = case.system.model_copy(update={"nats_url": f"nats://u:hunter2@127.0.0.1:{_nowhere()}"})


async def _both_of_a_list_down(case: Case) -> None:
    url = f"nats://u:hunter2@127.0.0.1:{_nowhere()},nats://u:hunter2@[::1]:{_nowhere()}"
    case.system = case.system.model_copy(update={"nats_url": url})


async def _postgres_down(case: Case) -> None:
    dsn = f"postgresql://u:hunter2@127.0.0.1:{_nowhere()}/x"
    case.system = case.system.model_copy(update={"postgres_dsn": dsn})


async def _migration_changed(case: Case) -> None:
    await case.sql("UPDATE schema_migration SET checksum = 'other' WHERE name = '0002_event.sql'")


async def _migration_missing(case: Case) -> None:
    await case.sql("DELETE FROM schema_migration WHERE name LIKE '0100%'")


async def _writer_may_update(case: Case) -> None:
    await case.sql("GRANT UPDATE ON event TO aicore_writer")


async def _trigger_off(case: Case) -> None:
    await case.sql("ALTER TABLE event DISABLE TRIGGER event_append_only")


async def _trigger_dropped(case: Case) -> None:
    await case.sql("DROP TRIGGER event_no_truncate ON event")


async def _stream_deleted(case: Case) -> None:
    await delete_stream(case.nc, events_stream(case.system.realm))


async def _stream_foreign(case: Case) -> None:
    await case.nc.jetstream().publish(f"{case.system.realm}.evt.foreign.message.x", b"not ours")


async def _log_cut_off(case: Case) -> None:
    realm = case.system.realm
    await case.nc.jetstream().publish(f"{realm}.evt.story.told.a1", encode_envelope(_first_event(realm)))


def _first_event(realm: str) -> Envelope:
    """Return an event that follows the genesis, as a true one does."""
    digest = link(
        genesis(realm), (1, UUID(int=1).bytes, 0, 1, 1), (b"story.told", b"story-a1"), *[b"\x80"] * 2
    )
    return Envelope(UUID(int=1), "story.told", 1, realm, "story-a1", 1, 1, 0, b"\x80", digest, b"\x80")


async def _log_cut_off_stream_purged(case: Case) -> None:
    await _log_cut_off(case)
    await js_request(case.nc, f"STREAM.PURGE.{events_stream(case.system.realm)}")


async def _another_log(case: Case) -> None:
    about = {"realm": case.system.realm, "log": "ffff", "since_us": "1", "pid": "7", "host": "elsewhere"}
    await micro.add_service(case.nc, ServiceConfig(name=PROCESS, version="0.1.0", metadata=about))


async def _no_relay(case: Case) -> None:
    await case.sql("SELECT pg_advisory_unlock_all()")


async def _projection_ahead(case: Case) -> None:
    await case.sql("UPDATE projection_checkpoint SET position = 4711")


async def _projection_failed(case: Case) -> None:
    await case.sql("UPDATE projection_checkpoint SET error = 'cannot apply the event at position 1'")


async def _silenced(case: Case) -> None:
    await case.sql(
        "INSERT INTO current_models SELECT 'npc_dialogue', 'an-id', 'lamplight', '1', '', '', '', "
        "'silenced', '', '{}', '{}', '', '', '{}', 0, 0, 0"
    )


async def _nobody_answers_players(case: Case) -> None:
    assert case.tiers_served
    await case.tiers_served.unsubscribe()


async def _tier_without_engines(case: Case) -> None:
    case.tiers[1]["engines"][0] |= {"ok": False, "reason": "ClientConnectorError"}


async def _circuit_open(case: Case) -> None:
    case.tiers[1]["engines"][0]["circuit"] = "open"


async def _model_without_engine(case: Case) -> None:
    await case.sql(
        "INSERT INTO current_models SELECT 'npc_dialogue', 'an-id', 'lamplight', '1', 'elsewhere', '', '', "
        "'current', '', '{}', '{}', '', '', '{}', 0, 0, 0"
    )


async def _damaged_spool(case: Case) -> None:
    folder = case.system.state_dir / "spool" / "0"
    (folder / "damaged").mkdir(parents=True)
    (folder / LOCK).touch()
    (folder / "damaged" / "1-0.segment").touch()


async def _inbox_full(case: Case) -> None:
    await js_publish(case.nc, f"{case.system.realm}.in.test.do", bytes(INBOX_BYTES_MAX - 1_000), {})


async def _disk_full(case: Case) -> None:
    case.settings = Settings(disk_free_mb_min=10**9)


async def _clock_wrong(case: Case) -> None:
    case.clock = lambda: now_us() + 60_000_000


async def test_a_process_whose_clock_is_wrong_is_named(case: Case) -> None:
    wrong = str(ClockWrong(-259_200_000_000))
    options = ServiceOptions(new_id=new_id, about=lambda: {"process": "brain-2:77", "clock_wrong": wrong})
    async with serve(case.nc, case.system.realm, {}, {}, options), asyncio.timeout(WAIT_S):
        found: list[Check] = []
        while len(found) < 2:  # a busy machine may answer discovery too late for one look
            found = [check for check in await case.examine() if check.name == "clock"]

    assert [check.verdict for check in found] == ["ok", "fault"]
    assert "brain-2:77: this node's clock is 259,200.0 s behind Postgres's" in found[1].fact


BROKEN: list[tuple[Callable[[Case], Awaitable[None]], str, str, str]] = [
    (_nats_down, "nats", "does not answer", "AICORE_NATS_URL"),
    (_both_of_a_list_down, "nats", "does not answer at nats://u:***@127", "AICORE_NATS_URL"),
    (_postgres_down, "postgres", "does not answer", "AICORE_POSTGRES_DSN"),
    (_migration_changed, "migrations", "0002_event.sql", "restore the released files"),
    (_migration_missing, "migrations", "0100_projections.sql", "applies them"),
    (_writer_may_update, "append-only", "aicore_writer may UPDATE", "REVOKE UPDATE ON"),
    (_trigger_off, "append-only", "event_append_only", "ENABLE TRIGGER event_append_only"),
    (_trigger_dropped, "append-only", "event_no_truncate", "CREATE TRIGGER"),
    (_stream_deleted, "stream", "missing", "makes the stream right from the log"),
    (_stream_foreign, "stream", "different", "makes the stream right from the log"),
    (_log_cut_off, "stream", "the log has lost events", "verify --head 1:"),
    (_log_cut_off, "stream", "nothing is published", "aicore relay confirm-log"),
    (_log_cut_off_stream_purged, "stream", "keeps none of it", "passes `aicore log verify`, if there is one"),
    (_another_log, "systems", "process 7 on elsewhere", "AICORE_REALM"),
    (_no_relay, "stream", "no relay leads", "aicore run relay"),
    (_projection_ahead, "projections", "4711", "make sure of the log first"),
    (_projection_failed, "projections", "position 1", "mend what the error names"),
    (_silenced, "use cases", "npc_dialogue is SILENT: lamplight 1", "aicore models promote an-id"),
    (_nobody_answers_players, "engines", "no process answers players", "aicore run inference"),
    (_tier_without_engines, "engines", "silver: no engine can be asked: c: ClientConn", "aicore tiers"),
    (_circuit_open, "engines", "silver: no engine can be asked: c: circuit open", "aicore tiers"),
    (_model_without_engine, "engines", "no engine serves lamplight 1", "AICORE_ENGINES_FILE"),
    (_damaged_spool, "spool", "1 damaged segments", "aicore spool status"),
    (_inbox_full, "inbox", "full, and then refuses", "aicore run commands"),
    (_disk_full, "disk", "below", "AICORE_DISK_FREE_MB_MIN"),
    (_clock_wrong, "clock", "differ by", "NTP"),
]


@pytest.mark.parametrize(
    ("damage", "name", "fact", "mend"), BROKEN, ids=[b[0].__name__.strip("_") for b in BROKEN]
)
async def test_a_fault_is_named_with_its_mend(
    case: Case, damage: Callable[[Case], Awaitable[None]], name: str, fact: str, mend: str
) -> None:
    await damage(case)

    faults = [check for check in await case.examine() if check.verdict == "fault"]

    (found,) = faults
    assert found.name == name
    assert fact in found.fact
    assert mend in found.mend
    assert "hunter2" not in str(faults)


@pytest.mark.parametrize(
    ("away", "fact"),
    [(["b"], "gold: b: silent; others serve it"), (["a", "b"], "silver takes its turns")],
)
async def test_engines_that_others_stand_in_for_are_a_warning(case: Case, away: list[str], fact: str) -> None:
    for engine in case.tiers[0]["engines"]:
        if engine["name"] in away:
            engine |= {"ok": False, "reason": "silent"}

    (found,) = [check for check in await case.examine() if check.verdict != "ok"]

    assert (found.name, found.verdict) == ("engines", "warning")
    assert fact in found.fact


async def test_an_inbox_that_nobody_empties_or_that_is_not_there_is_told(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aicore.doctor.stream.INBOX_WAIT_S_MAX", 0.0)
    await js_publish(case.nc, f"{case.system.realm}.in.test.do", b"", {})

    (waits,) = [check for check in await case.examine() if check.verdict != "ok"]
    await delete_stream(case.nc, inbox_stream(case.system.realm))
    (missing,) = [check for check in await case.examine() if check.verdict != "ok"]

    assert (waits.name, waits.verdict) == ("inbox", "fault")
    assert waits.fact.startswith("1 commands wait, the oldest for")
    assert (missing.name, missing.verdict, missing.fact[:12]) == ("inbox", "warning", "there is non")


async def test_dead_letters_that_wait_are_counted(case: Case) -> None:
    letter = DeadLetter("in", 1, f"{case.system.realm}.in.test.do", b"", "no", "Rejected", 1, 0, 0)
    numbers = [
        await put(case.nc, case.system.realm, replace(letter, position=place)) for place in range(1, 5)
    ]
    await redrive(case.nc, case.system.realm, numbers[0])
    await dismiss(case.nc, case.system.realm, numbers[1], "a test")

    (found,) = [check for check in await case.examine() if check.verdict != "ok"]

    assert (found.name, found.verdict, found.fact) == ("dead letters", "warning", "2 wait")


async def test_a_game_clock_that_nobody_leads_or_that_is_late_is_told(case: Case) -> None:
    realm, late = case.system.realm, shown(clock_after(), RealTime(10**9))
    async with open_log(case.system.postgres_dsn, realm, now_us=now_us) as log:
        await log.append(StreamWrite(STREAM, [EventCodec(domain_catalogue()).encode(STARTED, new_id())]))

    async def game_clock() -> Check:
        (found,) = [check for check in await case.examine() if check.name == "game clock"]
        return found

    async def answer(asked: Msg) -> None:
        await asked.respond(encode_reply(Answer(late, 1)))

    leaderless = await game_clock()
    await case.admin.execute("SELECT pg_advisory_lock($1)", lock_of("clock", realm))
    silent = await game_clock()
    await case.nc.subscribe(query_subject(realm, "clock.now", UNNAMED), cb=answer)
    await case.nc.flush()

    assert (leaderless.verdict, leaderless.fact[:15]) == ("fault", "nobody leads it")
    assert "aicore run commands" in leaderless.mend
    assert (silent.verdict, silent.fact[:18]) == ("fault", "no process answers")
    assert (await game_clock()).verdict == "warning", "a phase is due that nobody told"


async def test_people_that_nobody_leads_are_told(case: Case) -> None:
    realm, codec = case.system.realm, EventCodec(domain_catalogue())

    async def people() -> list[str]:
        return [check.verdict for check in await case.examine() if check.name == "people"]

    async def say(event: PeopleBegun | PeopleRested) -> None:
        async with open_log(case.system.postgres_dsn, realm, now_us=now_us) as log:
            await log.append(StreamWrite(COURSE, [codec.encode(event, new_id())]))

    none = await people()
    await say(PeopleBegun.from_example())
    leaderless = await people()
    await case.admin.execute("SELECT pg_advisory_lock($1)", lock_of("people", realm))
    led = await people()
    await say(PeopleRested.from_example())

    assert (none, leaderless, led, await people()) == ([], ["fault"], ["ok"], ["ok"])


LED_BY_ONE: Sequence[tuple[Work, str, Event]] = (
    ("ledger", LEDGER, Led(term=1, leader="quay:1")),
    ("weather", WEATHER, WeatherLed(term=1, leader="quay:1")),
    ("factions", FACTIONS, FactionsLed(term=1, leader="quay:1")),
)


async def test_what_nobody_leads_is_told(case: Case) -> None:
    realm = case.system.realm

    async def verdicts() -> dict[str, str]:
        works = {work for work, *_ in LED_BY_ONE}
        return {check.name: check.verdict for check in await case.examine() if check.name in works}

    assert await verdicts() == {}
    async with open_log(case.system.postgres_dsn, realm, now_us=now_us) as log:
        for _, stream, led in LED_BY_ONE:
            await log.append(StreamWrite(stream, [EventCodec(domain_catalogue()).encode(led, new_id())]))
    assert await verdicts() == {"ledger": "fault", "weather": "fault", "factions": "fault"}
    for work, *_ in LED_BY_ONE:
        await case.admin.execute("SELECT pg_advisory_lock($1)", lock_of(work, realm))
    assert await verdicts() == {"ledger": "ok", "weather": "ok", "factions": "ok"}


async def test_a_missing_role_is_named_with_its_mend(case: Case) -> None:
    async with _renamed(case.admin, "aicore_reader"):
        checks = await case.examine()

    (roles,) = [check for check in checks if check.name == "roles"]
    assert roles.verdict == "fault"
    assert "CREATE ROLE aicore_reader" in roles.mend


@asynccontextmanager
async def _renamed(admin: asyncpg.Connection, role: str) -> AsyncIterator[None]:
    """Take a role away; roles are the whole server's, so it must come back."""
    await admin.execute(f"ALTER ROLE {role} RENAME TO {role}_away")
    try:
        yield
    finally:
        await admin.execute(f"ALTER ROLE {role}_away RENAME TO {role}")
