"""Which processes serve a realm on a NATS, and on which log each stands: two logs would share its commands.

A process announces itself in NATS's service discovery before it looks who else is there. Of two that start
together at least one therefore sees the other; the later of two that meet afterwards (servers that were
joined, a port that changed hands) ends.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn

import structlog
from nats import micro
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.micro.service import ServiceConfig

from bus.nats.discovery import leave

NAME = "aicore-process"
VERSION = "0.1.0"

ANSWER_TIMEOUT_S = 2.0
"""For our own announcement to answer us: a NATS that is this slow says nothing about others."""

OTHERS_S = 0.2
"""For the others', after our own came if there is one."""

WATCH_S = 10.0

logger = structlog.get_logger(__name__)


class AnotherLog(Exception):
    """Another process serves this realm from another log; the message says which and where."""

    remedy = (
        "stop that system, or give this one a realm of its own (AICORE_REALM) or another NATS "
        "(AICORE_NATS_URL, AICORE_NATS_PORT)"
    )


@dataclass(frozen=True, slots=True)
class Presence:
    """One process that serves a realm."""

    id: str
    """Of its announcement."""
    log: str
    """Which log it stands on, see `bus.postgres.identity`."""
    since_us: int
    about: Mapping[str, str]
    """For people: components, host, pid."""

    def __str__(self) -> str:
        """Return it in words."""
        about = self.about
        who = f"process {about.get('pid', '?')} on {about.get('host', '?')}"
        return f"{who} ({about.get('components', '?')}) on the log {self.log}"


@asynccontextmanager
async def present(
    nc: Client, realm: str, log: str, *, since_us: int, about: Mapping[str, str]
) -> AsyncIterator[None]:
    """Announce this process while the context is open, and refuse to be beside one of another log.

    Raises:
        AnotherLog: one is there; in an `ExceptionGroup` if it came later.
    """
    metadata = {**about, "realm": realm, "log": log, "since_us": str(since_us)}
    config = ServiceConfig(
        name=NAME, version=VERSION, description=f"a process of realm {realm}", metadata=metadata
    )
    service = await micro.add_service(nc, config)
    try:
        await nc.flush()
        us = Presence(service.id, log, since_us, about)
        if others := _strangers(await processes(nc, realm, own=service.id), us):
            _refuse(realm, others[0])
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(_watch(nc, realm, us))
            yield
            watching.cancel()
    finally:
        await leave(nc, service)


async def processes(nc: Client, realm: str, *, own: str = "") -> list[Presence]:
    """Return the processes that serve ``realm`` now, as they answer; ``own`` must be among their ids.

    Takes `OTHERS_S`, from our own answer on if there is one.
    """
    found: dict[str, Presence] = {}
    ours = asyncio.Event()
    inbox = nc.new_inbox()
    subscription = await nc.subscribe(inbox)
    try:
        await nc.publish(f"$SRV.PING.{NAME}", b"", reply=inbox)
        await nc.flush()

        async def collect() -> None:
            async for message in subscription.messages:
                each = _presence(message.data, realm)
                if each is not None:
                    found[each.id] = each
                if own in found:
                    ours.set()

        async with asyncio.TaskGroup() as group:
            collecting = group.create_task(collect())
            if own:
                try:
                    async with asyncio.timeout(ANSWER_TIMEOUT_S):
                        await ours.wait()
                except TimeoutError:
                    logger.warning("processes_not_known", realm=realm, server=str(nc.connected_url))
            await asyncio.sleep(OTHERS_S)
            collecting.cancel()
    finally:
        await subscription.unsubscribe()
    return list(found.values())


async def _watch(nc: Client, realm: str, us: Presence) -> None:
    while True:
        await asyncio.sleep(WATCH_S)
        try:
            others = _strangers(await processes(nc, realm, own=us.id), us)
        except NatsError:  # it reconnects; then we look again
            continue
        for other in others:
            if (other.since_us, other.id) < (us.since_us, us.id):
                _refuse(realm, other)
            logger.error("another_log", realm=realm, other=str(other))


def _strangers(found: Sequence[Presence], us: Presence) -> list[Presence]:
    return [each for each in found if each.log != us.log]


def _refuse(realm: str, other: Presence) -> NoReturn:
    raise AnotherLog(
        f"another system serves the realm {realm} on this NATS: {other}; each would get a part of the "
        "commands"
    )


def _presence(data: bytes, realm: str) -> Presence | None:
    try:
        answer = json.loads(data)
        about = dict(answer["metadata"])
        if about["realm"] != realm:
            return None
        return Presence(str(answer["id"]), str(about["log"]), int(about["since_us"]), about)
    except (ValueError, KeyError, TypeError):  # not one of ours
        return None
