"""Progress of each read model."""

import asyncio
from collections.abc import Mapping
from typing import Any

from domain.kernel.parse import parse
from domain.projections.queries import StatusQuery
from projections.kernel.reading import QUERY_TIMEOUT_S, Answer, Reader

# A handful of rows, read whole.
_STATUS = "SELECT name, view_version, position, updated_us, error FROM projection_checkpoint ORDER BY name"


async def status(reader: Reader, query: Mapping[str, Any]) -> Answer:
    """Return each projection's position, lag in events, time of its last batch, and error if any."""
    parse(StatusQuery, query)
    async with asyncio.timeout(QUERY_TIMEOUT_S):
        head = (await reader.log.head()).position
        async with reader.pool.acquire() as connection:
            rows = await connection.fetch(_STATUS)
    return [{**dict(row), "lag": max(0, head - row["position"])} for row in rows], head
