"""Gates: what comes from one client's account can be kept out at the server, for a moment and for it alone.

Clients' accounts send to ours by numbered subjects, `{realm}.gate.{number}.cmd.…` (`bus.nats.server_config`).
So a process that one of them floods ends its subscriptions to that gate: the server then says "no responders"
at once, and nothing of the flood stands before others' messages on the process's connection. Before that,
and when a gate is open again, a window bounds what is on its way (`bus.nats.windows`). Where a process serves
single names, one subscription takes a name from all gates until the first flood of it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from bus.nats.connection import reconnects
from bus.nats.ways import Take, Way, WindowedWay
from bus.nats.windows import Window
from protocol.subjects import GATES, gate_of

SHUT_S, SHUT_S_MAX = 0.25, 2.0
"""A gate is shut for so long at first, and each time that it is flooded again at once for twice as long."""

AT_ONCE_S = 1.0

TRY_S, LOOK_S = 0.5, 0.05
"""For so long, s, it is looked whether they are a flood again, so often."""

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Shut:
    """A gate that is kept shut.

    Attributes:
        ways: what is shut there, first of all what answers, last what hears names that nobody answers.
        flooded: bytes of a message of the flood; 0: none came since it was looked for.
    """

    ways: dict[Way, None] = field(default_factory=dict)
    flooded: int = 0


class Gates:
    """The gates of one connection.

    ``group``: what waits to open one again runs there; `close` ends that. ``window``: makes what bounds the
    messages on their way by one gate; None where other processes answer, too: who hears names that nobody
    serves would hear what others have no room for, and keep silent.
    """

    def __init__(
        self, nc: Client, realm: str, group: asyncio.TaskGroup, window: Callable[[], Window] | None = None
    ) -> None:
        self.nc, self.realm, self._group, self._window = nc, realm, group, window
        self._closing = asyncio.Event()
        self._ways: list[Way] = []
        self._windowed: list[WindowedWay] = []
        self._connection = reconnects(nc)
        self._shut: dict[int, _Shut] = {}
        self._last: dict[int, tuple[float, float]] = {}
        """By gate, when it was opened again last, and how long it had been shut, s."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._tended: set[tuple[WindowedWay, int]] = set()

    async def open(self, subject: str, queue: str, take: Take) -> None:
        """Take by every gate what belongs to ``subject``, ``{realm}.{kind}.…`` within our own account."""
        way: Way
        if self._window is None:
            way = Way(self.nc, subject, queue, take)
        else:
            way = WindowedWay(self.nc, subject, queue, take, self._window, self._group)
            self._windowed.append(way)
        self._ways.append(way)
        await way.open()

    def came(self, subscription: bytes, size: int) -> None:
        """Count a message of ``size`` bytes that came by a subscription, as the server writes that."""
        if self._connection != reconnects(self.nc):
            self._connection = reconnects(self.nc)
            self._run(self._renew())
        for way in self._windowed:
            if (gate := way.came(subscription, size)) and (way, gate) not in self._tended:
                self._tended.add((way, gate))
                self._run(self._tend(way, gate))

    def shut(self, subject: str, size: int) -> None:
        """Have the gate shut by which a message of ``size`` bytes came; if it came by none, do nothing."""
        gate, inner = gate_of(subject)
        if not 1 <= gate <= GATES or self._closing.is_set():
            return
        shut = self._shut.get(gate)
        if shut is None:
            shut = self._shut[gate] = _Shut()
            self._run(self._keep_shut(gate, shut))
        shut.flooded = size
        shut.ways |= dict.fromkeys(way for way in self._ways if way.brings(inner))

    async def close(self) -> None:
        """Take no more; what came is handed on, if the server is there."""
        self._closing.set()
        await asyncio.gather(*self._tasks)
        await asyncio.gather(*(way.close() for way in self._ways))
        self._ways.clear()
        self._windowed.clear()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tend(self, way: WindowedWay, gate: int) -> None:
        self._tended.discard((way, gate))
        try:
            await way.tend(gate)
        except (NatsError, OSError) as error:
            logger.info("gate_not_tended", gate=gate, error=type(error).__name__)

    async def _renew(self) -> None:
        try:
            for way in self._windowed:
                await way.renew()
        except (NatsError, OSError) as error:
            logger.info("gates_not_renewed", error=type(error).__name__)

    async def _keep_shut(self, gate: int, shut: _Shut) -> None:
        """Keep a gate shut until no flood comes when it is tried; if the service ends meanwhile, for good."""
        ways: list[Way] = []
        try:
            while shut.flooded:
                ways = [*shut.ways]  # more may be flooded meanwhile
                for way in ways:
                    await way.part()
                for way in reversed(ways):  # what hears others' names is silent: nobody is to be left with it
                    await way.end(gate)
                if await self._closes_within(self._time_for(gate)):
                    return
                size, shut.flooded = shut.flooded, 0
                for way in ways:
                    await way.begin(gate, size)
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
