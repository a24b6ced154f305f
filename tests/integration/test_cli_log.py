"""What the command line says of log and JetStream when they are apart, or are not to be compared."""

import asyncio
import json
import socket
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner

from aicore.audit import vouching
from aicore.cli import log as log_commands
from aicore.cli import relay as relay_commands
from aicore.cli.terminal import Exit, Failure
from aicore.cli.turns import whole_id
from aicore.cli.up import tell_held
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from aicore.running import System
from bus.nats.api import js_publish
from bus.nats.connection import connect
from bus.nats.topology import CacheLimits, create_events_stream
from bus.ports import StreamWrite
from protocol.envelope import Envelope, encode_envelope
from tests.integration.log_kit import event, fresh_log, superuser

pytestmark = pytest.mark.integration
HELD = "INSERT INTO relay_state VALUES (true, 'me', 0, 3, 0, 'ahead', 'the stream holds more', 0, 0)"


@pytest.fixture
def system(
    postgres: EmbeddedPostgres,
    nats_server: EmbeddedNats,
    realm: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> System:
    """A realm whose log has three events, named by the settings."""

    async def write() -> None:
        async with fresh_log(postgres.dsn, realm) as log:
            await log.append(StreamWrite("story-1", [event() for _ in range(3)]))

    asyncio.run(write())
    names = {"REALM": realm, "POSTGRES_DSN": postgres.dsn, "NATS_URL": nats_server.url}
    for name, value in {**names, "STATE_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(f"AICORE_{name}", value)
    return System(realm=realm, postgres_dsn=postgres.dsn, nats_url=nats_server.url, state_dir=tmp_path)


async def test_a_turn_is_found_by_the_beginning_of_its_id(
    postgres: EmbeddedPostgres, realm: str, tmp_path: Path
) -> None:
    ids = ("019a7f00" + "0" * 24, "019a7f00" + "f" * 24, "019a7f01" + "0" * 24)
    async with fresh_log(postgres.dsn, realm) as log:
        for id_ in (*ids, "zz"):
            await log.append(StreamWrite(f"inference-{id_}", [event(), event()]))
    system = System(realm=realm, postgres_dsn=postgres.dsn, nats_url="", state_dir=tmp_path)

    assert await whole_id(system, ids[2]) == ids[2]
    assert await whole_id(system, "019A-7F01") == ids[2]
    assert await whole_id(system, "019a7f00f") == ids[1]
    with pytest.raises(Failure, match="'019a7f00' means 2 turns") as told:
        await whole_id(system, "019a7f00")
    assert told.value.remedy == f"say which: {ids[0]}, {ids[1]}"
    with pytest.raises(Failure, match="no inference id begins with '02'"):
        await whole_id(system, "02")


def verified(*arguments: str) -> str:
    result = CliRunner().invoke(log_commands.app, ["verify", *arguments])
    if result.exception:
        raise result.exception
    return result.stdout


def test_a_jetstream_that_has_no_event_is_told_from_one_that_does_not_answer(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "compared with nothing: JetStream shows no event" in verified()
    assert json.loads(verified("--json"))["jetstream_answered"] is True
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AICORE_NATS_URL", f"nats://127.0.0.1:{probe.getsockname()[1]}")
        monkeypatch.setattr(vouching, "NATS_TIMEOUT_S", 0.3)
        memory = vouching.memory_of(system)
        memory.unlink()

        found = json.loads(verified("--json"))

        assert (found["jetstream_answered"], found["compared_with"]) == (False, {})
        assert "compared with the last verification here alone: JetStream does not answer" in verified()
        memory.unlink()
        assert "compared with --head alone: JetStream does not" in verified("--head", found["head"])


def test_events_that_the_log_lost_are_told_wherever_somebody_may_look(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(_hold(system))

    with pytest.raises(Failure) as failed:
        verified("--after", "3")
    assert "first bad position 4" in str(failed.value)
    assert "aicore relay confirm-log" in failed.value.remedy
    assert failed.value.code == Exit.FAULT
    with pytest.raises(Failure, match="known at 4"):
        verified("--after", "4", "--json")  # the log ends before that

    asyncio.run(tell_held(system))
    assert "held the stream holds an event at 4, the log ends at 3; nothing is" in capsys.readouterr().out
    told = CliRunner().invoke(relay_commands.app, ["status"]).stdout
    assert "lag            unknown while held" in told
    assert "nothing is published" in told


async def _hold(system: System) -> None:
    where = ("story.told", 1, system.realm, "story-a1", 1, 4, 0)
    lost = encode_envelope(Envelope(UUID(int=1), *where, b"\x80", bytes(31) + b"\x01", b"\x80"))
    async with connect(system.nats_url, name="test") as nc:
        await create_events_stream(nc, system.realm, CacheLimits(bytes_max=0), first_seq=4)
        await js_publish(nc, f"{system.realm}.evt.story.told.a1", lost, {})
    async with superuser(system.postgres_dsn, system.realm) as session:
        await session.execute(HELD)
