"""Recomputes the chain from the rows alone and names the first position that is not what was recorded.

It reads with plain SQL and hashes here, so the database's word is taken for nothing but the bytes. What a
chain cannot show by itself is a log cut off at its end: for that, compare with heads kept elsewhere (the
last message in JetStream, say) by passing them as ``expected``.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import inf
from time import perf_counter
from typing import Any

import asyncpg

from bus.ports import Head
from bus.postgres.connect import connect
from protocol.chain import genesis

PAGE = 4_000
"""Rows read at a time: about 3 MB; the next page is on its way while this one is hashed."""

READ_TIMEOUT_S = 60.0

# Everything that the chain covers as one byte string (SPEC.md, "Chain"), put together by the server, which
# has a core of its own for it; the hash is computed here.
ROWS = """
SELECT position, hash,
       int8send(position) || uuid_send(id) || int8send(recorded_us) || int8send(version)
       || int4send(schema_version)
       || int2send((octet_length(type) % 32768)::int2) || convert_to(type, 'UTF8')
       || int2send((octet_length(stream) % 32768)::int2) || convert_to(stream, 'UTF8')
       || int4send(octet_length(meta)) || meta || int4send(octet_length(payload)) || payload
FROM event WHERE position > $1 ORDER BY position LIMIT $2
"""

Progress = Callable[[int, int], None]
"""Called with (events verified, position of the log's end)."""


class Unverifiable(ValueError):
    """The request cannot be verified; the message says why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of a verification."""

    ok: bool
    events: int
    """Events verified, the bad one excluded."""
    head: Head
    """The end of what is good."""
    first_bad: int | None
    """The first position that is not as recorded."""
    reason: str
    events_per_s: float
    elsewhere: bool = False
    """The fault shows only against an event that is known from elsewhere."""
    whole: bool = True
    """False: the time was up before the end of the log; nothing bad was found up to ``head``."""


async def verify(  # noqa: PLR0913 - each bounds or tells of the verification
    dsn: str,
    realm: str,
    *,
    after: int = 0,
    expected: Sequence[Head] = (),
    progress: Progress | None = None,
    budget_s: float = inf,
) -> Verdict:
    """Verify the log of a realm.

    Args:
        dsn: where the log is.
        realm: whose log.
        after: begin after this position, trusting its hash; 0 verifies everything.
        expected: events known from elsewhere, none of them before ``after``, which the log must contain.
        progress: called after each page.
        budget_s: stop after so long, at the end of a page.

    Raises:
        Unverifiable: there is no event at ``after`` and none is expected there or later, or an expected one
            is before it.
        One of `bus.postgres.connect.AWAY`: the server is away.
    """
    session = await connect(dsn, realm, role="aicore_reader", jit="off")
    began = perf_counter()
    try:
        chain = await _start(session, realm, after, expected)
        last: int = await session.fetchval("SELECT coalesce(max(position), 0) FROM event") if progress else 0
        rows = await session.prepare(ROWS)
        page = await rows.fetch(chain.position, PAGE, timeout=READ_TIMEOUT_S)
        while page and not chain.reason and perf_counter() - began < budget_s:
            following = page[-1]["position"]
            async with asyncio.TaskGroup() as group:
                fetching = group.create_task(rows.fetch(following, PAGE, timeout=READ_TIMEOUT_S))
                await asyncio.sleep(0)  # lets the request leave: the server reads on while we hash
                chain.check(page)
            page = fetching.result()
            if progress:
                progress(chain.events, last)
        if not page and not chain.reason:
            chain.end()
    finally:
        session.terminate()
    return Verdict(
        ok=not chain.reason,
        events=chain.events,
        head=Head(chain.position, chain.hash),
        first_bad=chain.first_bad,
        reason=chain.reason,
        events_per_s=chain.events / max(perf_counter() - began, 1e-9),
        elsewhere=chain.elsewhere,
        whole=not page,
    )


async def _start(session: asyncpg.Connection, realm: str, after: int, expected: Sequence[Head]) -> "_Chain":
    if early := [head.position for head in expected if head.position < after]:
        raise Unverifiable(
            f"the head known from elsewhere is at {early[0]}, before the beginning at {after}; begin earlier"
        )
    if not after:
        chain = _Chain(Head(0, genesis(realm)), expected)
        lowest = await session.fetchval("SELECT min(position) FROM event")
        if lowest is not None and lowest < 1:
            chain.fail(lowest, "a position below 1 was inserted")
        return chain
    digest = await session.fetchval("SELECT hash FROM event WHERE position = $1", after)
    if digest is not None:
        return _Chain(Head(after, digest), expected)
    end = await session.fetchrow("SELECT position, hash FROM event ORDER BY position DESC LIMIT 1")
    head = Head(end["position"], end["hash"]) if end else Head(0, genesis(realm))
    known = max((known.position for known in expected), default=0)
    if known <= head.position:
        raise Unverifiable(f"there is no event {after} to begin after; the log ends at {head.position}")
    chain = _Chain(head, ())  # cut off before the beginning: known from elsewhere, whatever is asked for
    chain.fail(head.position + 1, f"the log ends before it; an event was known at {known}", elsewhere=True)
    return chain


class _Chain:
    """The state of a verification."""

    def __init__(self, start: Head, expected: Sequence[Head]) -> None:
        self.position, self.hash = start.position, start.hash
        self.expected: dict[int, set[bytes]] = {}
        for known in expected:
            self.expected.setdefault(known.position, set()).add(known.hash)
        self.events = 0
        self.first_bad: int | None = None
        self.elsewhere = False
        self.reason = ""
        self._compare(start.position, start.hash)

    def fail(self, position: int, reason: str, *, elsewhere: bool = False) -> None:
        self.elsewhere = elsewhere
        self.first_bad = position
        self.reason = reason

    def _compare(self, position: int, digest: bytes) -> bool:
        """Say whether the event is what was known of it elsewhere."""
        if position in self.expected and self.expected[position] != {digest}:
            self.fail(position, "its hash differs from the one known from elsewhere", elsewhere=True)
        return not self.reason

    def end(self) -> None:
        """Compare the log's end with the furthest event that is known from elsewhere."""
        known = max(self.expected, default=0)
        if known > self.position:
            reason = f"the log ends before it; an event was known at {known}"
            self.fail(self.position + 1, reason, elsewhere=True)

    def check(self, page: list[Any]) -> None:
        """Verify rows in order until one is bad."""
        position, previous = self.position, self.hash
        for found, digest, covered in page:
            position += 1
            if found != position:
                self.fail(position, f"the event is missing; the next row has position {found}")
                break
            if covered is None or sha256(previous + covered).digest() != digest:
                self.fail(position, "the row, or the hash before it, is not what was recorded")
                break
            if not self._compare(position, digest):
                break
            previous = digest
            self.position, self.hash = position, previous
            self.events += 1
