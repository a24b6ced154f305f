"""The durable inbox: commands that their senders do not wait for (SPEC.md, "Inbox").

JetStream has a command before it takes effect, and until it is over. Each is carried out by the handler that
answers it as a request, so an id has one effect by whichever way it comes. What a caller would be told to
send again is tried again here, for ever and in its place; what a caller would be told not to repeat is a dead
letter at once. Which process takes commands is decided elsewhere (`bus.relay.inbox`); see docs/decisions.md.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import structlog
from nats.aio.client import Client

from bus.nats.consumer import ConsumeOptions, Consumer, Delivery, GiveUp, Source
from bus.nats.feed import Feed, FeedConfig, Item
from bus.nats.queue_feed import QueueFeed
from bus.nats.service import CommandHandler
from bus.nats.topology import InboxLimits, ensure_inbox, inbox_stream
from bus.ports import VersionConflict
from bus.problems import problem_of
from bus.retry import Backoff
from domain.kernel.decider import Rejected, Waits
from protocol.errors import WireError
from protocol.limits import REQUEST_BYTES_MAX
from protocol.messages import CommandMessage, ErrorReply, decode_command
from protocol.subjects import parse_request

NAME = "in"
"""In subjects: letters lie on ``{realm}.dlq.in``."""

DURABLE = "aicore_inbox"
"""The consumer in the server; no client may touch it (`bus.permissions`)."""

ACK_WAIT_S = 5.0
"""Without a sign of life from us the server hands a command out again after so long."""

DEADLINE_S = 30.0
"""Of one try."""

DELIVERIES_MAX = 10
"""A command that was the first of the queue in so many lives takes its process down with it."""

TRIES_MAX = 10
"""Of a command that fails for a reason that nobody knows: within a minute."""

PAUSE_S_MIN, PAUSE_S_MAX = 0.1, 30.0

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class InboxOptions:
    """Options of the inbox.

    Attributes:
        random: in [0, 1), for the jitter.  now_us: the wall clock, for dead letters.
        declared: names of commands that requests may carry, beyond those that are taken here.
        concurrency: commands at once, each on another stream; the log takes them in groups.
        in_flight_max: commands asked for, waiting here or carried out at once.
    """

    random: Callable[[], float]
    now_us: Callable[[], int]
    declared: Collection[str] = ()
    limits: InboxLimits = field(default_factory=InboxLimits)
    concurrency: int = 64
    in_flight_max: int = 256
    ack_wait_s: float = ACK_WAIT_S
    deadline_s: float = DEADLINE_S
    deliveries_max: int = DELIVERIES_MAX


def inbox_consumer(
    nc: Client,
    realm: str,
    commands: Mapping[str, CommandHandler],
    lane: Callable[[CommandMessage], str],
    options: InboxOptions,
) -> Consumer[CommandMessage]:
    """Return what takes commands from the inbox; ``lane``: those of one are carried out in their order."""
    config = FeedConfig(
        stream=inbox_stream(realm),
        durable=DURABLE,
        subjects=(f"{realm}.in.>",),
        in_flight_max=options.in_flight_max,
        ack_wait_s=options.ack_wait_s,
    )

    def open_(take: Callable[[Item], None]) -> Feed:
        return QueueFeed(nc, config, take, ensure=lambda: ensure_inbox(nc, realm, options.limits))

    def read(subject: str, data: bytes) -> tuple[str, CommandMessage]:
        message = _read(realm, subject, data)
        return lane(message), message

    consuming = ConsumeOptions(
        random=options.random,
        now_us=options.now_us,
        in_flight_max=options.in_flight_max,
        concurrency=options.concurrency,
        ack_wait_s=options.ack_wait_s,
        retry=_AsToldToACaller(),
    )
    source = Source(NAME, DURABLE, open_, read, options.deliveries_max)
    return Consumer(nc, realm, source, _Carrier(commands, options).carry_out, consuming)


def _read(realm: str, subject: str, data: bytes) -> CommandMessage:
    """Return the command that was put in, with the sender that its subject proves.

    What was put in before subjects named their senders is carried out, too, as nobody's: it was acknowledged.

    Raises:
        WireError: it is none, or another one than its subject says.
    """
    if len(data) > REQUEST_BYTES_MAX:
        raise WireError("too_large", "", f"has {len(data)} bytes; the limit is {REQUEST_BYTES_MAX}")
    message, address = decode_command(data), parse_request(subject)
    if not subject.startswith(f"{realm}.in.") or address.name != message.command:
        raise WireError("invalid_field", "command", "does not agree with the subject it was sent to")
    return message.sent_by(address.sender)


class _NotYet(Exception):
    """The command cannot be decided here and now, and may be later or elsewhere."""


class _Carrier:
    """Has each command carried out by whoever would answer it."""

    def __init__(self, commands: Mapping[str, CommandHandler], options: InboxOptions) -> None:
        self._commands = commands
        self._options = options

    async def carry_out(self, delivery: Delivery[CommandMessage]) -> None:
        """Return when the command took effect, or needed none.

        Raises:
            Rejected, IdConflict, VersionConflict, ValidationError: it is refused.
            _NotYet, LogError, TimeoutError: it may take effect at another try.
        """
        message = delivery.message
        handler = self._commands.get(message.command)
        if handler is None:
            raise self._nobody(message.command)
        try:
            async with asyncio.timeout(self._options.deadline_s):
                await handler(message)
        except Waits:
            return  # it is recorded, and takes effect without us
        except VersionConflict as error:
            if message.expected != "any":
                raise
            raise _NotYet(str(error)) from error  # others were faster at every try
        except WireError as error:
            if error.code != "unsupported_version":
                raise
            raise _NotYet(error.message) from error  # a newer program has to take it
        except Exception as error:
            if problem_of(error) is None and not isinstance(error, TimeoutError):
                logger.exception("inbox_command_failed", command=message.command, id=str(message.id))
            raise

    def _nobody(self, name: str) -> Rejected:
        if name in self._options.declared:
            return Rejected(
                "request_only",
                f"{name} is answered, not put into the inbox",
                remedy="send it as a request; for lines that nobody waits for there are batches",
            )
        known = ", ".join(sorted(self._commands))
        return Rejected("unknown_command", f"no {name!r} here", remedy=f"there are {known}")


class _AsToldToACaller:
    """Tries again what a caller would be told to send again, and nothing else."""

    def judge(self, error: Exception, attempt: int, random: float) -> float | GiveUp:
        """Return the pause before the next try, or why there is none."""
        told = problem_of(error)
        if told is None and not isinstance(error, _NotYet | TimeoutError) and attempt >= TRIES_MAX:
            what = "an error of ours; the log of the process that took it tells which, by the command's id"
            return GiveUp(what, type(error).__name__, "internal")
        if told is not None and told.retry != "later":
            return GiveUp(_said(told), type(error).__name__, told.code, told.field)
        backoff = Backoff(lambda: random, s_min=PAUSE_S_MIN, s_max=PAUSE_S_MAX)
        backoff.failures = attempt - 1
        return max(backoff.failed(), (told.retry_after_ms or 0) / 1e3 if told else 0.0)


def _said(told: ErrorReply) -> str:
    return f"{told.message}; {told.remedy}" if told.remedy else told.message
