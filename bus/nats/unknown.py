"""Answers names that nobody serves, where a realm's services run in several processes.

Each process then subscribes to the subjects that it serves, so a name that nobody knows would meet NATS's
"no responders" instead of a typed reply. Every process joins one more queue group that hears all requests:
who gets one keeps silent if the name is served somewhere, which NATS's service discovery tells, and answers
if not. A process that is too busy to answer discovery still listens, which the server tells at once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from bus.nats.discovery import discovered, listens, subjects_of
from bus.nats.gates import Gates
from protocol.errors import WireError
from protocol.identity import ANYBODYS
from protocol.messages import ErrorReply, encode_reply
from protocol.subjects import parse_request

KNOWN_S = 1.0
"""For so long a name counts as served without being looked for again. In the moment after the last service of
a name ended its callers wait in vain until their own time-out, as they would for one that was killed."""

WAITING_MAX = 4_096
"""Requests at most that wait for a look; of a flood beyond it nothing is kept, and nobody is answered."""

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
    gates: Gates, *, service: str, declared: Declared, served: Callable[[str, str], bool]
) -> AsyncIterator[None]:
    """Answer while the context is open; ``served`` says of kind and name whether this process serves it.

    ``gates`` are closed with it.
    """
    nc, realm = gates.nc, gates.realm
    clerk = _Clerk(nc, realm, service, declared, served)
    async with asyncio.TaskGroup() as group:
        queue, subjects = f"{realm}-{service}-unknown", (f"{realm}.cmd.>", f"{realm}.qry.>")
        subscriptions = [await nc.subscribe(subject, queue=queue, cb=clerk.take) for subject in subjects]
        for subject in subjects:
            await gates.open(subject, queue, clerk.take)
        group.create_task(clerk.run())
        try:
            yield
        finally:  # the connection serves on, and who stayed would take names and say nothing
            await gates.close()
            if not nc.is_closed and not nc.is_draining:
                for subscription in subscriptions:
                    await subscription.unsubscribe()
            clerk.close()


class _Asked(NamedTuple):
    """A request for a name that this process does not serve; what was in it is not kept."""

    kind: str
    name: str
    reply: str


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
        self._waiting: list[_Asked] = []
        self._came = asyncio.Event()
        self._closed = False
        self._unanswered = 0

    def close(self) -> None:
        """Have `run` end once all who wait are answered."""
        self._closed = True
        self._came.set()

    async def take(self, message: Msg) -> None:
        """Note what may have to be answered; what cannot be read is answered at once."""
        try:
            address = parse_request(message.subject)
            sender = address.proven()
        except WireError as error:
            if message.reply.startswith(ANYBODYS):  # nobody else takes what names no sender
                await self._say(message.reply, ErrorReply(error.code, error.message, field=error.field))
            return
        asked = _Asked(address.kind, address.name, message.reply)
        if self._served(*asked[:2]) or self._known(asked) or not sender.is_answered_at(message.reply):
            return
        if len(self._waiting) >= WAITING_MAX:
            self._unanswered += 1
            return
        self._waiting.append(asked)
        self._came.set()

    async def run(self) -> None:
        """Answer until closed. One look tells all who came before it began: a flood costs four a second."""
        while self._waiting or not self._closed:
            await self._came.wait()
            self._came.clear()
            asked, self._waiting = self._waiting, []
            try:
                if not all(map(self._known, asked)):
                    await self._look()
                for each in [each for each in asked if not self._known(each)]:
                    await self._say(each.reply, self._no_one(each))
            except NatsError as error:
                logger.info("replies_not_sent", number=len(asked), error=type(error).__name__)
            if self._unanswered:
                logger.warning("unknown_names_not_answered", number=self._unanswered)
                self._unanswered = 0

    def _known(self, asked: "_Asked") -> bool:
        """Say whether the name, or every name of its kind, was served a moment ago."""
        subjects = (f"{self._realm}.{asked.kind}.{asked.name}.*", f"{self._realm}.{asked.kind}.>")
        return max(self._elsewhere.get(subject, 0.0) for subject in subjects) > _now()

    def _no_one(self, asked: "_Asked") -> ErrorReply:
        """Return the reply to a name that no process serves now."""
        known = self._declared.commands if asked.kind == "cmd" else self._declared.queries
        if asked.name not in known:
            return unknown(asked.kind, asked.name, known)
        return ErrorReply(
            "unavailable",
            f"no process serves {asked.name} now",
            remedy="start one: `aicore up`, or `aicore run` with its component",
            retry="later",
            retry_after_ms=BUSY_RETRY_MS,
        )

    async def _say(self, reply: str, problem: ErrorReply) -> None:
        try:
            await self._nc.publish(reply, encode_reply(problem))
        except NatsError as lost:
            logger.info("reply_not_sent", error=type(lost).__name__)

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
        until = _now() + KNOWN_S
        self._elsewhere = {subject: until for subjects in found.values() for subject in subjects}


def _now() -> float:
    return asyncio.get_running_loop().time()
