"""Pipelined publishing whose every message names its own sequence; the first refusal ends it.

nats-py's `publish_async` makes a future, a token and a timer per message. Here acknowledgements arrive on one
subject and must come in sequence, so a counter replaces all of it. A publisher serves one pass: after any
doubt the owner throws it away, looks at the stream, and begins again with a new one (and a new reply subject,
so that late acknowledgements of the old one are never mistaken).
"""

import asyncio
from collections import deque
from typing import Self

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from bus.nats.connection import reconnects

ACK_TIMEOUT_S = 5.0
"""A message unacknowledged for this long: the server is gone or the message lost."""

IN_FLIGHT_MAX = 4_096
IN_FLIGHT_BYTES_MAX = 4 * 1024 * 1024
"""Bounds of what is sent and unacknowledged: memory here, and JetStream's own intake of 10,000 messages."""

TICK_S = 0.25


class Resync(Exception):
    """The stream's content is in doubt: compare, then publish from its end. Not an error by itself."""


class Publisher:
    """Publishes positions ``after`` + 1, + 2, … Use as an async context manager."""

    def __init__(self, nc: Client, after: int) -> None:
        """Prepare to publish what follows position ``after``, the stream's last sequence."""
        self._nc = nc
        self._epoch = reconnects(nc)
        self._reply = nc.new_inbox()
        self._refused = ""
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self._moved = asyncio.Event()
        self._clock = asyncio.get_running_loop().time
        self._moved_at = self._clock()
        self.after = after
        self.sent = after
        self.acked = after

    @property
    def stores_nothing(self) -> bool:
        """Whether the server refused the very first message of this pass."""
        return bool(self._refused) and self.acked == self.after

    async def __aenter__(self) -> Self:
        """Begin to listen for acknowledgements."""
        self._subscription = await self._nc.subscribe(self._reply, cb=self._on_ack)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening; what is unacknowledged stays in doubt."""
        if not self._nc.is_closed and not self._nc.is_draining:
            await self._subscription.unsubscribe()

    async def publish(self, subject: str, event_id: str, body: bytes) -> None:
        """Send the next position, waiting while too much is under way.

        Raises:
            Resync: something was refused, lost or late.
        """
        if self.sent - self.acked >= IN_FLIGHT_MAX or self._bytes >= IN_FLIGHT_BYTES_MAX:
            await self._wait_for_room()
        elif self.sent == self.acked:
            self._moved_at = self._clock()
        headers = {"Nats-Msg-Id": event_id, "Nats-Expected-Last-Sequence": str(self.sent)}
        try:
            await self._nc.publish(subject, body, self._reply, headers)
        except NatsError as error:
            raise Resync(f"publishing failed: {type(error).__name__}") from error
        self.sent += 1
        size = len(body)
        self._sizes.append(size)
        self._bytes += size

    def check(self) -> None:
        """Raise `Resync` if anything sent is refused, lost or late."""
        if self._refused:
            raise Resync(self._refused)
        if reconnects(self._nc) != self._epoch:
            raise Resync("the connection was lost and made again")
        if self.sent > self.acked and self._clock() - self._moved_at > ACK_TIMEOUT_S:
            raise Resync(f"no acknowledgement after position {self.acked} for {ACK_TIMEOUT_S:g} s")

    async def drain(self) -> None:
        """Wait until everything sent is acknowledged; raises `Resync` like `check`."""
        while self.acked < self.sent:
            await self._wait_for_progress()
        self.check()

    async def _wait_for_room(self) -> None:
        while self.sent - self.acked > IN_FLIGHT_MAX // 2 or self._bytes > IN_FLIGHT_BYTES_MAX // 2:
            await self._wait_for_progress()

    async def _wait_for_progress(self) -> None:
        self.check()
        self._moved.clear()
        try:
            async with asyncio.timeout(TICK_S):
                await self._moved.wait()
        except TimeoutError:
            self.check()

    async def _on_ack(self, msg: Msg) -> None:
        self._moved.set()
        if not msg.data:
            self._refused = f"no stream takes the subject ({(msg.headers or {}).get('Status', '')})"
            return
        ack = orjson.loads(msg.data)
        if ack.get("seq") == self.acked + 1 and "error" not in ack:
            self.acked += 1
            self._bytes -= self._sizes.popleft()
            self._moved_at = self._clock()
        elif not self._refused:
            error = ack.get("error") or {}
            self._refused = (
                f"position {self.acked + 1} was refused: {error.get('err_code', '')} "
                f"{error.get('description') or 'stored elsewhere'}"
            )
