"""Every client of ours reaches a NATS with a password, a list of servers, and an IPv6 address."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from aicore.client import Unanswered
from aicore.client import connect as connect_client
from aicore.embedded.nats import _binary, _name_at
from aicore.embedded.ports import free_port
from bus.nats.connection import BrokerUnreachable, connect

pytestmark = pytest.mark.integration

CONFIG = """
server_name: guarded
host: "::"
port: {port}
authorization {{ user: core, password: "p@ss/w:rd,#1" }}
"""
WHO = "core:p%40ss%2Fw%3Ard%2C%231"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server that asks for a password, on every address of this machine."""
    folder: Path = tmp_path_factory.mktemp("guarded")
    port = free_port()
    (folder / "n.conf").write_text(CONFIG.format(port=port))
    with subprocess.Popen([_binary(), "-c", "n.conf"], cwd=folder, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                assert _name_at(port) == "guarded"
                break
            except OSError:
                time.sleep(0.02)
        yield port
        process.terminate()


@pytest.mark.parametrize(
    "form",
    [
        "nats://{who}@127.0.0.1:{port}",
        "nats://{who}@[::1]:{port}",
        "nats://{who}@127.0.0.1:{away},nats://{who}@127.0.0.1:{port}",
        "nats://{who}@127.0.0.1:{port},[::1]:{port}",
    ],
)
async def test_both_clients_get_in(guarded: int, form: str) -> None:
    url = form.format(who=WHO, port=guarded, away=free_port())
    async with connect(url, name="test") as nc:
        await nc.flush()
        assert nc.is_connected
    async with connect_client(url, "realm") as client:
        with pytest.raises(Unanswered, match="no service answers"):
            await client.query("registry.models")


async def test_a_wrong_password_is_told_without_it(guarded: int) -> None:
    url = f"nats://core:hunter2@127.0.0.1:{guarded},nats://core:hunter2@[::1]:{guarded}"
    with pytest.raises(BrokerUnreachable, match="Authorization") as told:
        async with asyncio.timeout(1.0), connect(url, name="test"):
            pass
    assert f"127.0.0.1:{guarded},nats://[::1]:{guarded}" in str(told.value)
    with pytest.raises(Unanswered) as also:
        async with connect_client(url, "realm"):
            pass
    assert "hunter2" not in f"{told.value} {also.value}"


def test_a_connection_whose_socket_is_gone_is_left_in_peace(guarded: int) -> None:
    """The scar: a stop ended in a traceback when NATS had ended a moment before."""
    url = f"nats://{WHO}@127.0.0.1:{guarded}"

    async def leave() -> None:
        async with connect(url, name="test") as nc:
            transport: Any = nc._transport
            transport._io_writer.transport.abort()
            await asyncio.sleep(0)  # uvloop closes the socket; nats-py has not noticed, and has bytes for it
            nc._pending.append(b"PING\r\n")
            nc._pending_data_size += 6

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(leave())
