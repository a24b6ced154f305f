"""The work of a durable consumer: in order within a lane, side by side across lanes, or a dead letter.

A failing message holds back its own lane only; it is tried again after growing, jittered pauses, and what
cannot succeed is put into the dead-letter stream with its reason. Redriven letters come back to this consumer
alone, through the same lanes. What is consumed is a `Source`: the commands of the inbox
(`bus.nats.inbox`), or the events of a realm (`events_of`), of which each position reaches the handler once
in a consumer's life. Over a restart what is unfinished comes again, so handlers derive ids from what they
handle (`bus.ids.derived_id`).

Limits: one process per consumer name. The count of attempts is of this life.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar
from uuid import UUID

import structlog
from nats.aio.client import Client

from bus.nats.api import JetStreamError, JetStreamUnavailable
from bus.nats.dead_letters import HEADER, REDRIVE_OF, DeadLetter, count_in, put, redrives_subject
from bus.nats.feed import Feed, FeedConfig, Item
from bus.nats.lanes import Lanes
from bus.nats.topology import dead_letters_stream, ensure_dead_letters, events_stream
from bus.retry import Backoff, until_done
from protocol.envelope import Envelope, decode_envelope
from protocol.errors import WireError

REDRIVES_IN_FLIGHT_MAX = 16
AWAY = (JetStreamUnavailable, JetStreamError)
PUT_RETRY_S = 0.5
"""Pause between two tries to store a dead letter."""

logger = structlog.get_logger(__name__)


class Message(Protocol):
    """An item of a source: anything that has an id."""

    @property
    def id(self) -> UUID: ...  # noqa: D102 - that of the wire


M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Why a message becomes a dead letter; ``code`` and ``field`` as an error reply would say them."""

    reason: str
    error_class: str
    code: str = ""
    field: str = ""


class Judge(Protocol):
    """Says what follows from a failure."""

    def judge(self, error: Exception, attempt: int, random: float) -> float | GiveUp:
        """Return the seconds until the next try, or why there is none; ``attempt`` counts from 1."""
        ...


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Pauses of ``base_s`` x 2^n, at most ``pause_max_s``, each cut by up to half at random."""

    attempts_max: int = 8
    base_s: float = 0.1
    pause_max_s: float = 30.0

    def pause_s(self, attempt: int, random: float) -> float:
        """Return the pause after attempt 1, 2, …; ``random`` is in [0, 1)."""
        backoff = Backoff(lambda: random, s_min=self.base_s, s_max=self.pause_max_s)
        backoff.failures = attempt - 1
        return backoff.failed()

    def judge(self, error: Exception, attempt: int, random: float) -> float | GiveUp:
        """Give up after ``attempts_max``, whatever the error."""
        if attempt >= self.attempts_max:
            return GiveUp(str(error) or type(error).__name__, type(error).__name__)
        return self.pause_s(attempt, random)


class Delivery(Generic[M]):
    """One message on its way to the handler."""

    __slots__ = ("attempt", "message", "redriven")

    def __init__(self, message: M, attempt: int, *, redriven: bool) -> None:
        """``attempt`` counts from 1; ``redriven``: an operator gave it back from the dead letters."""
        self.message = message
        self.attempt = attempt
        self.redriven = redriven


Handler = Callable[[Delivery[M]], Awaitable[None]]
OpenFeed = Callable[[Callable[[Item], None]], Feed]


@dataclass(frozen=True, slots=True)
class Source(Generic[M]):
    """A source of items.

    Attributes:
        name: of the consumer in subjects: its letters lie on ``{realm}.dlq.{name}``.
        durable: its name in the server.
        open: returns a feed that hands its items to a function.
        read: (subject, bytes) -> lane and message; raises `WireError` for what is none.
        deliveries_max: how often the server may hand a message out without an end of it; 0: for ever.
    """

    name: str
    durable: str
    open: OpenFeed
    read: Callable[[str, bytes], tuple[str, M]]
    deliveries_max: int = 0


async def _from_the_beginning() -> int:
    return 0


@dataclass(frozen=True, slots=True)
class ConsumeOptions:
    """Options of a consumer.

    Attributes:
        random: in [0, 1), for the jitter.  now_us: the wall clock, for dead letters.
        subjects: filters of events; empty means all of the realm's.
        in_flight_max: messages asked for, held or handled at once.
        concurrency: handlers at once, each on another lane; 1 keeps the order of the whole log.
        floor: where to begin when the server knows no such consumer of events (relay: `consumer_floor`).
    """

    random: Callable[[], float]
    now_us: Callable[[], int]
    subjects: tuple[str, ...] = ()
    in_flight_max: int = 256
    concurrency: int = 16
    ack_wait_s: float = 30.0
    retry: Judge = field(default_factory=RetryPolicy)
    floor: Callable[[], Awaitable[int]] = _from_the_beginning


async def consume(
    nc: Client, realm: str, name: str, handler: Handler[Envelope], options: ConsumeOptions
) -> None:
    """Hand events to ``handler`` until cancelled; survives every loss of server, stream and consumer.

    Raises:
        BehindCache: events were dropped from the stream before this consumer saw them.
    """
    await Consumer(nc, realm, events_of(nc, realm, name, options), handler, options).run()


def events_of(nc: Client, realm: str, name: str, options: ConsumeOptions) -> Source[Envelope]:
    """Return the events of a realm as a source; its lanes are the streams."""
    config = FeedConfig(
        stream=events_stream(realm),
        durable=name,
        subjects=options.subjects or (f"{realm}.evt.>",),
        in_flight_max=options.in_flight_max,
        ack_wait_s=options.ack_wait_s,
    )
    one = options.concurrency == 1  # then one lane, hence the order of the whole log

    def open_(take: Callable[[Item], None]) -> Feed:
        return Feed(nc, config, take, first_floor=options.floor)

    def read(_: str, data: bytes) -> tuple[str, Envelope]:
        envelope = decode_envelope(data)
        return "" if one else envelope.stream, envelope

    return Source(name, name, open_, read)


class Consumer(Generic[M]):
    """One running consumer, for those who want to look at it."""

    def __init__(
        self, nc: Client, realm: str, source: Source[M], handler: Handler[M], options: ConsumeOptions
    ) -> None:
        """Prepare; `run` does the work."""
        self._nc = nc
        self._realm = realm
        self._source = source
        self._handler = handler
        self._options = options
        self._lanes: Lanes[tuple[Item, M | WireError]] = Lanes(self._serve, concurrency=options.concurrency)
        self.feed = source.open(self._take)
        self._redrives = Feed(
            nc,
            FeedConfig(
                stream=dead_letters_stream(realm),
                durable=source.durable,
                subjects=(redrives_subject(realm, source.name),),
                in_flight_max=REDRIVES_IN_FLIGHT_MAX,
                ack_wait_s=options.ack_wait_s,
                restarts=True,
            ),
            self._take,
            first_floor=_from_the_beginning,
        )
        self._log = logger.bind(realm=realm, consumer=source.name)

    async def run(self) -> None:
        """Consume until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._lanes.run())
            group.create_task(self.feed.run())
            group.create_task(self._run_redrives())

    async def _run_redrives(self) -> None:
        await until_done(lambda: ensure_dead_letters(self._nc, self._realm), on=AWAY, pause=PUT_RETRY_S)
        await self._redrives.run()

    def _take(self, item: Item) -> None:
        subject = self._origin(item).get(HEADER + "Subject", item.subject)
        try:
            lane, message = self._source.read(subject, item.data)
        except WireError as error:
            lane = "" if self._options.concurrency == 1 else item.subject
            self._lanes.put(lane, (item, error))
        else:
            self._lanes.put(lane, (item, message))

    def _origin(self, item: Item) -> Mapping[str, str]:
        """Return what a redrive says of the message's first way; what senders write there says nothing."""
        return item.headers or {} if item.feed is self._redrives else {}

    async def _serve(self, work: tuple[Item, M | WireError]) -> None:
        item, message = work
        now = self._options.now_us()
        if isinstance(message, WireError):
            why = GiveUp(message.message, type(message).__name__, message.code, message.field)
            await self._bury(item, None, why, attempts=0, first_us=now)
        elif 0 < self._source.deliveries_max < item.deliveries and item.feed is self.feed:
            why = GiveUp(
                f"handed out {item.deliveries - 1} times, and no process came back", "Poison", "gave_up"
            )
            await self._bury(item, message, why, attempts=item.deliveries - 1, first_us=now)
        else:
            await self._try(item, message)
        await item.feed.done(item)

    async def _try(self, item: Item, message: M) -> None:
        """Run the handler until it succeeds or there is no hope."""
        options = self._options
        attempt, first_us = 1 if self._source.deliveries_max else max(1, item.deliveries), 0
        redriven = item.feed is self._redrives
        while True:
            try:
                await self._handler(Delivery(message, attempt, redriven=redriven))
            except Exception as error:  # supervised: recorded below, never dropped
                first_us = first_us or options.now_us()
                verdict = options.retry.judge(error, attempt, options.random())
                if isinstance(verdict, GiveUp):
                    await self._bury(item, message, verdict, attempts=attempt, first_us=first_us)
                    return
                self._log.warning(
                    "handler_failed", id=str(message.id), attempt=attempt, error=type(error).__name__
                )
                await asyncio.sleep(verdict)
                attempt += 1
            else:
                return

    async def _bury(
        self, item: Item, message: M | None, why: GiveUp, *, attempts: int, first_us: int
    ) -> None:
        """Store the item as a dead letter, however long that takes; its lane waits meanwhile."""
        headers, origin = dict(item.headers or {}), self._origin(item)
        letter = DeadLetter(
            consumer=self._source.name,
            position=count_in(origin, HEADER + "Position") or item.sequence,
            subject=origin.get(HEADER + "Subject", item.subject),
            body=item.data,
            reason=why.reason,
            error_class=why.error_class,
            attempts=attempts,
            first_failure_us=first_us,
            last_failure_us=self._options.now_us(),
            headers={k: v for k, v in headers.items() if not k.startswith(("Aicore-", "Nats-"))},
            redrive_of=count_in(origin, REDRIVE_OF),
            code=why.code,
            field=why.field,
            message_id=str(message.id) if message else "",
        )

        def failed(failure: Exception, _: float) -> None:
            self._log.warning("dead_letter_waits", position=letter.position, error=str(failure))

        stored = await until_done(
            lambda: put(self._nc, self._realm, letter), on=AWAY, pause=PUT_RETRY_S, failed=failed
        )
        self._log.error(
            "dead_letter",
            position=letter.position,
            letter=stored,
            error=letter.error_class,
            code=letter.code or None,
        )
