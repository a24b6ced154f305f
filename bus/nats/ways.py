"""Ways: subscriptions to one subject by every gate, so that one gate of it can be shut; see `bus.nats.gates`.

nats-py may ask the server to end a subscription after a number of messages; but then it stops handing over
what came, in the middle (2.16: a method that is not called). So it knows of no number here, only the server
does, and lets go of what has ended there after all that came of it.
"""

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.protocol.command import sub_cmd, unsub_cmd

from bus.nats.connection import reconnects
from bus.nats.windows import Grant, Window
from protocol.subjects import GATES, gate_subject

TRIED, TRIED_BYTES = 64, 2**20
"""While it is looked whether a flood goes on, the window is for so many messages and bytes."""

LIMIT, LIMIT_MIN, LIMIT_BYTES = 512, 16, 4 * 2**20
"""Without a window so many messages are let through then, fewer if they are large."""

PARTING_S = 0.1
"""Between subscribing to each gate and ending what takes from all: what the server has matched to that one
alone is delivered by then. Else its sender, who does nothing wrong, would hear that nobody is there."""

Take = Callable[[Msg], Awaitable[None]]


class Way:
    """Subscriptions without a window: to each gate; of a single name before a flood, one to all.

    nats-py knows of all of them as long as the service lasts; only the server is told that one is ended. So
    what is on its way is still taken, and a connection that is made anew has every gate open.
    """

    def __init__(self, nc: Client, subject: str, queue: str, take: Take) -> None:
        self.nc, self._subject, self._queue, self._take = nc, subject, queue, take
        self._for_all: Subscription | None = None
        self._by_gate: dict[int, Subscription] = {}
        self._parting = asyncio.Lock()

    async def open(self) -> None:
        """Take from every gate."""
        if self._subject.endswith(">"):
            await self._subscribe_each()
        else:
            self._for_all = await self.subscribe("*")

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
                await self.nc.flush()
                await asyncio.sleep(PARTING_S)
            await self.nc._send_unsubscribe(self._for_all._id)

    async def end(self, gate: int) -> None:
        """Tell the server that nobody takes from a gate."""
        await self.nc._send_unsubscribe(self._by_gate[gate]._id)

    async def begin(self, gate: int, size: int) -> None:
        """Have the server let some messages through, of about ``size`` bytes, and no more."""
        limit = min(LIMIT, max(LIMIT_MIN, LIMIT_BYTES // size))
        await self.nc._send_subscribe(self._by_gate[gate])
        await self.nc._send_unsubscribe(self._by_gate[gate]._id, limit=limit)

    async def open_again(self, gate: int) -> None:
        """Take all that comes: by another subscription, as the one there is has its limit."""
        before, self._by_gate[gate] = self._by_gate[gate], await self.subscribe(gate)
        await _end(self.nc, before)

    async def close(self) -> None:
        """End every subscription."""
        if self.nc.is_closed or self.nc.is_draining:
            return
        ours = [each for each in (self._for_all, *self._by_gate.values()) if each]
        await asyncio.gather(*(_end(self.nc, each) for each in ours))

    async def _subscribe_each(self) -> None:
        """Subscribe to each gate: in one group with what there is, so nothing is lost, or comes twice."""
        for gate in range(1, GATES + 1):
            if gate not in self._by_gate:
                self._by_gate[gate] = await self.subscribe(gate)

    async def subscribe(self, gate: int | str) -> Subscription:
        """Subscribe to a gate, or to all (``*``)."""
        subject = gate_subject(self._subject, gate)
        return await self.nc.subscribe(subject, queue=self._queue, cb=self._take)


@dataclass(slots=True, eq=False)
class _Gate:
    """One gate of a windowed way; all its grants bring to one subscription of nats-py's, in their order."""

    window: Window
    subscription: Subscription
    shut: bool = False


class WindowedWay(Way):
    """Subscriptions that the server ends itself, each after as many messages as a window has room for.

    After a lost connection nats-py makes them again without their numbers, until `renew`.
    """

    def __init__(  # noqa: PLR0913 - what a way has, and its windows
        self,
        nc: Client,
        subject: str,
        queue: str,
        take: Take,
        window: Callable[[], Window],
        group: asyncio.TaskGroup,
    ) -> None:
        super().__init__(nc, subject, queue, take)
        self._window, self._group = window, group
        self._gates: dict[int, _Gate] = {}
        self._granted: dict[bytes, tuple[int, Grant]] = {}
        """By subscription, as the server writes it, its gate and its grant."""
        self._changing = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()

    def came(self, subscription: bytes, size: int) -> int:
        """Count a message; return the gate that has to be tended, or 0."""
        found = self._granted.get(subscription)
        if found is None:
            return 0
        gate, grant = found
        return gate if self._gates[gate].window.came(grant, size) else 0

    async def open(self) -> None:
        """Take from every gate."""
        for gate in range(1, GATES + 1):
            subject = gate_subject(self._subject, gate)
            subscription = Subscription(self.nc, 0, subject, queue=self._queue, cb=self._take)
            subscription._start(self.nc._error_cb)  # type: ignore[no-untyped-call]
            self._gates[gate] = _Gate(self._window(), subscription)
            await self.tend(gate)

    async def tend(self, gate: int) -> None:
        """Tell the server what may come by a gate now, and let go of what has come."""
        async with self._changing:
            at = self._gates[gate]
            if at.shut:
                return
            for grant in at.window.cut():
                await self.nc._send_unsubscribe(grant.id, limit=grant.number)
            if (more := at.window.more()) is not None:
                await self._grant(gate, more)
            self._let_go(at.window.spent())

    async def renew(self) -> None:
        """Replace all grants: the connection is another one, which has them without their numbers."""
        for gate, at in self._gates.items():
            async with self._changing:
                before = at.window.end()
            await self.tend(gate)
            self._let_go(before)

    async def end(self, gate: int) -> None:
        """Tell the server that nobody takes from a gate; what is on its way is still taken."""
        async with self._changing:
            at = self._gates[gate]
            at.shut = True
            self._let_go(at.window.end())

    async def begin(self, gate: int, size: int) -> None:
        """Take from a gate again, by a small window, for messages of about ``size`` bytes."""
        at = self._gates[gate]
        at.window, at.shut = Window(TRIED, TRIED_BYTES, size), False
        await self.tend(gate)

    async def open_again(self, gate: int) -> None:
        """Have a window of full size from now on."""
        window, full = self._gates[gate].window, self._window()
        window.most, window.bytes_most = full.most, full.bytes_most
        await self.tend(gate)

    async def close(self) -> None:
        """End every subscription after what is on its way; on a connection that ends, just take that."""
        if not self.nc.is_closed and not self.nc.is_draining:
            for gate in self._gates:
                await self.end(gate)
            while self._leaving:
                await asyncio.wait(self._leaving)
        for at in self._gates.values():
            await self._taken(at.subscription)

    async def _taken(self, subscription: Subscription) -> None:
        """Return when all that came is handed over; once the connection is closed, nothing more is."""
        taking = subscription._wait_for_msgs_task
        handed_over = self._group.create_task(subscription._pending_queue.join())
        await asyncio.wait({each for each in (taking, handed_over) if each}, return_when=FIRST_COMPLETED)
        handed_over.cancel()
        subscription._stop_processing()
        subscription._closed = True

    async def _grant(self, gate: int, grant: Grant) -> None:
        nc, subscription = self.nc, self._gates[gate].subscription
        grant.id = nc._sid = nc._sid + 1
        nc._subs[grant.id] = subscription
        self._granted[b"%d" % grant.id] = gate, grant
        told = sub_cmd(subscription._subject, subscription._queue, grant.id)
        await nc._send_command(told + unsub_cmd(grant.id, grant.number))
        await nc._flush_pending()

    def _let_go(self, grants: Iterable[Grant]) -> None:
        """Count nothing more of grants, and end them."""
        for grant in grants:
            del self._granted[b"%d" % grant.id]
            task = self._group.create_task(self._end_grant(grant))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _end_grant(self, grant: Grant) -> None:
        """End a grant after what is on its way; while the server is away nothing is.

        A connection that is lost meanwhile comes back with it: then it is ended once more.
        """
        nc = self.nc
        while nc.is_connected:
            connection = reconnects(nc)
            with suppress(NatsError, OSError):
                await nc._send_unsubscribe(grant.id)
                await nc.flush()
                if connection == reconnects(nc):
                    break
        nc._remove_sub(grant.id)


async def _end(nc: Client, subscription: Subscription) -> None:
    """End a subscription after what is on its way; while the server is away nothing is."""
    try:
        if nc.is_connected:
            await subscription.drain()  # type: ignore[no-untyped-call]
        else:
            await subscription.unsubscribe()
    except (NatsError, OSError):  # lost in the middle: it came back with the connection
        nc._remove_sub(subscription._id)
        subscription._stop_processing()
        if nc.is_connected:
            await nc._send_unsubscribe(subscription._id)
