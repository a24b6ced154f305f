"""The encoder as the lore uses it: opened in a thread when first needed, shared with whoever has it open."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from domain.lore.keeping import Encoder, Vector, space_of

logger = structlog.get_logger(__name__)

QUESTIONS_KEPT = 1_000
"""Vectors of the last questions: some 2 MB; who asks again within a talk waits for no model."""

PAUSE_S = 30.0
"""After the encoder could not be opened, before it is tried again."""


class Encoding:
    """An encoder that may be away. ``open_``: opens it, and blocks; None: there shall be none."""

    def __init__(self, open_: Callable[[], Encoder] | None) -> None:
        self._open = open_
        self._encoder: Encoder | None = None
        self._opening = asyncio.Lock()
        self._again_s = 0.0
        self._kept: OrderedDict[str, Vector] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, "lore-encoder")
        self.why = "" if open_ else "AICORE_LORE_ENCODER is empty"
        """Why there is none; "": there is, or nobody needed it yet."""

    @property
    def digest(self) -> str:
        """Digest of the encoder and of what it reads of a passage; "" as long as it is not open."""
        return space_of(self._encoder.digest) if self._encoder else ""

    async def ready(self) -> bool:
        """Open the encoder if it is not; return whether it is there."""
        if self._open is None:
            return False
        async with self._opening:
            now = asyncio.get_running_loop().time()
            if self._encoder is None and now >= self._again_s:
                try:
                    self._encoder = await asyncio.to_thread(self._open)
                    self.why = ""
                except Exception as error:  # whatever it is: the other arms search without it
                    self.why, self._again_s = str(error) or type(error).__name__, now + PAUSE_S
                    logger.warning("lore_encoder_away", error=self.why)
        return self._encoder is not None

    async def of_question(self, texts: Sequence[str]) -> Vector | None:
        """Return the vectors of texts that are one question, a row each; None if the encoder is away.

        The question is read together with those of its words that are no passage's: one call, one wait.
        """
        key = "\n".join(texts)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if self._encoder is None:
            return None
        found = await self.of(texts)
        self._kept[key] = found
        if len(self._kept) > QUESTIONS_KEPT:
            self._kept.popitem(last=False)
        return found

    async def of(self, texts: Sequence[str]) -> Vector:
        """Return the vectors of texts, a row each; the encoder must be ready."""
        assert self._encoder is not None, "ready() said so"
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._encoder.vectors, texts)
