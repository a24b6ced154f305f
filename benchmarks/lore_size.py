"""A hundred thousand passages, of which a thousandth, a hundredth, a tenth or all may be known.

The passages are pairs of generated sentences. To encode each would take a quarter of an hour, so a passage's
vector is the normalised sum of its sentences' and a little noise; questions are encoded by the model while
the clock runs. Beside it: pgvector's index by its defaults, which filters what it found.
"""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from random import Random
from typing import Any, cast

import asyncpg
import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Progress, Report, servers
from benchmarks.lore_kit import give_words
from bus.postgres.connect import connect_pool, schema_of
from bus.postgres.migrate import migrate
from domain.lore.chunks import Chunk, Limits, Sentence
from domain.lore.keeping import Encoder, Kept, Vector
from domain.lore.knowing import Knower
from domain.lore.names import Names
from domain.lore.search import Asked, Found, arms_of
from domain.lore.shelf import Shelf
from handlers.lore.encoding import Encoding
from handlers.lore.librarian import Librarian, known_vectors
from projections.lore.vectors import SESSION, LoreVectors, _row, _text

REALM = "bench"
SHARES: Mapping[str, float] = {"all": 1.0, "tenth": 0.1, "hundredth": 0.01, "thousandth": 0.001}
QUESTIONS, QUESTIONS_QUICK = 400, 60
BEST = 10
SENTENCES = 4_000
NOISE = 0.25
COLD = 5
"""Searches that find caches cold."""

DEFAULTS = {"hnsw.iterative_scan": "off", "hnsw.ef_search": "40"}

_WORDS = """
ferryman baker constable lamplighter stoker clerk nurse mason diver weaver eeler priest broker widow
hid lost sold mended stole forged buried promised counted lit drowned weighed carried refused
ledger lantern key bell pane ring coat map knife letter boat coin mask rope candle crown mirror
quay kiln stair bridge chapel market cellar wall marsh tower canteen ward pool vault attic lane
"""
_CLAUSES = """
at dusk, in the frost, before the flood, on a Tuesday, for nine years, in the fog, last winter, at noon
a debt, a dare, her brother, the harbour, nobody, a bishop, the wrong man, a song, two crowns, the tide
"""
WHO, DID, WHAT, WHERE = (line.split() for line in _WORDS.strip().splitlines())
WHEN, WHY = (line.split(", ") for line in _CLAUSES.strip().splitlines())


def sentences(draw: Random) -> list[str]:
    """Return generated sentences, no two alike."""
    found: dict[str, None] = {}
    while len(found) < SENTENCES:
        who, did, what = draw.choice(WHO), draw.choice(DID), draw.choice(WHAT)
        where, when, why = draw.choice(WHERE), draw.choice(WHEN), draw.choice(WHY)
        found[f"The {who} {did} a {what} at the {where} {when}, for {why}."] = None
    return list(found)


def passages(count: int, encoder: Encoder, draw: Random) -> tuple[Shelf, NDArray[np.float32]]:
    """Return a shelf of passages, and their vectors."""
    texts = sentences(draw)
    rows = encoder.vectors(texts)
    noise = np.random.default_rng(7)
    first = np.array([draw.randrange(SENTENCES) for _ in range(count)])
    second = np.array([draw.randrange(SENTENCES) for _ in range(count)])
    width = rows.shape[1]
    mixed = rows[first] + rows[second] + noise.standard_normal((count, width)) * NOISE / np.sqrt(width)
    vectors = (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32)
    both = enumerate(zip(first, second, strict=True))
    chunks = [_chunk(number, texts[one], texts[two], draw) for number, (one, two) in both]
    shelf = Shelf(chunks, Names())
    for chunk, vector, one, two in zip(chunks, vectors, first, second, strict=True):
        shelf.give(encoder.digest, {chunk.digest: np.stack([vector, rows[one], rows[two]])})
    give_words(shelf, encoder)
    shelf.make_sketch()
    return shelf, vectors


def _chunk(number: int, one: str, two: str, draw: Random) -> Chunk:
    luck = draw.random()
    labels = frozenset(f"group.{name}" for name, share in SHARES.items() if luck < share)
    limits = Limits((labels,), stage=draw.randrange(5))
    digest = sha256(f"{number}".encode()).hexdigest()
    page = number // 4
    said = (Sentence(1, one), Sentence(2, two))
    return Chunk(f"d{page}", 1, f"Page {page}", "main", number % 4, (), "", said, limits, digest)


async def measure_size(report: Report, encoder: Encoder, count: int, progress: Progress) -> None:
    """Search so many passages at each share, and tell times and recall."""
    draw = Random(100)
    progress(f"{count:,} passages")
    begin = time.perf_counter()
    shelf, vectors = passages(count, encoder, draw)
    report.add("passages indexed in", time.perf_counter() - begin, "s")
    asked = _questions(draw, QUESTIONS if count > 50_000 else QUESTIONS_QUICK)
    with servers() as (server, _):
        dsn = server.dsn
        await migrate(dsn, REALM)
        await _keep(dsn, shelf, vectors, encoder.digest, progress)
        async with _pool(dsn, SESSION) as scanning, _pool(dsn, DEFAULTS) as plain:
            readers = LoreVectors(scanning), LoreVectors(plain)
            for name in SHARES:
                progress(f"{name} of {count:,} passages may be known")
                await _at_share(report, name, (shelf, vectors, encoder), readers, asked)
    report.facts |= {"passages": count, "session": dict(SESSION), "noise": NOISE}


def _questions(draw: Random, count: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        did, what, where = draw.choice(DID), draw.choice(WHAT), draw.choice(WHERE)
        found[f"Who {did} the {what} near the {where} {draw.choice(WHEN)}?"] = None
    return list(found)


async def _at_share(
    report: Report,
    name: str,
    of: tuple[Shelf, NDArray[np.float32], Encoder],
    readers: tuple[LoreVectors, LoreVectors],
    asked: Sequence[str],
) -> None:
    shelf, vectors, encoder = of
    encoding = Encoding(lambda: encoder)
    assert await encoding.ready()
    librarian = Librarian(cast(Any, None), encoding, readers[0], day=lambda: 0, realm="live")
    knower = Knower(frozenset({f"group.{name}"}), 0, 9, "live")
    visible = shelf.visible(knower)
    known = known_vectors(shelf)
    times = Times()
    scans: set[str] = set()
    recalls: dict[str, list[float]] = {"": [], ", the index scanned on": [], ", pgvector's defaults": []}
    for question in asked:
        found = await times.of(partial(librarian.find, question, knower, known))
        scans.add(found.scan)
        vector = encoder.vectors([question])[0]
        exact = set(visible[np.argsort(-(vectors[visible] @ vector), kind="stable")[:BEST]].tolist())
        arms = arms_of(shelf, Asked(question, knower, vector, shelf.encoder), visible)
        ours = visible[np.argsort(-arms.meaning, kind="stable")[:BEST]]
        recalls[""].append(len(exact.intersection(ours.tolist())) / max(1, len(exact)))
        for which, reader in zip(list(recalls)[1:], readers, strict=True):
            recalls[which].append(await _recall(reader, shelf, vector, knower, exact))
    report.add(f"{name}: visible", len(visible), "passages")
    times.tell(report, name)
    for which, each in recalls.items():
        report.add(f"{name}: recall@{BEST}{which}", float(np.mean(each)), "of 1")
    report.facts[f"scan, {name}"] = ", ".join(sorted(scans))
    report.facts[f"load, {name}"] = round(os.getloadavg()[0], 1)


@dataclass(slots=True)
class Times:
    """Of searches: by the clock and of the processor, with reading the question and, asked again, without."""

    whole: list[float] = field(default_factory=list)
    used: list[float] = field(default_factory=list)
    read: list[float] = field(default_factory=list)

    async def of(self, find: Callable[[], Awaitable[tuple[Found, object]]]) -> Found:
        """Search, and once more: the encoder's vectors of the question are kept then."""
        begin, used = time.perf_counter(), time.process_time()
        found, _ = await find()
        self.whole.append((time.perf_counter() - begin) * 1e3)
        self.used.append((time.process_time() - used) * 1e3)
        begin = time.perf_counter()
        await find()
        self.read.append((time.perf_counter() - begin) * 1e3)
        return found

    def tell(self, report: Report, name: str) -> None:
        """Tell p50 and p99, in milliseconds; the first ones find caches cold, and do not count."""
        by = {"": self.whole, " without reading the question": self.read, " of the processor": self.used}
        for which, times in by.items():
            for share in (50, 99):
                value = float(np.percentile(times[COLD:], share))
                report.add(f"{name}: search{which}, p{share}", value, "ms")


async def _recall(
    reader: LoreVectors, shelf: Shelf, vector: Vector, knower: Knower, exact: set[int]
) -> float:
    rows = await reader.nearest(shelf.encoder, vector, knower, BEST)
    return len(exact & {shelf.at[passage] for passage, _ in rows}) / max(1, len(exact))


async def _keep(
    dsn: str, shelf: Shelf, vectors: NDArray[np.float32], encoder: str, progress: Progress
) -> None:
    """Write the vectors down, and make the index anew over all of them."""
    session = await asyncpg.connect(dsn)
    try:
        await session.execute(f"SET search_path = {schema_of(REALM)}; SET maintenance_work_mem = '1GB'")
        await session.execute("DROP INDEX lore_vector_near; CREATE TEMPORARY TABLE given (LIKE lore_vector)")
        await session.execute("ALTER TABLE given ALTER COLUMN near TYPE text USING NULL")
        for begin in range(0, len(vectors), 5_000):
            kept = [
                Kept(chunk.digest, chunk.document, chunk.limits, shelf.rows_of(begin + number))
                for number, chunk in enumerate(shelf.chunks[begin : begin + 5_000])
            ]
            rows = [(encoder, *_row(each), _text(each.rows[0])) for each in kept]
            await session.copy_records_to_table("given", records=rows)
        progress("the index of neighbours")
        columns = (
            "encoder, passage, document, known_by, narrowed_by, stage, from_day, until_day, realms, vector"
        )
        copy = f"INSERT INTO lore_vector SELECT {columns}, near::public.halfvec FROM given"
        await session.execute(copy, timeout=600)
        index = "CREATE INDEX lore_vector_near ON lore_vector USING hnsw (near public.halfvec_ip_ops)"
        await session.execute(index, timeout=3_600)
        await session.execute("ANALYZE lore_vector")
    finally:
        await session.close()


@asynccontextmanager
async def _pool(dsn: str, settings: Mapping[str, str]) -> AsyncIterator[asyncpg.Pool]:
    pool = await connect_pool(dsn, REALM, role="aicore_reader", size_max=1, **settings)
    try:
        yield pool
    finally:
        await pool.close()
