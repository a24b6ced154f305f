"""The default engine: a small model run by CTranslate2 in this process, on one core per request.

Decoding happens in threads of the engine's own executor, at most ``concurrent_max`` at a time, never on the
event loop; who waits comes by priority. A request is cancelled between two tokens. The same request gives the
same text, whatever else runs; all share one loaded model (`handlers.engines.loaded`).
"""

import asyncio
import functools
import math
import threading
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

from handlers.engines.loaded import Done, Model, Running, led_by_a_space, load
from handlers.engines.places import Places
from handlers.engines.port import End, EngineAsk, EngineError, Health, Piece, Sample, SamplesAsk

T = TypeVar("T")

CONCURRENT_MAX = 4

INCOMPLETE = "\ufffd"
"""Text of a character some of whose bytes are still to come."""


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
        self._model: Model | None = None
        self._active: set[threading.Event] = set()
        """Of each request that decodes or waits, what ends it."""

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
            self._model = await loop.run_in_executor(executor, load, self._directory, self.capacity)
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
        self._executor = executor

    async def stop(self) -> None:
        """End what decodes at its next token and free the model. Idempotent; takes some milliseconds."""
        executor, self._executor, self._model = self._executor, None, None
        for ended in self._active:
            ended.set()
        if executor:
            stop = functools.partial(executor.shutdown, wait=True, cancel_futures=True)
            await asyncio.get_running_loop().run_in_executor(None, stop)

    async def likelihood(self, prompt: str, text: str) -> float:
        """Return how likely a text is; see `handlers.engines.port.Scoring`."""
        return (await self.chances([(prompt, text)]))[0]

    async def chances(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Return how likely texts are, in one batch; see `handlers.engines.port.Sampling`."""
        if self._model is None or self._executor is None:
            raise EngineError("the embedded engine is not started", "engine_unreachable")
        loop = asyncio.get_running_loop()
        return await _unless_stopped(loop.run_in_executor(self._executor, self._model.chances, pairs))

    async def samples(self, ask: SamplesAsk) -> list[Sample]:
        """Return several answers in one batch; see `handlers.engines.port.Sampling`."""
        model, stopped = self._model, threading.Event()
        if model is None:
            raise EngineError("the embedded engine is not started", "engine_unreachable")
        if ask.count < 1 or ask.max_tokens < 1 or not 0 < ask.temperature < math.inf:
            raise EngineError(
                f"count={ask.count}, max_tokens={ask.max_tokens}, temperature={ask.temperature}: "
                "at least 1, at least 1, and a number above 0",
                "invalid_request",
            )
        self._active.add(stopped)
        try:
            await self._places.take(ask.priority)
            if self._executor is None or stopped.is_set():
                self._places.give()
                raise _stopped()
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._executor, model.samples, ask, stopped)
            running.add_done_callback(lambda _: self._places.give())
            return await _unless_stopped(running)
        finally:
            self._active.discard(stopped)
            stopped.set()

    async def stream(self, ask: EngineAsk) -> AsyncGenerator[Piece | End, None]:
        """Yield the answer as it comes; see the port. It is cut where the context is full."""
        model, running = self._begin(ask)
        if await ask.rest_aside() == "":  # what is no pattern is refused here, before a thread is taken
            yield End("stop", 0, 0)
            return
        given, ids, tokens = 0, list[int](), 0
        first = led_by_a_space(ask)
        async with aclosing(self._decoded(model, running)) as decoded:
            async for item in decoded:
                if isinstance(item, Done):
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

    def _begin(self, ask: EngineAsk) -> tuple[Model, Running]:
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

        return self._model, Running(ask, tokens, emit)

    async def _decoded(self, model: Model, ask: Running) -> AsyncGenerator[int | Done, None]:
        """Yield the answer's token ids, then how it ended; closing the generator cancels."""
        running: asyncio.Future[Done] | None = None
        self._active.add(ask.cancelled)
        try:
            await self._places.take(ask.ask.priority)
            running = self._run(model, ask)
            while (token := await ask.tokens.get()) is not None:
                yield token
            if ask.cancelled.is_set() or running.cancelled():
                raise _stopped()
            yield running.result()
        finally:
            self._active.discard(ask.cancelled)
            ask.cancelled.set()
            if running and not running.cancel() and not running.cancelled():
                running.exception()  # seen, or asyncio would report it as lost

    def _run(self, model: Model, ask: Running) -> "asyncio.Future[Done]":
        """Begin with a request that has a place, and give the place back when it is done."""
        if self._executor is None or ask.cancelled.is_set():
            self._places.give()
            raise _stopped()
        running = asyncio.get_running_loop().run_in_executor(self._executor, model.run, ask)
        # Runs after every token that was handed over, as both take the loop's own queue.
        running.add_done_callback(lambda _: ask.tokens.put_nowait(None))
        running.add_done_callback(lambda _: self._places.give())
        return running


async def _unless_stopped(running: "asyncio.Future[T]") -> T:
    """Return what comes of it.

    Raises:
        EngineError: it had not begun when the engine was stopped: nobody cancelled who waits for it.
    """
    try:
        return await running
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise _stopped() from None


def _stopped() -> EngineError:
    return EngineError("the embedded engine was stopped", "engine_unreachable")


def _words(text: str, *, first: bool) -> str:
    """Return an answer's text without the space that stands between its tag and its first word."""
    return text.lstrip() if first else text
