"""A feed on a work queue: a message is the only copy, and goes when it is acknowledged.

Whenever something may have been lost, and when another process takes over, the server's consumer is made
anew: then everything that is unfinished comes again in its order, at once. (Left alone, the server hands out
again in the order in which its patience ends.) `done` returns when the server has confirmed, so that what
comes next in a lane cannot begin before.

Making it anew loses the server's count of deliveries, which tells poison; so the consumer's metadata keep
which message was the first of the queue, and over how many lives it has been that. What a dead process left
under way is handed out one at a time: what ends this process, too, is then the first of the queue when the
next one comes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError

from bus.nats.api import JetStreamError, JetStreamUnavailable, Missing, js_request, request
from bus.nats.feed import ATTACH_RETRY_S, Feed, FeedConfig, Item
from bus.nats.topology import SECOND_NS, describe

ACK_TIMEOUT_S = 2.0
SURVIVED_S = 5.0
"""A holder that lived for so long with a message was not ended by it."""

FIRST, LIVES = "aicore_first", "aicore_lives"
"""Keys of the consumer's metadata: the first message of the queue, and over how many lives it was that."""


async def _anywhere() -> int:
    return 0


class QueueFeed(Feed):
    """A pull loop on the one consumer of a work queue. One process at a time, for the sake of order."""

    def __init__(
        self,
        nc: Client,
        config: FeedConfig,
        deliver: Callable[[Item], None],
        *,
        ensure: Callable[[], Awaitable[None]],
    ) -> None:
        """Prepare; ``ensure`` makes the stream if it is missing."""
        super().__init__(nc, config, deliver, first_floor=_anywhere)
        self._ensure = ensure
        self._first = self._lives = 0
        self._alone_upto = 0
        """Up to this message one is asked for at a time."""

    async def done(self, item: Item) -> None:
        """Return once the server knows that the item is finished, however long that takes."""
        while self._held.get(item.sequence) is item:
            if not await self._confirmed(item):
                await asyncio.sleep(ATTACH_RETRY_S)
        self._wake.set()

    async def _confirmed(self, item: Item) -> bool:
        """Acknowledge once; return whether the server has answered for the consumer that there is now."""
        reply = item.reply
        if not reply:  # not handed out by this consumer yet
            return False
        try:
            await request(self._nc, reply, b"", timeout_s=ACK_TIMEOUT_S)
        except (NatsError, OSError):
            return False
        if self._held.get(item.sequence) is not item or item.reply != reply:
            return False
        del self._held[item.sequence]
        return True

    async def _place_consumer(self) -> None:
        """Make the stream if it is missing, and the consumer anew."""
        name = f"{self._config.stream}.{self._config.durable}"
        await self._ensure()
        state = await describe(self._nc, self._config.stream)
        begins, remade = not self._made, self._made not in ("", state.made)
        self._made = state.made
        for item in self._held.values():
            item.reply = ""
        if remade:
            self._held.clear()  # the numbers are another stream's now
        info: dict[str, Any] = {}
        with suppress(Missing):
            info = await js_request(self._nc, f"CONSUMER.INFO.{name}")
        if begins:
            self._count_lives(state.first, info)
        if info:
            await js_request(self._nc, f"CONSUMER.DELETE.{name}")
        await self._write_consumer("create")

    def _count_lives(self, first: int, info: dict[str, Any]) -> None:
        """See what another process left under way, and how often the first of it was left."""
        self._first, self._lives, self._alone_upto = first, 1, 0
        if info and int(info["num_ack_pending"]):
            self._alone_upto = int(info["delivered"]["stream_seq"])
            known = info["config"].get("metadata") or {}
            if known.get(FIRST) == str(first):
                self._lives += int(known.get(LIVES, 0))

    async def _write_consumer(self, action: str) -> None:
        stream, durable = self._config.stream, self._config.durable
        config = {
            "durable_name": durable,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": int(self._config.ack_wait_s * SECOND_NS),
            "max_deliver": -1,
            "max_ack_pending": self._config.in_flight_max,
            "replay_policy": "instant",
            "metadata": {FIRST: str(self._first), LIVES: str(self._lives)},
        }
        body = {"stream_name": stream, "config": config, "action": action}
        await js_request(self._nc, f"CONSUMER.DURABLE.CREATE.{stream}.{durable}", body)

    async def _ask(self) -> None:
        if not self._alone_upto:
            await super()._ask()
        elif not self._asked and not any(self._on_trial(item) for item in self._held.values()):
            await self._pull(1)

    def _on_trial(self, item: Item) -> bool:
        return self._clock() - item.taken_at < SURVIVED_S

    async def _look_around(self) -> None:
        await super()._look_around()
        first = self._held.get(self._first)
        if self._lives and first is not None and not self._on_trial(first):
            self._lives = 0
            with suppress(JetStreamUnavailable, JetStreamError, NatsError):
                await self._write_consumer("update")

    def _accept(self, item: Item) -> None:
        # The server's own count is of this consumer, which is younger than the message.
        item.deliveries = max(1, self._lives) if item.sequence == self._first else 1
        if item.sequence >= self._alone_upto:
            self._alone_upto = 0
        super()._accept(item)

    def _finished(self, number: int) -> bool:
        del number  # what is finished is gone from the stream, because `done` waits
        return False

    def _note_jump(self, number: int, now: float) -> None:
        del number, now  # holes are what a work queue consists of
