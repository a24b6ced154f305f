"""A second opinion for the guardrails within the process: a small model of sentences, and a head of our own.

It costs a few milliseconds of one core for each question and each sentence, in a thread, and needs no engine.
What it knows are meanings near those that it was trained on (`aicore/training/guard_texts.toml`, English);
how many it finds is measured by `benchmarks guardrails`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from domain.guardrails.meaning import Heads, Side, windows
from domain.guardrails.scan import Finding
from domain.guardrails.spelling import readable
from handlers.guard_classifier import LIMIT_S, finding, unreachable
from handlers.sentence_encoder import SentenceEncoder

logger = structlog.get_logger(__name__)

BEFORE_MAX = 600
"""Characters of what was judged before that are read again: they hold the new sentence's neighbour."""

BATCH = 16
"""Windows that the model reads at a time."""


@dataclass(frozen=True, slots=True)
class EmbeddedClassifier:
    """Judges texts by their meaning; `judge` as `handlers.guard_classifier.Classifier`."""

    encoder: SentenceEncoder
    heads: Heads
    words: Mapping[str, int]
    """The encoder's, for spellings."""

    async def judge(self, text: str, side: Side, *, known: int = 0) -> Finding | None:
        """Return what a text breaks; None if it is safe; a finding as well if the model fails or is late."""
        try:
            async with asyncio.timeout(LIMIT_S):
                category = await asyncio.to_thread(self.category, text, side, known)
        except Exception as error:  # whatever it is: a guard that fails must not let through
            # Once for each turn, so without a traceback.
            logger.error("guard_failed", error=f"{type(error).__name__}: {error}")  # noqa: TRY400
            return unreachable(text, side)
        return finding("classifier", category, text) if category else None

    def category(self, text: str, side: Side, known: int = 0) -> str | None:
        """Return the category that a text breaks from character ``known`` on; None if it is safe. Blocks."""
        new = readable(text[known:], self.words)
        before = readable(text[max(0, known - BEFORE_MAX) : known], self.words)
        read = windows(new, before)
        for at in range(0, len(read), BATCH):
            vectors = self.encoder.vectors(read[at : at + BATCH]).tolist()
            if category := self.heads[side].worst(vectors):
                return category
        return None
