"""The default engine: a small model run by CTranslate2 in this process, on one core per request.

Decoding happens in threads of the engine's own executor, at most ``concurrent_max`` at a time, never on the
event loop; who waits comes by priority. A request is cancelled between two tokens. The same request gives the
same text, whatever else runs: CTranslate2 seeds the random source of a generator's thread once, at its first
draw, from one number for the whole process; so a request that samples gets a generator of its own, and a lock
is held from setting that number to the first token (measured 2026-11-21: 4 to 6 ms for 1.6 million
parameters).
"""

import asyncio
import functools
import math
import threading
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from tokenizers import Tokenizer

from domain.patterns import TooInvolved, rest_of
from handlers.engines.artefact import TOKENIZER, Artefact, Manifest, read_artefact
from handlers.engines.guided import Guides
from handlers.engines.places import Places
from handlers.engines.port import End, EngineAsk, EngineError, FinishReason, Health, Piece

CONCURRENT_MAX = 4

TOP_P = 0.95
"""Share of the likeliest words that sampling draws from; the tail of a small model is noise."""

SEEDS = 2**32 - 2
"""CTranslate2 takes 32 bits; 2**32 - 1 is its "no seed" (found by a test), and 0 is kept out, too."""

INCOMPLETE = "\ufffd"
"""Text of a character some of whose bytes are still to come."""

TEXTS_COUNTED_MAX = 4_096

_seeding = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class _Ask:
    """One request and where its tokens go; ``cancelled`` ends it at the next token."""

    ask: EngineAsk
    tokens: asyncio.Queue[int | None]
    """Holds at most ``max_tokens`` and the end (None)."""
    emit: Callable[[int], None]
    """Puts a token there; called in the decoding thread."""
    cancelled: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class _Done:
    """End of decoding."""

    prompt_tokens: int
    completion_tokens: int
    finish_reason: FinishReason


class _Model:
    """The loaded model; its methods block and are called in threads."""

    def __init__(self, artefact: Artefact) -> None:
        self.manifest: Manifest = artefact.manifest
        self._files = {name: data for name, data in artefact.files.items() if name != TOKENIZER}
        try:
            self.tokenizer = Tokenizer.from_str(artefact.files[TOKENIZER].decode())
            self._greedy = self._generator()
        except Exception as error:  # both libraries raise bare Exception or RuntimeError
            raise EngineError(f"model {self.manifest.name} cannot be loaded: {error}") from error
        self._end_id = self.tokenizer.token_to_id(self.manifest.end_token)
        self._guides: Guides | None = None
        # What stands in many prompts, a persona or a place, is counted once.
        self.count: Callable[[str], int] = functools.lru_cache(TEXTS_COUNTED_MAX)(self._count)

    def _generator(self) -> Any:
        name = self.manifest.name
        return ctranslate2.Generator(
            name, device="cpu", compute_type="int8", inter_threads=1, intra_threads=1, files=self._files
        )

    def _count(self, text: str) -> int:
        return len(self.tokenizer.encode(text).ids)

    def decode(self, ids: list[int]) -> str:
        """Return the text of some of an answer's tokens."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text

    def likelihood(self, prompt: str, text: str) -> float:
        """Return the mean log chance of a text's tokens after a prompt, nats.

        Raises:
            EngineError: together they do not fit into the context, or the text is empty.
        """
        before = self.manifest.complete(prompt)
        begin = len(self.tokenizer.encode(before).tokens)
        tokens = self.tokenizer.encode(f"{before} {text}").tokens
        if not begin < len(tokens) <= self.manifest.context:
            raise EngineError(
                f"{len(tokens)} tokens with the prompt's {begin}: more, and at most {self.manifest.context}",
                "prompt_too_long",
            )
        # The first token has none: nothing stands before it.
        found = self._greedy.score_batch([tokens])[0].log_probs[begin - 1 :]
        return float(sum(found) / len(found))

    def run(self, ask: _Ask) -> _Done:
        """Decode one answer, token by token.

        Raises:
            EngineError: the prompt leaves no room in the context, or CTranslate2 failed.
        """
        request = ask.ask
        text = self.manifest.complete(request.prompt)
        # As the model was trained: a space stands between the tag and the answer.
        tokens = self.tokenizer.encode(f"{text} {request.sent}" if request.sent else text).tokens
        room = self.manifest.context - len(tokens)
        if room < 1:
            raise EngineError(
                f"the prompt has {len(tokens)} tokens; with at least one for the answer, "
                f"{self.manifest.name} takes {self.manifest.context - 1}: shorten it",
                "prompt_too_long",
            )
        options = {
            "max_length": min(request.max_tokens, room),
            "end_token": self.manifest.end_token,
            "return_end_token": True,
            "include_prompt_in_result": False,
        }
        try:
            if request.pattern is not None:
                ids = self._guided(tokens, ask, min(request.max_tokens, room))
            elif request.temperature:
                ids = self._sample(tokens, ask, options)
            else:
                ids = self._likeliest(tokens, ask, options)
        except RuntimeError as error:
            raise EngineError(f"CTranslate2: {error}") from error
        ended = bool(ids) and ids[-1] == self._end_id
        return _Done(len(tokens), len(ids) - ended, "stop" if ended else "length")

    def _guided(self, tokens: list[str], ask: _Ask, limit: int) -> list[int]:
        """Return ids that keep to what is left of the pattern; see `handlers.engines.guided`."""
        request = ask.ask
        rest = request.rest() or ""
        if _led_by_a_space(request):
            rest = f" ({rest})"

        def logits(given: list[int]) -> Any:
            so_far = tokens + [self.tokenizer.id_to_token(id_) for id_ in given]
            found = self._greedy.generate_batch(
                [so_far], max_length=1, sampling_topk=1, include_prompt_in_result=False,
                return_logits_vocab=True,
            )  # fmt: skip
            return np.array(found[0].logits[0])[0]

        if self._guides is None:
            special = frozenset(self.tokenizer.get_added_tokens_decoder())
            self._guides = Guides(self.tokenizer, int(self._end_id or 0), special)
        ids: list[int] = []
        for id_ in self._guides.tokens(request, rest, logits, limit, TOP_P):
            ids.append(id_)
            if id_ != self._end_id:
                ask.emit(id_)
            if ask.cancelled.is_set():
                break
        return ids

    def _likeliest(self, tokens: list[str], ask: _Ask, options: dict[str, Any]) -> list[int]:
        return self._decode(self._greedy, tokens, ask, {**options, "sampling_topk": 1}, lambda: None)

    def _sample(self, tokens: list[str], ask: _Ask, options: dict[str, Any]) -> list[int]:
        """Return sampled ids; the seed holds because the generator is new and draws while locked."""
        drawn = {"sampling_topk": 0, "sampling_topp": TOP_P, "sampling_temperature": ask.ask.temperature}
        held = True

        def release() -> None:
            nonlocal held
            if held:
                held = False
                _seeding.release()

        _seeding.acquire()
        try:
            ctranslate2.set_random_seed(1 + ask.ask.seed % SEEDS)
            return self._decode(self._generator(), tokens, ask, {**options, **drawn}, release)
        finally:
            release()

    def _decode(
        self, generator: Any, tokens: list[str], ask: _Ask, options: dict[str, Any], began: Callable[[], None]
    ) -> list[int]:
        answers = generator.generate_batch([tokens], callback=_step(ask, self._end_id, began), **options)
        return list(answers[0].sequences_ids[0])


def _step(ask: _Ask, end_id: int | None, began: Callable[[], None]) -> Callable[[Any], bool]:
    """Return what CTranslate2 calls with each token; true ends the decoding.

    It must hold no generator: CTranslate2 lets go of it in the generator's own thread, and a generator that
    is freed there joins itself and aborts the process (``Resource deadlock avoided``, found 2026-11-21).
    """

    def step(result: Any) -> bool:
        began()
        if result.token_id != end_id:
            ask.emit(result.token_id)
        return ask.cancelled.is_set()

    return step


class EmbeddedEngine:
    """Serves the model of one directory. Started and stopped by its owner; used by one event loop."""

    own = True

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "embedded",
        provider: str = "embedded",
        models: Collection[str] = (),
        concurrent_max: int = CONCURRENT_MAX,
    ) -> None:
        """Prepare; nothing is read before `start`."""
        self.models = frozenset(models)
        self._directory = directory
        self.name = name
        self.provider = provider
        self.capacity = concurrent_max
        """Requests that decode at a time; of those that wait the most urgent one comes next."""
        self._executor: ThreadPoolExecutor | None = None
        self._places = Places(concurrent_max)
        self._model: _Model | None = None
        self._active: set[_Ask] = set()

    @property
    def active(self) -> int:
        """Requests that decode or wait."""
        return len(self._active)

    @property
    def artefacts(self) -> Mapping[str, str]:
        """Digest of each file that was loaded, by its name; empty before the start."""
        return self._model.manifest.files if self._model else {}

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text takes.

        Raises:
            EngineError: the engine is not started.
        """
        if self._model is None:
            raise EngineError("the embedded engine is not started", "engine_unreachable")
        return self._model.count(text)

    async def health(self) -> Health:
        """Say whether requests are taken, and how many there are."""
        active = min(self.active, self.capacity)
        reason = "" if self._model else "it is not started"
        return Health(not reason, reason, active, self.active - active)

    async def start(self) -> None:
        """Check and load the model. Idempotent.

        Raises:
            EngineError: the files are missing, changed or no model.
        """
        if self._model is not None:
            return
        executor = ThreadPoolExecutor(self.capacity, thread_name_prefix="embedded-engine")
        try:
            loop = asyncio.get_running_loop()
            self._model = await loop.run_in_executor(executor, _load, self._directory)
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
        self._executor = executor

    async def stop(self) -> None:
        """End what decodes at its next token and free the model. Idempotent; takes some milliseconds."""
        executor, self._executor, self._model = self._executor, None, None
        for ask in self._active:
            ask.cancelled.set()
        if executor:
            stop = functools.partial(executor.shutdown, wait=True, cancel_futures=True)
            await asyncio.get_running_loop().run_in_executor(None, stop)

    async def likelihood(self, prompt: str, text: str) -> float:
        """Return how likely a text is; see `handlers.engines.port.Scoring`."""
        if self._model is None or self._executor is None:
            raise EngineError("the embedded engine is not started", "engine_unreachable")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._model.likelihood, prompt, text)

    async def stream(self, ask: EngineAsk) -> AsyncGenerator[Piece | End, None]:
        """Yield the answer as it comes; see the port. It is cut where the context is full."""
        model, running = self._begin(ask)
        if await ask.rest_aside() == "":  # what is no pattern is refused here, before a thread is taken
            yield End("stop", 0, 0)
            return
        given, ids, tokens = 0, list[int](), 0
        first = _led_by_a_space(ask)
        async with aclosing(self._decoded(model, running)) as decoded:
            async for item in decoded:
                if isinstance(item, _Done):
                    end = End(item.finish_reason, item.prompt_tokens, item.completion_tokens)
                    continue
                ids.append(item)
                tokens += 1
                text = _words(model.decode(ids), first=first)
                if len(text) > given and not text.endswith(INCOMPLETE):
                    yield Piece(text[given:], tokens)
                    given, tokens = len(text), 0
        rest = _words(model.decode(ids), first=first)[given:]
        if end.finish_reason == "length":  # cut within a character: nobody could go on after half of one
            rest = rest.rstrip(INCOMPLETE)
        if rest:
            yield Piece(rest, tokens)
        yield end

    def _begin(self, ask: EngineAsk) -> tuple[_Model, _Ask]:
        if self._model is None:
            raise EngineError("the embedded engine is not started", "engine_unreachable")
        if ask.max_tokens < 1 or not 0 <= ask.temperature < math.inf:
            raise EngineError(
                f"max_tokens={ask.max_tokens}, temperature={ask.temperature}: "
                "at least 1, and a number from 0",
                "invalid_request",
            )
        if ask.adapter is not None:
            raise EngineError(
                f"{self.name} has no adapters, so none named {ask.adapter!r}", "unknown_adapter"
            )
        loop, tokens = asyncio.get_running_loop(), asyncio.Queue[int | None]()

        def emit(token: int) -> None:
            loop.call_soon_threadsafe(tokens.put_nowait, token)

        return self._model, _Ask(ask, tokens, emit)

    async def _decoded(self, model: _Model, ask: _Ask) -> AsyncGenerator[int | _Done, None]:
        """Yield the answer's token ids, then how it ended; closing the generator cancels."""
        running: asyncio.Future[_Done] | None = None
        self._active.add(ask)
        try:
            await self._places.take(ask.ask.priority)
            running = self._run(model, ask)
            while (token := await ask.tokens.get()) is not None:
                yield token
            if ask.cancelled.is_set() or running.cancelled():
                raise _stopped()
            yield running.result()
        finally:
            self._active.discard(ask)
            ask.cancelled.set()
            if running and not running.cancel() and not running.cancelled():
                running.exception()  # seen, or asyncio would report it as lost

    def _run(self, model: _Model, ask: _Ask) -> "asyncio.Future[_Done]":
        """Begin with a request that has a place, and give the place back when it is done."""
        if self._executor is None or ask.cancelled.is_set():
            self._places.give()
            raise _stopped()
        running = asyncio.get_running_loop().run_in_executor(self._executor, model.run, ask)
        # Runs after every token that was handed over, as both take the loop's own queue.
        running.add_done_callback(lambda _: ask.tokens.put_nowait(None))
        running.add_done_callback(lambda _: self._places.give())
        return running


def _stopped() -> EngineError:
    return EngineError("the embedded engine was stopped", "engine_unreachable")


def _led_by_a_space(ask: EngineAsk) -> bool:
    """Say whether a space stands before the answer, as in training, that is not the answer's own."""
    if ask.sent or ask.pattern is None:
        return not ask.sent
    try:
        return rest_of(ask.pattern, " ") is None
    except TooInvolved as error:
        raise EngineError(str(error), "unsupported") from error


def _words(text: str, *, first: bool) -> str:
    """Return an answer's text without the space that stands between its tag and its first word."""
    return text.lstrip() if first else text


def _load(directory: Path) -> _Model:
    return _Model(read_artefact(directory))
