"""Answers questions to the lore. What is away is said, and the arms that are left answer."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import structlog

from domain.kernel.parse import parse
from domain.lore.keeping import Vector, VectorReader, VectorsAway
from domain.lore.knowing import Knower, labels_of, may_know
from domain.lore.queries import DocumentQuery, DocumentsQuery, SearchQuery
from domain.lore.refusal import SIGNS, WHY, likelihood, values_of
from domain.lore.search import Asked, Found, Hit, Near, best_sentence, search
from domain.lore.senses import Senses
from domain.lore.shelf import Shelf
from domain.lore.terms import terms_of
from handlers.lore.encoding import Encoding
from handlers.lore.library import Library, shown

logger = structlog.get_logger(__name__)

EXACT_MAX = 250_000
"""Visible passages up to which all are compared, in memory; beyond, an index is asked (`benchmarks lore`)."""

NEAREST = 100
"""Neighbours that are asked for."""

ARMS = ("score", "names", "words", "meaning", "sentence")
"""What a row tells of its place."""

LOOK_S = 0.5
"""Between two looks for vectors that were missing."""

WORDS_AT_ONCE = 2_000
"""Words that are read for one search, half a second; the sample world has fewer. Others wait for the next."""

WORDS_BATCH = 64
"""Words that are read at a time: 15 ms; then comes a question's turn."""

THREAD_FROM = 2_000
"""Passages from which a search goes through a thread; below it takes a millisecond."""


@dataclass(slots=True)
class _Vectors:
    """Vectors of a shelf, as far as they are known.

    Attributes:
        of: the library's shelf; ``shelf`` is the same, with vectors of this process's encoder.
        missing: of how many passages there is none.
        why: why there are none at all; "": there are.
        unread: of how many words there is no vector, so that nothing is related to them.
    """

    of: Shelf
    shelf: Shelf
    encoder: str = ""
    missing: int = 0
    why: str = ""
    unread: int = 1
    looked_s: float = float("-inf")

    @property
    def lacks(self) -> bool:
        """Whether there is something to look for."""
        return bool(self.missing or self.why or not self.encoder or self.unread)


def known_vectors(shelf: Shelf) -> "_Vectors":
    """Return a shelf with the vectors that it has, for who brings all of them along."""
    return _Vectors(shelf, shelf, shelf.encoder, unread=0)


class Librarian:
    """Answers the queries of the lore, from memory."""

    def __init__(
        self,
        library: Library,
        encoding: Encoding,
        vectors: VectorReader | None,
        *,
        day: Callable[[], int],
        realm: str,
    ) -> None:
        """Prepare; ``day`` returns the game day of now."""
        self._library = library
        self._encoding = encoding
        self._reader = vectors
        self._day = day
        self._realm = realm
        self._made: _Vectors | None = None
        self._looking = asyncio.Lock()
        self._words: dict[str, Vector] = {}

    async def answer_search(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``lore.search``."""
        asked = parse(SearchQuery, query)
        knower = Knower(
            labels_of(asked.holder, self._library.definition(), asked.groups),
            self._day() if asked.day is None else asked.day,
            asked.stage,
            self._realm,
        )
        position = self._library.position
        known = await self._with_vectors()
        found, without = await self.find(asked.text, knower, known)
        return {
            **_told(known.shelf, asked, knower, found),
            "without": [*without, *_partly(known, found)],
            "encoder": known.encoder,
            "day": knower.day,
        }, position

    async def find(
        self, text: str, knower: Knower, known: "_Vectors"
    ) -> tuple[Found, Sequence[Mapping[str, str]]]:
        """Return what is found for a question, and which arms were away."""
        shelf, why = known.shelf, known.why
        vector, senses = (None, {}) if why else await self._read(shelf, text, knower)
        near = None
        if vector is not None and len(shelf.chunks) > EXACT_MAX:
            near = await self._nearest(known, vector, knower)
        asked = Asked(text, knower, vector, known.encoder, near, senses=senses)
        if len(shelf.chunks) < THREAD_FROM:
            found = search(shelf, asked)
        else:
            found = await asyncio.to_thread(search, shelf, asked)
        # Said twice, since it must never be wrong: nobody is shown what they may not know.
        hits = [hit for hit in found.hits if may_know(knower, shelf.chunks[hit.at].limits)]
        return replace(found, hits=hits), [{"arm": "meaning", "why": why}] if why else []

    async def _read(
        self, shelf: Shelf, text: str, knower: Knower
    ) -> tuple[Vector | None, Mapping[str, Vector]]:
        """Return the vectors of a question and of its words that stand nowhere, by their terms."""
        strange = shelf.strange_words(text) if shelf.senses is not None else {}
        rows = await self._encoding.of_question([shelf.meant(text, knower), *strange.values()])
        if rows is None:
            return None, {}
        return rows[0], dict(zip(strange, rows[1:], strict=True))

    async def _nearest(self, known: _Vectors, vector: Vector, knower: Knower) -> Near | None:
        """Return the neighbours by the index, where so many may be known that to compare all is slower."""
        shelf = known.shelf
        if self._reader is None or shelf.count_visible(knower) <= EXACT_MAX:
            return None
        try:
            rows = await self._reader.nearest(known.encoder, vector, knower, NEAREST)
        except VectorsAway as error:
            logger.debug("lore_index_away", error=str(error))
            return None
        at = [(shelf.at[passage], cosine) for passage, cosine in rows if passage in shelf.at]
        return Near(
            np.array([place for place, _ in at], np.intp), np.array([cosine for _, cosine in at], np.float32)
        )

    async def _with_vectors(self) -> _Vectors:
        """Return the shelf with the vectors that there are."""
        shelf = await self._library.shelf()
        async with self._looking:
            made, now = self._made, asyncio.get_running_loop().time()
            if made is None or made.of is not shelf:
                own = shelf.without_vectors()
                if made is not None:
                    own.take_over(made.shelf)
                made = self._made = _Vectors(shelf, own)
            if made.lacks and now - made.looked_s >= LOOK_S:
                made.looked_s = now
                await self._look(made)
                await self._read_words(made)
            return made

    async def _read_words(self, made: _Vectors) -> None:
        """Read words of the shelf that were not read yet, some at a time, and give it all that were."""
        if not made.encoder or not made.unread:
            return
        spoken = made.shelf.spoken
        words = sorted(set(spoken.values()))
        self._words = {word: self._words[word] for word in words if word in self._words}
        missing = [word for word in words if word not in self._words]
        for begin in range(0, min(len(missing), WORDS_AT_ONCE), WORDS_BATCH):
            part = missing[begin : begin + WORDS_BATCH]
            self._words |= zip(part, await self._encoding.of(part), strict=True)
        read = {term: self._words[word] for term, word in spoken.items() if word in self._words}
        made.unread = len(spoken) - len(read)
        made.shelf.senses = Senses(read) if read else None

    async def _look(self, made: _Vectors) -> None:
        """Look for the vectors that a shelf lacks."""
        if not made.shelf.chunks or (made.encoder and not made.missing and not made.why):
            return
        if self._reader is None or not await self._encoding.ready():
            made.why = self._encoding.why or "nothing keeps vectors here"
            return
        digest = self._encoding.digest
        try:
            if await self._reader.active() != digest:
                made.why = "the passages' vectors are being made"
                return
            lacking = made.shelf.lacking()
            found = await self._reader.fetch(digest, lacking)
        except VectorsAway as error:
            made.why = made.why if made.encoder else f"the vectors are away: {error}"
            return
        made.shelf.give(digest, found)
        made.encoder, made.missing, made.why = digest, len(lacking) - len(found), ""
        if not made.missing:
            await asyncio.to_thread(made.shelf.make_sketch)

    async def answer_document(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``lore.document``."""
        asked = parse(DocumentQuery, query)
        shelved = self._library.documents.get(asked.document)
        position = self._library.position
        if shelved is None or not shelved.versions:
            return None, position
        number = asked.number or max(shelved.versions)
        if number not in shelved.versions:
            return None, position
        return {
            **shelved.versions[number].model_dump(mode="json"),
            "removed": shelved.number != number,
            "versions": sorted(shelved.versions),
            "position": position,
        }, position

    async def answer_documents(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``lore.documents``."""
        parse(DocumentsQuery, query)
        position = self._library.position
        known = await self._with_vectors()
        chunks: dict[str, int] = {}
        for chunk in known.shelf.chunks:
            chunks[chunk.document] = chunks.get(chunk.document, 0) + 1
        total = len(known.shelf.chunks)
        return {
            "documents": [shown(document, chunks) for document in self._library.holding()],
            "chunks": total,
            "encoder": known.encoder,
            "vectors": total - known.missing if known.encoder else 0,
            "without": [{"arm": "meaning", "why": known.why}] if known.why else [],
        }, position


def _told(shelf: Shelf, asked: SearchQuery, knower: Knower, found: Found) -> dict[str, Any]:
    """Return what a search found, within its budgets; what they cut is counted."""
    terms = terms_of(asked.text)
    hits = found.hits if not found.reason else ()
    rows, left, characters = [], 0, 0
    for hit in hits[: asked.limit]:
        size = len(shelf.chunks[hit.at].text)
        # A passage that does not fit starves none behind it that does.
        if characters + size > asked.characters_max:
            left += 1
            continue
        characters += size
        rows.append(_row(shelf, hit, terms))
    cut = [("limit", max(0, len(hits) - asked.limit)), ("characters_max", left)]
    return {
        "known": not found.reason,
        "reason": found.reason,
        "why": WHY[found.reason],
        "found": rows,
        "cut": [{"budget": budget, "count": count} for budget, count in cut if count],
        "signs": _signs(found),
        "scan": found.scan,
        "visible": found.visible,
    }


def _signs(found: Found) -> dict[str, int]:
    """Return in thousandths what spoke for an answer, and how likely that made one; none without a search."""
    if found.signs is None:
        return {}
    signs = {name: round(1_000 * value) for name, value in zip(SIGNS, values_of(found.signs), strict=True)}
    return {**signs, "likelihood": round(1_000 * likelihood(found.signs))}


def _row(shelf: Shelf, hit: Hit, terms: Sequence[str]) -> dict[str, Any]:
    chunk = shelf.chunks[hit.at]
    best = best_sentence(shelf, hit.at, terms)
    return {
        "document": chunk.document,
        "number": chunk.number,
        "title": chunk.title,
        "section": chunk.section,
        "chunk": chunk.at,
        "text": chunk.text,
        **{name: round(1_000 * getattr(hit, name)) for name in ARMS},
        "sentences": [[sentence.number, sentence.text] for sentence in chunk.sentences],
        "best": best,
        "cite": chunk.cite(best),
    }


def _partly(known: _Vectors, found: Found) -> Sequence[Mapping[str, str]]:
    """Say of how many passages the arm of meaning knows nothing yet."""
    if not known.encoder or found.scan == "none":
        return []
    told = []
    if known.missing:
        why = f"{known.missing} of {len(known.shelf.chunks)} passages have no vector yet"
        told.append({"arm": "meaning", "why": why})
    if known.unread:
        why = f"{known.unread} words have no vector yet, so that nothing is related to them"
        told.append({"arm": "words", "why": why})
    return told
