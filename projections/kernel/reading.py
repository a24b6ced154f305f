"""Answers from the read models: one statement, hence one snapshot of rows and position.

The pool is borrowed and needs the role aicore_reader only.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from bus.ports import EventLog

QUERY_TIMEOUT_S = 10.0

Answer = tuple[Any, int]
"""A result, and the position that it is true as of."""

QueryHandler = Callable[[Mapping[str, Any]], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Reader:
    """Sources of answers: one realm's read models, and its log."""

    pool: asyncpg.Pool
    log: EventLog

    async def rows(self, statement: str, *values: object) -> tuple[Sequence[Mapping[str, Any]], int]:
        """Return the rows and the position of a statement that gives ``rows`` as JSON, and ``position``.

        Raises:
            TimeoutError: no answer within `QUERY_TIMEOUT_S`.
        """
        async with asyncio.timeout(QUERY_TIMEOUT_S), self.pool.acquire() as connection:
            found = await connection.fetchrow(statement, *values)
        return orjson.loads(found["rows"] or "[]"), found["position"] or 0
