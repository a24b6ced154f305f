"""The figures of a spool count what the log has, not what the files say."""

import shutil
from pathlib import Path

import pytest

from aicore.clock import now_us
from aicore.doctor.check import Patient
from aicore.doctor.machine import spool as check_spool
from aicore.embedded import EmbeddedPostgres
from aicore.running import System
from aicore.settings import Settings
from aicore.spools import ask_log, state_of
from bus.spool.disk import CHECKPOINT, DRAFT, Directory
from bus.spool.spool import SpoolOptions, open_spool
from tests.integration.log_kit import fresh_log, superuser
from tests.unit.spool.test_spool import until, write

pytestmark = pytest.mark.integration

RECORDS = 20


@pytest.fixture
async def left(postgres: EmbeddedPostgres, realm: str, tmp_path: Path) -> Directory:
    """A spool whose process was killed after all was shipped, before it could remove the segment."""
    chosen = SpoolOptions(now_us=now_us, draw=lambda: 0.5)
    async with fresh_log(postgres.dsn, realm) as log, open_spool(tmp_path / "a", log, chosen) as spool:
        for number in range(1, RECORDS + 1):
            await spool.put(write(number))
        await spool.drained()
        await until(lambda: Directory(tmp_path / "a").settled() == RECORDS)
        await spool.put(write(99))
        shutil.copytree(tmp_path / "a", tmp_path / "spool" / "0", ignore=shutil.ignore_patterns(f"*{DRAFT}"))
    return Directory(tmp_path / "spool" / "0")


async def test_what_the_log_has_does_not_wait(
    postgres: EmbeddedPostgres, realm: str, left: Directory
) -> None:
    (left.path / CHECKPOINT).unlink()
    async with superuser(postgres.dsn, realm) as session:
        says = await ask_log(left, session)

    assert state_of(left)["backlog_records"] == RECORDS + 1
    assert (says.has, says.lacks) == (RECORDS + 1, 0)
    assert state_of(left, says)["backlog_records"] == 0


async def test_what_the_log_lacks_was_not_shipped_whatever_the_checkpoint_says(
    postgres: EmbeddedPostgres, realm: str, left: Directory, tmp_path: Path
) -> None:
    async with superuser(postgres.dsn, realm) as session:
        await session.execute("DELETE FROM event WHERE position > 12")  # as an older backup would
        system = System(realm=realm, postgres_dsn=postgres.dsn, nats_url="", state_dir=tmp_path)
        patient = Patient(Settings(), system, session, None, now_us)
        (check,) = await check_spool(patient)
        assert check.verdict == "fault"
        assert f"the log lacks {RECORDS - 12} records" in check.fact
        assert "remove its file `checkpoint`" in check.fact
