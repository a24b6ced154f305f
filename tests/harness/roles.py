"""What the children of the kill tests run until they are killed: writer, relay, projection, subscriber.

Each is the real component and nothing else. Like the supervisor of the program, a child opens its component
again when a server that is down made it fail; any other error ends the child, and thereby the test.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from aicore.clock import now_us
from aicore.settings import Settings
from aicore.wiring.contexts import views_of
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.connection import connect
from bus.nats.consumer import ConsumeOptions, Delivery, consume
from bus.ports import EventLog, LogError
from bus.postgres.connect import connect_pool
from bus.postgres.log import open_log
from bus.relay.relay import Relay, RelayOptions
from projections.kernel.runner import ProjectionRunner
from protocol.envelope import Envelope
from tests.harness.journal import Journal, JournalReader
from tests.harness.ledgering import ledger
from tests.harness.load import Task
from tests.harness.spooling import spooler

REOPEN_S = 0.05
"""Pause before a component is opened again; short, so that a round is."""

RETRY_S = 0.02
PACE_MIN_S = 0.005
PACE_MAX_S = 0.06
"""A task's pause between appends: six tasks then make some 200 events a second."""

REPEATED_SHARE = 0.03
"""Of appends, an acknowledged one of the past is repeated: it must be answered as a duplicate."""

FLOORS_S = 0.5
VERIFY_S = 1.0
ACK_WAIT_S = 2.0
"""The program's own values are 2, 30 and 30 s; here each comes to act within a round or two."""

FLOOR = "SELECT position FROM realm_{realm}.consumer_floor WHERE name = $1"

VIEWS = tuple(views_of(Settings()))
"""Every read model that a context brings."""

SERVER_DOWN = (
    OSError,
    LogError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

Options = dict[str, Any]

logger = logging.getLogger(__name__)


async def persist(component: Callable[[], Awaitable[None]]) -> None:
    """Run a component for ever, opening it again when a server is down."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    while True:
        try:
            await component()
        except SERVER_DOWN as error:
            logger.warning("opened again after %r", error)
        except asyncpg.PostgresError as error:
            if not isinstance(error, asyncpg.OperatorInterventionError | asyncpg.InvalidCatalogNameError):
                raise
            logger.warning("opened again after %r", error)
        await asyncio.sleep(REOPEN_S)


# --- the writer ---------------------------------------------------------------------------------------------


async def writer(options: Options) -> None:
    """Append for ever with several tasks; each acknowledgement is journalled before the next append."""
    codec = EventCodec(domain_catalogue())
    path = Path(options["journal"])
    acknowledged: dict[int, int] = {}
    for index, number, *_ in JournalReader(path).lines():
        acknowledged[int(index)] = int(number)
    journal = Journal(path)

    async def component() -> None:
        async with (
            open_log(options["dsn"], options["realm"], now_us=now_us) as log,
            asyncio.TaskGroup() as group,
        ):
            for index in range(options["tasks"]):
                task = Task(options["seed"], options["name"], index)
                append = partial(_append_forever, log, codec, task, pace=options["pace"])
                group.create_task(append(journal, acknowledged))

    await persist(component)


async def _append_forever(
    log: EventLog,
    codec: EventCodec,
    task: Task,
    journal: Journal,
    acknowledged: dict[int, int],
    *,
    pace: float,
) -> None:
    draws = random.Random(f"{task}/{acknowledged.get(task.index)}")
    while True:
        number = acknowledged.get(task.index, -1) + 1
        result = await _append(log, task, number, codec)
        journal.write(
            task.index,
            number,
            int(result.duplicate),
            ",".join(map(str, result.positions)),
            ",".join(map(str, result.versions)),
        )
        acknowledged[task.index] = number
        if draws.random() < REPEATED_SHARE:
            again = draws.randrange(number + 1)
            repeated = await _append(log, task, again, codec)
            assert repeated.duplicate, f"{task} {again}: appended a second time at {repeated.positions}"
        await asyncio.sleep(draws.uniform(PACE_MIN_S, PACE_MAX_S) * pace)


async def _append(log: EventLog, task: Task, number: int, codec: EventCodec) -> Any:
    """Append until acknowledged: an append of unknown outcome is repeated with the same ids."""
    while True:
        try:
            return await log.append(*task.writes(number, codec))
        except LogError as error:
            if not error.retriable:
                raise
            logger.info("%s %d: %r", task, number, error)
            await asyncio.sleep(RETRY_S)


# --- the others ---------------------------------------------------------------------------------------------


async def relay(options: Options) -> None:
    """Relay the log to JetStream for ever."""

    async def component() -> None:
        async with connect(options["nats"], name=options["name"]) as nc:
            relaying = RelayOptions(now_us, options["name"], floors_every_s=FLOORS_S, verify_every_s=VERIFY_S)
            await Relay(options["dsn"], nc, options["realm"], relaying).run()

    await persist(component)


async def projection(options: Options) -> None:
    """Keep every view for ever."""
    codec = EventCodec(domain_catalogue())

    async def component() -> None:
        pool = await connect_pool(options["dsn"], options["realm"], role="aicore_projector")
        try:
            async with (
                open_log(options["dsn"], options["realm"], now_us=now_us, writer=False) as log,
                asyncio.TaskGroup() as group,
            ):
                for view in VIEWS:
                    runner = ProjectionRunner(pool, log, view, decode_page=codec.decode_page, now_us=now_us)
                    group.create_task(runner.run())
        finally:
            pool.terminate()

    await persist(component)


async def subscriber(options: Options) -> None:
    """Write position, stream and version of every event delivered; a line ``start`` for every life."""
    journal = Journal(Path(options["journal"]))
    journal.write("start")

    async def handle(delivery: Delivery[Envelope]) -> None:
        envelope = delivery.message
        journal.write(envelope.position, envelope.stream, envelope.version, envelope.id)

    async def floor() -> int:
        connection = await asyncpg.connect(options["dsn"])
        try:
            return int(await connection.fetchval(FLOOR.format(realm=options["realm"]), options["name"]) or 0)
        finally:
            await connection.close()

    consuming = ConsumeOptions(random.random, now_us, ack_wait_s=ACK_WAIT_S, floor=floor)

    async def component() -> None:
        async with connect(options["nats"], name=options["name"]) as nc:
            await consume(nc, options["realm"], options["name"], handle, consuming)

    await persist(component)


ROLES: dict[str, Callable[[Options], Coroutine[Any, Any, None]]] = {
    "writer": writer,
    "relay": relay,
    "projection": projection,
    "subscriber": subscriber,
    "spooler": spooler,
    "ledger": ledger,
}
