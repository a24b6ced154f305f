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
from dataclasses import dataclass, field, replace

import asyncpg
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from bus.nats.api import JetStreamError, Missing
from bus.nats.topology import CacheLimits, create_events_stream, delete_stream, describe, events_stream
from bus.nats.wire import row_encoder
from bus.ports import Head
from bus.postgres.log import channel_of
from bus.relay.comparison import HEAD, Finding, compare, last_common, taken_out
from bus.relay.floors import Floor, durable_consumers, record, recorded, recreate, take_back
from bus.relay.leadership import lead, listen
from bus.relay.publishing import Publisher, Resync
from bus.retry import until_done
from domain.relay.confirmation import STREAM, covers
from domain.relay.messages import LogConfirmed, Lost
from protocol.packing import unpack

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

# Purpose: show the leader's state. Lock: the table's only row.
WRITE_STATE = """
INSERT INTO relay_state
    (leader, leads_since_us, acknowledged, verified_us, verdict, reason, rebuilds, updated_us, lost_after)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (only_row) DO UPDATE SET leader = $1, leads_since_us = $2, acknowledged = $3, verified_us = $4,
    verdict = $5, reason = $6, rebuilds = relay_state.rebuilds + $7, updated_us = $8,
    lost_after = $9
"""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """Settings of a relay.

    Attributes:
        now_us: the wall clock.
        name: who leads, for people.
        rebuild_events: a stream made anew starts this far before the log's end, or at the slowest consumer.
        verify_every_s: pause between two comparisons; floors_every_s: between two recordings of floors.
    """

    now_us: Callable[[], int]
    name: str = "relay"
    limits: CacheLimits = field(default_factory=CacheLimits)
    rebuild_events: int = 5_000_000
    verify_every_s: float = 30.0
    floors_every_s: float = 2.0


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
        self._waiting: list[Floor] = []
        self._finding = Finding("equal", 0, 0)
        self._stuck = _Stuck(self._clock)
        self._sent: Head | None = None
        """The event that the last message sent came from; None: not read since the comparison."""
        self._verified_us = 0
        self._leads_since_us = 0
        self._rebuilds_unwritten = 0
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
                channel = channel_of(self._realm)
                async with listen(self._dsn, channel, role=ROLE, wake=self._wake.set) as self._listener:
                    await self._serve(connection)
        finally:
            self.leading.clear()

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
            for row in rows:
                subject, body = self._encode(row)
                await publisher.publish(subject, row["id"].hex, body)
                self._sent = Head(row["position"], row["hash"])
            publisher.check()
            self.acknowledged = publisher.acked
            now = self._clock()
            if now >= floors_at:
                await self._record(connection)
                floors_at = now + self._options.floors_every_s
            if now >= verify_at or not (rows or caught_up):  # the first arrival at the head is worth a look
                caught_up = True
                await publisher.drain()
                self.acknowledged = publisher.acked  # known now, however long the comparison takes
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
        found = Head(sent, rows[0]["hash"]) if rows and rows[0]["position"] == sent else None
        if found is None or found != (self._sent or found):
            raise Resync(f"the log no longer holds the event at {sent} that was published")
        self._sent = found
        return rows[1:]

    async def _idle(self, publisher: Publisher) -> None:
        """Wait for news: a notification, or the poll; what is under way is seen to the end first."""
        if publisher.acked < publisher.sent:
            await publisher.drain()
            self.acknowledged = publisher.acked
            return
        try:
            async with asyncio.timeout(POLL_S):
                await self._wake.wait()
        except TimeoutError:
            if self._listener.is_closed():
                raise ConnectionResetError("the session that listens for news was lost") from None

    async def _verify(self, connection: asyncpg.Connection, acknowledged: int) -> None:
        finding = await self._compare(connection)
        if not finding.usable or finding.last != acknowledged:
            raise Resync(finding.reason or f"the stream ends at {finding.last}, not at {acknowledged}")
        await self._write_state(connection)

    async def _record(self, connection: asyncpg.Connection) -> None:
        """Make the consumers again whose place the rebuilt stream has reached; record where all stand."""
        floors = await durable_consumers(self._nc, self._realm)
        await self._still_whole(connection)
        ready = [floor for floor in self._waiting if floor.position <= self.acknowledged]
        for floor in ready:
            await recreate(self._nc, self._realm, floor)
        self._waiting = [floor for floor in self._waiting if floor not in ready]
        if not self._waiting:
            await record(connection, floors, now_us=self._options.now_us())
        await self._write_state(connection)

    async def _still_whole(self, connection: asyncpg.Connection) -> None:
        """Look whether somebody took messages out of the stream.

        After the consumers' floors were read and before they are recorded: a purge moves them on.

        Raises:
            Resync: somebody did, or took the stream away.
        """
        try:
            state = await describe(self._nc, events_stream(self._realm))
        except Missing:
            raise Resync("there is no stream any more") from None
        if not state.whole:
            raise Resync("messages are missing inside the stream")
        if reason := await taken_out(connection, state):
            raise Resync(reason)

    # --- aligning ---------------------------------------------------------------------------------

    async def _compare(self, connection: asyncpg.Connection, doubtful: range = range(0)) -> Finding:
        self._finding = await compare(self._nc, connection, self._realm, doubtful=doubtful)
        self._verified_us = self._options.now_us()
        return self._finding

    async def _align(self, connection: asyncpg.Connection, doubtful: range) -> int:
        """Return the stream's last sequence, after making it anew if it does not equal the log.

        Waits while the stream holds events that the log does not; see the module.
        """
        finding = await self._compare(connection, doubtful)
        if finding.lost:
            finding = await self._hold(connection, finding, doubtful)
        if finding.usable and (reason := self._stuck.over()):
            finding = replace(finding, reason=reason, agrees=finding.last, differs=finding.last + 1)
            last = await self._rebuild(connection, finding)
        else:
            last = finding.last if finding.usable else await self._rebuild(connection, finding)
        self._sent = None
        self.acknowledged = last
        await self._write_state(connection)
        return last

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
        head: int = await connection.fetchval(HEAD)
        agreed = await last_common(self._nc, connection, self._realm, finding)
        now_us = self._options.now_us()
        floors = await durable_consumers(self._nc, self._realm)
        if finding.emptied:
            floors = await _before(connection, floors)
        await record(connection, floors, now_us=now_us)
        await take_back(connection, agreed, now_us=now_us)
        self._waiting = [floor for floor in await recorded(connection) if floor.settings is not None]
        slowest = min((floor.position for floor in self._waiting), default=head)
        first = 1 + max(0, min(head - self._options.rebuild_events, slowest))
        self._log.warning(
            "stream_rebuild",
            verdict=finding.verdict,
            reason=finding.reason,
            agreed=agreed,
            first=first,
            head=head,
        )
        await delete_stream(self._nc, events_stream(self._realm))
        self._rebuilds_unwritten += 1
        self._finding = Finding("behind", first - 1, head)
        await self._write_state(connection)  # or a leader that ends here leaves word of what is settled
        limits, back = self._options.limits, agreed if agreed < finding.last else None
        await create_events_stream(self._nc, self._realm, limits, first_seq=first, agreed=back)
        return first - 1

    async def _write_state(self, connection: asyncpg.Connection) -> None:
        options, finding = self._options, self._finding
        leads = (options.name, self._leads_since_us, self.acknowledged, self._verified_us)
        found = (finding.verdict, finding.reason, self._rebuilds_unwritten, options.now_us())
        lost_after = finding.agrees if finding.of_empty else None
        await connection.execute(WRITE_STATE, *leads, *found, lost_after)
        self._rebuilds_unwritten = 0


async def _before(connection: asyncpg.Connection, floors: list[Floor]) -> list[Floor]:
    """Return consumers of which a purge has moved the floors, with those from before it.

    One that was never recorded begins where it was made to begin: better twice than never.
    """
    known = {floor.name: floor.position for floor in await recorded(connection)}
    return [replace(floor, position=known.get(floor.name, floor.start)) for floor in floors]
