"""What must hold after every fault, checked from outside: with SQL, a plain NATS client and journals.

Derived things are read first and the log last: whatever they hold must be in what was read of the log.
"""

from collections import Counter, defaultdict
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from aicore.clock import now_us
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.postgres.connect import connect_pool
from bus.postgres.log import open_log
from bus.postgres.verify import verify
from projections.kernel.runner import ProjectionRunner
from protocol.envelope import decode_envelope
from tests.harness.load import Task
from tests.harness.roles import VIEWS
from tests.harness.wire import dial
from tests.harness.world import REALM, SUBSCRIBERS, WRITERS, World

UNACKNOWLEDGED_MAX = 200
"""Appends of one task between the reading of its journal and that of the log; far above what it can do."""

FETCH = 500
FETCH_TIMEOUT_S = 30.0
SCHEMA = f"realm_{REALM}"
STREAM = f"EVT_{REALM}"

EVENTS = f"SELECT position, stream, version, id, type, payload, hash FROM {SCHEMA}.event ORDER BY position"


class Row(NamedTuple):
    """One event as Postgres holds it."""

    position: int
    stream: str
    version: int
    id: UUID
    type: str
    payload: bytes
    hash: bytes


class Acknowledged(NamedTuple):
    """One append that a writer was told is recorded."""

    task: Task
    number: int
    positions: tuple[int, ...]
    versions: tuple[int, ...]


def read_acknowledged(world: World) -> list[Acknowledged]:
    """Return every acknowledgement that the writers have journalled."""
    return [
        Acknowledged(Task(world.seed, name, int(index)), int(number), _numbers(positions), _numbers(versions))
        for name in WRITERS
        for index, number, _duplicate, positions, versions in world.journals[name].lines()
    ]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


async def check_everything(world: World, head: int) -> Counter[str]:
    """Check every invariant; return how much was checked, and how many deliveries were doubles.

    ``head`` is the position that everything derived is known to have reached.
    """
    acknowledged = read_acknowledged(world)
    delivered = {name: list(world.journals[name].lines()) for name in SUBSCRIBERS}
    messages = await read_jetstream(world)
    await check_projections(world)
    rows = await read_rows(world)

    check_positions(rows)
    check_acknowledged(acknowledged, rows)
    check_jetstream(messages, rows)
    checked = Counter(events=len(rows), acknowledged=len(acknowledged), messages=len(messages))
    for name, lines in delivered.items():
        checked[f"doubles_{name}"] = check_delivered(name, lines, rows, head)
    verdict = await verify(world.postgres.dsn, REALM)
    assert verdict.ok, verdict
    assert verdict.events >= len(rows)
    return checked


# --- the log ------------------------------------------------------------------------------------------------


async def read_rows(world: World) -> list[Row]:
    """Return the whole log, read with plain SQL."""
    connection = await asyncpg.connect(world.postgres.dsn)
    try:
        return [Row(*record) for record in await connection.fetch(EVENTS)]
    finally:
        await connection.close()


def check_positions(rows: list[Row]) -> None:
    """Positions and every stream's versions are 1, 2, 3, …, and no id is there twice."""
    assert [row.position for row in rows] == list(range(1, len(rows) + 1))
    versions: Counter[str] = Counter()
    for row in rows:
        versions[row.stream] += 1
        assert row.version == versions[row.stream], row
    assert len({row.id for row in rows}) == len(rows)


def check_acknowledged(acknowledged: list[Acknowledged], rows: list[Row]) -> None:
    """Every acknowledged event is there, where the acknowledgement said; nobody's else is there."""
    known: dict[Task, int] = {}
    unexplained = {row.id for row in rows}
    for append in acknowledged:
        found = [rows[position - 1] for position in append.positions if position <= len(rows)]
        ids = append.task.ids(append.number)
        assert tuple(row.id for row in found) == ids, f"acknowledged, but lost or elsewhere: {append}"
        assert tuple(row.version for row in found) == append.versions, append
        assert found[0].position + len(found) - 1 == found[-1].position, f"torn apart: {append}"
        assert append.number == known.get(append.task, -1) + 1, f"a writer's journal is torn: {append}"
        known[append.task] = append.number
        unexplained.difference_update(ids)
    for task, number in known.items():
        for later in range(number + 1, number + 1 + UNACKNOWLEDGED_MAX):
            unexplained.difference_update(task.ids(later))
    assert not unexplained, f"in the log, but nobody's: {sorted(map(str, unexplained))[:5]}"


# --- JetStream ----------------------------------------------------------------------------------------------


async def read_jetstream(world: World) -> list[tuple[int, bytes]]:
    """Return (sequence, body) of what the stream holds, and check that none is missing in between.

    All of it after the server or the stream was another one; else what was added since the last time.
    """
    nc = await dial(world.nats.url, name="checker", connect_timeout=5)
    try:
        js = nc.jetstream()
        info = await js.stream_info(STREAM)
        life = (world.nats.pid, info.created)
        known = world.checked_jetstream
        first = known[1] + 1 if known[0] == life else info.state.first_seq
        messages = await _fetch(js, first, info.state.last_seq + 1 - first)
        world.checked_jetstream = (life, info.state.last_seq)
    finally:
        await nc.close()
    assert [sequence for sequence, _ in messages] == list(range(first, info.state.last_seq + 1))
    return messages


async def _fetch(js: JetStreamContext, first: int, number: int) -> list[tuple[int, bytes]]:
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=first,
        ack_policy=AckPolicy.NONE,
        mem_storage=True,
    )
    consumer = await js.pull_subscribe(f"{REALM}.evt.>", stream=STREAM, config=config)
    messages: list[tuple[int, bytes]] = []
    while len(messages) < number:
        batch = await consumer.fetch(min(FETCH, number - len(messages)), timeout=FETCH_TIMEOUT_S)
        messages += [(message.metadata.sequence.stream, message.data) for message in batch]
    await consumer.unsubscribe()
    return messages


def check_jetstream(messages: list[tuple[int, bytes]], rows: list[Row]) -> None:
    """The equation: sequence = position, and what stands there is what the log holds."""
    for sequence, body in messages:
        assert sequence <= len(rows), f"JetStream has {sequence}, the log ends at {len(rows)}"
        envelope, row = decode_envelope(body), rows[sequence - 1]
        stands = (envelope.position, envelope.stream, envelope.version, UUID(bytes=_bytes(envelope.id)))
        assert (*stands, envelope.type, envelope.payload, envelope.hash) == row, (
            f"not as in the log: {sequence}"
        )


def _bytes(value: Any) -> bytes:
    return value.bytes if isinstance(value, UUID) else bytes(value)


# --- what is derived ----------------------------------------------------------------------------------------


async def check_projections(world: World) -> None:
    """Each view's rows are those of a rebuild from scratch at the same position."""
    codec = EventCodec(domain_catalogue())
    pool = await connect_pool(world.postgres.dsn, REALM, role="aicore_projector", size_max=2)
    try:
        async with open_log(world.postgres.dsn, REALM, now_us=now_us, writer=False) as log:
            for view in VIEWS:
                runner = ProjectionRunner(pool, log, view, decode_page=codec.decode_page, now_us=now_us)
                compared = await runner.verify()
                assert compared.ok, compared
    finally:
        await pool.close()


def check_delivered(name: str, lines: list[list[str]], rows: list[Row], head: int) -> int:
    """Each event up to ``head`` was delivered, a stream's in order; return the doubles within one life.

    A delivery again after a restart is no double: the subscriber de-duplicates by position, as SPEC.md says.
    """
    seen: set[int] = set()
    in_this_life: set[int] = set()
    versions: dict[str, int] = defaultdict(int)
    doubles = 0
    for line in lines:
        if line == ["start"]:
            in_this_life.clear()
            continue
        position, stream, version, event_id = int(line[0]), line[1], int(line[2]), line[3]
        row = rows[position - 1]
        assert (row.stream, row.version, str(row.id)) == (stream, version, event_id), f"{name}: {line} {row}"
        doubles += position in in_this_life
        in_this_life.add(position)
        if position not in seen:
            seen.add(position)
            versions[stream] += 1
            assert version == versions[stream], f"{name} saw {stream} out of order or with a gap: {line}"
    missed = sorted(set(range(1, head + 1)) - seen)
    assert not missed, f"{name} missed {len(missed)} up to {head}: {missed[:10]}"
    return doubles
