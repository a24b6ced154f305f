"""Clients of the benchmark `feed` on our side: a share of the walkers, each with a connection of its own.

Arguments: trace file, number, of how many, file for the latencies. Lines in: ``go MS`` (a round begins then),
or the numbers that each cell should have, as JSON. Lines out: ``ready``, what was measured in a round, and
each client's state hashes. The readers are those of docs/clients, watched: a change that comes twice counts.
"""

import asyncio
import gc
import importlib.util
import json
import logging
import os
import socket
import struct
import sys
import time
from array import array
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import uvloop
from nats.aio.client import Client as Nats
from nats.errors import Error as NatsError

from aicore.client import Client, Refused, Unanswered
from aicore.logs import set_up
from benchmarks.fair_child import url_of
from benchmarks.feed_trace import CANARY, SERVICE, hash_of
from bus.nats.connection import connect
from protocol.identity import Identity

REALM = "demo"
JOINING_MAX = 24
TICK_S = 1.0
SETTLE_S = 90.0
RETRY_S = 0.5
PATIENCE_S = 5.0
TRIES, COMING_TRIES = 4, 30
TCP_INFO_BYTES, TCP_INFO_BYTES_RECEIVED = 232, 128
"""Size of Linux's ``struct tcp_info`` and offset of ``tcpi_bytes_received``; include/uapi/linux/tcp.h."""


def _reference() -> Any:
    """Return the client of the documentation, as somebody would copy it."""
    path = Path(__file__).parents[1] / "docs" / "clients" / "place_feed.py"
    spec = importlib.util.spec_from_file_location("place_feed", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE = _reference()


class WatchedRoom(REFERENCE.Room):  # type: ignore[misc, name-defined]  # a module that is loaded here
    """A reader that counts what may not be: changes that take effect twice, or before their forerunner."""

    wrong = leaks = 0

    def __init__(self) -> None:
        super().__init__()
        self.last = 0

    def hear(self, data: bytes) -> list[Any]:
        WatchedRoom.leaks += CANARY in data
        return super().hear(data)  # type: ignore[no-any-return]

    def _apply(self, seq: int, changes: list[Any]) -> list[Any]:
        before = self.seq
        new = super()._apply(seq, changes)
        for position, *_ in new:
            WatchedRoom.wrong += position <= self.last
            self.last = position
        WatchedRoom.wrong += self.seq != before + len(new)
        return new  # type: ignore[no-any-return]


class Watch:
    """What all clients of this process measure together."""

    def __init__(self) -> None:
        self.on = False
        self.late = array("q")
        """Position and time heard, µs, in turn."""
        self.joins: list[float] = []
        self.lost = self.refused = self.joined = 0


class Walker:
    """One client."""

    def __init__(self, told: dict[str, Any], leave_after_s: float, watch: Watch) -> None:
        self.id: str = told["id"]
        self._place: str = told["place"]
        self._ops: list[list[Any]] = told["ops"]
        self._leave_after_s = leave_after_s
        self._watch = watch
        self._steady = all(what == "go" for _, what, _ in self._ops)
        self._bytes = 0
        self._player: dict[str, Any] = {}

    async def open(self, stack: AsyncExitStack) -> None:
        """Connect, come into the world, and see what is there."""
        identity = Identity("service", SERVICE)
        self._nc: Nats = await stack.enter_async_context(connect(url_of(SERVICE), name=self.id))
        self._client = Client(self._nc, REALM)
        self.feed = REFERENCE.PlaceFeed(self._nc, REALM, str(identity), self._changed)
        join = self.feed.join

        async def timed_join(place: str) -> None:
            if place in self.feed._subscriptions:
                return
            began = time.perf_counter()
            await join(place)
            self._watch.joined += 1
            if self._watch.on and self._steady:
                self._watch.joins.append((time.perf_counter() - began) * 1e3)

        self.feed.join = timed_join
        self._interest = REFERENCE.Interest(self.feed, leave_after_s=self._leave_after_s, bytes_per_s=1 << 30)
        opened = await self._say("session.open", COMING_TRIES, player=self.id, build=CANARY.decode())
        self._player = {"player": self.id, "session": opened["session"]}
        await self._say("places.enter", COMING_TRIES, **self._player, place=self._place)
        await self._interest.stand_in(self._place)

    async def _say(self, command: str, tries: int, **payload: Any) -> Any:
        for _ in range(tries):
            with suppress(Unanswered, TimeoutError, NatsError, RuntimeError):
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        return (await self._client.command(command, payload)).result
                except Refused as refusal:
                    if refusal.error.retry == "never":
                        raise
                    await asyncio.sleep((refusal.error.retry_after_ms or 0) / 1e3 + RETRY_S)
        return None

    def _changed(self, _place: str, changes: list[Any]) -> None:
        if self._watch.on and self._steady:
            now_us = time.time_ns() // 1000
            for position, *_ in changes:
                self._watch.late.extend((position, now_us))

    def read(self) -> int:
        """Return the bytes that came over this client's connections, with NATS's own."""
        return self._bytes + _received(self._nc)

    async def run(self, begin: float, since: float, seconds: float) -> None:
        """Do what the trace says for so many seconds since some moment of it, which is ``begin``."""
        for at, what, how in self._ops:
            if not since <= at < since + seconds:
                continue
            await asyncio.sleep(begin + at - since - time.time())
            try:
                await self._do(what, how)
            except (NatsError, OSError, RuntimeError):  # the last is uvloop's word for a socket that is gone
                self._watch.lost += 1

    async def _do(self, what: str, how: Any) -> None:
        match what:
            case "go":
                await asyncio.gather(self._go(how), self._interest.stand_in(how))
            case "slow":
                _socket_of(self._nc).pause_reading()
                await asyncio.sleep(how)
                _socket_of(self._nc).resume_reading()
            case "cut":
                self._bytes += _received(self._nc)
                _socket_of(self._nc).abort()
                await asyncio.sleep(how)

    async def _go(self, place: str) -> None:
        try:
            if (
                await self._say("places.depart", TRIES, **self._player, to=place, errand=CANARY.decode())
                is None
            ):
                self._watch.lost += 1
        except Refused:
            self._watch.refused += 1

    async def tick(self) -> None:
        """Leave what is due."""
        with suppress(Exception):  # a connection that is cut comes back
            await self._interest.tick()

    def settled(self, numbers: dict[str, int]) -> bool:
        """Say whether every cell that is followed is as far as it is there."""
        return all(
            room.wants is None and room.seq >= numbers.get(f"{place}/{cell}", 0)
            for (place, cell), room in self.feed.rooms.items()
        )

    def sees(self) -> dict[str, Any]:
        """Return number and state hash of each cell that is followed."""
        return {
            f"{place}/{cell}": [room.seq, hash_of(room.state())]
            for (place, cell), room in self.feed.rooms.items()
        }


def _socket_of(nc: Nats) -> Any:
    """Return a connection's transport of asyncio."""
    inner: Any = nc._transport
    return inner._io_writer.transport


def _received(nc: Nats) -> int:
    """Return how many bytes the kernel has received on a connection; 0 of one that is cut just now."""
    try:
        raw = _socket_of(nc).get_extra_info("socket")
        info = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    except (OSError, ValueError, AttributeError):
        return 0
    return int(struct.unpack_from("Q", info, TCP_INFO_BYTES_RECEIVED)[0])


async def main(trace: Any, number: int, of: int, late_file: Path) -> None:
    """Play a share of the trace."""
    watch = Watch()
    walkers = [
        Walker(told, trace["leave_after_s"], watch)
        for n, told in enumerate(trace["walkers"])
        if n % of == number
    ]
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        await _all(JOINING_MAX, walkers, lambda walker: walker.open(stack))
        ticking = group.create_task(_ticking(walkers))
        print("ready", flush=True)
        played = 0
        while line := await _line():
            if line.startswith("go"):
                await _round(trace, played, float(line.split()[1]) / 1e3, walkers, watch)
                if not played:
                    late_file.write_bytes(watch.late.tobytes())  # noqa: ASYNC240 - it serves nobody else
                played += 1
            else:
                await _settled(walkers, json.loads(line), watch)
        ticking.cancel()
        os._exit(0)  # to close a thousand connections in order would be no part of it


async def _round(trace: Any, played: int, begin: float, walkers: list[Walker], watch: Watch) -> None:
    """Play a round of the trace, and tell what was measured.

    Nothing is collected meanwhile: this process holds the things of some five hundred clients, of which a
    full collection takes 160 to 400 ms, several times a minute. No player's program has that many.
    """
    gc.disable()
    before, cpu = sum(walker.read() for walker in walkers), time.process_time()
    watch.joins = []
    watch.on = True
    async with asyncio.TaskGroup() as group:
        for walker in walkers:
            group.create_task(walker.run(begin, played * trace["seconds"], trace["seconds"]))
        await asyncio.sleep(begin + trace["seconds"] - time.time())
        watch.on = False
        gc.enable()
        print(json.dumps(_measured(watch, walkers, before, cpu)), flush=True)


async def _settled(walkers: list[Walker], numbers: dict[str, int], watch: Watch) -> None:
    """Wait until every cell is as far as it is there, and tell who sees what."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_S):
            while not all(walker.settled(numbers) for walker in walkers):  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.1)
    sees = {walker.id: walker.sees() for walker in walkers}
    counted = {"wrong": WatchedRoom.wrong, "leaks": WatchedRoom.leaks, "joined": watch.joined}
    print(json.dumps({"sees": sees, **counted}), flush=True)


def _measured(watch: Watch, walkers: list[Walker], before: int, cpu: float) -> dict[str, Any]:
    return {
        "bytes": sum(walker.read() for walker in walkers) - before,
        "cpu_s": time.process_time() - cpu,
        "joins": watch.joins,
        "lost": watch.lost,
        "refused": watch.refused,
        "holes": sum(room.holes for walker in walkers for room in walker.feed.rooms.values()),
    }


async def _ticking(walkers: list[Walker]) -> None:
    """Tick everybody once a second, a few at a time."""
    while True:
        began = time.monotonic()
        for number, walker in enumerate(walkers):
            await walker.tick()
            if number % 50 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(max(0.0, began + TICK_S - time.monotonic()))


async def _all(at_once: int, walkers: list[Walker], work: Any) -> None:
    todo = iter(walkers)

    async def some() -> None:
        for walker in todo:
            await work(walker)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(some())


async def _line() -> str:
    return await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    set_up("error", "console")
    logging.getLogger("nats").setLevel(logging.CRITICAL)  # of connections that are cut on purpose
    REFERENCE.Room = WatchedRoom
    file, of_mine, of_all, latencies = sys.argv[1:]
    uvloop.run(main(json.loads(Path(file).read_text()), int(of_mine), int(of_all), Path(latencies)))
