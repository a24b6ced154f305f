"""The spool benchmark's check: that it sees what it says is not there."""

from collections.abc import AsyncIterator, Mapping

import pytest

from aicore.embedded import EmbeddedPostgres
from benchmarks.spool import checked
from benchmarks.spool_child import write_of
from tests.integration.log_kit import fresh_log, superuser

pytestmark = pytest.mark.integration

TOTAL = 20
WELL = {"lost": 0, "doubled": 0, "misplaced": 0, "damaged": 0}
AGAIN = """
INSERT INTO event SELECT position + 100, version + 100, recorded_us,
       overlay(id::text placing 'ffffffff' from 1)::uuid, schema_version, stream, type, meta, payload, hash
FROM event WHERE position = 7
"""


@pytest.fixture
async def filled(postgres: EmbeddedPostgres, realm: str) -> AsyncIterator[str]:
    async with fresh_log(postgres.dsn, realm) as log:
        for number in range(1, TOTAL + 1):
            await log.append(write_of(number, anew=number % 3 == 0))
    yield realm


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("SELECT 1", {}),
        ("DELETE FROM event WHERE position = 20", {"lost": 1}),
        (AGAIN, {"doubled": 1, "misplaced": 1}),
        ("UPDATE event SET version = 3 WHERE position = 4", {"misplaced": 1}),
        ("UPDATE event SET payload = '\\x80' WHERE position = 4", {"damaged": 1}),
        (
            "UPDATE event SET payload = (SELECT payload FROM event WHERE position = 1) WHERE position = 2",
            {"damaged": 1},
        ),
    ],
)
async def test_what_is_planted_is_found(
    postgres: EmbeddedPostgres, filled: str, planted: str, found: Mapping[str, int]
) -> None:
    async with superuser(postgres.dsn, filled) as session:
        await session.execute(planted)
        row = await checked(session, TOTAL)
    counts = {"lost": TOTAL - row["wanted"], "doubled": row["events"] - row["wanted"]}
    assert {**counts, "misplaced": row["misplaced"], "damaged": row["damaged"]} == {**WELL, **found}
