"""Answers commands and queries on NATS, every request with a result or a typed error.

What goes over its sender's share is refused before it is read (`bus.shares`); the rest begins in turn, some
of each sender's (`bus.turns`).

Registered with NATS's service discovery (`$SRV.PING|INFO|STATS`). One subscription takes `{realm}.cmd.>`, so
that a command nobody knows is answered too; where services run apart, `bus.nats.unknown` sees to that.
Requests run side by side up to a bound; beyond it they are told to come back. What goes wrong inside is
logged under an id; the caller gets the id and nothing else.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from nats import micro
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.micro.request import Request
from nats.micro.service import EndpointConfig, EndpointStats, Service, ServiceConfig

from bus.nats.discovery import leave
from bus.nats.fair import FairClient, over_quota
from bus.nats.gates import Gates
from bus.nats.unknown import Declared, answering_unknown, unknown
from bus.nats.windows import Window
from bus.problems import problem_of, unforeseen
from bus.shares import Share, Shares
from bus.turns import Turns
from protocol.errors import WireError
from protocol.identity import ANYBODYS, Identity
from protocol.limits import MESSAGE_BYTES_MAX, REQUEST_BYTES_MAX
from protocol.messages import (
    Answer,
    CommandMessage,
    ErrorReply,
    Reply,
    decode_command,
    decode_query,
    encode_reply,
)
from protocol.subjects import check_stream_to, parse_request

NAME = "aicore"
"""Of the services in NATS's service discovery."""

DEADLINE_S = 30.0
IN_FLIGHT_MAX = 1_024
BUSY_RETRY_MS = 250
LOOK_S = 0.02
"""Between two looks at how late the loop is; each costs 20 µs."""

CommandHandler = Callable[[CommandMessage], Awaitable[Reply]]
QueryHandler = Callable[[dict[str, Any]], Awaitable[tuple[object, int]]]

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Options of a service.

    Attributes:
        new_id: fresh ids, to find an internal error's log entry by.
        name, version: as in NATS's service discovery; version is semantic.
        deadline_s: time for one request; after it the caller is told so and the handler is cancelled.
        deadlines_s: by command, another time, for one that keeps deadlines of its own.
        in_flight_max: requests at once.
        share: what one sender may take of this process.
        malformed: by command, who hears of messages that cannot be read, before those are answered.
        standing: what `$SRV.STATS` shows of what follows the log here.
        about: what it shows of the process beside that.
        declared: every name there is, where other processes serve the rest of them; None: this one has all.
    """

    new_id: Callable[[], UUID]
    name: str = NAME
    version: str = "0.1.0"
    deadline_s: float = DEADLINE_S
    deadlines_s: Mapping[str, float] = field(default_factory=dict)
    in_flight_max: int = IN_FLIGHT_MAX
    share: Share = field(default_factory=Share)
    declared: Declared | None = None
    standing: Callable[[], Sequence[Mapping[str, Any]]] = tuple
    about: Callable[[], Mapping[str, Any]] = dict
    malformed: Mapping[str, Callable[[WireError], None]] = field(default_factory=dict)


@asynccontextmanager
async def serve(
    nc: Client,
    realm: str,
    commands: Mapping[str, CommandHandler],
    queries: Mapping[str, QueryHandler],
    options: ServiceOptions,
) -> AsyncIterator[Service]:
    """Serve while the context is open; on leaving take no more requests and finish those under way."""
    config = ServiceConfig(
        name=options.name,
        version=options.version,
        description=f"commands and queries of realm {realm}",
        metadata={"realm": realm},
        queue_group=f"{realm}-{options.name}",
    )
    async with asyncio.TaskGroup() as group:
        dispatcher = _Dispatcher(realm, commands, queries, options, group)
        gates = Gates(nc, realm, group, _window_for(options))
        if isinstance(nc, FairClient):
            begins = [f"{realm}.{kind}." for kind in ("cmd", "qry", "live", "gate")]
            nc.hold(dispatcher.shares, begins, came=gates.came, flooded=gates.shut)
        config.stats_handler = dispatcher.stats
        looks = group.create_task(_feel(dispatcher.shares))
        service = await micro.add_service(nc, config)
        try:
            for kind, names in (("cmd", commands), ("qry", queries)):
                for subject, answered in _subjects(realm, kind, names, whole=options.declared is None):
                    metadata = {
                        "names": ",".join(answered),
                        "encoding": "msgpack",
                        "spec": "protocol/SPEC.md",
                    }
                    name = kind if subject.endswith(">") else subject.removesuffix(".*").replace(".", "-")
                    await service.add_endpoint(
                        EndpointConfig(name=name, subject=subject, handler=dispatcher.take, metadata=metadata)
                    )
                    take = service._endpoints[-1]._handle_request
                    await gates.open(subject, config.queue_group or "", take)
            async with _unknown_names(gates, commands, queries, options):
                await nc.flush()
                yield service
        finally:
            try:
                await gates.close()
                await leave(nc, service)
                await dispatcher.turns.all_begun()
            finally:
                dispatcher.turns.close()
                looks.cancel()


def _window_for(options: ServiceOptions) -> Callable[[], Window] | None:
    """Return what makes the window of a gate, for all that a share lets in or refuses with advice at once."""
    if options.declared is not None:
        return None
    most, bytes_most = options.share.at_once()
    return lambda: Window(most, bytes_most)


async def _feel(shares: Shares) -> None:
    """Have senders' shares follow how late this process is, until cancelled."""
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + LOOK_S
        await asyncio.sleep(LOOK_S)
        shares.felt(clock() - due, clock())


def _subjects(
    realm: str, kind: str, names: Collection[str], *, whole: bool
) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield each subject to take, with the names that it brings."""
    if whole:
        yield f"{realm}.{kind}.>", sorted(names)
    else:
        yield from ((f"{realm}.{kind}.{name}.*", [name]) for name in sorted(names))


@asynccontextmanager
async def _unknown_names(
    gates: Gates, commands: Collection[str], queries: Collection[str], options: ServiceOptions
) -> AsyncIterator[None]:
    """Answer what nobody serves, too, where this process has not every name."""
    if options.declared is None:
        yield
        return
    here = {"cmd": commands, "qry": queries}
    async with answering_unknown(
        gates,
        service=options.name,
        declared=options.declared,
        served=lambda kind, name: name in here.get(kind, ()),
    ):
        yield


class _Dispatcher:
    """Takes requests and answers each in a task of its own."""

    def __init__(
        self,
        realm: str,
        commands: Mapping[str, CommandHandler],
        queries: Mapping[str, QueryHandler],
        options: ServiceOptions,
        group: asyncio.TaskGroup,
    ) -> None:
        self.shares = Shares(options.share)
        self._realm = realm
        self._commands = commands
        self._queries = queries
        self._options = options
        self._group = group
        self._in_flight = 0
        self.turns = Turns(self._begin, self._width, self._pause)
        self._problems: Counter[str] = Counter()
        self._log = logger.bind(realm=realm, service=options.name)

    def stats(self, _: EndpointStats) -> dict[str, Any]:
        """Return what `$SRV.STATS` shows beside NATS's own counts."""
        return {
            "in_flight": self._in_flight,
            "problems": dict(self._problems),
            "over_quota": self.shares.seen(),
            "followers": list(self._options.standing()),
            **self._options.about(),
        }

    async def take(self, request: Request) -> None:
        """Have a request answered; must not wait, the subscription hands over one at a time."""
        if self._in_flight >= self._options.in_flight_max:
            busy = ErrorReply(
                "unavailable",
                f"{self._in_flight} requests are under way",
                remedy="send it again with the same id",
                retry="later",
                retry_after_ms=BUSY_RETRY_MS,
            )
            await self._respond(request, busy)
            return
        sender = sender_of(request.subject)
        if not self.shares.may_begin(sender):  # several were let in before the first of them began
            if self.shares.may_tell(sender):
                await self._respond(request, over_quota(BUSY_RETRY_MS))
            return
        self._in_flight += 1
        self.shares.begun(sender)
        self.turns.put(sender, request)

    def _width(self, sender: str) -> int:
        return self.shares.width(sender, asyncio.get_running_loop().time())

    def _pause(self, sender: str, request: Request) -> float:
        return self.shares.pause(sender, len(request.data), asyncio.get_running_loop().time())

    def _begin(self, request: Request) -> None:
        self._group.create_task(self._answer(request))

    async def _answer(self, request: Request) -> None:
        reply: Reply | Answer | ErrorReply
        limit_s = self._options.deadlines_s.get(_command_of(request.subject), self._options.deadline_s)
        try:
            async with asyncio.timeout(limit_s) as deadline:
                reply = await self._run(request)
        except TimeoutError as error:
            reply = self._late(limit_s) if deadline.expired() else self._problem(request, error)
        except Exception as error:  # the edge: every failure becomes a typed reply
            reply = self._problem(request, error)
        finally:
            self._in_flight -= 1
            self.shares.ended(sender := sender_of(request.subject))
            self.turns.ended(sender)
        await self._respond(request, reply)

    async def _run(self, request: Request) -> Reply | Answer | ErrorReply:
        address = parse_request(request.subject)
        sender, name = address.proven(), address.name
        if not sender.is_answered_at(reply := request._msg.reply):
            raise WireError(
                "invalid_field", "reply", f"must begin with {sender.inbox}., not be {reply[:64]!r}"
            )
        size = len(request.data)
        if size > REQUEST_BYTES_MAX:
            raise WireError("too_large", "", f"has {size} bytes; the limit is {REQUEST_BYTES_MAX}")
        if address.kind == "cmd":
            return await self._command(name, request.data, sender)
        query = self._queries.get(name)
        if query is None:
            return unknown("qry", name, self._queries)
        result, position = await query(decode_query(request.data))
        return Answer(result, position)

    async def _command(self, name: str, data: bytes, sender: Identity) -> Reply | ErrorReply:
        handler = self._commands.get(name)
        if handler is None:
            return unknown("cmd", name, self._commands)
        try:
            message = decode_command(data)
            if message.command != name:
                raise WireError("invalid_field", "command", "does not agree with the subject it was sent to")
            check_stream_to(self._realm, message.payload.get("stream_to"), sender)
        except WireError as error:
            if hear := self._options.malformed.get(name):
                hear(error)
            raise
        return await handler(message.sent_by(sender))

    def _late(self, limit_s: float) -> ErrorReply:
        return ErrorReply(
            "deadline_exceeded",
            f"not done within {limit_s:g} s; whether it took effect is unknown",
            remedy="send it again with the same id: it takes effect once",
            retry="later",
            retry_after_ms=BUSY_RETRY_MS,
        )

    def _problem(self, request: Request, error: Exception) -> ErrorReply:
        known = problem_of(error)
        if known is not None:
            return known
        error_id = self._options.new_id()
        self._log.error("request_failed", error_id=str(error_id), subject=request.subject, exc_info=error)
        return unforeseen(error_id)

    async def _respond(self, request: Request, reply: Reply | Answer | ErrorReply) -> None:
        """Send the reply; one that cannot be encoded or sent becomes an error reply, or is logged.

        A reply that was asked for at another's subject is sent to nobody, unless that is an inbox: there it
        is no more than an error that nobody asked for.
        """
        if not request._msg.reply.startswith(ANYBODYS):
            self._log.info("reply_not_sent", subject=request.subject, error="it would go to no inbox")
            return
        if isinstance(reply, ErrorReply):
            self._problems[reply.code] += 1
        try:
            try:
                body = encode_reply(reply)
            except (WireError, TypeError, ValueError, OverflowError) as error:
                body = encode_reply(self._problem(request, RuntimeError(f"reply cannot be encoded: {error}")))
            if len(body) > MESSAGE_BYTES_MAX:  # the server would drop it, and the caller would wait in vain
                body = encode_reply(_too_much(len(body)))
            await request.respond(body)
        except (NatsError, ValueError) as error:  # ValueError: the sender wants no reply
            self._log.info("reply_not_sent", subject=request.subject, error=type(error).__name__)


def sender_of(subject: str) -> str:
    """Return the token of who sent a request."""
    return subject.rpartition(".")[2]


def _command_of(subject: str) -> str:
    """Return the command's name, or "" for what names none."""
    try:
        return parse_request(subject).name
    except WireError:
        return ""


def _too_much(size: int) -> ErrorReply:
    return ErrorReply(
        "too_large",
        f"the answer has {size} bytes, the limit is {MESSAGE_BYTES_MAX}",
        remedy="ask for less: one use case, one id, or a smaller limit, where the query takes them",
    )
