"""Vectors of the lore's passages in Postgres: kept as bytes, and searched by pgvector where there is one.

A passage's bytes are its own vector and, behind it, those of its sentences; the index has the first. Filters
come before the search. An index of neighbours (HNSW) filters after it, and by default returns those of its 40
nearest that pass: often none. Here the scan goes on until enough pass (``hnsw.iterative_scan``). The pool is
lent, with `SESSION` in its sessions.
"""

from collections.abc import Mapping, Sequence

import asyncpg
import numpy as np

from domain.lore.chunks import Limits
from domain.lore.keeping import Kept, Rows, Vector, VectorsAway
from domain.lore.knowing import Knower

TIMEOUT_S = 5.0

SESSION: Mapping[str, str] = {
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.ef_search": "200",
    "hnsw.max_scan_tuples": "40000",
}
"""Of pgvector, for sessions that search. Recall against all vectors is measured by `benchmarks lore`."""

FETCH_MAX = 2_000
"""Passages of one statement: with their sentences some 6 MB."""

RESTORING = (
    "CREATE EXTENSION IF NOT EXISTS vector SCHEMA public; "
    "GRANT USAGE ON SCHEMA public TO aicore_owner, aicore_projector, aicore_reader; "
    "ALTER TABLE {schema}.lore_vector ADD COLUMN IF NOT EXISTS near public.halfvec(384); "
    "CREATE INDEX IF NOT EXISTS lore_vector_near ON {schema}.lore_vector "
    "USING hnsw (near public.halfvec_ip_ops)"
)
"""What an administrator says where pgvector came after the migrations, or was taken away and is back: dropped
with CASCADE it takes the column along. The keeper then puts the vectors in, as they come to be missing."""

_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

# Purpose: which encoder searches go by. One row. No lock.
_ACTIVE = "SELECT encoder FROM lore_encoder"

# Purpose: vectors of passages. Index: primary key. No lock.
_FETCH = "SELECT passage, vector FROM lore_vector WHERE encoder = $1 AND passage = ANY($2)"

# Purpose: is there an index of neighbours. Catalogue only. No lock.
_INDEXED = """
SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = 'lore_vector'::regclass AND attname = 'near'
               AND NOT attisdropped)
"""

# Purpose: the nearest that may be known. Index: lore_vector_near, scanned until so many rows pass. No lock.
_NEAREST = """
SELECT passage, -(near OPERATOR(public.<#>) $1::text::public.halfvec) AS cosine FROM lore_vector
WHERE encoder = $2 AND ($8 OR (known_by && $3 AND (narrowed_by = '{}' OR narrowed_by && $3)
  AND stage <= $4 AND from_day <= $5 AND until_day > $5 AND (realms = '{}' OR realms @> ARRAY[$6::text])))
ORDER BY near OPERATOR(public.<#>) $1::text::public.halfvec LIMIT $7
"""

_THERE = "SELECT passage FROM lore_vector WHERE encoder = $1"
_THERE_NEAR = "SELECT passage FROM lore_vector WHERE encoder = $1 AND near IS NOT NULL"
_COUNT = "SELECT count(*) FROM lore_vector WHERE encoder = $1"
_DROP = "DELETE FROM lore_vector WHERE encoder = $1 AND passage = ANY($2)"
_DROP_OTHERS = """
WITH gone AS (DELETE FROM lore_vector WHERE encoder <> $1 RETURNING 1) SELECT count(*) FROM gone
"""

# Purpose: keep vectors. Locks: the rows.
_PUT = """
INSERT INTO lore_vector
    (encoder, passage, document, known_by, narrowed_by, stage, from_day, until_day, realms, vector)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (encoder, passage) DO UPDATE SET vector = EXCLUDED.vector
"""
_PUT_NEAR = """
INSERT INTO lore_vector
    (encoder, passage, document, known_by, narrowed_by, stage, from_day, until_day, realms, vector, near)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::public.halfvec)
ON CONFLICT (encoder, passage) DO UPDATE SET vector = EXCLUDED.vector, near = EXCLUDED.near
"""

# Purpose: have searches go by an encoder. Locks: one row.
_SWITCH = """
INSERT INTO lore_encoder (encoder, passages, switched_us)
VALUES ($1, $2, (extract(epoch FROM now()) * 1e6)::bigint)
ON CONFLICT (one) DO UPDATE SET encoder = EXCLUDED.encoder, passages = EXCLUDED.passages,
    switched_us = EXCLUDED.switched_us
"""


class LoreVectors:
    """One realm's vectors. Its reader needs the role aicore_reader, its writer aicore_projector."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def active(self) -> str:
        """Return the digest of the encoder that searches go by; "": none yet."""
        found = await self._value(_ACTIVE)
        return found if isinstance(found, str) else ""

    async def fetch(self, encoder: str, passages: Mapping[str, int]) -> Mapping[str, Rows]:
        """Return the vectors of passages that have some of this encoder, by how many each has."""
        found: dict[str, Rows] = {}
        wanted = list(passages)
        for begin in range(0, len(wanted), FETCH_MAX):
            for row in await self._rows(_FETCH, encoder, wanted[begin : begin + FETCH_MAX]):
                numbers = np.frombuffer(row["vector"], "<f2").astype(np.float32)
                found[row["passage"]] = numbers.reshape(passages[row["passage"]], -1)
        return found

    async def nearest(
        self, encoder: str, vector: Vector, knower: Knower, count: int
    ) -> Sequence[tuple[str, float]]:
        """Return the passages nearest to a vector that somebody may know, with their cosines."""
        if not await self.indexed():
            raise VectorsAway("there is no pgvector 0.8 in this Postgres")
        rows = await self._rows(
            _NEAREST,
            *(_text(vector), encoder, sorted(knower.labels), knower.stage, knower.day, knower.realm),
            *(count, knower.author),
        )
        return [(row["passage"], float(row["cosine"])) for row in rows]

    async def indexed(self) -> bool:
        """Say whether there is an index of neighbours; asked each time, as pgvector may go and come."""
        return bool(await self._value(_INDEXED))

    async def there(self, encoder: str) -> set[str]:
        """Return the passages that have a vector of this encoder, and stand in the index if there is one."""
        statement = _THERE_NEAR if await self.indexed() else _THERE
        return {row["passage"] for row in await self._rows(statement, encoder)}

    async def put(self, encoder: str, kept: Sequence[Kept]) -> None:
        """Keep vectors; one that is there already is written anew."""
        indexed = await self.indexed()
        rows = [(encoder, *_row(each), *([_text(each.rows[0])] if indexed else [])) for each in kept]
        try:
            async with self._pool.acquire(timeout=TIMEOUT_S) as connection, connection.transaction():
                await connection.executemany(_PUT_NEAR if indexed else _PUT, rows, timeout=TIMEOUT_S)
        except _AWAY as error:
            raise VectorsAway(str(error) or type(error).__name__) from error

    async def drop(self, encoder: str, passages: Sequence[str]) -> None:
        """Forget the vectors of passages that hold no more."""
        await self._rows(_DROP, encoder, passages)

    async def switch(self, encoder: str, passages: int) -> bool:
        """Have searches go by an encoder, if it has exactly so many vectors; return whether it has."""
        if await self._value(_COUNT, encoder) != passages:
            return False
        await self._rows(_SWITCH, encoder, passages)
        return True

    async def drop_others(self, encoder: str) -> int:
        """Forget the vectors of all other encoders, and return how many they were."""
        found = await self._value(_DROP_OTHERS, encoder)
        return found if isinstance(found, int) else 0

    async def _rows(self, statement: str, *values: object) -> Sequence[asyncpg.Record]:
        try:
            rows: Sequence[asyncpg.Record] = await self._pool.fetch(statement, *values, timeout=TIMEOUT_S)
        except _AWAY as error:
            raise VectorsAway(str(error) or type(error).__name__) from error
        return rows

    async def _value(self, statement: str, *values: object) -> object:
        rows = await self._rows(statement, *values)
        return rows[0][0] if rows else None


def _row(kept: Kept) -> tuple[object, ...]:
    limits: Limits = kept.limits
    groups = [sorted(group) for group in limits.known_by]
    return (
        kept.passage,
        kept.document,
        groups[0] if groups else [],
        groups[1] if len(groups) > 1 else [],
        limits.stage,
        limits.from_day,
        limits.until_day,
        sorted(limits.realms),
        kept.rows.astype("<f2").tobytes(),
    )


def _text(vector: Vector) -> str:
    """Return a vector as pgvector reads it."""
    return "[" + ",".join(f"{number:.6f}" for number in vector.tolist()) + "]"
