"""A superuser past all triggers changes one thing at random; `verify` names the first bad position."""

import random

import asyncpg
import pytest

from aicore.embedded import EmbeddedPostgres
from bus.ports import Head, StreamWrite
from bus.postgres.verify import Unverifiable, verify
from tests.integration.log_kit import event, fresh_log, superuser

pytestmark = pytest.mark.integration

EVENTS = 12
TAMPERINGS = [140, pytest.param(520, marks=pytest.mark.slow)]
"""Ten of each kind by day, more in the long run."""

BINARY = ("meta", "payload", "hash")
TEXTS = ("stream", "type")
NUMBERS = ("version", "recorded_us", "schema_version")
WHOLE_ROWS = ("delete", "close_gap", "swap", "insert", "move")


async def change_column(session: asyncpg.Connection, draw: random.Random, column: str, at: int) -> None:
    """Change one byte, character or bit of a column."""
    value = await session.fetchval(f"SELECT {column} FROM event WHERE position = $1", at)
    changed: object
    if column in NUMBERS:
        changed = value ^ (1 << draw.randrange(5, 30))
    elif column in TEXTS:
        where = draw.randrange(len(value))
        changed = value[:where] + ("x" if value[where] != "x" else "y") + value[where + 1 :]
    else:
        old = value.bytes if column == "id" else value
        where = draw.randrange(len(old))
        flipped = old[:where] + bytes([old[where] ^ draw.randrange(1, 256)]) + old[where + 1 :]
        changed = flipped.hex() if column == "id" else flipped
    cast = "$2::text::uuid" if column == "id" else "$2"
    await session.execute(f"UPDATE event SET {column} = {cast} WHERE position = $1", at, changed)


async def change_rows(session: asyncpg.Connection, draw: random.Random, kind: str, at: int) -> int:
    """Remove, move, swap or insert rows; return the first position that is then wrong."""
    if kind in {"delete", "close_gap"}:
        at = min(at, EVENTS - 1)  # a removed tail can only be seen against a head kept elsewhere
        await session.execute("DELETE FROM event WHERE position = $1", at)
        if kind == "close_gap":
            await shift(session, at, -1)
    elif kind == "swap":
        other = draw.choice([p for p in range(1, EVENTS + 1) if p != at])
        for old, new in ((at, 99), (other, at), (99, other)):
            await session.execute("UPDATE event SET position = $2 WHERE position = $1", old, new)
        at = min(at, other)
    elif kind == "move":
        await session.execute(
            "UPDATE event SET position = $2 WHERE position = $1", at, EVENTS + draw.randrange(1, 9)
        )
    else:
        await shift(session, at - 1, 1)
        await session.execute(
            "INSERT INTO event SELECT $1, 77, recorded_us, gen_random_uuid(), 1, stream, type, meta,"
            " payload, hash FROM kept WHERE position = $1",
            at,
        )
    return at


async def shift(session: asyncpg.Connection, after: int, by: int) -> None:
    """Move all positions behind one place up or down, around the unique index."""
    await session.execute("UPDATE event SET position = position + 1000 WHERE position > $1", after)
    await session.execute("UPDATE event SET position = position - 1000 + $1 WHERE position > 1000", by)


@pytest.mark.parametrize("number", TAMPERINGS)
async def test_every_tampering_is_found_where_it_begins(
    postgres: EmbeddedPostgres, realm: str, number: int
) -> None:
    draw = random.Random(20261120)
    async with fresh_log(postgres.dsn, realm) as log:
        for n in range(EVENTS // 2):
            await log.append(StreamWrite(f"story-{n}", [event(), event(b"\x81\xa4text\xa5hello")]))
    kinds = ["id", *BINARY, *TEXTS, *NUMBERS, *WHOLE_ROWS]
    async with superuser(postgres.dsn, realm) as session:
        for n in range(number):
            kind, at = kinds[n % len(kinds)], draw.randrange(1, EVENTS + 1)
            if kind in WHOLE_ROWS:
                bad = await change_rows(session, draw, kind, at)
            else:
                await change_column(session, draw, kind, bad := at)

            verdict = await verify(postgres.dsn, realm)

            assert (verdict.ok, verdict.first_bad) == (False, bad), (kind, at, verdict)
            assert verdict.events == bad - 1
            await session.execute("DELETE FROM event; INSERT INTO event SELECT * FROM kept")
    assert (await verify(postgres.dsn, realm)).ok


async def test_a_removed_tail_is_found_against_a_known_head(postgres: EmbeddedPostgres, realm: str) -> None:
    async with fresh_log(postgres.dsn, realm) as log:
        await log.append(StreamWrite("story-1", [event() for _ in range(9)]))
        head = await log.head()
    async with superuser(postgres.dsn, realm) as session:
        await session.execute("DELETE FROM event WHERE position > 6")

    assert (await verify(postgres.dsn, realm)).ok
    verdict = await verify(postgres.dsn, realm, expected=[head])
    assert (verdict.ok, verdict.first_bad) == (False, 7)
    assert (await verify(postgres.dsn, realm, expected=[Head(3, bytes(32))])).first_bad == 3
    later = await verify(postgres.dsn, realm, after=8, expected=[head])
    assert (later.ok, later.events, later.head.position, later.first_bad) == (False, 0, 6, 7)
    assert "known at 9" in later.reason


async def test_a_verification_of_the_rest_trusts_the_event_that_it_begins_after(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    async with fresh_log(postgres.dsn, realm) as log:
        await log.append(StreamWrite("story-1", [event() for _ in range(9)]))

    assert (await verify(postgres.dsn, realm, after=4)).events == 5
    assert (await verify(postgres.dsn, realm, after=4, expected=[Head(4, bytes(32))])).first_bad == 4
    with pytest.raises(Unverifiable, match="no event 10 to begin after; the log ends at 9"):
        await verify(postgres.dsn, realm, after=10)
    with pytest.raises(Unverifiable, match="at 3, before the beginning at 4"):
        await verify(postgres.dsn, realm, after=4, expected=[Head(3, bytes(32))])
