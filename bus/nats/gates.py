"""Gates: what comes from one client's account can be kept out at the server, for a moment and for it alone.

Clients' accounts send to ours by numbered subjects, `{realm}.gate.{number}.cmd.…` (`bus.nats.server_config`).
So a process that one of them floods ends its subscription to that gate: the server then says "no responders"
at once, and nothing of the flood stands before others' messages on the process's connection. Until the first
flood a gate costs nothing: one subscription takes all of them.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from protocol.subjects import GATES, gate_of, gate_subject

SHUT_S, SHUT_S_MAX = 0.25, 2.0
"""A gate is shut for so long at first, and each time that it is flooded again at once for twice as long."""

AT_ONCE_S = 1.0

TRIED, TRIED_MIN, TRIED_BYTES = 512, 16, 4 * 2**20
"""Before a gate is open again the server lets so many messages through, fewer if they are large, so that they
have not many more bytes than that."""

TRY_S, LOOK_S = 0.5, 0.05
"""For so long, s, it is looked whether they are a flood again, so often."""

Take = Callable[[Msg], Awaitable[None]]

logger = structlog.get_logger(__name__)


class Gates:
    """The gates of one connection. ``group``: what waits to open one again runs there; `close` ends that."""

    def __init__(self, nc: Client, realm: str, group: asyncio.TaskGroup) -> None:
        self.nc, self.realm, self._group = nc, realm, group
        self._closing = asyncio.Event()
        self._ways: list[_Way] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, subject: str, queue: str, take: Take) -> None:
        """Take by every gate what belongs to ``subject``, ``{realm}.{kind}.…`` within our own account."""
        way = _Way(self.nc, subject, queue, take, self._closing)
        await way.open()
        self._ways.append(way)

    def shut(self, subject: str, size: int) -> None:
        """Have the gate shut by which a message of ``size`` bytes came; if it came by none, do nothing."""
        gate, inner = gate_of(subject)
        for way in self._ways if gate and not self._closing.is_set() else ():
            if way.brings(inner) and way.begins_to_shut(gate, size):
                task = self._group.create_task(way.shut(gate))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Take no more; what came is handed on, if the server is there."""
        self._closing.set()
        await asyncio.gather(*self._tasks)
        if not self.nc.is_closed and not self.nc.is_draining:
            await asyncio.gather(*(way.close() for way in self._ways))
        self._ways.clear()


class _Way:
    """Subscriptions to one subject by every gate: one for all, or, after a flood, one for each.

    nats-py knows of all of them as long as the service lasts; only the server is told that one is ended. So
    what is on its way is still taken, and a connection that is made anew has every gate open.
    """

    def __init__(self, nc: Client, subject: str, queue: str, take: Take, closing: asyncio.Event) -> None:
        self._nc, self._subject, self._queue, self._take = nc, subject, queue, take
        self._closing = closing
        self._for_all: Subscription | None = None
        self._by_gate: dict[int, Subscription] = {}
        self._shut: set[int] = set()
        self._flooded: dict[int, int] = {}
        """Gates that were flooded when they were last open, or tried, and the bytes of a message of it."""
        self._last: dict[int, tuple[float, float]] = {}
        """By gate, when it was opened again last, and how long it had been shut, s."""

    async def open(self) -> None:
        self._for_all = await self._subscribe("*")

    def brings(self, subject: str) -> bool:
        """Say whether a subject, without its gate, is taken here."""
        return subject.startswith(self._subject.rstrip("*>"))

    def begins_to_shut(self, gate: int, size: int) -> bool:
        """Note that a gate is flooded; say whether it was open, so that it is to be shut."""
        self._flooded[gate] = size
        if gate in self._shut:
            return False
        self._shut.add(gate)
        return True

    async def shut(self, gate: int) -> None:
        """Keep a gate shut until no flood comes when it is tried; if the service ends meanwhile, for good."""
        try:
            for each in range(1, GATES + 1):  # one queue group: nothing is lost, or comes twice
                if each not in self._by_gate:
                    self._by_gate[each] = await self._subscribe(each)
            assert self._for_all is not None, "it was opened"
            await self._nc._send_unsubscribe(self._for_all._id)
            while gate in self._flooded:
                await self._nc._send_unsubscribe(self._by_gate[gate]._id)
                if await self._closes_within(self._time_for(gate)):
                    return
                await self._try(gate)
            before, self._by_gate[gate] = self._by_gate[gate], await self._subscribe(gate)
        except NatsError as error:
            logger.info("gate_not_opened", gate=gate, error=type(error).__name__)
            return
        finally:
            self._shut.discard(gate)
        await self._end(before)

    async def _try(self, gate: int) -> None:
        """Have the server let a few messages through; the gate is in `_flooded` if they were a flood."""
        limit = min(TRIED, max(TRIED_MIN, TRIED_BYTES // self._flooded.pop(gate)))
        await self._nc._send_subscribe(self._by_gate[gate])
        await self._nc._send_unsubscribe(self._by_gate[gate]._id, limit=limit)
        for _ in range(round(TRY_S / LOOK_S)):
            if gate in self._flooded or await self._closes_within(LOOK_S):
                return

    async def _end(self, subscription: Subscription) -> None:
        """End a subscription after what is on its way; while the server is away nothing is."""
        try:
            if self._nc.is_connected:
                await subscription.drain()  # type: ignore[no-untyped-call]
            else:
                await subscription.unsubscribe()
        except (NatsError, OSError):  # lost in the middle: it came back with the connection
            self._nc._remove_sub(subscription._id)
            subscription._stop_processing()
            if self._nc.is_connected:
                await self._nc._send_unsubscribe(subscription._id)

    async def close(self) -> None:
        """End every subscription."""
        await asyncio.gather(*(self._end(each) for each in (self._for_all, *self._by_gate.values()) if each))

    async def _closes_within(self, time_s: float) -> bool:
        try:
            async with asyncio.timeout(time_s):
                return await self._closing.wait()
        except TimeoutError:
            return False

    def _time_for(self, gate: int) -> float:
        """Return how long a gate is shut now, s, and note it."""
        now = asyncio.get_running_loop().time()
        opened, before_s = self._last.get(gate, (-AT_ONCE_S, 0.0))
        time_s = min(SHUT_S_MAX, 2 * before_s) if now - opened < AT_ONCE_S else SHUT_S
        self._last[gate] = now + time_s, time_s
        return time_s

    async def _subscribe(self, gate: int | str) -> Subscription:
        subject = gate_subject(self._subject, gate)
        return await self._nc.subscribe(subject, queue=self._queue, cb=self._take)
