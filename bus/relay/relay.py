"""Carries the log into JetStream so that sequence = position, and makes the stream anew when it is not so.

One leader per realm (`bus.relay.leadership`). It publishes position p expecting the last sequence p - 1, so a
doubled, lost or foreign message is refused by the server. Any refusal, time-out or reconnect ends the pass:
what the stream holds is then compared with the log, by sequence, id and hash, and publishing goes on after
its end, or the stream is made anew from the log. Consumers' floors are kept in Postgres; subscribers wait
meanwhile and go on where they were.

A stream that holds events which the log does not is the one witness that the log lost them. The relay then
touches nothing and publishes nothing, until the log has them again (restored from a backup) or an operator
has confirmed that the log is right without them (`relay.log_confirmed`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import asyncpg
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from bus.nats.api import JetStreamError, Missing
from bus.nats.topology import StreamState, events_stream, look_at
from bus.nats.wire import row_encoder
from bus.ports import Head
from bus.postgres.log import channel_of
from bus.relay.comparison import as_wanted, compare, settings_changed, taken_out
from bus.relay.floors import durable_consumers
from bus.relay.judgement import Finding
from bus.relay.leadership import lead, listen
from bus.relay.mending import Mending, RelayOptions
from bus.relay.publishing import Publisher, Resync
from bus.relay.record import WRITE, mended, note, packed, recall
from bus.relay.walk import Leader, Walk
from bus.retry import until_done
from domain.relay.confirmation import STREAM, covers
from domain.relay.messages import LogConfirmed, Lost
from protocol.packing import unpack

__all__ = ["HELD_MEND", "ROLE", "Relay", "RelayOptions"]

BATCH = 500
"""Rows of one read: about a millisecond of Postgres, and what is sent before acknowledgements are seen."""

POLL_S = 0.25
"""How often an idle relay looks by itself, should a notification be lost."""

RETRY_S = 0.5
RENEW_S = 10.0
"""A stream that equals the log, but has stored nothing for so long, is made anew; each time later."""

RENEW_S_MAX = 300.0
STUCK_PAUSE_S = 0.25
"""Pause after a pass in which nothing was stored."""

QUIET_S = 1.0
"""So long after the last news the walk may hurry again."""

HELD_S = 0.5
"""How often a relay that is held looks whether the log was restored, or confirmed by an operator."""

ROLE = "aicore_relay"
"""May read events and write its own tables (migrations/0202); never the log."""

FAILURES = (
    OSError,  # includes TimeoutError, JetStreamUnavailable, refused connections
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says of a session that was lost between two operations
    NatsError,
    JetStreamError,
)
"""After these the leader steps down and tries again."""

HELD_MEND = "`aicore doctor` says how to settle it"

# Purpose: the last event sent, and the next. Index: primary key. Lock: none. Columns as in `RecordedEvent`.
TAIL = """
SELECT position, stream, version, id, type, schema_version, recorded_us, meta, payload, hash
FROM event WHERE position >= $1 ORDER BY position LIMIT $2
"""

# Purpose: the newest word of an operator about the log. Index: event_stream_version. Lock: none.
CONFIRMED = "SELECT schema_version, payload FROM event WHERE stream = $1 ORDER BY version DESC LIMIT 1"

# Purpose: whether a relay was here before. Reads the table's only row.
WAS_HERE = "SELECT true FROM relay_state"

logger = structlog.get_logger(__name__)


class _Stuck:
    """Says when a stream has stored nothing for too long.

    A nats-server whose disk was full refuses every message of a stream for ever, also after there is room
    again; in a stream made anew it stores.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: float | None = None
        self._patience_s = RENEW_S
        self._reason = ""

    def refused(self, reason: str) -> None:
        """Note that nothing was stored, and why."""
        self._since = self._since or self._clock()
        self._reason = reason

    def over(self) -> str:
        """Return why the stream is to be made anew now, or ""; the next time comes later."""
        if self._since is None or self._clock() - self._since < self._patience_s:
            return ""
        self._since, self._patience_s = None, min(RENEW_S_MAX, self._patience_s * 2)
        return f"it stores nothing: {self._reason}"


class Relay:
    """One realm's relay. Run as many as you like; one works, the others stand by."""

    def __init__(self, dsn: str, nc: Client, realm: str, options: RelayOptions) -> None:
        """Prepare; `run` does the work."""
        self._dsn = dsn
        self._nc = nc
        self._realm = realm
        self._options = options
        self._encode = row_encoder(realm)
        self._clock = asyncio.get_running_loop().time
        self._wake = asyncio.Event()
        self._listener: asyncpg.Connection
        self._log = logger.bind(realm=realm, relay=options.name)
        self._mending = Mending(nc, realm, options)
        self._finding = Finding("equal", 0, 0)
        self._stuck = _Stuck(self._clock)
        self._sent: Head | None = None
        """The newest event of the log that was sent, or found in the stream; None: the log was empty."""
        self._published: Head | None = None
        """The newest event of the log that the stream is known to have had, also before we led."""
        self._settled = False
        """Whether nothing that was found waits to be mended; not known at first."""
        self._alone = False
        """Whether we have led without a break since the stream was the log's."""
        self._state: StreamState | None = None
        """The stream as it was looked at last; None while it is compared or made anew."""
        self._found: Finding | None = None
        """Finding of the walk, until it is seen to."""
        self._news_at = -QUIET_S
        leader = Leader(options.now_us, self._walkable, self._on_found, self._is_busy)
        self._walk = Walk(nc, realm, options.pace, leader)
        self._verified_us = 0
        self._leads_since_us = 0
        self.acknowledged = 0
        """Position up to which JetStream has acknowledged, as this process knows."""
        self.leading = asyncio.Event()
        """Set while this process leads."""

    async def run(self) -> None:
        """Relay until cancelled; survives every loss of Postgres, NATS and the stream."""

        def failed(error: Exception, _: float) -> None:
            self._log.warning("relay_interrupted", error=type(error).__name__, detail=str(error))

        await until_done(self._lead, on=FAILURES, pause=RETRY_S, failed=failed)

    async def _lead(self) -> None:
        try:
            async with lead(self._dsn, self._realm, role=ROLE, name=self._options.name) as connection:
                self.leading.set()
                self._leads_since_us = self._options.now_us()
                self._alone = self._settled = False
                self._state = self._found = None
                self._mending.wanted = None  # another leader may have made the stream since
                await self._mending.resume(connection)
                where = (self._dsn, self._realm, channel_of(self._realm))
                async with listen(*where, role=ROLE, wake=self._wake.set) as self._listener:
                    await self._serve_and_walk(connection)
        finally:
            self._state = None
            self.leading.clear()

    async def _serve_and_walk(self, connection: asyncpg.Connection) -> None:
        """Publish, and compare beside it on the session that listens, which is idle otherwise."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._walk_on())
                await self._serve(connection)
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None  # of `_serve`: the walk goes on until it is cancelled

    async def _walk_on(self) -> None:
        def failed(error: Exception, _: float) -> None:
            self._log.info("relay_walk_waits", error=type(error).__name__, detail=str(error))

        walk = lambda: self._walk.run(self._listener)  # noqa: E731 - a name for the line below
        await until_done(walk, on=FAILURES, pause=RETRY_S, failed=failed)

    def _walkable(self) -> tuple[StreamState, int] | None:
        return (self._state, self.acknowledged) if self._state else None

    def _is_busy(self) -> bool:
        return self._clock() - self._news_at < QUIET_S

    def _on_found(self, finding: Finding) -> None:
        self._found = finding
        self._wake.set()

    async def _serve(self, connection: asyncpg.Connection) -> None:
        doubtful = range(0)
        self._stuck = _Stuck(self._clock)
        while True:
            publisher = Publisher(self._nc, await self._align(connection, doubtful))
            try:
                async with publisher:
                    await self._publish(connection, publisher)
            except Resync as reason:
                # A refused position does not stop those sent behind it: each of them is looked at.
                doubtful = range(publisher.acked + 1, publisher.sent + 1)
                if self._found:
                    doubtful, self._found = range(self._found.differs, self._found.differs + 1), None
                self._state = None
                self._walk.doubt()
                self._log.info("relay_resyncs", reason=str(reason))
                if not publisher.stores_nothing:
                    self._stuck = _Stuck(self._clock)
                else:
                    self._stuck.refused(str(reason))
                    await asyncio.sleep(STUCK_PAUSE_S)

    # --- publishing -------------------------------------------------------------------------------

    async def _publish(self, connection: asyncpg.Connection, publisher: Publisher) -> None:
        """Publish the log's tail until `Resync`."""
        floors_at = self._clock() + self._options.floors_every_s
        verify_at = self._clock() + self._options.verify_every_s
        caught_up = self._finding.verdict == "equal"
        while True:
            self._wake.clear()
            rows = await self._news(connection, publisher.sent)
            self._news_at = self._clock() if rows else self._news_at
            for row in rows:
                subject, body = self._encode(row)
                await publisher.publish(subject, row["id"].hex, body)
                self._sent = Head(row["position"], row["hash"])
            publisher.check()
            self._heard(publisher)
            if self._found:
                raise Resync(f"a comparison found: {self._found.reason}")
            now = self._clock()
            if now >= floors_at:
                await self._record(connection, publisher)
                floors_at = now + self._options.floors_every_s
            if now >= verify_at or not (rows or caught_up):  # the first arrival at the head is worth a look
                caught_up = True
                await publisher.drain()
                self._heard(publisher)  # known now, however long the comparison takes
                await self._verify(connection, self.acknowledged)
                verify_at = self._clock() + self._options.verify_every_s
            if not rows:
                await self._idle(publisher)

    async def _news(self, connection: asyncpg.Connection, sent: int) -> list[asyncpg.Record]:
        """Return what follows position ``sent``, if the log still holds what it was sent from.

        Raises:
            Resync: it does not: somebody has changed the log.
        """
        rows: list[asyncpg.Record] = await connection.fetch(TAIL, sent, BATCH + 1)
        if not sent:
            return rows
        if not rows or Head(rows[0]["position"], rows[0]["hash"]) != self._sent:
            raise Resync(f"the log no longer holds the event at {sent} that was published")
        return rows[1:]

    async def _idle(self, publisher: Publisher) -> None:
        """Wait for news: a notification, or the poll; what is under way is seen to the end first."""
        if publisher.acked < publisher.sent:
            await publisher.drain()
            self._heard(publisher)
            return
        try:
            async with asyncio.timeout(POLL_S):
                await self._wake.wait()
        except TimeoutError:
            if self._listener.is_closed():
                raise ConnectionResetError("the session that listens for news was lost") from None

    def _heard(self, publisher: Publisher) -> None:
        """Take in what was acknowledged."""
        self.acknowledged = publisher.acked
        if publisher.acked == publisher.sent:
            self._published = self._sent

    async def _verify(self, connection: asyncpg.Connection, acknowledged: int) -> None:
        finding = await self._compare(connection)
        if not finding.usable or finding.last != acknowledged:
            raise Resync(finding.reason or f"the stream ends at {finding.last}, not at {acknowledged}")
        await self._write_state(connection)

    async def _record(self, connection: asyncpg.Connection, publisher: Publisher) -> None:
        """Make the consumers again whose place the rebuilt stream has reached; record where all stand."""
        floors = await durable_consumers(self._nc, self._realm)
        await self._still_whole(connection, publisher)
        publisher.check()  # what was refused meanwhile has another message at its place
        await self._mending.look_after(connection, floors, self.acknowledged)
        await self._write_state(connection)

    async def _still_whole(self, connection: asyncpg.Connection, publisher: Publisher) -> None:
        """Look whether somebody touched the stream: its settings, its count, its end.

        After the consumers' floors were read and before they are recorded: a purge moves them on.

        Raises:
            Resync: somebody did, or took the stream away.
        """
        try:
            info = await look_at(self._nc, events_stream(self._realm))
        except Missing:
            raise Resync("there is no stream any more") from None
        if changed := settings_changed(info, self._realm, self._mending.wanted):
            raise Resync(f"settings of the stream were changed: {'; '.join(map(str, changed))}")
        if not info.state.whole:
            raise Resync("messages are missing inside the stream")
        if info.state.last > publisher.sent:
            raise Resync(f"the stream ends at {info.state.last}, we have sent up to {publisher.sent}")
        if reason := await taken_out(connection, as_wanted(info.state, self._mending.wanted)):
            raise Resync(reason)
        self._state = info.state

    # --- aligning ---------------------------------------------------------------------------------

    async def _compare(self, connection: asyncpg.Connection, doubtful: range = range(0)) -> Finding:
        newest = self._sent if self._alone else self._published
        asked = await recall(connection, newest=newest, alone=self._alone)
        await self._mending.remember(asked.wanted)
        known = replace(asked.known, published=self.acknowledged) if self._alone else asked.known
        asked = replace(asked, known=known, wanted=self._mending.wanted, doubtful=doubtful)
        self._finding = await compare(self._nc, connection, self._realm, asked)
        self._verified_us = self._options.now_us()
        return self._finding

    async def _align(self, connection: asyncpg.Connection, doubtful: range) -> int:
        """Return the stream's last sequence, after making it anew if it does not equal the log.

        Waits while the stream may hold events that the log has lost; see the module.
        """
        finding = await self._compare(connection, doubtful)
        if finding.kind and not await self._is_first(connection, finding):
            await self._note(connection, finding)
        if finding.kind == "went_back":
            await self._mending.hold_back(connection, finding.last)
        if finding.lost:
            finding = await self._hold(connection, finding, doubtful)
        if finding.kind == "settings" and await self._mending.settle(finding):
            finding = await self._compare(connection, doubtful)
        if finding.usable and (reason := self._stuck.over()):
            last = finding.last
            finding = replace(finding, reason=reason, kind="stores_nothing", agrees=last, differs=last + 1)
            await self._note(connection, finding)
            last = await self._rebuild(connection, finding)
        else:
            last = finding.last if finding.usable else await self._rebuild(connection, finding)
        self._alone = True
        digest = await self._write_state(connection, acknowledged=last)
        self._sent = self._published = Head(last, digest) if digest else None
        self.acknowledged = last
        if not self._settled:
            await mended(connection, now_us=self._options.now_us())
            self._settled = True
        return last

    async def _note(self, connection: asyncpg.Connection, finding: Finding) -> None:
        self._settled = False
        await note(connection, finding, now_us=self._options.now_us())

    async def _is_first(self, connection: asyncpg.Connection, finding: Finding) -> bool:
        """Return whether there is no stream because no relay was here before: nothing that must be told."""
        return finding.kind == "missing" and not await connection.fetchval(WAS_HERE)

    async def _hold(self, connection: asyncpg.Connection, finding: Finding, doubtful: range) -> Finding:
        """Touch nothing until the log holds what the stream does, or is confirmed without it."""
        said = None
        while (lost := finding.lost) and not await self._confirmed(connection, lost):
            if lost != said:
                said = lost
                self._log.error("relay_held", verdict=finding.verdict, reason=finding.reason, mend=HELD_MEND)
            await self._write_state(connection)
            await asyncio.sleep(HELD_S)
            finding = await self._compare(connection, doubtful)
        return finding

    async def _confirmed(self, connection: asyncpg.Connection, lost: Head) -> bool:
        row = await connection.fetchrow(CONFIRMED, STREAM)
        if row is None or row["schema_version"] != LogConfirmed.event_version:
            return False
        confirmed = LogConfirmed.model_validate(unpack(row["payload"], "payload"))
        if not covers(confirmed, Lost(lost_position=lost.position, lost_hash=lost.hash.hex())):
            return False
        who = {"operator": confirmed.operator, "because": confirmed.reason}
        self._log.warning("log_confirmed", lost_position=lost.position, **who)
        return True

    async def _rebuild(self, connection: asyncpg.Connection, finding: Finding) -> int:
        """Make the stream anew and return the position after which publishing begins."""
        plan = await self._mending.plan(connection, finding)
        await self._mending.remove()
        self._finding = Finding("behind", plan.first - 1, plan.head)
        await self._write_state(connection, rebuilds=1)  # or a leader that ends here leaves no word of it
        await self._mending.make(plan)
        return plan.first - 1

    async def _write_state(
        self, connection: asyncpg.Connection, *, rebuilds: int = 0, acknowledged: int | None = None
    ) -> bytes | None:
        """Write the state; return the hash of the event acknowledged, if the stream holds the log's."""
        options, finding = self._options, self._finding
        upto = self.acknowledged if acknowledged is None else acknowledged
        leads = (options.name, self._leads_since_us, upto, self._verified_us)
        found = (finding.verdict, finding.reason, rebuilds, options.now_us())
        lost_after = finding.agrees if finding.of_empty else None
        published = finding.usable and self._alone
        settings = packed(self._mending.wanted)
        row = await connection.fetchrow(WRITE, *leads, *found, lost_after, settings, published)
        digest: bytes | None = row["published_hash"] if row and published else None
        return digest
