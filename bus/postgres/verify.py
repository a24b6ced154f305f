"""Recomputes the chain from the rows alone and names the first position that is not what was recorded.

It reads with plain SQL and hashes here, so the database's word is taken for nothing but the bytes. What a
chain cannot show by itself is a log cut off at its end: for that, compare with a head kept elsewhere (the
last message in JetStream, say) by passing it as ``expected``.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found."""

    ok: bool
    events: int
    """Events verified, the bad one excluded."""
    head: Head
    """The end of what is good."""
    first_bad: int | None
    """The first position that is not as recorded."""
    reason: str
    events_per_s: float


async def verify(
    dsn: str,
    realm: str,
    *,
    after: int = 0,
    expected: Head | None = None,
    progress: Progress | None = None,
) -> Verdict:
    """Verify the log of a realm.

    Args:
        dsn: where the log is.
        realm: whose log.
        after: begin after this position, trusting its hash; 0 verifies everything.
        expected: a head known from elsewhere, which the log must contain.
        progress: called after each page.

    Raises:
        ValueError: there is no event at ``after``.
        One of `bus.postgres.connect.AWAY`: the server is away.
    """
    session = await connect(dsn, realm, role="aicore_reader", jit="off")
    began = perf_counter()
    try:
        chain = await _start(session, realm, after)
        last: int = await session.fetchval("SELECT coalesce(max(position), 0) FROM event") if progress else 0
        rows = await session.prepare(ROWS)
        page = await rows.fetch(chain.position, PAGE, timeout=READ_TIMEOUT_S)
        while page and not chain.reason:
            following = page[-1]["position"]
            async with asyncio.TaskGroup() as group:
                fetching = group.create_task(rows.fetch(following, PAGE, timeout=READ_TIMEOUT_S))
                await asyncio.sleep(0)  # lets the request leave: the server reads on while we hash
                chain.check(page, expected)
            page = fetching.result()
            if progress:
                progress(chain.events, last)
        if not chain.reason and expected and expected.position > chain.position:
            chain.fail(chain.position + 1, f"the log ends here; its head was known to be {expected.position}")
    finally:
        session.terminate()
    return Verdict(
        ok=not chain.reason,
        events=chain.events,
        head=Head(chain.position, chain.hash),
        first_bad=chain.first_bad,
        reason=chain.reason,
        events_per_s=chain.events / max(perf_counter() - began, 1e-9),
    )


async def _start(session: asyncpg.Connection, realm: str, after: int) -> "_Chain":
    if after:
        digest = await session.fetchval("SELECT hash FROM event WHERE position = $1", after)
        if digest is None:
            raise ValueError(f"there is no event at position {after}")
        return _Chain(after, digest)
    chain = _Chain(0, genesis(realm))
    lowest = await session.fetchval("SELECT min(position) FROM event")
    if lowest is not None and lowest < 1:
        chain.fail(lowest, "a position below 1 was inserted")
    return chain


class _Chain:
    """The state of a verification."""

    def __init__(self, position: int, digest: bytes) -> None:
        self.position = position
        self.hash = digest
        self.events = 0
        self.first_bad: int | None = None
        self.reason = ""

    def fail(self, position: int, reason: str) -> None:
        self.first_bad = position
        self.reason = reason

    def check(self, page: list[Any], expected: Head | None) -> None:
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
            if expected and position == expected.position and digest != expected.hash:
                self.fail(position, "its hash differs from the one known from elsewhere")
                break
            previous = digest
            self.position, self.hash = position, previous
            self.events += 1
