"""The lore on a real log, and its vectors in a real Postgres: with pgvector, without, and away."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from aicore.clock import now_us
from aicore.doctor.check import Patient
from aicore.doctor.derived import neighbours
from aicore.embedded import EmbeddedPostgres
from aicore.running import System
from aicore.settings import Settings
from aicore.wiring.lore import DOCUMENTS
from bus.codec import EventCodec
from bus.ports import EventLog, StreamWrite
from bus.postgres.connect import connect_pool
from domain.kernel.decider import Rejected
from domain.lore.keeping import VectorsAway
from domain.lore.messages import DocumentAdded, DocumentRemoved
from domain.lore.shelf import Shelf
from handlers.kernel.commands import CommandRunner
from handlers.lore.encoding import Encoding
from handlers.lore.keeper import VectorKeeper
from handlers.lore.librarian import Librarian
from handlers.lore.library import Library
from projections.lore.vectors import SESSION, LoreVectors
from tests.integration.log_kit import superuser
from tests.integration.projection_kit import Realm, open_realm
from tests.unit.kit import ident, message
from tests.unit.lore.encoder_kit import WordEncoder
from tests.unit.lore.kit import BY, added, content, knower

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

BELL = added("bell", "The ninth bell has lost its tongue. It hangs in the leaning church.")
FERRY = added("ferry", "The ferry leaves on the hour and carries horses.", known_by=["faction.oars"])
SALT = added("salt", "Salt is raked in the last week of summer.")


@pytest.fixture
async def place(postgres: EmbeddedPostgres, realm: str) -> AsyncIterator[Realm]:
    async with open_realm(postgres, realm) as opened_realm:
        yield opened_realm


async def write(log: EventLog, codec: EventCodec, *events: DocumentAdded | DocumentRemoved) -> None:
    for event in events:
        await log.append(StreamWrite(f"lore-{event.document}", [codec.encode(event, ident())]))


async def library(place: Realm) -> Library:
    """The library as of what is in the log."""
    found = Library(place.log, decode=place.codec.decode, definition=lambda: None)
    batch = await place.log.read_all(after=0, limit=1_000)
    await found.take([event for event in batch if event.type in Library.types])
    return found


@asynccontextmanager
async def opened(place: Realm, role: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await connect_pool(place.dsn, place.name, role=role, size_max=2, **SESSION)
    try:
        yield pool
    finally:
        await pool.close()


@pytest.fixture
async def writer(place: Realm) -> AsyncIterator[LoreVectors]:
    async with opened(place, "aicore_projector") as pool:
        yield LoreVectors(pool)


@pytest.fixture
async def reads(place: Realm) -> AsyncIterator[asyncpg.Pool]:
    async with opened(place, "aicore_reader") as pool:
        yield pool


async def counted(place: Realm) -> dict[str, int]:
    async with superuser(place.dsn, place.name) as session:
        rows = await session.fetch("SELECT encoder, count(*) AS n FROM lore_vector GROUP BY encoder")
    return {row["encoder"]: row["n"] for row in rows}


async def searched(librarian: Librarian, text: str, **fields: Any) -> Any:
    return (await librarian.answer_search({"text": text, **fields}))[0]


def read_of(shelf: Shelf) -> list[str]:
    return [text for chunk in shelf.chunks for text in chunk.read]


def names(found: Any) -> Sequence[str]:
    return [each["document"] for each in found["found"]]


def librarian_of(books: Library, encoding: Encoding, vectors: LoreVectors | None) -> Librarian:
    return Librarian(books, encoding, vectors, day=lambda: 0, realm="live")


async def test_vectors_of_two_encoders_stand_side_by_side_until_they_are_counted(
    place: Realm, writer: LoreVectors, reads: asyncpg.Pool
) -> None:
    await write(place.log, place.codec, BELL, FERRY, SALT)
    books = await library(place)
    reader = LoreVectors(reads)
    old, new = WordEncoder("old"), WordEncoder("new")
    before, after = Encoding(lambda: old), Encoding(lambda: new)
    assert await VectorKeeper(books, before, writer).keep()
    librarian = librarian_of(books, before, reader)
    found = await searched(librarian, "Where does the ninth bell hang?")
    assert (names(found)[0], found["scan"], found["without"]) == ("bell", "exact", [])
    assert found["encoder"] == before.digest != old.digest, "it says what was read of a passage, too"
    assert found["found"][0]["cite"] == "bell@1#main.1"

    # Half of the new ones are there: searches go by the old ones, and a program with the new encoder says so.
    assert await after.ready()
    keeper = VectorKeeper(books, after, writer)
    await keeper._make(after.digest, (await books.shelf()).chunks[:1])
    assert not await writer.switch(after.digest, 3), "one is not three"
    ahead = await searched(librarian_of(books, after, reader), "Where does the ninth bell hang?")
    assert (names(ahead)[0], ahead["scan"]) == ("bell", "none")
    assert ahead["without"] == [{"arm": "meaning", "why": "the passages' vectors are being made"}]
    assert await counted(place) == {before.digest: 3, after.digest: 1}

    assert await keeper.keep()
    assert await counted(place) == {after.digest: 3}
    assert sorted(new.read) == sorted(read_of(await books.shelf())), "each was read once"
    follows = await searched(librarian_of(books, after, reader), "Where does the ninth bell hang?")
    assert (follows["encoder"], follows["scan"]) == (after.digest, "exact")

    # A version that supersedes drops the vectors of the one before, and makes only what is new.
    await write(
        place.log,
        place.codec,
        DocumentRemoved(document="salt", number=1, **BY),
        added("bell", "It rings.", number=2),
    )
    new.read.clear()
    books = await library(place)
    assert await VectorKeeper(books, after, writer).keep()
    assert await counted(place) == {after.digest: 2}
    assert new.read == ["Bell. It rings.", "Bell. It rings."], "the passage and its sentence"


async def test_neighbours_are_filtered_by_the_index_and_its_loss_is_no_loss(
    place: Realm, writer: LoreVectors, reads: asyncpg.Pool
) -> None:
    many = [
        added(f"d{n}", f"Tower {n} has a bell.", known_by=["faction.few" if n < 3 else "everyone"])
        for n in range(60)
    ]
    await write(place.log, place.codec, *many)
    books, encoder = await library(place), WordEncoder("one")
    encoding = Encoding(lambda: encoder)
    reader = LoreVectors(reads)
    assert await VectorKeeper(books, encoding, writer).keep()
    vector = encoder.vectors(["tower 7"])[0]
    few, all_ = knower("faction.few"), knower()
    at = {chunk.digest: chunk.document for chunk in (await books.shelf()).chunks}
    nearest = await reader.nearest(encoding.digest, vector, all_, 5)
    assert at[nearest[0][0]] == "d7"
    assert len(nearest) == 5
    seen = {at[passage] for passage, _ in await reader.nearest(encoding.digest, vector, few, 60)}
    assert seen == {f"d{n}" for n in range(60)}, "the scan goes on until enough pass"
    hidden = {at[passage] for passage, _ in await reader.nearest(encoding.digest, vector, all_, 60)}
    assert hidden == {f"d{n}" for n in range(3, 60)}

    async with superuser(place.dsn, place.name) as session:
        # A server whose logins are apart takes everybody's right to look into the schema of pgvector.
        told = "SELECT a.grantee::regrole::text AS who FROM pg_namespace, aclexplode(nspacl) a"
        rights = await session.fetch(f"{told} WHERE nspname = 'public' AND a.privilege_type = 'USAGE'")
        assert {"aicore_owner", "aicore_projector", "aicore_reader"} <= {row["who"] for row in rights}
        await session.execute("ALTER TABLE lore_vector DROP COLUMN near")
    bare = LoreVectors(reads)
    with pytest.raises(VectorsAway, match="no pgvector"):
        await bare.nearest(encoding.digest, vector, all_, 5)
    librarian = librarian_of(books, encoding, bare)
    found = await searched(librarian, "What has tower 7?")
    assert (names(found)[0], found["scan"]) == ("d7", "exact")

    # Postgres away: what was read stays, and who has read nothing searches by names and words, and says so.
    await reads.close()
    assert names(await searched(librarian, "What has tower 7?"))[0] == "d7"
    lost = await searched(librarian_of(books, encoding, LoreVectors(reads)), "What has tower 7?")
    assert (names(lost)[0], lost["scan"]) == ("d7", "none")
    assert lost["without"][0]["why"].startswith("the vectors are away")

    def broken() -> WordEncoder:
        raise OSError("no such model")

    blind = await searched(librarian_of(books, Encoding(broken), bare), "What has tower 7?")
    assert (names(blind)[0], blind["without"]) == ("d7", [{"arm": "meaning", "why": "no such model"}])


async def test_pgvector_goes_and_comes_back_while_the_program_runs(
    place: Realm, writer: LoreVectors, reads: asyncpg.Pool
) -> None:
    """Dropped with CASCADE it takes the column along; what runs goes on without, and fills it again."""
    encoder = WordEncoder("one")
    encoding, reader = Encoding(lambda: encoder), LoreVectors(reads)
    system = System(realm=place.name, state_dir=Path(), postgres_dsn=place.dsn, nats_url="", pid=0)

    async def doctor() -> tuple[str, str]:
        async with superuser(place.dsn, place.name) as session:
            (found,) = await neighbours(Patient(Settings(), system, session, None, now_us))
        return found.verdict, found.mend

    await write(place.log, place.codec, BELL)
    assert await VectorKeeper(await library(place), encoding, writer).keep()
    assert await writer.indexed()
    assert (await doctor())[0] == "ok"

    async with superuser(place.dsn, place.name) as session:
        await session.execute("DROP EXTENSION vector CASCADE")
    await write(place.log, place.codec, FERRY)
    books = await library(place)
    assert await VectorKeeper(books, encoding, writer).keep(), "what is new has its vectors all the same"
    librarian = librarian_of(books, encoding, reader)
    found = await searched(librarian, "When does the ferry leave?", holder="person.x", groups=[])
    assert (found["scan"], found["without"]) == ("exact", [])
    with pytest.raises(VectorsAway, match="no pgvector"):
        await reader.nearest(encoding.digest, encoder.vectors(["ferry"])[0], knower(), 5)
    verdict, mend = await doctor()
    assert verdict == "warning"

    async with superuser(place.dsn, place.name) as session:
        await session.execute(mend.partition("as an administrator: ")[2])
    assert await VectorKeeper(books, encoding, writer).keep()
    nearest = await reader.nearest(encoding.digest, encoder.vectors(["ferry"])[0], knower("faction.oars"), 5)
    assert len(nearest) == 2, "those made before and those made without it stand in the index"
    assert (await doctor())[0] == "ok"


async def test_budgets_cut_nothing_without_saying_so(place: Realm) -> None:
    long = added("long", "A bell of the tower. " + "It is old and green. " * 20)
    await write(place.log, place.codec, long, *[added(f"d{n}", f"Tower {n} has a bell.") for n in range(8)])
    librarian = librarian_of(await library(place), Encoding(None), None)
    found = await searched(librarian, "Which tower has a bell?", limit=5, characters_max=100)
    assert found["without"] == [{"arm": "meaning", "why": "AICORE_LORE_ENCODER is empty"}]
    shown = sum(len(each["text"]) for each in found["found"])
    assert 0 < shown <= 100
    cut = {each["budget"]: each["count"] for each in found["cut"]}
    assert len(found["found"]) + sum(cut.values()) == 9
    unknown = await searched(librarian, "Who is the mayor of Brasshaven?")
    assert (unknown["known"], unknown["reason"], unknown["found"]) == (False, "no_such_name", [])


async def test_the_lore_is_added_searched_and_removed_as_messages_ask(place: Realm) -> None:
    runner = CommandRunner(place.log, place.codec, [DOCUMENTS])

    async def said(command: str, payload: dict[str, Any]) -> Any:
        return await runner(message(f"lore.{command}", payload))

    await said("add_document", {**content("bell", "The ninth bell is silent."), **BY})
    secret = {**content("pilot", "The ferryman was a pilot.", known_by=["player.ann"], stage=1), **BY}
    await said("add_document", secret)
    again = await said("add_document", {**secret, "reason": "again"})
    assert (again.events, again.result["number"]) == ([], 1)
    librarian = librarian_of(await library(place), Encoding(None), None)
    asked: dict[str, Any] = {"holder": "player.ann", "stage": 1}
    assert names(await searched(librarian, "Who was a pilot?", **asked)) == ["pilot"]
    for other in ({"holder": "player.bob"}, {"stage": 0}):
        assert not (await searched(librarian, "Who was a pilot?", **{**asked, **other}))["known"]
    await said("remove_document", {"document": "bell", **BY})
    left = librarian_of(await library(place), Encoding(None), None)
    shown, _ = await left.answer_documents({})
    assert [each["document"] for each in shown["documents"]] == ["pilot"]
    removed, _ = await left.answer_document({"document": "bell", "number": 1})
    assert (removed["removed"], removed["sections"][0]["paragraphs"]) == (True, ["The ninth bell is silent."])
    with pytest.raises(Rejected, match="there is no document"):
        await said("remove_document", {"document": "harp", **BY})
