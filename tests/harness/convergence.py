"""When everything that is derived has reached the log: bounded waits for conditions seen from outside."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import nats.errors
import nats.js.errors

from tests.harness.invariants import SCHEMA, STREAM
from tests.harness.roles import VIEWS
from tests.harness.wire import dial
from tests.harness.world import SUBSCRIBERS, WRITERS, World

CONVERGE_TIMEOUT_S = 90.0
"""A calm machine needs a second or two; what hangs, hangs for ever."""

POLL_S = 0.02

UNREACHABLE = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    nats.errors.Error,
    nats.js.errors.Error,
)


async def converge(world: World) -> int:
    """Wait until every writer is acknowledged again and all that is derived has reached the log's head.

    Returns that head; the log has gone on since.
    """
    before = progress(world)
    await until(world, "every writer's next acknowledgement", lambda: written(world, before))
    head = await log_head(world)
    await until(world, f"the projections at {head}", lambda: _projected(world, head))
    await until(world, f"JetStream at {head}", lambda: relayed(world, head))
    await until(world, f"the subscribers at {head}", lambda: delivered(world, head))
    return head


def progress(world: World) -> dict[str, int]:
    """Return how many appends each writer has been acknowledged."""
    return {name: len(world.journals[name].lines()) for name in WRITERS}


async def written(world: World, before: dict[str, int]) -> bool:
    now = progress(world)
    return all(now[name] > before[name] for name in WRITERS)


async def log_head(world: World) -> int:
    """Return the log's last position."""
    connection = await asyncpg.connect(world.postgres.dsn)
    try:
        return int(await connection.fetchval(f"SELECT max(position) FROM {SCHEMA}.event"))
    finally:
        await connection.close()


async def _projected(world: World, head: int) -> bool:
    connection = await asyncpg.connect(world.postgres.dsn)
    try:
        query = f"SELECT min(position), count(*) FROM {SCHEMA}.projection_checkpoint"
        lowest, views = await connection.fetchrow(query)
    finally:
        await connection.close()
    return bool(views == len(VIEWS) and lowest >= head)


async def relayed(world: World, head: int) -> bool:
    """Say whether JetStream holds everything up to ``head``."""
    nc = await dial(world.nats.url, name="checker", connect_timeout=5, allow_reconnect=False)
    try:
        return int((await nc.jetstream().stream_info(STREAM)).state.last_seq) >= head
    finally:
        await nc.close()


async def delivered(world: World, head: int, names: tuple[str, ...] = SUBSCRIBERS) -> bool:
    """Say whether the subscribers have seen every event up to ``head``."""
    for name in names:
        seen = {int(line[0]) for line in world.journals[name].lines() if line != ["start"]}
        if sum(position <= head for position in seen) < head:
            return False
    return True


async def until(world: World, what: str, condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition; a server that cannot be reached yet counts as not met."""
    end = asyncio.get_running_loop().time() + CONVERGE_TIMEOUT_S
    try:
        async with asyncio.timeout(CONVERGE_TIMEOUT_S):
            # A client that is cancelled while it connects may swallow that, and with it the time-out.
            while asyncio.get_running_loop().time() < end:
                world.children.expect_running()
                try:
                    if await condition():
                        return
                except UNREACHABLE:
                    pass
                await asyncio.sleep(POLL_S)
            raise TimeoutError
    except TimeoutError as error:
        raise AssertionError(f"waited {CONVERGE_TIMEOUT_S:.0f} s in vain for {what}") from error


def said(world: World) -> str:
    """Return the end of what every child said."""
    return "\n".join(f"--- {name}\n{world.children.log_tail(name)}" for name in world.children.names())
