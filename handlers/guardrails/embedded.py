"""A second opinion for the guardrails within the process: a small model of sentences, and a head of our own.

It costs a few milliseconds of one core for each question and each sentence, in a thread, and needs no engine.
Long texts are judged as thoroughly, and so take up to 1.5 s: they have a thread of their own, in which they
take turns, so that nobody's sentence waits for them.
What it knows are meanings near those that it was trained on (`aicore/training/guard_texts.toml`, English);
how many it finds is measured by `benchmarks guardrails`.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import structlog

from domain.guardrails.meaning import Heads, Side, windows
from domain.guardrails.scan import Finding
from domain.guardrails.spelling import readable
from handlers.guardrails.classifier import SENTENCE_MAX, finding, unreachable
from handlers.guardrails.sentence_encoder import SentenceEncoder

logger = structlog.get_logger(__name__)

BEFORE_MAX = 600
"""Characters of what was judged before that are read again: they hold the new sentence's neighbour."""

LIMIT_S = 10.0
"""From a text's coming to its verdict. Most is for waiting: of a few long texts at once none is denied."""

SHORT_MAX = 2 * SENTENCE_MAX
"""Characters of a text, most sentences and questions, up to which it waits for no longer one."""

BATCH_CHARACTERS = 1_000
"""Of windows that the model reads at a time, up to a quarter of a second; then comes another text's turn."""


@dataclass(frozen=True, slots=True)
class EmbeddedClassifier:
    """Judges texts by their meaning; `judge` as `handlers.guardrails.classifier.Classifier`."""

    encoder: SentenceEncoder
    heads: Heads
    words: Mapping[str, int]
    """The encoder's, for spellings."""
    _short: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, 1, "guard-short"))
    _long: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, 1, "guard-long"))

    async def judge(self, text: str, side: Side, *, known: int = 0) -> Finding | None:
        """Return what a text breaks; None if it is safe; a finding as well if the model fails or is late."""
        thread = self._short if len(text) - known <= SHORT_MAX else self._long
        work = partial(asyncio.get_running_loop().run_in_executor, thread)
        try:
            async with asyncio.timeout(LIMIT_S):
                for batch in await work(self._batches, text, known):
                    if category := await work(self._worst, batch, side):
                        return finding("classifier", category, text)
        except Exception as error:  # whatever it is: a guard that fails must not let through
            # Once for each turn, so without a traceback.
            logger.error("guard_failed", error=f"{type(error).__name__}: {error}")  # noqa: TRY400
            return unreachable(text, side)
        return None

    def category(self, text: str, side: Side, known: int = 0) -> str | None:
        """Return the category that a text breaks from character ``known`` on; None if it is safe. Blocks."""
        found = (self._worst(batch, side) for batch in self._batches(text, known))
        return next(filter(None, found), None)

    def _batches(self, text: str, known: int) -> list[list[str]]:
        new = readable(text[known:], self.words)
        before = readable(text[max(0, known - BEFORE_MAX) : known], self.words)
        return list(_batched(dict.fromkeys(windows(new, before))))

    def _worst(self, batch: Sequence[str], side: Side) -> str | None:
        return self.heads[side].worst(self.encoder.vectors(batch).tolist())


def _batched(read: Iterable[str]) -> Iterator[list[str]]:
    """Yield windows in batches of up to `BATCH_CHARACTERS`."""
    batch: list[str] = []
    for window in read:
        if batch and sum(map(len, batch)) + len(window) > BATCH_CHARACTERS:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch
