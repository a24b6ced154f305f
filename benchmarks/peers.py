"""The peers of the store, on the same server or disk as ours and as durable: how to append to each."""

import asyncio
import os
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import umadb  # at the top: it installs a signal handler, which only the main thread may

from aicore.clock import new_id, now_us
from bus.postgres.connect import schema_of

PAYLOAD = os.urandom(450)
"""With everything else about 520 bytes an event; random, so that nobody gains by compression."""

READY_S = 20.0
INSERT = (
    "INSERT INTO bare (position, version, recorded_us, id, schema_version, stream, type, meta, payload, hash)"
    " VALUES (nextval('bare_position'), $1, $2, $3, 1, $4, 'bench.happened', $5, $6, $7)"
)


async def make_bare(dsn: str, realm: str) -> None:
    """Make the table `bare`: the log's columns and indexes, without its triggers."""
    session = await bare_session(dsn, realm)
    await session.execute("CREATE TABLE bare (LIKE event INCLUDING ALL); CREATE SEQUENCE bare_position")
    await session.close()


async def bare_session(dsn: str, realm: str) -> asyncpg.Connection:
    """Return a plain session in the realm's schema."""
    return await asyncpg.connect(dsn, server_settings={"search_path": schema_of(realm)})


async def bare_rate(dsn: str, realm: str, callers: int, seconds: float) -> float:
    """Return INSERTs per second, each its own commit, one session per caller."""
    sessions = [await bare_session(dsn, realm) for _ in range(callers)]
    end = time.perf_counter() + seconds

    async def insert(session: asyncpg.Connection) -> int:
        statement, stream, number = await session.prepare(INSERT), f"bench-{new_id()}", 0
        while time.perf_counter() < end:
            number += 1
            await statement.fetch(number, now_us(), new_id(), stream, b"\x80", PAYLOAD, bytes(32))
        return number

    began = time.perf_counter()
    done = sum(await asyncio.gather(*map(insert, sessions)))
    took = time.perf_counter() - began
    for session in sessions:
        await session.close()
    return done / took


def in_threads(callers: int, seconds: float, make: Callable[[], Callable[[], Any]]) -> float:
    """Return calls per second of ``callers`` threads, each with a call that ``make`` made for it."""
    calls = [make() for _ in range(callers)]
    began = time.perf_counter()
    end = began + seconds

    def work(call: Callable[[], Any]) -> int:
        number = 0
        while time.perf_counter() < end:
            call()
            number += 1
        return number

    with ThreadPoolExecutor(callers) as pool:
        return sum(pool.map(work, calls)) / (time.perf_counter() - began)


def host_of(dsn: str) -> str:
    """Return the folder of the server's socket."""
    [host] = parse_qs(urlsplit(dsn).query)["host"]
    return host


@contextmanager
def eventsourcing_recorder(dsn: str, callers: int) -> Iterator[Any]:
    """Yield the `eventsourcing` library's Postgres application recorder, with a pool for the callers."""
    from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore  # noqa: PLC0415 - peer

    store = PostgresDatastore(
        "aicore",
        host_of(dsn),
        "5432",
        "postgres",
        urlsplit(dsn).password or "",
        pool_size=callers,
        max_overflow=callers,
        max_waiting=callers,
    )
    try:
        recorder = PostgresApplicationRecorder(store, events_table_name="peer_events")
        recorder.create_table()
        yield recorder
    finally:
        store.close()


def eventsourcing_call(recorder: Any, batch: int = 1) -> Callable[[], Any]:
    """Return a call that appends the next events of a stream of its own."""
    from eventsourcing.persistence import StoredEvent  # noqa: PLC0415 - peer

    stream, version = uuid4(), 0

    def call() -> None:
        nonlocal version
        events = [StoredEvent(stream, version + n, "bench.happened", PAYLOAD) for n in range(batch)]
        recorder.insert_events(events)
        version += batch

    return call


@asynccontextmanager
async def umadb_server(folder: Path) -> AsyncIterator[str]:
    """Run umadb's own server with its data on the same disk; yield its URL."""
    import socket  # noqa: PLC0415 - only here

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with tempfile.TemporaryDirectory(prefix=".bench-uma-", dir=folder) as data:
        binary = Path(sys.executable).with_name("umadb")
        server = await asyncio.create_subprocess_exec(
            str(binary), "--listen", address, "--db-path", data, stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            async with asyncio.timeout(READY_S):
                while not await asyncio.to_thread(_answers, f"http://{address}"):  # noqa: ASYNC110 - it has no other sign
                    await asyncio.sleep(0.1)
            yield f"http://{address}"
        finally:
            server.terminate()
            async with asyncio.timeout(READY_S):
                await server.wait()


def _answers(url: str) -> bool:
    try:
        umadb.Client(url).head()
    except Exception:
        return False
    return True


def umadb_call(url: str) -> Callable[[], Any]:
    """Return a call that appends one event with a condition on its stream, as ours has one."""
    client, stream, last = umadb.Client(url), f"bench-{uuid4()}", None

    def call() -> None:
        nonlocal last
        query = umadb.Query([umadb.QueryItem(tags=[stream])])
        event = umadb.Event("bench.happened", PAYLOAD, [stream])
        last = client.append([event], umadb.AppendCondition(query, after=last))

    return call
