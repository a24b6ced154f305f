"""A durable consumer of a realm's events: at least once, in order per stream, side by side across streams.

A failing event holds back its own stream only; it is tried again after growing, jittered pauses and at last
put into the dead-letter stream with its reason. Redriven letters come back to this consumer alone, through
the same lanes. Within a consumer's life each position reaches the handler once (apart from retries); over a
restart unfinished events come again, so handlers derive ids from what they handle (`bus.ids.derived_id`).

Limits: one process per consumer name. The count of attempts is of this life.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from nats.aio.client import Client

from bus.nats.api import JetStreamError, JetStreamUnavailable
from bus.nats.dead_letters import HEADER, REDRIVE_OF, DeadLetter, put, redrives_subject
from bus.nats.feed import Feed, FeedConfig, Item, ReadOld
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


class Delivery:
    """One event on its way to the handler."""

    __slots__ = ("attempt", "envelope", "redriven")

    def __init__(self, envelope: Envelope, attempt: int, *, redriven: bool) -> None:
        """``attempt`` counts from 1; ``redriven``: an operator gave it back from the dead letters."""
        self.envelope = envelope
        self.attempt = attempt
        self.redriven = redriven


Handler = Callable[[Delivery], Awaitable[None]]


async def _from_the_beginning() -> int:
    return 0


@dataclass(frozen=True, slots=True)
class ConsumeOptions:
    """How to consume.

    Attributes:
        random: in [0, 1), for the jitter.  now_us: the wall clock, for dead letters.
        subjects: filters; empty means all of the realm's events.
        in_flight_max: events asked for, held or handled at once.
        concurrency: handlers at once, each on another stream; 1 keeps the order of the whole log.
        floor: where to begin when the server knows no such consumer (relay: `consumer_floor`).
        read_old: reads events that the stream no longer holds (`bus.nats.wire.log_reader`).
    """

    random: Callable[[], float]
    now_us: Callable[[], int]
    subjects: tuple[str, ...] = ()
    in_flight_max: int = 256
    concurrency: int = 16
    ack_wait_s: float = 30.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    floor: Callable[[], Awaitable[int]] = _from_the_beginning
    read_old: ReadOld | None = None


async def consume(nc: Client, realm: str, name: str, handler: Handler, options: ConsumeOptions) -> None:
    """Hand events to ``handler`` until cancelled; survives every loss of server, stream and consumer.

    Raises:
        BehindCache: events were dropped from the stream before this consumer saw them, and ``read_old`` is
            not given.
    """
    await Consumer(nc, realm, name, handler, options).run()


class Consumer:
    """One running `consume`, for those who want to look at it."""

    def __init__(self, nc: Client, realm: str, name: str, handler: Handler, options: ConsumeOptions) -> None:
        """Prepare; `run` does the work."""
        self._nc = nc
        self._realm = realm
        self._name = name
        self._handler = handler
        self._options = options
        self._one = options.concurrency == 1  # then one lane, hence the order of the whole log
        self._lanes: Lanes[tuple[Item, Envelope | WireError]] = Lanes(
            self._serve, concurrency=options.concurrency
        )
        self.feed = Feed(
            nc,
            FeedConfig(
                stream=events_stream(realm),
                durable=name,
                subjects=options.subjects or (f"{realm}.evt.>",),
                in_flight_max=options.in_flight_max,
                ack_wait_s=options.ack_wait_s,
            ),
            self._take,
            first_floor=options.floor,
            read_old=options.read_old,
        )
        self._redrives = Feed(
            nc,
            FeedConfig(
                stream=dead_letters_stream(realm),
                durable=name,
                subjects=(redrives_subject(realm, name),),
                in_flight_max=REDRIVES_IN_FLIGHT_MAX,
                ack_wait_s=options.ack_wait_s,
                restarts=True,
            ),
            self._take,
            first_floor=_from_the_beginning,
        )
        self._log = logger.bind(realm=realm, consumer=name)

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
        try:
            envelope = decode_envelope(item.data)
        except WireError as error:
            self._lanes.put("" if self._one else item.subject, (item, error))
        else:
            self._lanes.put("" if self._one else envelope.stream, (item, envelope))

    async def _serve(self, work: tuple[Item, Envelope | WireError]) -> None:
        item, envelope = work
        if isinstance(envelope, WireError):
            now = self._options.now_us()
            await self._bury(item, envelope, attempts=0, first_us=now)
        else:
            await self._try(item, envelope)
        await item.feed.done(item)

    async def _try(self, item: Item, envelope: Envelope) -> None:
        """Run the handler until it succeeds or its attempts are used up."""
        retry = self._options.retry
        attempt, first_us = max(1, item.deliveries), 0
        redriven = item.feed is self._redrives
        while True:
            try:
                await self._handler(Delivery(envelope, attempt, redriven=redriven))
            except Exception as error:  # supervised: recorded below, never dropped
                first_us = first_us or self._options.now_us()
                if attempt >= retry.attempts_max:
                    await self._bury(item, error, attempts=attempt, first_us=first_us)
                    return
                self._log.warning(
                    "handler_failed", position=envelope.position, attempt=attempt, error=type(error).__name__
                )
                await asyncio.sleep(retry.pause_s(attempt, self._options.random()))
                attempt += 1
            else:
                return

    async def _bury(self, item: Item, error: Exception, *, attempts: int, first_us: int) -> None:
        """Store the item as a dead letter, however long that takes; its stream waits meanwhile."""
        headers = dict(item.headers or {})
        letter = DeadLetter(
            consumer=self._name,
            position=int(headers.get(HEADER + "Position", item.sequence)),
            subject=headers.get(HEADER + "Subject", item.subject),
            body=item.data,
            reason=str(error) or type(error).__name__,
            error_class=type(error).__name__,
            attempts=attempts,
            first_failure_us=first_us,
            last_failure_us=self._options.now_us(),
            headers={k: v for k, v in headers.items() if not k.startswith(("Aicore-", "Nats-"))},
            redrive_of=int(headers.get(REDRIVE_OF, 0)),
        )

        def failed(failure: Exception, _: float) -> None:
            self._log.warning("dead_letter_waits", position=letter.position, error=str(failure))

        number = await until_done(
            lambda: put(self._nc, self._realm, letter), on=AWAY, pause=PUT_RETRY_S, failed=failed
        )
        self._log.error("dead_letter", position=letter.position, letter=number, error=letter.error_class)
