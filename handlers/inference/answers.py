"""Answers that are given again: to the same question at the same time, and for a while if the caller agrees.

The rules, all of which must hold:

- Same model (id and digest of its files), adapter, rendered prompt, longest answer, temperature and pattern.
- Same seed, if the temperature is above 0 and the caller's ``max_age_s`` is 0; who sets that takes any seed.
- For a finished answer: no older than ``max_age_s``, and ended by itself (stop or length) on its own tier. So
  neither an authored line nor one that was cut is ever repeated, nor another tier's, maybe another model's.

A new model or template makes another key, so nothing has to be invalidated. In memory, per process.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from domain.inference.messages import InferenceRequested, RecordCompletion
from handlers.guardrails.guard import Found

KEPT_MAX = 10_000
"""Finished answers in memory, about a kilobyte each."""

Key = tuple[object, ...]


def key_of(request: InferenceRequested) -> Key:
    """Return what two questions have in common that may share an answer."""
    seed = None if request.temperature == 0 or request.max_age_s else request.seed
    return (
        request.model_id, request.artefacts_digest, request.adapter, request.prompt_hash, request.tier,
        request.max_tokens, request.temperature, request.pattern, seed,
    )  # fmt: skip


def lasting(completion: RecordCompletion) -> bool:
    """Say whether an answer ended by itself."""
    return completion.finish_reason in {"stop", "length"}


@dataclass(slots=True, eq=False)
class Sharing:
    """An answer under way that others may listen to."""

    inference_id: str
    heard: str = ""
    """What those who share it have heard before it: the rest of an answer that somebody left."""
    pieces: list[tuple[str, int]] = field(default_factory=list)
    """Text and tokens."""
    done: bool = False
    completion: RecordCompletion | None = None
    """None while it is under way, and if it came to nothing."""
    left: bool = False
    """Whoever began it wanted no more of it; of those who listened one goes on for all."""
    found: Callable[[], list[Found]] = list
    """Returns what broke the policy in it so far: whoever listens nearly saw it, too."""
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def gave(self, text: str, tokens: int) -> None:
        """Note a piece."""
        self.pieces.append((text, tokens))
        self._wake()

    def ended(self, completion: RecordCompletion | None) -> None:
        """Note the end."""
        self.done, self.completion = True, completion
        self._wake()

    async def listen(self) -> AsyncGenerator[tuple[str, int], None]:
        """Yield all pieces, those to come as they come, until the end."""
        heard = 0
        while True:
            while heard < len(self.pieces):
                yield self.pieces[heard]
                heard += 1
            if self.done:
                return
            await self._moved.wait()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


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
