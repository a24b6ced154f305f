"""A work queue on JetStream: `JOBS_{realm}`, of which each message goes to one worker and is then gone.

Every message waits for its own acknowledgement; one that nothing is heard of for `ACK_WAIT_S` is handed out
again. How often, whoever works decides by `WorkItem.attempt`.
"""

from contextlib import suppress
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from bus.nats.api import JetStreamError, JetStreamUnavailable, Missing, js_request
from bus.nats.topology import DEDUPLICATION_S, SECOND_NS
from bus.ports import QueueUnavailable, WorkItem
from protocol.subjects import job_subject

ACK_WAIT_S = 10.0
CONSUMER = "workers"

AWAY = (NatsError, JetStreamUnavailable, JetStreamError, OSError)


@dataclass(frozen=True, slots=True)
class _Taken:
    message: Msg

    @property
    def data(self) -> bytes:
        return self.message.data

    @property
    def attempt(self) -> int:
        return int(self.message.metadata.num_delivered or 1)

    async def done(self) -> None:
        await _calling(self.message.ack_sync())

    async def later(self, delay_s: float) -> None:
        await _calling(self.message.nak(delay=delay_s))

    async def working(self) -> None:
        await _calling(self.message.in_progress())


class NatsWorkQueue:
    """The queue of one realm; any number of processes may take from it."""

    def __init__(self, nc: Client, realm: str) -> None:
        """Prepare; `ensure` makes the queue."""
        self._nc = nc
        self._realm = realm
        self._stream = f"JOBS_{realm}"
        self._subscription: JetStreamContext.PullSubscription | None = None

    async def ensure(self) -> bool:
        """Make the stream and its consumer if they are missing; see the port."""
        try:
            made = await self._ensure_stream()
            if made or self._subscription is None:
                context = self._nc.jetstream()
                options = ConsumerConfig(
                    ack_policy=AckPolicy.EXPLICIT,
                    ack_wait=ACK_WAIT_S,
                    max_deliver=-1,
                    max_ack_pending=1_024,
                )
                await self.close()
                self._subscription = await context.pull_subscribe(
                    job_subject(self._realm, ">"), durable=CONSUMER, stream=self._stream, config=options
                )
        except AWAY as error:
            raise QueueUnavailable(f"the work queue: {error!r}") from error
        return made

    async def _ensure_stream(self) -> bool:
        try:
            await js_request(self._nc, f"STREAM.INFO.{self._stream}")
        except Missing:
            config = {
                "name": self._stream,
                "description": f"work of realm {self._realm} that nobody waits for; made anew from the log",
                "subjects": [job_subject(self._realm, ">")],
                "retention": "workqueue",
                "storage": "file",
                "duplicate_window": DEDUPLICATION_S * SECOND_NS,
            }
            try:
                await js_request(self._nc, f"STREAM.CREATE.{self._stream}", config)
            except JetStreamError as error:
                if "already in use" not in error.description:
                    raise
                return False
            return True
        return False

    async def put(self, key: str, data: bytes) -> None:
        """Put work; see the port."""
        context = self._nc.jetstream()
        subject = job_subject(self._realm, key.partition(":")[0])
        await _calling(context.publish(subject, data, headers={"Nats-Msg-Id": key}, stream=self._stream))

    async def take(self, wait_s: float) -> WorkItem | None:
        """Return some work; see the port."""
        if self._subscription is None:
            raise QueueUnavailable("the work queue is not there yet")
        try:
            [message] = await self._subscription.fetch(1, timeout=wait_s)
        except (NatsTimeoutError, TimeoutError):
            return None
        except NotFoundError as error:
            self._subscription = None
            raise QueueUnavailable("the work queue is gone") from error
        except AWAY as error:
            raise QueueUnavailable(f"the work queue: {error!r}") from error
        return _Taken(message)

    async def close(self) -> None:
        """Take nothing more. nats-py does not count all that it took here, so a drain would wait in vain."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with suppress(*AWAY):
                await subscription.unsubscribe()

    async def emptied_after(self) -> int | None:
        """Return how much was put into an empty queue; see the port."""
        try:
            info = await js_request(self._nc, f"STREAM.INFO.{self._stream}")
        except AWAY as error:
            raise QueueUnavailable(f"the work queue: {error!r}") from error
        return None if info["state"]["messages"] else int(info["state"]["last_seq"])


async def _calling(call: object) -> None:
    try:
        await call  # type: ignore[misc]  # a coroutine of nats-py, which ships no types
    except AWAY as error:
        raise QueueUnavailable(f"the work queue: {error!r}") from error
