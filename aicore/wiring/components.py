"""The composition root: how the parts become components, in one process or in many.

Everything is opened here and lent to the parts below, which never open anything shared themselves. All
components of a process share one log, one NATS connection and one pool per role.
"""

import asyncio
import os
import socket
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import asdict, replace
from functools import partial
from random import random
from typing import Any

import asyncpg
import structlog
from nats.aio.client import Client as Nats

from aicore.addresses import masked
from aicore.clock import new_id, now_us
from aicore.embedded.keyring import keyring_for
from aicore.running import System
from aicore.settings import Settings
from aicore.supervisor import Component, Start, run_components
from aicore.wiring.contexts import parts_of, views_of
from aicore.wiring.following import make_followers
from aicore.wiring.four_eyes import four_eyes
from aicore.wiring.parts import Parts, Served, process_name
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.connection import connect, see_new_enough
from bus.nats.inbox import InboxOptions, inbox_consumer
from bus.nats.presence import present
from bus.nats.service import ServiceOptions, serve
from bus.nats.topology import InboxLimits
from bus.nats.unknown import Declared
from bus.ports import EventLog
from bus.postgres.connect import CONNECT_TIMEOUT_S, PostgresUnreachable, connect_pool
from bus.postgres.identity import log_identity
from bus.postgres.log import open_log
from bus.postgres.migrate import check_migrated, migrate
from bus.relay.inbox import ROLE as INBOX_ROLE
from bus.relay.inbox import lead_inbox
from bus.relay.relay import ROLE as RELAY_ROLE
from bus.relay.relay import Relay, RelayOptions
from bus.relay.walk import Pace
from bus.shares import Share
from domain.inference.facts import DEADLINE_MS_MAX
from domain.inference.messages import Generate
from handlers.kernel.commands import CommandRunner
from handlers.kernel.follow import MemoryView
from handlers.kernel.senders import Proven
from projections.kernel.reading import Reader
from projections.kernel.runner import ProjectionRunner
from projections.kernel.view import View
from protocol.messages import CommandMessage

SERVICES = ("commands", "queries", "inference")
"""Components that answer requests, as they are opened. In one process they are one NATS service."""

DEADLINE_BEYOND_INFERENCE_S = 5.0
"""A service's deadline is so much later than the longest that a question may set itself: inference keeps
those, and who were cancelled from without would leave a question without an outcome."""

KNOWN_MAX_S = 300.0
"""For so long read models may read the log before requests are taken; they read 12,000 events a second."""

logger = structlog.get_logger(__name__)

MB = 1_000_000

Ready = Callable[[], None]


async def run(
    settings: Settings,
    system: System,
    components: Collection[str],
    *,
    stop: asyncio.Event,
    start: Start,
) -> None:
    """Apply migrations, run ``components`` (of `COMPONENTS`) until ``stop``, and stop them in order.

    Raises:
        MigrationError: the database's schema was made by other files than ours, or Postgres is too old.
        PostgresUnreachable, BrokerUnreachable: a server cannot be reached at the start.
        BrokerTooOld: NATS is older than what we need.
        AnotherLog: another system serves this realm on this NATS, from a log of its own.
    """
    await _migrate(settings, system)
    async with _parts(settings, system, components) as parts:
        chosen = [
            Component(name, partial(serve_part, parts), drains=name == "services")
            for name, serve_part in (
                ("services", _services),
                ("relay", _relay),
                ("projections", _projections),
            )
            if name in components or (name == "services" and set(SERVICES) & set(components))
        ]
        await run_components(chosen, stop=stop, start=start)


async def _migrate(settings: Settings, system: System) -> None:
    """Bring the schema up to date, or, where components have logins of their own, see that it is.

    Raises:
        MigrationError: it is another one than ours, or is behind.
        PostgresUnreachable: it cannot be asked.
    """
    apart = system.postgres_logins and not settings.migrate_dsn
    dsn = settings.migrate_dsn or system.postgres_dsn
    try:
        if apart:
            await check_migrated(dsn, system.realm)
        else:
            await migrate(dsn, system.realm)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise PostgresUnreachable(masked(dsn), error) from error


@asynccontextmanager
async def _parts(settings: Settings, system: System, components: Collection[str]) -> AsyncIterator[Parts]:
    """Open what ``components`` share; connections close in reverse order."""
    realm = system.realm
    writes = bool({"commands", "inference"} & set(components))
    dsn = system.dsn_of("aicore_writer" if writes else "aicore_reader")
    roles = {"queries": "aicore_reader", "projections": "aicore_projector"}
    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(open_log(dsn, realm, now_us=now_us, writer=writes))
        pools = {
            name: await stack.enter_async_context(
                _pool(system.dsn_of(role), realm, role, settings.pool_size_max)
            )
            for name, role in roles.items()
            if name in components
        }
        name = f"aicore {realm} {' '.join(sorted(components))}"
        nc = await stack.enter_async_context(connect(system.url_for(components), name=name))
        see_new_enough(nc)
        await stack.enter_async_context(await _announced(system, nc, components))
        yield Parts(settings, system, log, nc, frozenset(components), pools)


async def _announced(
    system: System, nc: Nats, components: Collection[str]
) -> AbstractAsyncContextManager[None]:
    """Return what makes this process known on NATS, and keeps it from standing beside another log's."""
    connection = await asyncpg.connect(system.postgres_dsn, timeout=CONNECT_TIMEOUT_S)
    try:
        log = await log_identity(connection, system.realm)
    finally:
        connection.terminate()
    about = {
        "components": " ".join(sorted(components)),
        "host": socket.gethostname(),
        "pid": str(os.getpid()),
    }
    return present(nc, system.realm, log, since_us=now_us(), about=about)


@asynccontextmanager
async def _pool(dsn: str, realm: str, role: str, size_max: int) -> AsyncIterator[asyncpg.Pool]:
    pool = await connect_pool(dsn, realm, role=role, size_max=size_max)
    try:
        yield pool
    finally:
        # Every transaction has ended with its component; a session that hangs must not hold up the stop.
        pool.terminate()


# --- the components: each calls ``ready`` once it serves ----------------------------------------------------


async def _services(parts: Parts, ready: Ready, stop: asyncio.Event) -> None:
    """Answer commands and queries until ``stop``; those under way are finished."""
    async with AsyncExitStack() as stack:
        parts = replace(parts, stack=stack, served=Served(), followers=[], leaders=[], opened={})
        await _open_services(parts, stop)
        options = ServiceOptions(
            new_id=new_id,
            malformed=parts.served.malformed,
            standing=lambda: [asdict(each.standing) for each in (*parts.followers, *parts.leaders)],
            about=lambda: {"process": process_name(), "clock_wrong": parts.log.clock_wrong},
            deadlines_s={Generate.command_name: DEADLINE_MS_MAX / 1e3 + DEADLINE_BEYOND_INFERENCE_S},
            share=_share(parts.settings),
            declared=None if parts.components >= set(SERVICES) else _declared(),
        )
        queries = {query.query_name: answer for query, answer in parts.served.queries.items()}
        async with serve(parts.nc, parts.system.realm, parts.served.commands, queries, options):
            ready()
            await stop.wait()


async def _known(parts: Parts, stop: asyncio.Event) -> None:
    """Return once the read models in memory know what the log holds, or it is away, or ``stop`` is set.

    Who answered before would refuse for good what is right, and tell half of what happened.
    """
    views = [each for each in parts.followers if isinstance(each, MemoryView)]
    known: asyncio.Future[Any] = asyncio.ensure_future(_caught_up(views))
    stopped: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    try:
        done, _ = await asyncio.wait({known, stopped}, timeout=KNOWN_MAX_S, return_when=FIRST_COMPLETED)
    finally:
        known.cancel()
        stopped.cancel()
    if not done:
        standing = {view.name: view.position for view in views}
        logger.warning("serves_while_behind", after_s=KNOWN_MAX_S, standing=standing)


async def _caught_up(views: Sequence[MemoryView]) -> None:
    await asyncio.gather(*(view.caught_up() for view in views), return_exceptions=True)


def _share(settings: Settings) -> Share:
    """Return what one identity may take of this process."""
    requests, in_flight = settings.quota_requests_per_s, settings.quota_in_flight
    size = settings.quota_mb_per_s * MB
    return Share(requests, burst=requests, bytes_per_s=size, bytes_burst=size / 4, in_flight_max=in_flight)


def _declared() -> Declared:
    """Return every name that some process of the realm may serve."""
    catalogue = domain_catalogue()
    return Declared(commands=catalogue.commands, queries=catalogue.queries)


async def _open_services(parts: Parts, stop: asyncio.Event) -> None:
    """Open what the contexts serve in this process, the command loop and the read models first."""
    brought, served = parts_of(parts.settings), parts.served
    runner = parts.runner(*(binding for part in brought for binding in part.bindings))
    if "commands" in parts.components:
        served.commands |= dict.fromkeys(runner.commands, runner)
    if "queries" in parts.components:
        reader = Reader(parts.pools["queries"], parts.log)
        for part in brought:
            served.queries |= {query: partial(answer, reader) for query, answer in part.answers.items()}
    for component in SERVICES:
        for part in brought:
            if component in parts.components and (open_ := part.serve.get(component)):
                await open_(parts)
    await _hold_to_senders(parts)
    await _known(parts, stop)
    if "commands" in parts.components:
        await _open_inbox(
            parts, runner, {name: lane for part in brought for name, lane in part.lanes.items()}
        )


async def _hold_to_senders(parts: Parts) -> None:
    """Have every command say who proved to send it, and hold those that a second operator must confirm."""
    kinds, served = domain_catalogue().commands, parts.served.commands
    roles_of = keyring_for(parts.settings, parts.system.state_dir).roles_of
    for name, run in served.items():
        kind, held = kinds[name], run
        if kind.four_eyes:
            eyes = await parts.once(four_eyes)
            held = eyes.over(kind, run, asked=name in parts.settings.confirmed_by_two)
        served[name] = Proven(kind, held, roles_of)


async def _open_inbox(parts: Parts, runner: CommandRunner, lanes: Mapping[str, str]) -> None:
    """Take commands from the durable inbox, as they are served, whenever this process leads.

    ``lanes``: those that the command loop does not decide, each with its lane.
    """
    system, settings = parts.system, parts.settings
    commands = {name: parts.served.commands[name] for name in (*runner.commands, *lanes)}
    options = InboxOptions(
        random=random,
        now_us=now_us,
        declared=domain_catalogue().commands,
        limits=InboxLimits(bytes_max=settings.inbox_mb_max * MB, replicas=settings.inbox_replicas),
    )

    def lane_of(message: CommandMessage) -> str:
        return lanes.get(message.command) or runner.lane_of(message)

    def consume() -> Coroutine[Any, Any, None]:
        return inbox_consumer(parts.nc, system.realm, commands, lane_of, options).run()

    name = process_name()
    await parts.background(lead_inbox(system.dsn_of(INBOX_ROLE), system.realm, consume, name=name))


async def _relay(parts: Parts, ready: Ready, _stop: asyncio.Event) -> None:
    """Carry the log into JetStream, and places' changes to who listens; where another leads, stand by."""
    system = parts.system
    name, pace = f"{socket.gethostname()}:{system.pid}", Pace(per_s=parts.settings.compare_per_s)
    options = RelayOptions(now_us=now_us, name=name, pace=pace)
    from aicore.wiring.places import feed_places  # noqa: PLC0415 - numpy and the sample world, for the CLI, too

    # A connection of its own: it alone may publish events, and no service's reply goes out on it.
    async with connect(system.relay_url, name=f"aicore {system.realm} events") as nc:
        relay = Relay(system.dsn_of(RELAY_ROLE), nc, system.realm, options)
        ready()
        async with asyncio.TaskGroup() as group:
            group.create_task(make_followers(system, nc, keyring_for(parts.settings, system.state_dir)))
            group.create_task(feed_places(parts, nc, name=name))
            await relay.run()


async def _projections(parts: Parts, ready: Ready, _stop: asyncio.Event) -> None:
    """Keep the read models, and what contexts keep besides."""
    views = views_of(parts.settings)
    runners = projection_runners(parts.pools["projections"], parts.log, parts.codec, views)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        own = replace(parts, stack=stack, served=Served(), followers=[], leaders=[], opened={})
        for part in parts_of(parts.settings):
            if part.keep is not None:
                await part.keep(own)
        for runner in runners.values():
            group.create_task(runner.run())
        ready()


def projection_runners(
    pool: asyncpg.Pool, log: EventLog, codec: EventCodec, views: Collection[View]
) -> Mapping[str, ProjectionRunner]:
    """Return a runner for each of ``views``, by name."""
    return {
        view.name: ProjectionRunner(pool, log, view, decode_page=codec.decode_page, now_us=now_us)
        for view in views
    }
