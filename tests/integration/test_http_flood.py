"""Connections at the HTTP door beyond all files of the process: no turn on the wire fails for them."""

import asyncio
import contextlib
import resource
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from aicore.client import Client
from aicore.embedded import EmbeddedNats
from bus.nats.connection import connect
from tests.acceptance.kit import Up
from tests.unit.inference.door_kit import USE_CASE
from tests.unit.kit import until

pytestmark = pytest.mark.integration

FILES = 256
SHARE = 3_000 / 1_024
"""Connections to files, as acceptance asks for them."""

SPARE = 1_000
"""Files of the test itself beside the connections."""

AGAIN_S = 0.5
"""Until who was turned away comes again."""

TURNS = 20
HALF = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"


@contextmanager
def files(wanted: int) -> Iterator[None]:
    """Let this process open as many files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], wanted), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@asynccontextmanager
async def flood(port: int, connections: int) -> AsyncIterator[list[int]]:
    """Hold so many connections, each made again when it is closed; yields how often one was, so far."""
    closed = [0]

    async def hold(number: int) -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    writer.write(HALF * (number % 2))  # every other says nothing at all
                    await reader.read()
                finally:
                    writer.close()
            closed[0] += 1
            await asyncio.sleep(AGAIN_S)

    async with asyncio.TaskGroup() as group:
        held = [group.create_task(hold(number)) for number in range(connections)]
        try:
            yield closed
        finally:
            for task in held:
                task.cancel()


async def turns(url: str, realm: str, use_case: str) -> list[str]:
    """Ask on the wire, one turn after the other; return each failure."""
    failed = list[str]()
    async with connect(url, name="a game") as nc:
        client = Client(nc, realm)
        for number in range(TURNS):
            try:
                reply = await client.command(
                    "inference.generate", {"use_case": use_case, "prompt": f"turn {number}", "max_tokens": 8},
                    id=uuid4(),
                )  # fmt: skip
                if not reply.result["recorded"]:
                    failed.append(f"{number}: not recorded")
            except Exception as error:  # each failure is counted, whatever it is
                failed.append(f"{number}: {error!r}")
            await asyncio.sleep(0.02)
    return failed


@pytest.mark.timeout(120)
async def test_turns_on_the_wire_do_not_notice_a_flood_at_the_door(
    nats_server: EmbeddedNats, realm: str
) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.door_child", str(FILES), nats_server.url, realm,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert program.stdout and program.stdin and program.stderr
    port = int((await program.stdout.readline()).decode().rpartition(":")[2])
    connections = round(FILES * SHARE)
    with files(connections + SPARE):
        async with flood(port, connections) as closed:
            failed = await turns(nats_server.url, realm, USE_CASE)
            await until(lambda: closed[0] > connections / 2)  # otherwise nobody was turned away
            used = psutil.Process(program.pid).num_fds()
    program.stdin.close()
    said = await program.stderr.read()
    await program.wait()
    assert (failed, said.decode()) == ([], "")
    assert used < FILES


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_whole_system_on_1024_files_serves_through_3000_connections(tmp_path: Path) -> None:
    up = Up(tmp_path, "--demo", "--verbose")
    resource.prlimit(up.process.pid, resource.RLIMIT_NOFILE, (1_024, 1_024))
    try:
        up.wait_up()
        told = up.json("env")
        port = int(told["OPENAI_BASE_URL"].removesuffix("/v1").rpartition(":")[2])
        with files(3_000 + SPARE):
            async with flood(port, 3_000) as closed:
                failed = [each for _ in range(10) for each in await turns(up.wire, "demo", "npc_dialogue")]
        print(f"{10 * TURNS} turns, {len(failed)} failed, {closed[0]} connections closed")
        assert failed == []
        assert "Traceback" not in up.output
        assert closed[0] > 0
    finally:
        up.stop()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_whole_system_that_may_open_no_file_for_20_s_goes_on(tmp_path: Path) -> None:
    """Everything that looks at a file now and then meets the error, and none may end the process for it."""
    up = Up(tmp_path, "--demo", "--verbose").wait_up()
    try:
        url = up.wire
        before = resource.prlimit(up.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(up.process.pid, resource.RLIMIT_NOFILE, (1, before[1]))
        try:
            failed = await turns(url, "demo", "npc_dialogue")
            await asyncio.sleep(20)
            failed += await turns(url, "demo", "npc_dialogue")
        finally:
            resource.prlimit(up.process.pid, resource.RLIMIT_NOFILE, before)
        failed += await turns(url, "demo", "npc_dialogue")
        assert (failed, up.process.poll()) == ([], None)
        assert "spool_not_taken_over" in up.output, "otherwise nothing met the error"
        assert "Traceback" not in up.output
    finally:
        up.stop()
