"""Whatever is changed in the log behind its back, verification names the first position that is wrong."""

import random
from collections.abc import AsyncIterator
from itertools import count
from uuid import UUID

import asyncpg
import pytest

from aicore.embedded import EmbeddedPostgres
from bus.ports import Head, NewEvent, StreamWrite
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from bus.postgres.verify import verify

pytestmark = pytest.mark.integration

EVENTS = 12
TAMPERINGS = 500
COLUMNS = ("version", "recorded_us", "id", "schema_version", "stream", "type", "meta", "payload", "hash")


@pytest.fixture
async def log_of_events(postgres: EmbeddedPostgres, realm: str) -> AsyncIterator[str]:
    await migrate(postgres.dsn, realm)
    draws = random.Random(realm)
    clock = count(1_700_000_000_000_000)
    async with open_log(postgres.dsn, realm, now_us=lambda: next(clock)) as log:
        for n in range(EVENTS):
            event = NewEvent(UUID(int=draws.getrandbits(128)), "story.told", 1, b"\x81\xa1n" + bytes([n]))
            await log.append(StreamWrite(f"story-{n % 3}", [event]))
    yield realm


@pytest.fixture
async def superuser(postgres: EmbeddedPostgres, log_of_events: str) -> AsyncIterator[asyncpg.Connection]:
    """A superuser who has switched off every trigger and constraint that could be in the way."""
    session = await asyncpg.connect(
        postgres.dsn,
        server_settings={"search_path": f"realm_{log_of_events}", "session_replication_role": "replica"},
    )
    checks = await session.fetch(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'event'::regclass AND contype IN ('c', 'u', 'p')"
    )
    for check in checks:
        await session.execute(f"ALTER TABLE event DROP CONSTRAINT {check['conname']}")
    await session.execute("CREATE TABLE kept AS TABLE event")
    yield session
    await session.close()


async def tamper(session: asyncpg.Connection, draws: random.Random) -> tuple[int, str]:
    """Do something to the log; return the first position that is wrong then, and what was done."""
    at = draws.randint(1, EVENTS)
    match draws.choice(("change", "change", "change", "delete", "swap", "insert")):
        case "change":
            column = draws.choice(COLUMNS)
            return at, await change(session, draws, at, column)
        case "delete":
            await session.execute("DELETE FROM event WHERE position = $1", at)
            return at, "delete"
        case "swap":
            other = draws.choice([p for p in range(1, EVENTS + 1) if p != at])
            await session.execute(
                "UPDATE event SET position = $1 + $2 - position WHERE position IN ($1, $2)", at, other
            )
            return min(at, other), f"swap with {other}"
        case _:
            target = draws.choice((EVENTS + 1, EVENTS + 5, 0, -3, at))
            await session.execute(
                "INSERT INTO event SELECT $2, version, recorded_us, gen_random_uuid(), schema_version,"
                " stream, type, meta, payload, hash FROM event WHERE position = $1",
                at,
                target,
            )
            if target == at:
                # Which of the two comes first is the server's choice: one is wrong, or one too many.
                return -at, "double"
            return min(target, EVENTS + 1), f"insert at {target}"


async def change(session: asyncpg.Connection, draws: random.Random, at: int, column: str) -> str:
    """Change one byte of one column."""
    row = await session.fetchrow(f"SELECT {column} AS value FROM event WHERE position = $1", at)
    value = row["value"]
    changed: object
    if isinstance(value, bytes):
        place = draws.randrange(len(value))
        changed = value[:place] + bytes([value[place] ^ (1 << draws.randrange(8))]) + value[place + 1 :]
    elif isinstance(value, str):
        place = draws.randrange(len(value))
        changed = value[:place] + chr(ord(value[place]) ^ 1) + value[place + 1 :]
    elif isinstance(value, int):
        changed = value ^ (1 << draws.randrange(30))
    else:
        changed = UUID(int=value.int ^ (1 << draws.randrange(128)))
    await session.execute(f"UPDATE event SET {column} = $2 WHERE position = $1", at, changed)
    return f"change {column}"


async def test_every_random_tampering_is_found_at_its_first_position(
    postgres: EmbeddedPostgres, log_of_events: str, superuser: asyncpg.Connection
) -> None:
    good = await verify(postgres.dsn, log_of_events)
    assert good.ok
    assert good.events == EVENTS

    for seed in range(TAMPERINGS):
        position, what = await tamper(superuser, random.Random(seed))
        verdict = await verify(postgres.dsn, log_of_events, expected=good.head)
        assert not verdict.ok, (seed, what)
        if position < 0 and what == "double":
            assert verdict.first_bad in (-position, -position + 1), (seed, what, verdict)
        else:
            assert verdict.first_bad == position, (seed, what, verdict)
        assert verdict.reason
        await superuser.execute("TRUNCATE event; INSERT INTO event TABLE kept")

    assert (await verify(postgres.dsn, log_of_events)).ok


async def test_a_cut_off_end_is_found_with_a_head_known_from_elsewhere(
    postgres: EmbeddedPostgres, log_of_events: str, superuser: asyncpg.Connection
) -> None:
    head = (await verify(postgres.dsn, log_of_events)).head
    await superuser.execute("DELETE FROM event WHERE position > 9")

    assert (await verify(postgres.dsn, log_of_events)).ok
    assert (await verify(postgres.dsn, log_of_events, expected=head)).first_bad == 10


async def test_another_history_of_the_same_length_is_found_with_a_known_head(
    postgres: EmbeddedPostgres, log_of_events: str
) -> None:
    verdict = await verify(postgres.dsn, log_of_events, expected=Head(5, bytes(32)))

    assert verdict.first_bad == 5


async def test_verification_can_begin_in_the_middle(postgres: EmbeddedPostgres, log_of_events: str) -> None:
    verdict = await verify(postgres.dsn, log_of_events, after=7)

    assert verdict.ok
    assert verdict.events == EVENTS - 7
    with pytest.raises(ValueError, match="no event at position 99"):
        await verify(postgres.dsn, log_of_events, after=99)


async def test_neither_writer_nor_owner_can_change_the_log(
    postgres: EmbeddedPostgres, log_of_events: str
) -> None:
    for role in ("aicore_writer", "aicore_reader", "aicore_projector", "aicore_owner"):
        settings = {"search_path": f"realm_{log_of_events}", "role": role}
        session = await asyncpg.connect(postgres.dsn, server_settings=settings)
        try:
            for statement in (
                "UPDATE event SET type = 'a.b'",
                "DELETE FROM event",
                "TRUNCATE event",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await session.execute(statement)
            if role != "aicore_owner":
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await session.execute(
                        "INSERT INTO event SELECT position + 100, version + 100, recorded_us,"
                        " gen_random_uuid(), schema_version, stream, type, meta, payload, hash FROM event"
                    )
        finally:
            await session.close()
    assert (await verify(postgres.dsn, log_of_events)).ok


async def test_a_role_that_logs_in_as_a_writer_can_append_and_nothing_else(
    postgres: EmbeddedPostgres, log_of_events: str
) -> None:
    """The roles are for members: a login of its own, that has been granted the writer's role and no more."""
    admin = await asyncpg.connect(postgres.dsn)
    try:
        await admin.execute(f"CREATE ROLE login_{log_of_events} LOGIN IN ROLE aicore_writer")
        dsn = postgres.dsn.replace("//postgres@", f"//login_{log_of_events}@")
        async with open_log(dsn, log_of_events, now_us=lambda: 1) as log:
            event = NewEvent(UUID(int=77), "story.told", 1, b"\x80")
            assert (await log.append(StreamWrite("story-x", [event], "none"))).positions == (EVENTS + 1,)
        session = await asyncpg.connect(dsn, server_settings={"search_path": f"realm_{log_of_events}"})
        try:
            for statement in (
                "DELETE FROM event",
                "TRUNCATE event",
                "DROP TABLE event",
                "SET ROLE aicore_owner",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await session.execute(statement)
        finally:
            await session.close()
    finally:
        await admin.close()
