"""Makes the vectors of the lore's passages, and keeps them where they outlive the program.

With another encoder all are made anew beside the old ones, which searches go by meanwhile. Only when as many
are there as there are passages does one row switch; then the old ones go. Two keepers do the same work twice,
and nothing else.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import structlog

from domain.lore.chunks import Chunk
from domain.lore.keeping import Kept, VectorsAway, VectorWriter
from handlers.lore.encoding import Encoding
from handlers.lore.library import Library

logger = structlog.get_logger(__name__)

BATCH = 4
"""Passages that the encoder reads at a time with their sentences, 60 ms; then comes a question's turn."""

LOOK_S = 30.0
"""Between two looks without news: the vectors may have been away, or somebody dropped the table."""


class VectorKeeper:
    """Run `run` in a task."""

    def __init__(self, library: Library, encoding: Encoding, vectors: VectorWriter) -> None:
        self._library = library
        self._encoding = encoding
        self._vectors = vectors

    async def run(self) -> None:
        """Keep the vectors of what holds, for ever."""
        while True:
            self._library.news.clear()
            try:
                await self.keep()
            except VectorsAway as error:
                logger.warning("lore_vectors_away", error=str(error))
            except Exception:  # searches go on without the arm of meaning
                logger.exception("lore_vectors_not_kept")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._library.news.wait()

    async def keep(self) -> bool:
        """Make what is missing, drop what holds no more, and switch; return whether searches go by it.

        Raises:
            VectorsAway: they cannot be kept.
        """
        if not self._library.holding() or not await self._encoding.ready():
            return False
        digest, chunks = self._encoding.digest, (await self._library.shelf()).chunks
        there = await self._vectors.there(digest)
        missing = [chunk for chunk in chunks if chunk.digest not in there]
        for begin in range(0, len(missing), BATCH):
            await self._make(digest, missing[begin : begin + BATCH])
        wanted = {chunk.digest for chunk in chunks}
        if gone := sorted(there - wanted):
            await self._vectors.drop(digest, gone)
        if await self._vectors.active() == digest:
            return True
        if not await self._vectors.switch(digest, len(wanted)):
            logger.warning("lore_encoder_not_switched", encoder=digest, passages=len(wanted))
            return False
        dropped = await self._vectors.drop_others(digest)
        logger.info("lore_encoder_switched", encoder=digest, passages=len(wanted), dropped=dropped)
        return True

    async def _make(self, digest: str, chunks: Sequence[Chunk]) -> None:
        texts = [chunk.read for chunk in chunks]
        rows = await self._encoding.of([text for read in texts for text in read])
        parts = np.split(rows, np.cumsum([len(read) for read in texts])[:-1])
        kept = [
            Kept(chunk.digest, chunk.document, chunk.limits, part)
            for chunk, part in zip(chunks, parts, strict=True)
        ]
        await self._vectors.put(digest, kept)
