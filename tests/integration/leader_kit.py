"""Realms whose leaders die and stand still, and beside each one whose leader is left alone."""

import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from aicore.content.calendar import shipped_calendar
from aicore.content.sample_world import sample_entries
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import EventLog, RecordedEvent, StreamWrite, Where
from bus.relay.leadership import Work, lock_of
from domain.clock.clock import STREAM as CLOCK
from domain.clock.messages import ClockScaled, ClockStarted
from domain.definition.entries import digest_of
from domain.definition.messages import EntryDefined, VersionPublished
from domain.kernel.event import Event
from domain.people.messages import COURSE, PeopleBegun
from tests.harness.warm import Forked
from tests.integration import leader_child
from tests.integration.log_kit import fresh_log
from tests.integration.nats_kit import until

CODEC = EventCodec(domain_catalogue())
SPACE = UUID("2f4a9a1c-4d0a-4c9d-8f29-6f3e0a6b7d55")
BY: Mapping[str, Any] = {"operator": "test", "reason": "a test"}
BEGIN_MS = 9 * 3_600_000
WAIT_S = 90.0

# Purpose: who holds a lock. A lock of one bigint key has objsubid 1. No lock.
HOLDER = """
SELECT activity.application_name, pid FROM pg_locks JOIN pg_stat_activity activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND (classid::bigint << 32 | objid::bigint) = $1
"""
STANDING_BY = "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE $1"

# Purpose: end the session that holds the lead, as Postgres does after six silent seconds. No lock.
END = "SELECT pg_terminate_backend($1)"


@dataclass(frozen=True)
class Led:
    """Work that one process at a time does, and what of it must not depend on which.

    Attributes:
        work: whose lock it is.
        contexts: what each process brings.
        streams: prefix of the streams that it writes.
        rate: game time per real time.
        own: fields that tell of real time, or of when something was noticed; of one type: ``type:field``.
        not_told: events that say who leads.
        begins: whether something is told as soon as there is a leader.
    """

    work: Work
    contexts: Sequence[str]
    streams: str
    rate: int
    own: frozenset[str] = frozenset()
    not_told: frozenset[str] = frozenset()
    begins: bool = True


@dataclass
class Place:
    """A realm, and the processes that may lead in it."""

    dsn: str
    nats_url: str
    realm: str
    log: EventLog
    led: Led
    children: dict[int, Forked] = field(default_factory=dict)

    async def prepare(self) -> None:
        """Load the sample world, have people live, and begin the clock, which hardly goes yet."""
        entries = [
            EntryDefined(section=key.section, entry_id=key.id, written=written, digest=digest_of(written))
            for key, written in sample_entries().items()
        ]
        version = VersionPublished(number=1, digest="sha256:" + "0" * 64, entries=len(entries), **BY)
        await self.add("world-definition", *entries, version)
        await self.add(COURSE, PeopleBegun(**BY))
        await self.add(
            CLOCK, ClockStarted(calendar=shipped_calendar(), at_game_ms=BEGIN_MS, scale_num=1, **BY)
        )

    async def go(self) -> None:
        """Have game time pass at its rate."""
        await self.add(CLOCK, ClockScaled(scale_num=self.led.rate, scale_den=1, **BY))

    async def add(self, stream: str, *events: Event) -> None:
        """Append events as their own deciders would."""
        name = f"{self.realm}/{stream}/{events[0].event_name}"
        new = [CODEC.encode(each, uuid5(SPACE, f"{name}/{n}")) for n, each in enumerate(events)]
        await self.log.append(StreamWrite(stream, new))

    def start(self) -> None:
        """Start another process."""
        child = Forked(leader_child.live, self.dsn, self.nats_url, self.realm, *self.led.contexts)
        self.children[child.pid] = child

    def kill(self, pid: int) -> None:
        """Kill a process."""
        child = self.children.pop(pid)
        child.kill()
        child.wait()

    def signal(self, pid: int, number: signal.Signals) -> None:
        self.children[pid].send_signal(number)

    async def leader(self, *, other_than: int = 0) -> int:
        """Wait until a process leads, and return its id."""
        found = 0

        async def look() -> bool:
            nonlocal found
            rows = await self._ask(HOLDER, lock_of(self.led.work, self.realm))
            found = int(rows[0]["application_name"].rpartition(":")[2]) if rows else 0
            return found in self.children and found != other_than

        await until(look, f"somebody else than {other_than} leads {self.led.work}", timeout_s=WAIT_S)
        return found

    async def all_ready(self) -> None:
        """Wait until every process leads or stands by."""

        async def look() -> bool:
            rows = await self._ask(STANDING_BY, f"aicore {self.led.work} %")
            there = {int(row["application_name"].rpartition(":")[2]) for row in rows}
            return set(self.children) <= there

        await until(look, f"all are ready to lead {self.led.work}", timeout_s=WAIT_S)

    async def end_session(self) -> None:
        """Have Postgres end the session with which a process leads."""
        for row in await self._ask(HOLDER, lock_of(self.led.work, self.realm)):
            await self._ask(END, row["pid"])

    async def _ask(self, query: str, argument: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.dsn)
        try:
            found: list[asyncpg.Record] = await connection.fetch(query, argument)
        finally:
            await connection.close()
        return found

    async def begun(self) -> bool:
        """Say whether anything was told yet; then all was that there is to tell of the beginning."""
        return any(await self.told())

    async def recorded(self) -> list[RecordedEvent]:
        """Return everything that its leaders wrote, in order."""
        found: list[RecordedEvent] = []
        where, after = Where(stream_prefix=self.led.streams), 0
        while page := await self.log.read_all(after=after, limit=5_000, where=where):
            found += page
            after = page[-1].position
        return found

    async def told(self) -> Mapping[str, list[tuple[str, Mapping[str, Any]]]]:
        """Return by stream what its leaders told: types, and all that may depend on nobody's death."""
        found: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
        for each in await self.recorded():
            if each.type not in self.led.not_told:
                own = {name.removeprefix(f"{each.type}:") for name in self.led.own}
                event = CODEC.decode(each).model_dump(mode="json", exclude=own)
                found.setdefault(each.stream, []).append((each.type, event))
        return found


async def kill_leader(place: Place, *, another: bool = True) -> None:
    """Kill who leads; somebody else takes over, and another process comes."""
    leader = await place.leader()
    place.kill(leader)
    if another:
        place.start()
    await place.leader(other_than=leader)


async def stop_leader(place: Place) -> None:
    """Have who leads stand still until somebody else leads, and go on then as if no time had passed."""
    leader = await place.leader()
    place.signal(leader, signal.SIGSTOP)
    await place.end_session()
    await place.leader(other_than=leader)
    place.signal(leader, signal.SIGCONT)


@asynccontextmanager
async def led_place(dsn: str, nats_url: str, realm: str, led: Led, processes: int) -> AsyncIterator[Place]:
    """Yield a realm with processes that may lead; the leader has told of the beginning, and waits."""
    async with fresh_log(dsn, realm) as log:
        place = Place(dsn, nats_url, realm, log, led)
        try:
            for _ in range(processes):
                place.start()
            await place.prepare()
            await place.all_ready()
            if led.begins:
                await until(place.begun, f"{led.work} has begun in {realm}", timeout_s=WAIT_S)
            yield place
        finally:
            for pid in list(place.children):
                place.kill(pid)
