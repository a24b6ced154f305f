"""Gates: what comes from one client's account can be kept out at the server, for a moment and for it alone.

Clients' accounts send to ours by numbered subjects, `{realm}.gate.{number}.cmd.…` (`bus.nats.server_config`).
So a process that one of them floods ends its subscription to that gate: the server then says "no responders"
at once, and nothing of the flood stands before others' messages on the process's connection. Where a process
serves single names, one subscription takes a name from all gates until the first flood of it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

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

PARTING_S = 0.1
"""Between subscribing to each gate and ending what takes from all: what the server has matched to that one
alone is delivered by then. Else its sender, who does nothing wrong, would hear that nobody is there."""

Take = Callable[[Msg], Awaitable[None]]

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Shut:
    """A gate that is kept shut.

    Attributes:
        ways: what is shut there, first of all what answers, last what hears names that nobody answers.
        flooded: bytes of a message of the flood; 0: none came since it was looked for.
    """

    ways: dict["_Way", None] = field(default_factory=dict)
    flooded: int = 0


class Gates:
    """The gates of one connection. ``group``: what waits to open one again runs there; `close` ends that."""

    def __init__(self, nc: Client, realm: str, group: asyncio.TaskGroup) -> None:
        self.nc, self.realm, self._group = nc, realm, group
        self._closing = asyncio.Event()
        self._ways: list[_Way] = []
        self._shut: dict[int, _Shut] = {}
        self._last: dict[int, tuple[float, float]] = {}
        """By gate, when it was opened again last, and how long it had been shut, s."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, subject: str, queue: str, take: Take) -> None:
        """Take by every gate what belongs to ``subject``, ``{realm}.{kind}.…`` within our own account."""
        way = _Way(self.nc, subject, queue, take)
        await way.open()
        self._ways.append(way)

    def shut(self, subject: str, size: int) -> None:
        """Have the gate shut by which a message of ``size`` bytes came; if it came by none, do nothing."""
        gate, inner = gate_of(subject)
        if not 1 <= gate <= GATES or self._closing.is_set():
            return
        shut = self._shut.get(gate)
        if shut is None:
            shut = self._shut[gate] = _Shut()
            task = self._group.create_task(self._keep_shut(gate, shut))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        shut.flooded = size
        shut.ways |= dict.fromkeys(way for way in self._ways if way.brings(inner))

    async def close(self) -> None:
        """Take no more; what came is handed on, if the server is there."""
        self._closing.set()
        await asyncio.gather(*self._tasks)
        if not self.nc.is_closed and not self.nc.is_draining:
            await asyncio.gather(*(way.close() for way in self._ways))
        self._ways.clear()

    async def _keep_shut(self, gate: int, shut: _Shut) -> None:
        """Keep a gate shut until no flood comes when it is tried; if the service ends meanwhile, for good."""
        ways: list[_Way] = []
        try:
            while shut.flooded:
                ways = [*shut.ways]  # more may be flooded meanwhile
                for way in ways:
                    await way.part()
                for way in reversed(ways):  # what hears others' names is silent: nobody is to be left with it
                    await way.end(gate)
                if await self._closes_within(self._time_for(gate)):
                    return
                limit = min(TRIED, max(TRIED_MIN, TRIED_BYTES // shut.flooded))
                shut.flooded = 0
                for way in ways:
                    await way.begin(gate, limit)
                await self._look_for(shut)
            for way in ways:
                await way.open_again(gate)
        except (NatsError, OSError) as error:
            logger.info("gate_not_shut", gate=gate, error=type(error).__name__)
        finally:
            del self._shut[gate]

    async def _look_for(self, shut: _Shut) -> None:
        for _ in range(round(TRY_S / LOOK_S)):
            if shut.flooded or await self._closes_within(LOOK_S):
                return

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


class _Way:
    """Subscriptions to one subject by every gate: one for each; of a single name before a flood, one for all.

    nats-py knows of all of them as long as the service lasts; only the server is told that one is ended. So
    what is on its way is still taken, and a connection that is made anew has every gate open.
    """

    def __init__(self, nc: Client, subject: str, queue: str, take: Take) -> None:
        self._nc, self._subject, self._queue, self._take = nc, subject, queue, take
        self._for_all: Subscription | None = None
        self._by_gate: dict[int, Subscription] = {}
        self._parting = asyncio.Lock()

    async def open(self) -> None:
        if self._subject.endswith(">"):
            await self._subscribe_each()
        else:
            self._for_all = await self._subscribe("*")

    def brings(self, subject: str) -> bool:
        """Say whether a subject, without its gate, is taken here."""
        return subject.startswith(self._subject.rstrip("*>"))

    async def part(self) -> None:
        """Have each gate subscribed to for itself. The one to all came back if the connection was lost."""
        if self._for_all is None:
            return
        async with self._parting:
            if len(self._by_gate) < GATES:
                await self._subscribe_each()
                await self._nc.flush()
                await asyncio.sleep(PARTING_S)
            await self._nc._send_unsubscribe(self._for_all._id)

    async def end(self, gate: int) -> None:
        """Tell the server that nobody takes from a gate."""
        await self._nc._send_unsubscribe(self._by_gate[gate]._id)

    async def begin(self, gate: int, limit: int) -> None:
        """Have the server let so many messages through, and no more."""
        await self._nc._send_subscribe(self._by_gate[gate])
        await self._nc._send_unsubscribe(self._by_gate[gate]._id, limit=limit)

    async def open_again(self, gate: int) -> None:
        """Take all that comes: by another subscription, as the one there is has its limit."""
        before, self._by_gate[gate] = self._by_gate[gate], await self._subscribe(gate)
        await self._end(before)

    async def close(self) -> None:
        """End every subscription."""
        await asyncio.gather(*(self._end(each) for each in (self._for_all, *self._by_gate.values()) if each))

    async def _subscribe_each(self) -> None:
        """Subscribe to each gate: in one group with what there is, so nothing is lost, or comes twice."""
        for gate in range(1, GATES + 1):
            if gate not in self._by_gate:
                self._by_gate[gate] = await self._subscribe(gate)

    async def _subscribe(self, gate: int | str) -> Subscription:
        subject = gate_subject(self._subject, gate)
        return await self._nc.subscribe(subject, queue=self._queue, cb=self._take)

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
