"""Two logs of one realm never stand beside each other on one NATS."""

from contextlib import AsyncExitStack

import asyncpg
import pytest
from nats import micro
from nats.micro.service import ServiceConfig
from structlog.testing import capture_logs

from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from aicore.supervisor import leaves
from bus.nats import presence
from bus.nats.connection import connect
from bus.nats.presence import NAME, AnotherLog, present, processes
from bus.postgres.identity import SERVER, log_identity
from bus.postgres.migrate import migrate
from tests.integration.nats_kit import until

pytestmark = pytest.mark.integration

ABOUT = {"components": "relay", "host": "here", "pid": "7"}


async def test_only_one_log_of_a_realm_is_served(nats_server: EmbeddedNats, realm: str) -> None:
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(connect(nats_server.url, name=name)) for name in ("one", "two")
        ]
        await stack.enter_async_context(present(first, realm, "a", since_us=2, about=ABOUT))
        async with present(second, realm, "a", since_us=3, about=ABOUT):
            assert [each.log for each in await processes(first, realm)] == ["a", "a"]
        async with present(second, f"{realm}x", "b", since_us=3, about=ABOUT):
            pass

        # One that claims to be older is refused as well: its clock may be wrong, and the other one serves.
        with pytest.raises(AnotherLog, match=r"process 7 on here \(relay\) on the log a"):
            async with present(second, realm, "b", since_us=1, about=ABOUT):
                pass
        assert [each.log for each in await processes(first, realm)] == ["a"], "who was refused is gone"


@pytest.mark.parametrize("since_us", [1, 9])
async def test_of_two_that_meet_afterwards_the_later_one_ends(
    nats_server: EmbeddedNats, realm: str, monkeypatch: pytest.MonkeyPatch, since_us: int
) -> None:
    monkeypatch.setattr(presence, "WATCH_S", 0.05)
    metadata = {**ABOUT, "realm": realm, "log": "other", "since_us": str(since_us)}
    config = ServiceConfig(name=NAME, version="0.1.0", description="x", metadata=metadata)
    async with connect(nats_server.url, name="ours") as nc, connect(nats_server.url, name="other") as other:
        ended: BaseException | None = None
        with capture_logs() as said:

            async def noticed() -> bool:
                return "another_log" in {line["event"] for line in said}

            try:
                async with present(nc, realm, "ours", since_us=5, about=ABOUT):
                    service = await micro.add_service(other, config)
                    await until(noticed, "the other noticed")
            except BaseExceptionGroup as group:
                (ended,) = leaves(group)
        await service.stop()

    assert isinstance(ended, AnotherLog) == (since_us < 5)
    assert since_us < 5 or "another_log" in {line["event"] for line in said}


async def test_what_is_no_process_of_ours_is_not_counted(nats_server: EmbeddedNats, realm: str) -> None:
    async with connect(nats_server.url, name="ours") as nc:
        for metadata in ({}, {"realm": realm}, {"realm": realm, "log": "x", "since_us": "soon"}):
            await micro.add_service(nc, ServiceConfig(name=NAME, version="0.1.0", metadata=metadata))
        await micro.add_service(nc, ServiceConfig(name="else", version="0.1.0", metadata={"realm": realm}))

        assert await processes(nc, realm) == []


async def test_a_log_has_one_identity_for_all_its_roles_and_another_than_any_other(
    postgres: EmbeddedPostgres, realm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (realm, f"{realm}x"):
        await migrate(postgres.dsn, name)
    connection = await asyncpg.connect(postgres.dsn)
    try:
        ours = await log_identity(connection, realm)
        assert await log_identity(connection, f"{realm}x") != ours
        await connection.execute("SET ROLE aicore_reader")
        assert await log_identity(connection, realm) == ours
        await connection.execute("RESET ROLE")

        hidden = SERVER.replace("pg_control_system", "no_such_function")
        monkeypatch.setattr("bus.postgres.identity.SERVER", hidden)
        found = {await log_identity(connection, name) for name in (realm, realm, f"{realm}x")}
        assert len(found) == 2
    finally:
        await connection.close()
