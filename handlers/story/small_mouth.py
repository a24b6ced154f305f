"""The small model as one who has words for the plans of a talk (`handlers.story.realiser`).

First clauses that it is held to; its own words only where writers have no clause for the claim, or none of
them passes: of what passes all gates in free words, much says the claim badly or another one
(docs/decisions.md). Each candidate says in ``maker`` which model made it, by the digest of its weights, and
whether its words are free or held.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol

from domain.story.asides import opening_of
from domain.story.mouth import Mouth
from domain.story.talk import Made
from domain.story.ways import Ways
from handlers.engines.port import Sampling
from handlers.story.realiser import Asked
from handlers.story.small import CUT, NO_WORD, OTHERWISE, TWICE, SmallModel, Wording

WEIGHTS = "model.bin"
WHY = {
    CUT: "no sentence of it ends",
    NO_WORD: "a word of it stands in no written line",
    TWICE: "it names the same twice",
    OTHERWISE: "the model itself finds it likelier for another claim",
}
"""What the model's own checks found."""

MILLI = 1_000


class Loaded(Sampling, Protocol):
    """An engine that says what it loaded."""

    name: str

    @property
    def artefacts(self) -> Mapping[str, str]:
        """Digest of each file, by its name."""
        ...


class SmallMouth:
    """Says plans with a small model.

    ``mouth`` returns the corpus as writers' verdicts have it now, ``vocabulary`` the words that somebody
    wrote; that is read in a thread, once, with the first line.
    """

    def __init__(
        self,
        engine: Loaded,
        mouth: Callable[[], Awaitable[Mouth]],
        vocabulary: Callable[[], Collection[str]],
        ways: Ways,
    ) -> None:
        self._engine = engine
        self._mouth = mouth
        self._vocabulary = vocabulary
        self._ways = ways

    async def realise(self, asked: Asked) -> AsyncGenerator[Sequence[Made], None]:
        """Yield words that the model is held to, then its own; see `Realiser`.

        Raises:
            EngineError: the engine could not answer.
        """
        mouth, vocabulary = await self._mouth(), await asyncio.to_thread(self._vocabulary)
        model = SmallModel(self._engine, mouth.tongues, mouth.signatures, vocabulary, self._ways)
        sought = model.sought(asked.saying, asked.voice, asked.heard, asked.seed)
        if sought is None:
            return
        if held := await model.held(sought):
            yield [self._made(each) for each in held]
        yield [self._made(each) for each in await model.free(sought)]

    def _made(self, wording: Wording) -> Made:
        return Made(
            "small",
            wording.text,
            f"{self._engine.name} {self._engine.artefacts.get(WEIGHTS, '')} {wording.freedom}",
            round(MILLI * wording.score),
            wording.lines,
            (opening_of(wording.text),),
            wording.stopped,
            WHY.get(wording.stopped, ""),
        )
