"""The stage that has an answer made once for all who ask the same: at the same time, or a while after.

The rules, all of which must hold:

- Same model (id and digest of its files), adapter, rendered prompt, longest answer, temperature and pattern.
- Same seed, if the temperature is above 0 and the caller's ``max_age_s`` is 0; who sets that takes any seed.
- For a finished answer: no older than ``max_age_s``, and ended by itself (stop or length) on its own tier. So
  neither an authored line nor one that was cut is ever repeated, nor another tier's, maybe another model's.

A new model or template makes another key, so nothing has to be invalidated. In memory, per process.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import aclosing

from domain.inference.messages import InferenceRequested
from domain.inference.recording import RecordCompletion
from domain.outcomes.turn import WHOLE
from handlers.inference.generation import Generation
from handlers.inference.guarding import Guard
from handlers.inference.replies import BLOCKED, repeated
from handlers.inference.turn import CallerGone, Sharing, Turn

KEPT_MAX = 10_000
"""Finished answers in memory, about a kilobyte each."""

Key = tuple[object, ...]


def key_of(request: InferenceRequested) -> Key:
    """Return what two questions have in common that may share an answer."""
    seed = None if request.temperature == 0 or request.max_age_s else request.seed
    roles = tuple((each.role, each.characters) for each in request.roles)
    return (
        request.model_id, request.artefacts_digest, request.adapter, request.prompt_hash, roles, request.tier,
        request.max_tokens, request.temperature, request.pattern, seed,
    )  # fmt: skip


def lasting(completion: RecordCompletion) -> bool:
    """Say whether an answer ended by itself."""
    return completion.finish_reason in WHOLE


class Answers:
    """The answers of one process. ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[Key, tuple[float, RecordCompletion]] = OrderedDict()
        self._running: dict[tuple[Key, str], Sharing] = {}
        """By what was asked, and what was heard of the answer before."""
        self.repeated = 0
        """Turns answered from memory since the start."""
        self.joined = 0
        """Turns that shared an answer under way."""

    def kept(self, request: InferenceRequested) -> RecordCompletion | None:
        """Return a finished answer that may be given again, if there is one."""
        found = self._kept.get(key_of(request)) if request.max_age_s else None
        if found is None or self._clock() - found[0] > request.max_age_s:
            return None
        self.repeated += 1
        return found[1]

    def running(self, request: InferenceRequested, heard: str) -> Sharing | None:
        """Return (the rest of) the answer under way to the same question, if there is one."""
        found = self._running.get((key_of(request), heard))
        self.joined += found is not None
        return found

    def begin(self, request: InferenceRequested, heard: str) -> Sharing:
        """Let others share (the rest of) an answer; call `end` whatever comes of it."""
        sharing = Sharing(request.inference_id, heard)
        self._running.setdefault((key_of(request), heard), sharing)
        return sharing

    def end(self, request: InferenceRequested, sharing: Sharing, completion: RecordCompletion | None) -> None:
        """Note what came of an answer that was begun, and keep it if it may be repeated."""
        sharing.ended(completion)
        key = (key_of(request), sharing.heard)
        if self._running.get(key) is sharing:
            del self._running[key]
        if completion is None or not lasting(completion) or completion.served_tier != request.tier:
            return
        # Kept whether or not this caller would take an old one: the next may.
        self._kept[key_of(request.model_copy(update={"max_age_s": 1}))] = (self._clock(), completion)
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)


class SharedAnswers:
    """Gives an answer that is kept, listens to one under way, or has one made that others may listen to."""

    def __init__(
        self, answers: Answers, generation: Generation, guard: Guard, clock: Callable[[], float]
    ) -> None:
        self._answers = answers
        self._generation = generation
        self._guard = guard
        self._clock = clock

    async def answer(self, turn: Turn) -> RecordCompletion:
        """Return a turn's answer; raises as `Generation.generate` does."""
        if kept := self._kept(turn):
            turn.tokens += kept.completion_tokens
            await turn.take(kept.text)
            why = f"the answer of {kept.inference_id}, no older than {turn.request.max_age_s} s"
            return repeated(turn.request, kept, why=why, ttft_ms=0.0, latency_ms=0.0)
        while sharing := self._answers.running(turn.request, turn.text):
            shared = await self._listen(turn, sharing)
            if shared is not None:
                return shared
            if not sharing.left:
                break
        sharing, completion = self._answers.begin(turn.request, turn.text), None
        try:
            completion = await self._generation.generate(turn, sharing)
        except (asyncio.CancelledError, CallerGone):
            sharing.left = True
            raise
        finally:
            self._answers.end(turn.request, sharing, completion)
        return completion

    def _kept(self, turn: Turn) -> RecordCompletion | None:
        """Return a finished answer that may be given again, if the policy of now lets it through."""
        kept = self._answers.kept(turn.request)
        with turn.checks:
            return kept if kept and self._guard.fits(kept.text) else None

    async def _listen(self, turn: Turn, sharing: Sharing) -> RecordCompletion | None:
        """Share the answer to another turn; None if that came to nothing: the rest is this turn's own to get.

        If this turn's time is over, the router says what it comes to. That it was the other's answer that
        came too late is kept: no engine was asked, so it is no evidence of its own.
        """
        began, first = self._clock(), None
        left = None if turn.routed.deadline is None else turn.routed.deadline - began
        turn.shared = sharing
        try:
            async with asyncio.timeout(left), aclosing(sharing.listen()) as pieces:
                async for text, tokens in pieces:
                    first = self._clock() if first is None else first
                    turn.tokens += tokens
                    await turn.take(text)
        except TimeoutError:
            turn.shared = None
            late = await self._generation.generate(turn, Sharing(turn.id))
            now = self._clock()
            times = {"ttft_ms": ((first or now) - began) * 1e3, "latency_ms": (now - began) * 1e3}
            whose = None if late.attempts else sharing.inference_id
            return late.model_copy(update={**times, "source_inference_id": whose})
        return await self._heard(turn, sharing, began, first)

    async def _heard(
        self, turn: Turn, sharing: Sharing, began: float, first: float | None
    ) -> RecordCompletion | None:
        """Return what came of an answer that was listened to from ``began`` on; None: nothing did."""
        ended, source = self._clock(), sharing.completion
        if source is None or not (lasting(source) or source.finish_reason == BLOCKED):
            # From here on it is a turn of its own, which counts as evidence with its own faults only.
            turn.shared = None
            return None
        turn.more = sharing.found()
        if source.finish_reason == BLOCKED:
            source = source.model_copy(update={"source_inference_id": sharing.inference_id})
            return await self._generation.close(turn, began, source)
        return repeated(
            turn.request,
            source,
            why=f"shared with {sharing.inference_id}, which asked the same at the same time",
            ttft_ms=((first or ended) - began) * 1e3,
            latency_ms=(ended - began) * 1e3,
        )
