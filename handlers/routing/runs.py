"""One engine's part in a turn, and what a router keeps of each engine."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from math import inf
from typing import Protocol

import structlog

from domain.routing.choice import Choice
from domain.routing.health import CLOSED, OPEN_MS_MOST, Breaker, EngineView, Load, Pace
from handlers.engines.port import SETTINGS_FAULTS, End, Engine, EngineAsk, EngineError, EngineFault, Piece
from handlers.routing.turns import Attempt, DeadlineExceeded, RoutedTurn, Tier

logger = structlog.get_logger(__name__)

SERVING, UNHEALTHY = "serving", "unhealthy"

FILTERED: EngineFault = "content_filtered"
"""The fault of an attempt whose words the provider's filter refused: the outcome is the content's."""

MEASURED_TOKENS = 8
"""Tokens of a turn over which its pace is measured; single ones jitter, and come in bursts."""

ANSWER_CHARACTERS_MAX = 60_000
"""Below what a record takes, so that a closing line has room; four times the longest answer of any tier."""

RECENT_MAX = 1_024
"""Latencies kept per engine, for the percentiles that people look at."""


@dataclass(slots=True, eq=False)
class EngineState:
    """One engine and what this router knows of it."""

    engine: Engine
    active: int = 0
    ok: bool = True
    reason: str = ""
    breaker: Breaker = CLOSED
    pace: Pace = field(default_factory=Pace)
    load: Load = field(default_factory=Load)
    ttft_ms: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_MAX))
    """Of the newest answers; only shown, never decided by."""
    token_ms: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_MAX))
    heard: float = -inf
    """When it gave anybody a token last, on the router's clock, s."""
    ended: float | None = None
    """When it ended a turn last, if others waited then for its place."""
    answered: Counter[str] = field(default_factory=Counter)
    """Turns by the tier that they were served for; one engine may serve several."""
    failed: Counter[str] = field(default_factory=Counter)
    state: str = SERVING
    """As last told."""
    settings_fault: str = ""
    """Fault that only an operator can mend, as last told; "" since it answered."""

    def view(self) -> EngineView:
        """Return what is known of the engine now."""
        return EngineView(
            name=self.engine.name,
            capacity=self.engine.capacity,
            active=self.active,
            ok=self.ok,
            reason=self.reason,
            breaker=self.breaker,
            pace=self.pace,
            load=self.load,
        )


@dataclass(slots=True)
class Progress:
    """A turn under way."""

    turn: RoutedTurn
    began: float
    texts: list[str] = field(default_factory=list, repr=False)
    tokens: int = 0
    """Pieces' tokens, as they were given."""
    used: int = 0
    """Tokens that engines worked on for the answer, by their own counts where they told them."""
    estimated: bool = False
    """Some of the counts are ours."""
    prompt_tokens: int = 0
    first: float | None = None
    end: End | None = None
    tier: str = ""
    """The tier that brought it to its end."""
    excluded: set[str] = field(default_factory=set)
    """Engines that failed this turn."""
    unable: set[str] = field(default_factory=set)
    """Those of them that cannot do it, now or later."""
    choices: list[Choice] = field(default_factory=list)
    fault: EngineError | None = None
    """The newest one."""
    filtered: str = ""
    """Whose filter stopped it, if one did."""
    engine_failed: bool = False
    """A fault was an engine's own: it may be back soon."""
    waiting_since: float | None = None
    """When no engine could be asked any more; None while one can."""

    @property
    def attempts(self) -> list[Attempt]:
        """Those made so far."""
        return self.turn.attempts

    @property
    def given(self) -> bool:
        """Whether some of the answer was given, in this turn or before it."""
        return bool(self.texts or self.turn.ask.sent)

    def rest(self) -> EngineAsk:
        """Return what is still to be asked."""
        ask = self.turn.ask
        return replace(ask, max_tokens=ask.max_tokens - self.tokens, sent=ask.sent + "".join(self.texts))


class Host(Protocol):
    """Parts of the router that a run needs."""

    def now(self) -> float:
        """Return the router's clock, s."""
        ...

    def jitter(self) -> float:
        """Return a number in [0, 1)."""
        ...

    def note(self, engine_state: EngineState, reason: str) -> None:
        """Tell of an engine whose state is another one now."""
        ...

    def blame_settings(self, engine_state: EngineState, error: EngineError) -> None:
        """Tell of an engine that only an operator can mend, once."""
        ...


class Run:
    """One engine's attempt at (the rest of) a turn."""

    def __init__(
        self, router: Host, engine_state: EngineState, tier: Tier, name: str, state: Progress
    ) -> None:
        self._router = router
        self.engine_state = engine_state
        self._tier = tier
        self._name = name
        self._state = state
        self._began = router.now()
        self._items = engine_state.engine.stream(state.rest())
        self._first: Piece | End | None = None
        self._attempt = Attempt(engine=engine_state.engine.name, tier=name)
        self._noted = False
        self.lost = False
        """Another one was quicker."""
        engine_state.active += 1
        self._queued = engine_state.active > engine_state.engine.capacity
        self._behind = False
        """It waited in vain while others were served: no word against the engine."""
        engine_state.breaker = engine_state.breaker.began()

    async def open(self) -> EngineError | DeadlineExceeded | None:
        """Wait for the first item; return the fault if there is none."""
        try:
            self._first = await self._next(self._tier.first_token_s)
        except EngineError as error:
            self._failed(error)
            return error
        except DeadlineExceeded as late:
            return late
        self.engine_state.heard = self._router.now()
        waited = (self.engine_state.heard - self._began) * 1e3
        self._attempt = replace(self._attempt, ttft_ms=round(waited, 3))
        self.engine_state.breaker = self.engine_state.breaker.answering()
        if not self._queued:
            self.engine_state.pace = self.engine_state.pace.after(
                self.engine_state.heard * 1e3, ttft_ms=waited
            )
        self.engine_state.ttft_ms.append(waited)
        return None

    async def pieces(self, state: Progress) -> AsyncGenerator[Piece, None]:
        """Yield the pieces and note the end in ``state``; raises `EngineError` as the engine does."""
        item = self._first
        last = since = self._router.now()
        length = len(state.rest().sent)
        measured, turns = (
            state.tokens + (item.tokens if isinstance(item, Piece) else 0),
            self.engine_state.active,
        )
        while isinstance(item, Piece):
            if state.tokens >= state.turn.ask.max_tokens:  # it goes on and on: nobody asked for that
                item = End("length", 0, 0, estimated=True)
                break
            length += len(item.text)
            self._see_that_it_fits(length)
            state.first = last if state.first is None else state.first
            state.texts.append(item.text)
            state.tokens += item.tokens
            self._attempt = replace(self._attempt, tokens=self._attempt.tokens + item.tokens)
            yield item
            try:
                item = await self._next(self._tier.between_tokens_s)
            except EngineError as error:
                self._failed(error)
                raise
            now = self.engine_state.heard = self._router.now()
            if isinstance(item, Piece):
                token_ms = (now - last) * 1e3 / max(1, item.tokens)
                self.engine_state.token_ms.append(token_ms)
                if state.tokens + item.tokens - measured >= MEASURED_TOKENS:
                    self._measure(state.tokens + item.tokens - measured, now, since, turns)
                    measured, since, turns = state.tokens + item.tokens, now, self.engine_state.active
            last = now
        assert isinstance(item, End)
        self._done(item, last)

    def _done(self, end: End, now: float) -> None:
        """Note that the engine brought the turn to its end."""
        state = self._state
        state.end = end
        state.prompt_tokens = state.prompt_tokens or end.prompt_tokens
        self._count(end)
        self._ended(now)
        self.engine_state.breaker = self.engine_state.breaker.succeeded()
        self.engine_state.settings_fault = ""
        self.engine_state.answered[self._name] += 1
        self._router.note(self.engine_state, "it answered to the end")
        if end.finish_reason == "filtered":
            state.filtered = f"{self.engine_state.engine.name}: its provider's filter stopped the answer"
        self._note(FILTERED if state.filtered else "")

    def _count(self, end: End | None) -> None:
        """Add what the engine worked on, by its own count if it told one; None: it came to no end."""
        given = self._attempt.tokens
        told = end is not None and not end.estimated and (end.completion_tokens or not given)
        self._state.used += end.completion_tokens if end and end.completion_tokens else given
        self._state.estimated |= not told and (end is not None or bool(given))

    def _see_that_it_fits(self, length: int) -> None:
        """Raise `EngineError` for an answer that would not fit into its record."""
        if length > ANSWER_CHARACTERS_MAX:
            error = EngineError(
                f"{self.engine_state.engine.name}: an answer of more than {ANSWER_CHARACTERS_MAX} characters",
                "engine_nonsense",
            )
            self._failed(error)
            raise error

    def _ended(self, now: float) -> None:
        """Note how long a turn has its place: while others wait, what the engine gets done tells it best."""
        engine_state, crowded = (
            self.engine_state,
            self.engine_state.active > self.engine_state.engine.capacity,
        )
        if crowded and engine_state.ended is not None:
            each_ms = (now - engine_state.ended) * 1e3 * engine_state.engine.capacity
            engine_state.pace = engine_state.pace.after(now * 1e3, turn_ms=each_ms)
        elif not self._queued:
            engine_state.pace = engine_state.pace.after(now * 1e3, turn_ms=(now - self._began) * 1e3)
        engine_state.ended = now if crowded else None

    def _measure(self, tokens: int, now: float, since: float, turns: int) -> None:
        """Note how long some tokens took; ``turns`` were on the engine when they began."""
        between = (turns + self.engine_state.active) / 2
        self.engine_state.load = self.engine_state.load.after(
            between, (now - since) * 1e3 / tokens, now * 1e3
        )

    async def close(self) -> None:
        """End the attempt, whatever came of it; the engine is told to stop."""
        self.engine_state.active -= 1
        if not self._noted:  # cancelled, or another engine was quicker: no word against this one
            self.engine_state.ended = None
            self._count(None)
            self.engine_state.breaker = self.engine_state.breaker.abandoned()
            self._note("hedged" if self.lost else "cancelled")
        await self._items.aclose()

    async def _next(self, limit_s: float) -> Piece | End:
        deadline = self._state.turn.deadline
        left = None if deadline is None else deadline - self._router.now()
        try:
            async with asyncio.timeout(limit_s if left is None else min(limit_s, left)):
                return await anext(self._items)
        except TimeoutError:
            if left is not None and left <= limit_s:
                raise DeadlineExceeded("the deadline passed; the engine was told to stop") from None
            self._behind = self._first is None and self._queued
            self._behind &= self._router.now() - self.engine_state.heard < limit_s
            if self._behind:
                raise EngineError(
                    f"{self.engine_state.engine.name}: others were served for {limit_s:g} s",
                    "engine_overloaded",
                ) from None
            raise EngineError(
                f"{self.engine_state.engine.name}: no token for {limit_s:g} s", "engine_timeout"
            ) from None
        except StopAsyncIteration:
            raise EngineError(f"{self.engine_state.engine.name} broke off without an end") from None
        except EngineError:
            raise
        except Exception as error:  # whatever an engine makes of its answer, the turn goes on elsewhere
            logger.exception("engine_fault_unforeseen", engine=self.engine_state.engine.name)
            raise EngineError(f"{self.engine_state.engine.name}: {type(error).__name__}: {error}") from error

    def _failed(self, error: EngineError) -> None:
        state, engine_state = self._state, self.engine_state
        state.excluded.add(engine_state.engine.name)
        state.engine_failed |= error.retriable
        self._count(None)
        engine_state.failed[self._name] += error.code != FILTERED
        engine_state.ended = None
        if error.retriable and not self._behind:
            now_ms, wait_ms = self._router.now() * 1e3, _wait_ms(error)
            engine_state.breaker = engine_state.breaker.failed(
                now_ms, jitter=self._router.jitter(), wait_ms=wait_ms
            )
            self._router.note(engine_state, f"{error.code}: {error}")
        else:
            engine_state.breaker = engine_state.breaker.abandoned()
        if not error.retriable:
            state.unable.add(engine_state.engine.name)
        if error.code in SETTINGS_FAULTS:
            self._router.blame_settings(engine_state, error)
        self._note(error.code)

    def _note(self, fault: str) -> None:
        self._noted = True
        took = round((self._router.now() - self._began) * 1e3, 3)
        self._state.attempts.append(replace(self._attempt, fault=fault, ms=took))


def _wait_ms(error: EngineError) -> float | None:
    """Return how long an engine wants to be left alone, ms; None if it does not say."""
    if error.code in SETTINGS_FAULTS:  # an operator needs longer than that
        return OPEN_MS_MOST
    return None if error.retry_after_s is None else error.retry_after_s * 1e3


async def race(first: Run, begin: Callable[[], Run | None], pause_s: float) -> Run:
    """Begin a second run, if ``begin`` will, once the first gave nothing for ``pause_s``; return the quicker.

    Raises:
        EngineError, DeadlineExceeded: all failed; the newest fault.
    """
    runs = [first]
    async with asyncio.TaskGroup() as group:
        racing = {group.create_task(first.open()): first}
        done, _ = await asyncio.wait(racing, timeout=pause_s)
        if not done and (second := begin()):
            runs.append(second)
            racing[group.create_task(second.open())] = second
        fault: EngineError | DeadlineExceeded | None = None
        while racing:
            done, _ = await asyncio.wait(racing, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                run = racing.pop(task)
                fault = task.result() or fault
                if task.result() is None:
                    for other in racing:
                        other.cancel()
                    for loser in runs:
                        loser.lost = loser is not run
                    return run
    assert fault is not None
    raise fault
