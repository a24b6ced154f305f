"""Processes that may lead a clock, alarms for them, and what the log must say of what they did."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid5

import asyncpg

from aicore.clock import now_us
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import StreamWrite, Where
from bus.postgres.log import PostgresLog
from domain.clock.alarm_messages import AlarmFired, AlarmPassed
from domain.clock.clock import STREAM
from domain.clock.messages import ClockEvent, ClockLed, PhaseBegan, SeasonBegan
from domain.clock.strikes import strike_id
from domain.kernel.event import Event
from protocol.meta import decode_meta
from tests.harness.warm import Forked
from tests.integration import clock_child
from tests.unit.clock.kit import STARTED, alarm_set

CODEC = EventCodec(domain_catalogue())
SPACE = UUID("0d1ab8f1-6c0c-4f86-8a44-9c1a3a5d7d21")
TOLD = (AlarmFired, AlarmPassed, PhaseBegan, SeasonBegan)
CHUNK = 500
LEADS, FIRED = (Where(types=(kind.event_name,)) for kind in (ClockLed, AlarmFired))

# Purpose: end the session that holds the lead, as Postgres does after six silent seconds. No lock.
END_LEASE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"


SESSION = "aicore clock "
SESSIONS = "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE $1"


@dataclass
class Arena:
    """A realm's clock, and the processes that may lead it."""

    dsn: str
    realm: str
    log: PostgresLog
    children: dict[str, Forked] = field(default_factory=dict)
    alarms: int = 0

    async def add(self, *events: ClockEvent) -> None:
        """Append events as operators would."""
        for begin in range(0, len(events), CHUNK):
            head = (await self.log.head()).position
            new = [
                CODEC.encode(event, uuid5(SPACE, f"{self.realm}/{head}/{n}"))
                for n, event in enumerate(events[begin : begin + CHUNK])
            ]
            await self.log.append(StreamWrite(STREAM, new))

    async def begin(self, alarms: int, *, first_s: float, apart_s: float) -> int:
        """Start the clock and set alarms in real time; return when the first is due, in µs."""
        begin_us = now_us() + round(first_s * 1e6)
        due = [begin_us + round(n * apart_s * 1e6) for n in range(alarms)]
        await self.add(STARTED, *(alarm_set(f"a{n}", n, real={"at_us": us}) for n, us in enumerate(due)))
        self.alarms = alarms
        return begin_us

    def start(self, name: str) -> None:
        """Start a process."""
        self.children[name] = Forked(clock_child.live, self.dsn, self.realm, name)

    def kill(self, name: str) -> None:
        """Kill a process."""
        child = self.children.pop(name)
        child.kill()
        child.wait()

    def signal(self, name: str, number: signal.Signals) -> None:
        self.children[name].send_signal(number)

    async def end_lease(self, name: str) -> None:
        """Have Postgres end the session with which a process leads."""
        await self._ask(END_LEASE, f"{SESSION}{name}")

    async def sessions(self) -> set[str]:
        """Return the processes that lead or stand by."""
        return {row[0].removeprefix(SESSION) for row in await self._ask(SESSIONS, f"{SESSION}%")}

    async def _ask(self, query: str, argument: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.dsn)
        try:
            found: list[asyncpg.Record] = await connection.fetch(query, argument)
        finally:
            await connection.close()
        return found

    async def events(self) -> list[tuple[Event, int, UUID | None]]:
        """Return the clock's events, each with when it was recorded, and the lead it is from."""
        found: list[tuple[Event, int, UUID | None]] = []
        while page := await self.log.read_stream(STREAM, after=len(found)):
            found += [(CODEC.decode(e), e.recorded_us, decode_meta(e.meta).correlation) for e in page]
        return found

    async def leader(self) -> str:
        """Return who led last."""
        led = [event.leader for event in await self.leads()]
        return led[-1] if led else ""

    async def term(self) -> int:
        """Return the last lead's number."""
        return len(await self.leads())

    async def leads(self) -> list[ClockLed]:
        """Return every lead there was."""
        found = await self.log.read_all(limit=100_000, where=LEADS)
        return [event for event in map(CODEC.decode, found) if isinstance(event, ClockLed)]

    async def fired(self) -> int:
        """Return how many alarms have fired."""
        return len(await self.log.read_all(limit=100_000, where=FIRED))

    async def lateness_us(self) -> list[int]:
        """Return how late each alarm fired; see that each fired once, in order, and by who led then.

        Raises:
            AssertionError: it was not so.
        """
        term, serials, late = 0, list[int](), list[int]()
        for event, recorded_us, correlation in await self.events():
            if isinstance(event, ClockLed):
                assert event.term == term + 1
                term = event.term
            if isinstance(event, TOLD):
                assert correlation == strike_id(self.realm, "term", term), "told by a leader that was fenced"
            if isinstance(event, AlarmFired):
                assert event.due_real_us is not None
                assert recorded_us >= event.due_real_us, "too early"
                serials.append(event.serial)
                late.append(recorded_us - event.due_real_us)
        assert serials == list(range(self.alarms)), "each once, in order"
        return late


@contextmanager
def arena(dsn: str, log: PostgresLog, realm: str) -> Iterator[Arena]:
    """Yield a realm's arena; its processes end with it."""
    made = Arena(dsn, realm, log)
    try:
        yield made
    finally:
        for name in list(made.children):
            made.kill(name)
