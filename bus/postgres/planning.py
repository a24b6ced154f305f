"""Plans a group commit: which position and version each waiting event gets. Pure; no I/O.

A plan is made from what the writer remembers of the log's end. The database checks that, and the versions of
all streams that get rows or are judged (``unsure``); hashes are computed there. If the memory was old, it
puts the rows where the log ends now (`Plan.shifted`), unless an outcome depends on a stream that has changed:
then it writes nothing, and the plan tells nobody anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from bus.expectations import meets
from bus.ports import AppendResult, StreamWrite, VersionConflict

GROUP_EVENTS_MAX = 2_000
"""Events in one group commit; one append may be larger and is then a group of its own."""

ROW_COLUMNS = 7
EMPTY: Mapping[str, int] = MappingProxyType({})

REPEATING = (0, 3, 4, 5)
"""Columns of a plan's rows that often say the same in all: stream, type, schema version, metadata."""

GROUP_BYTES_MAX = 8 * 1024 * 1024


class Tip(NamedTuple):
    """The end of the log as the writer remembers it."""

    position: int
    recorded_us: int


@dataclass(slots=True)
class Plan:
    """Rows to insert, column by column, and what each append will come to if the database agrees."""

    tip: Tip
    """The end of the log after the plan; its time is that of all rows of the plan."""
    unsure: dict[str, int] = field(default_factory=dict)
    """Streams of which only an assumption is known, with the version assumed."""
    pinned: set[str] = field(default_factory=set)
    """Streams whose very version an outcome depends on."""
    bases: dict[str, int] = field(default_factory=dict)
    """Version of each stream touched, before the plan."""
    heads: dict[str, int] = field(default_factory=dict)
    """Version of each stream touched, after the plan."""
    outcomes: list[AppendResult | VersionConflict | None] = field(default_factory=list)
    """One per append; None: it shares an id with an earlier one of the group and must wait for the next."""
    rows: list[tuple[str, int, UUID, str, int, bytes, bytes]] = field(default_factory=list)
    """Stream, version, id, type, schema version, metadata, payload: the order of `log_append`."""

    def judged(self) -> dict[str, int]:
        """Return the version assumed of each stream that gets no rows; of all others the rows say it."""
        return {stream: version for stream, version in self.unsure.items() if self.heads[stream] == version}

    def columns(self) -> tuple[Sequence[object], ...]:
        """Return the rows column by column; one that has the same value in all rows has it once."""
        if not self.rows:
            return ((),) * ROW_COLUMNS
        columns = list(zip(*self.rows, strict=True))
        for n in REPEATING:
            if columns[n].count(columns[n][0]) == len(self.rows):
                columns[n] = columns[n][:1]
        return tuple(columns)

    def shifted(self, tip: Tip, actual: Mapping[str, int]) -> "Plan":
        """Return what the plan came to where the log ended.

        Args:
            tip: the end of the log after the plan's rows.
            actual: the version of each stream that it touches, as it was before its rows.
        """
        offset = tip.position - self.tip.position
        moves = {stream: version - self.bases[stream] for stream, version in actual.items()}
        plan = Plan(
            tip, heads={stream: self.heads[stream] + move for stream, move in moves.items()}, rows=self.rows
        )
        versions = (row[1] + moves[row[0]] for row in self.rows)
        for outcome in self.outcomes:
            if not isinstance(outcome, AppendResult):
                plan.outcomes.append(outcome)
                continue
            positions = tuple(position + offset for position in outcome.positions)
            own = tuple(islice(versions, len(positions)))
            plan.outcomes.append(AppendResult(positions, own, tip.recorded_us))
        return plan


def plan_group(
    group: Sequence[Sequence[StreamWrite]],
    tip: Tip,
    known: Mapping[str, int],
    now_us: int,
    guesses: Mapping[str, int] = EMPTY,
) -> Plan:
    """Return the plan of a group of appends, in their order.

    Args:
        group: the appends, each a sequence of writes that has passed `bus.checks`.
        tip: the remembered end of the log.
        known: versions of streams that are certain if the tip is.
        now_us: the clock; the time of recording never runs backwards.
        guesses: versions of streams that were certain once; the database says whether they still hold.
    """
    recorded_us = max(now_us, tip.recorded_us)
    plan = Plan(tip)
    rows, tell = plan.rows, plan.outcomes.append
    taken: set[int] = set()
    for writes in group:
        # As numbers: a UUID is hashed by Python code.
        ids = [event.id.int for write in writes for event in write.events] if len(group) > 1 else ()
        if not taken.isdisjoint(ids):
            tell(None)
            continue
        conflict = _first_conflict(plan, writes, known, guesses)
        if conflict:
            tell(conflict)
            continue
        first = len(rows)
        for write in writes:
            _add(plan, write)
        taken.update(ids)
        position = tip.position + first + 1
        if len(rows) == first + 1:
            tell(AppendResult((position,), (rows[first][1],), recorded_us))
        else:
            positions = range(position, tip.position + len(rows) + 1)
            tell(AppendResult(tuple(positions), tuple([row[1] for row in rows[first:]]), recorded_us))
    plan.tip = Tip(tip.position + len(rows), recorded_us)
    return plan


def _first_conflict(
    plan: Plan, writes: Sequence[StreamWrite], known: Mapping[str, int], guesses: Mapping[str, int]
) -> VersionConflict | None:
    for write in writes:
        stream, expected = write.stream, write.expected
        actual = plan.heads.get(stream)
        if actual is None:
            actual = known.get(stream)
            if actual is None:
                actual = plan.unsure[stream] = _assumed(write, guesses)
            plan.heads[stream] = plan.bases[stream] = actual
        if expected not in ("any", "exists"):
            plan.pinned.add(stream)
        if actual != expected and not meets(actual, expected):
            plan.pinned.add(stream)
            plan.unsure[stream] = plan.bases[stream]
            return VersionConflict(stream, expected, actual)
    return None


def _assumed(write: StreamWrite, guesses: Mapping[str, int]) -> int:
    """Return the likeliest version of a stream: what the caller says, what it was, or that it is new."""
    expected = write.expected
    match expected:
        case "none":
            return 0
        case "any":
            return guesses.get(write.stream, 0)
        case "exists":
            return guesses.get(write.stream, 1)
        case _:
            return expected


def _add(plan: Plan, write: StreamWrite) -> None:
    """Append the write's rows to the plan."""
    stream, version = write.stream, plan.heads[write.stream]
    add = plan.rows.append
    for event in write.events:
        version += 1
        add((stream, version, event.id, event.type, event.schema_version, event.meta, event.payload))
    plan.heads[stream] = version
