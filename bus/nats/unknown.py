"""Answers names that nobody serves, where a realm's services run in several processes.

Each process then subscribes to the subjects that it serves, so a name that nobody knows would meet NATS's
"no responders" instead of a typed reply. Every process joins one more queue group that hears all requests:
who gets one keeps silent if the name is served somewhere, which NATS's service discovery tells, and answers
if not. A process that is too busy to answer discovery still listens, which the server tells at once.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from bus.nats.discovery import discovered, listens, subjects_of
from protocol.errors import WireError
from protocol.identity import ANYBODYS
from protocol.messages import ErrorReply, encode_reply
from protocol.subjects import parse_request

KNOWN_S = 1.0
"""For so long a name counts as served without being looked for again. In the moment after the last service of
a name ended its callers wait in vain until their own time-out, as they would for one that was killed."""

BUSY_RETRY_MS = 1_000

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Declared:
    """Every name there is, whoever serves it."""

    commands: Collection[str]
    queries: Collection[str]


def unknown(kind: str, name: str, known: Collection[str]) -> ErrorReply:
    """Return the reply to a name that nobody declared; ``kind`` is ``cmd`` or ``qry``."""
    what = "command" if kind == "cmd" else "query"
    there = ", ".join(sorted(known)) or "none"
    return ErrorReply(
        f"unknown_{what}", f"there is no {what} {name!r}", field=what, remedy=f"there are: {there}"
    )


@asynccontextmanager
async def answering_unknown(
    nc: Client, realm: str, *, service: str, declared: Declared, served: Callable[[str, str], bool]
) -> AsyncIterator[None]:
    """Answer while the context is open; ``served`` says of kind and name whether this process serves it."""
    clerk = _Clerk(nc, realm, service, declared, served)
    async with asyncio.TaskGroup() as group:
        subscriptions = [
            await nc.subscribe(f"{realm}.{kind}.>", queue=f"{realm}-{service}-unknown", cb=clerk.take(group))
            for kind in ("cmd", "qry")
        ]
        try:
            yield
        finally:  # the connection serves on, and who stayed would take names and say nothing
            if not nc.is_closed and not nc.is_draining:
                for subscription in subscriptions:
                    await subscription.unsubscribe()


class _Clerk:
    def __init__(
        self, nc: Client, realm: str, service: str, declared: Declared, served: Callable[[str, str], bool]
    ) -> None:
        self._nc, self._realm, self._service = nc, realm, service
        self._declared, self._served = declared, served
        self._elsewhere: dict[str, float] = {}
        """By a subject that is served, until when that counts."""
        self._services: dict[str, Sequence[str]] = {}
        """By the id of a service that was there at the last look, the subjects that it takes."""
        self._looking = asyncio.Lock()
        self._looked = 0.0

    def take(self, group: asyncio.TaskGroup) -> Callable[[Msg], Awaitable[None]]:
        """Return the callback; only what may have to be answered costs a task."""

        async def took(message: Msg) -> None:
            try:
                address = parse_request(message.subject)
                sender = address.proven()
            except WireError as error:
                if message.reply.startswith(ANYBODYS):
                    group.create_task(self._refuse(message, error))
                return
            kind, name = address.kind, address.name
            unserved = not self._served(kind, name) and not self._known(kind, name)
            if unserved and sender.is_answered_at(message.reply):
                group.create_task(self._answer(message, kind, name, arrived=self._now()))

        return took

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _known(self, kind: str, name: str) -> bool:
        """Say whether the name, or every name of its kind, was served a moment ago."""
        subjects = (f"{self._realm}.{kind}.{name}.*", f"{self._realm}.{kind}.>")
        return max(self._elsewhere.get(subject, 0.0) for subject in subjects) > self._now()

    async def _refuse(self, message: Msg, error: WireError) -> None:
        """Answer what names no sender; nobody else takes it."""
        try:
            await message.respond(encode_reply(ErrorReply(error.code, error.message, field=error.field)))
        except NatsError as lost:
            logger.info("reply_not_sent", subject=message.subject, error=type(lost).__name__)

    async def _answer(self, message: Msg, kind: str, name: str, *, arrived: float) -> None:
        known = self._declared.commands if kind == "cmd" else self._declared.queries
        try:
            if await self._is_served(kind, name, arrived):
                return
            await message.respond(encode_reply(_no_one(kind, name, known)))
        except NatsError as error:
            logger.info("reply_not_sent", subject=message.subject, error=type(error).__name__)

    async def _is_served(self, kind: str, name: str, arrived: float) -> bool:
        async with self._looking:
            # One look tells all who came before it began, so a flood of names costs four looks a second.
            if self._looked < arrived and not self._known(kind, name):
                self._looked = self._now()
                await self._look()
            return self._known(kind, name)

    async def _look(self) -> None:
        """Ask every service of this realm for its subjects; who is too busy to answer keeps its own."""
        found: dict[str, Sequence[str]] = {
            id_: subjects_of(told)
            for told in await discovered(self._nc, "INFO", self._service, self._realm)
            if isinstance(id_ := told.get("id"), str) and id_.isalnum()
        }
        silent = [id_ for id_ in self._services if id_ not in found]
        there = await asyncio.gather(*(listens(self._nc, self._service, id_) for id_ in silent))
        found |= {id_: self._services[id_] for id_, busy in zip(silent, there, strict=True) if busy}
        self._services = found
        until = self._now() + KNOWN_S
        self._elsewhere = {subject: until for subjects in found.values() for subject in subjects}


def _no_one(kind: str, name: str, known: Collection[str]) -> ErrorReply:
    """Return the reply to a name that no process serves now."""
    if name not in known:
        return unknown(kind, name, known)
    return ErrorReply(
        "unavailable",
        f"no process serves {name} now",
        remedy="start one: `aicore up`, or `aicore run` with its component",
        retry="later",
        retry_after_ms=BUSY_RETRY_MS,
    )
