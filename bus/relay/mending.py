"""Makes the stream of events right again: its settings, its subjects, or the whole of it from the log.

JetStream cannot rewrite a message, so a stream in which one differs is made anew. The consumers are made
again where they stood, but never behind the lowest message that differed: better twice than wrong.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import asyncpg
import structlog
from nats.aio.client import Client

from bus.nats.api import JetStreamError, Missing
from bus.nats.connection import server_of
from bus.nats.topology import (
    CacheLimits,
    create_events_stream,
    delete_stream,
    events_config,
    events_stream,
    look_at,
    release,
    restore_settings,
    streams_on,
)
from bus.relay.comparison import HEAD, last_common
from bus.relay.floors import (
    Floor,
    durable_consumers,
    forget,
    let_wait,
    record,
    recorded,
    recreate,
    remove_remains,
    removed,
    take_back,
)
from bus.relay.judgement import Finding
from bus.relay.record import mended, note
from bus.relay.walk import Pace

OVERLAP = 10065
"""Error of nats-server: the subjects are another stream's."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """Settings of a relay.

    Attributes:
        now_us: the wall clock.
        name: who leads, for people.
        rebuild_events: a stream made anew starts so far before the log's end, or at the slowest consumer.
        verify_every_s: pause between two comparisons; floors_every_s: between two recordings of floors.
        pace: of the walk over all positions.
    """

    now_us: Callable[[], int]
    name: str = "relay"
    limits: CacheLimits = field(default_factory=CacheLimits)
    rebuild_events: int = 5_000_000
    verify_every_s: float = 30.0
    floors_every_s: float = 2.0
    pace: Pace = field(default_factory=Pace)


class Squatted(ConnectionError):
    """Another stream has the subjects of ours, and may not be taken off them by a program."""


class Plan(NamedTuple):
    """A stream to be made: its first sequence, the log's end; up to where the one before was the log's."""

    first: int
    head: int
    agreed: int | None


class Mending:
    """One relay's means; ``wanted``: the configuration that the stream should have, None while unknown."""

    def __init__(self, nc: Client, realm: str, options: RelayOptions) -> None:
        self._nc = nc
        self._realm = realm
        self._name = events_stream(realm)
        self._options = options
        self._waiting: list[Floor] = []
        self._seen: dict[str, Floor] = {}
        """The consumers as they were when we looked last."""
        self._told = False
        """Whether a finding about one waits to be mended."""
        self._server = server_of(nc)
        self.wanted: Mapping[str, Any] | None = None

    async def resume(self, connection: asyncpg.Connection) -> None:
        """Take up which consumers whoever led before was to make again, and has not."""
        self._waiting = await recorded(connection, waiting=True)

    async def remember(self, made: Mapping[str, Any] | None) -> None:
        """Take up how the stream was made; one of an older relay, which did not write it down, as it is."""
        if self.wanted is not None:
            return
        if made is None:
            try:
                made = (await look_at(self._nc, self._name)).config
            except Missing:
                return
        first, metadata = int(made.get("first_seq") or 1), made.get("metadata") or {}
        config = events_config(self._realm, self._options.limits, first_seq=first)
        self.wanted = config | ({"metadata": metadata} if metadata else {})

    async def settle(self, finding: Finding) -> bool:
        """Give the stream its settings again; return False if the server cannot: it has to be made anew."""
        assert self.wanted is not None, "compared with what is wanted"
        logger.warning("stream_settings_changed", realm=self._realm, reason=finding.reason)
        try:
            await restore_settings(self._nc, self._name, self.wanted)
        except JetStreamError as error:
            logger.warning("stream_settings_not_restored", realm=self._realm, reason=error.description)
            return False
        return True

    async def look_after(
        self, connection: asyncpg.Connection, floors: list[Floor], acknowledged: int
    ) -> None:
        """Make consumers again that wait for the stream to reach their place; record where all stand."""
        await self._bring_back(connection, floors)
        if ready := [floor for floor in self._waiting if floor.position <= acknowledged]:
            kept = {floor.name for floor in await recorded(connection)}  # not removed while it waited
            for floor in ready:
                if floor.name in kept:
                    await recreate(self._nc, self._realm, floor)
                    self._seen[floor.name] = floor  # lost, too, if the server goes before we look
            await self._wait_for(connection, [floor for floor in self._waiting if floor not in ready])
        if not self._waiting:
            await record(connection, list(self._seen.values()), now_us=self._options.now_us())
            if self._told:
                await mended(connection, now_us=self._options.now_us())
                self._told = False

    async def _bring_back(self, connection: asyncpg.Connection, floors: list[Floor]) -> None:
        """Take consumers back to where they were seen, if a restarted server has them otherwise.

        Nothing proves what a consumer's file says: damaged, it cannot be read, or is read and claims too
        much. One that is gone without a restart was removed by its owner, and is forgotten.
        """
        there = {floor.name: floor for floor in floors}
        changed = await self._changed(connection, there)
        if changed:
            await record(connection, changed, now_us=self._options.now_us())
            await self._wait_for(connection, [*self._waiting, *changed])
        for seen in changed:
            await remove_remains(self._nc, self._realm, seen)
        self._server = server_of(self._nc)
        waiting = {floor.name for floor in self._waiting}
        if gone := self._seen.keys() - there.keys() - waiting:
            await forget(connection, await removed(self._nc, self._realm, sorted(gone)))
        self._seen = {name: floor for name, floor in there.items() if name not in waiting}

    async def _changed(self, connection: asyncpg.Connection, there: Mapping[str, Floor]) -> list[Floor]:
        """Return, as they were seen, consumers that a restarted server has otherwise; note what is damage."""
        if server_of(self._nc) == self._server:
            return []
        waiting = {floor.name for floor in self._waiting}
        known = [floor for name, floor in self._seen.items() if name not in waiting]
        damaged = [f for f in known if f.name not in there or there[f.name].settings != f.settings]
        if damaged:
            names = ", ".join(f"{floor.name} after {floor.position}" for floor in damaged)
            what = f"durable consumers were damaged, and are made anew to go on: {names}"
            finding = Finding("different", 0, 0, what, kind="consumer")
            await note(connection, finding, now_us=self._options.now_us())
            self._told = True
        return [f for f in known if f in damaged or there[f.name].is_beyond(f)]

    async def hold_back(self, connection: asyncpg.Connection, last: int) -> None:
        """Make those consumers anew, in time, that stand behind the end of a stream which went back.

        A server whose stream is shorter than a consumer's place may leave out what comes there again (found
        by damaging its files 140 times).
        """
        behind = [f for f in await recorded(connection) if f.settings is not None and f.position > last]
        waiting = {floor.name for floor in behind}
        others = [floor for floor in self._waiting if floor.name not in waiting]
        await self._wait_for(connection, others + behind)
        for floor in behind:
            await remove_remains(self._nc, self._realm, floor)

    async def _wait_for(self, connection: asyncpg.Connection, floors: list[Floor]) -> None:
        """Have these consumers, and no others, made again; written down before anything is removed."""
        await let_wait(connection, floors)
        self._waiting = floors

    async def plan(self, connection: asyncpg.Connection, finding: Finding) -> Plan:
        """Return what to make, and write down where the consumers go on.

        Raises:
            Squatted: the subjects belong to another stream, and stay so.
        """
        if finding.kind == "squatted":
            await self._free_subjects()
        head: int = await connection.fetchval(HEAD)
        agreed = await last_common(self._nc, connection, self._realm, finding)
        now_us = self._options.now_us()
        floors = await durable_consumers(self._nc, self._realm)
        if finding.verdict != "missing":  # then they went with the stream
            there = {floor.name: floor for floor in floors}
            seen = [*await self._changed(connection, there), *self._waiting]
            floors = [*(there | {floor.name: floor for floor in seen}).values()]
            self._server = server_of(self._nc)
        if finding.emptied:
            floors = await _before(connection, floors)
        await record(connection, floors, now_us=now_us)
        await take_back(connection, agreed, now_us=now_us)
        made = [floor for floor in await recorded(connection) if floor.settings is not None]
        await self._wait_for(connection, made)
        slowest = min((floor.position for floor in self._waiting), default=head)
        first = 1 + max(0, min(head - self._options.rebuild_events, slowest))
        said = {"verdict": finding.verdict, "kind": finding.kind, "reason": finding.reason}
        logger.warning("stream_rebuild", realm=self._realm, agreed=agreed, first=first, head=head, **said)
        return Plan(first, head, agreed if agreed < finding.last else None)

    async def remove(self) -> None:
        """Remove the stream."""
        await delete_stream(self._nc, self._name)

    async def make(self, plan: Plan) -> None:
        """Make the stream as planned.

        Raises:
            Squatted: the subjects belong to another stream, and stay so.
        """
        try:
            self.wanted = await self._create(plan)
        except JetStreamError as error:
            if error.err_code != OVERLAP:
                raise
            await self._free_subjects()
            self.wanted = await self._create(plan)

    async def _create(self, plan: Plan) -> Mapping[str, Any]:
        limits = self._options.limits
        return await create_events_stream(
            self._nc, self._realm, limits, first_seq=plan.first, agreed=plan.agreed
        )

    async def _free_subjects(self) -> None:
        """Take other streams off our subjects; they keep what they hold.

        Raises:
            Squatted: one claims more than those, or the server refuses.
        """
        subject = f"{self._realm}.evt.>"
        for name in await streams_on(self._nc, subject):
            if name == self._name:
                continue
            try:
                freed = await release(self._nc, name, subject)
            except JetStreamError as error:
                raise Squatted(f"the stream {name} keeps our subjects: {error.description}") from error
            if not freed:
                raise Squatted(f"the stream {name} takes more than our subjects, so it is left as it is")
            logger.warning("stream_released", stream=name, subject=subject)


async def _before(connection: asyncpg.Connection, floors: list[Floor]) -> list[Floor]:
    """Return consumers of which a purge has moved the floors, with those from before it.

    One that was never recorded begins where it was made to begin: better twice than never.
    """
    known = {floor.name: floor.position for floor in await recorded(connection)}
    return [replace(floor, position=known.get(floor.name, floor.start)) for floor in floors]
