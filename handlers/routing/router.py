"""The router: takes a turn to an engine, to another one if that fails, and to a lower tier if all do.

What was given out stays: another engine goes on after the tokens that were sent. Only if no engine can, or
the turn's deadline has passed, the character's authored line is given; a turn without one fails while nothing
was sent, and is cut short after.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from functools import partial
from math import inf

import structlog

from domain.routing.choice import AWAY, Choice, Turn, choose, fits
from domain.routing.health import EngineView
from domain.routing.messages import EngineStateChanged
from handlers.engines.port import REQUEST_FAULTS, End, Engine, EngineError, Health, Piece, upper_count
from handlers.routing.runs import FILTERED, SERVING, UNHEALTHY, EngineState, Progress, Run, race
from handlers.routing.turns import DeadlineExceeded, NoEngine, Routed, RoutedTurn, Tier

PROBE_EVERY_S = 2.0
PROBE_AGAIN_S = 0.25
"""Between two probes of an engine that cannot be asked now."""

HOMES_MAX = 10_000
"""Prefixes of which is remembered who has them cached."""

HEDGE_SHARE = 0.1
"""Turns of a tier for which a second engine may be asked: when all are slow, asking twice makes it worse."""

HEDGES_AT_ONCE = 10.0

LAST_RESORT_S = 0.25
"""How long a turn waits for an engine before one is asked whose circuit is still open."""

RECHECK_S = 0.02
"""Shortest pause before a waiting turn looks again for an engine."""

logger = structlog.get_logger(__name__)


def fitting(engines: Sequence[Engine], model: str) -> list[Engine]:
    """Return the engines that serve a model, given as ``name@version``.

    Where one names the very version, no other is asked; see `domain.routing.choice.fits`.
    """
    exact = [engine for engine in engines if model in engine.models]
    return exact or [engine for engine in engines if fits(engine.models, model)]


class Router:
    """Serves turns from tiers of engines. Used by one event loop; run `run` beside it for the probes."""

    def __init__(
        self,
        tiers: Mapping[str, Tier],
        *,
        clock: Callable[[], float],
        draw: Callable[[], float],
        on_engine_state: Callable[[EngineStateChanged], None] | None = None,
    ) -> None:
        """Prepare. ``clock`` counts seconds; ``draw`` gives [0, 1); ``on_engine_state`` hears of changes."""
        self._on_engine_state = on_engine_state
        self._tiers = dict(tiers)
        self._clock = clock
        self._draw = draw
        engines = {engine.name: engine for tier in tiers.values() for engine in tier.engines}
        self._engine_states = {name: EngineState(engine) for name, engine in engines.items()}
        self._homes: OrderedDict[tuple[str, str, str], str] = OrderedDict()
        """Engines by tier, model and prefix that they have: those of another tier or model are others."""
        self._hedges: dict[str, float] = {}
        """How many turns of a tier may ask a second engine now."""

    def counter(self, tier: str, provider: str, model: str) -> Callable[[str], int]:
        """Return what counts the tokens of a text as the engines of a model do; see `Engine.count_tokens`."""
        engines = [engine for engine in self._tiers[tier].engines if engine.provider == provider]
        found = fitting(engines, model)
        return (found or engines)[0].count_tokens if engines else len

    def engine_of(self, tier: str, provider: str, model: str, *, exact: bool = False) -> Engine | None:
        """Return an engine of a tier that serves a model, if any; ``exact``: one that names the version."""
        engines = [engine for engine in self._tiers[tier].engines if engine.provider == provider]
        able = [engine for engine in engines if model in engine.models] if exact else fitting(engines, model)
        return next(iter(able), None)

    def serves(self, tier: str, provider: str, model: str = "") -> bool:
        """Say whether a tier, or one below it, has an engine of a provider for a model, or any if ""."""
        while tier in self._tiers:
            engines = [engine for engine in self._tiers[tier].engines if engine.provider == provider]
            if fitting(engines, model) if model else engines:
                return True
            tier = self._tiers[tier].below
        return False

    def refusal(self, turn: RoutedTurn) -> NoEngine | None:
        """Return why nobody could take a turn now; None if somebody could, or a line is there for that.

        A turn whose time is over is not refused: to come again would not help it.
        """
        tier, state = turn.tier, Progress(turn, self._clock())
        while tier:
            try:
                if turn.authored or self._choose(tier, state):
                    return None
            except DeadlineExceeded:
                return None
            tier = self._tiers[tier].below
        return NoEngine([choice for choice in state.choices if choice.candidates] or state.choices)

    def has_room(self, tier: str) -> bool:
        """Say whether an engine of a tier is at most half busy: then work that can wait disturbs nobody."""
        engine_states = (
            [self._engine_states[engine.name] for engine in self._tiers[tier].engines]
            if tier in self._tiers
            else []
        )
        return any(
            engine_state.active <= engine_state.engine.capacity // 2
            for engine_state in engine_states
            if engine_state.ok
        )

    @property
    def tiers(self) -> Mapping[str, Tier]:
        """The tiers by name."""
        return self._tiers

    def engine_states(self) -> Mapping[str, EngineState]:
        """Return what is kept of each engine, by name: to be looked at."""
        return self._engine_states

    def views(self) -> Mapping[str, EngineView]:
        """Return what is known of each engine now, by name."""
        return {name: engine_state.view() for name, engine_state in self._engine_states.items()}

    def add(self, tier: str, engine: Engine) -> None:
        """Let a started engine serve a tier from now on; one of that name takes the other's place."""
        known = self._tiers[tier]
        others = [each for each in known.engines if each.name != engine.name]
        self._tiers[tier] = replace(known, engines=[*others, engine])
        self._engine_states[engine.name] = EngineState(engine)

    def remove(self, engine: Engine) -> EngineState | None:
        """Ask an engine no more; return what was kept of it. Turns that it has are not disturbed."""
        for name, tier in self._tiers.items():
            left = [each for each in tier.engines if each is not engine]
            self._tiers[name] = replace(tier, engines=left)
        if (engine_state := self._engine_states.get(engine.name)) and engine_state.engine is engine:
            del self._engine_states[engine.name]
            return engine_state
        return None

    async def run(self) -> None:
        """Probe the engines for ever, those in trouble more often."""

        async def probing(engine_state: EngineState) -> None:
            due = self._clock()
            while self._engine_states.get(engine_state.engine.name) is engine_state:
                if engine_state.state != SERVING or self._clock() >= due:
                    await self._probe(engine_state)
                    due = self._clock() + PROBE_EVERY_S
                await asyncio.sleep(PROBE_AGAIN_S)

        watched = set[EngineState]()
        async with asyncio.TaskGroup() as group:
            while True:
                for engine_state in set(self._engine_states.values()) - watched:
                    group.create_task(probing(engine_state))
                watched = set(self._engine_states.values())
                await asyncio.sleep(PROBE_AGAIN_S)

    async def stream(self, turn: RoutedTurn) -> AsyncGenerator[Piece | Routed, None]:
        """Yield the answer as it comes, and last how it was served; closing the generator cancels the engine.

        Raises:
            NoEngine: refused before anything was sent; nobody was asked, or all failed.
            DeadlineExceeded: nothing was sent, and there is no authored line.
            EngineError: the request itself is at fault (prompt too long, unknown adapter, …), or the
                provider's filter stopped it before a word was said, and there is no authored line.
        """
        state, late = Progress(turn, self._clock()), None
        try:
            async with aclosing(self._tried(state)) as pieces:
                async for piece in pieces:
                    yield piece
        except DeadlineExceeded as error:
            late = error
        if state.end is None:
            yield self._last_resort(state, late)
            return
        if state.end.finish_reason == "filtered" and not state.given:
            if not turn.authored:
                raise EngineError(state.filtered, FILTERED)
            state.texts.append(turn.authored)
            yield Piece(turn.authored, 0)
        yield self._routed(state.tier, state)

    async def _tried(self, state: Progress) -> AsyncGenerator[Piece, None]:
        """Try tier after tier until one brings the turn to its end, or waiting for an engine is over."""
        waiting = True
        while waiting:
            tier = state.turn.tier
            while tier:
                async with aclosing(self._serve(tier, state)) as pieces:
                    async for piece in pieces:
                        yield piece
                if state.end is not None:
                    state.tier = tier
                    return
                tier = self._tiers[tier].below
            waiting = await self._engines_back(state)

    async def _engines_back(self, state: Progress) -> bool:
        """Wait until an engine may be asked again; say whether that is worth while.

        It is for a turn that was taken on: every engine failed at once, or is left alone for a
        moment. With an authored line nobody waits, unless some of the answer was given already.
        """
        turn, now = state.turn, self._clock()
        last = state.choices[-1]
        faulty = state.fault is not None or any(
            candidate.ruled_out.startswith(AWAY) for candidate in last.candidates
        )
        if (turn.authored and not state.texts) or not faulty:
            return False
        if state.fault is not None and not state.engine_failed:
            return False
        if state.waiting_since is None:
            state.waiting_since = now
        left_s = self._tiers[turn.tier].patience_s - (now - state.waiting_since)
        if turn.deadline is not None:
            left_s = min(left_s, turn.deadline - now)
        if left_s <= 0 or not self._back_within(turn, left_s):
            return False
        await asyncio.sleep(min(left_s, RECHECK_S))
        state.excluded = set(state.unable)
        if now - state.waiting_since > LAST_RESORT_S:
            self._let_one_through(turn)
        return True

    def _back_within(self, turn: RoutedTurn, left_s: float) -> bool:
        """Say whether an engine may be asked again in time; who asked to be left alone is."""
        until_ms = (self._clock() + left_s) * 1e3
        return any(
            not engine_state.breaker.asked or engine_state.breaker.retry_at_ms <= until_ms
            for engine_state in self._in_reach(turn)
        )

    def _let_one_through(self, turn: RoutedTurn) -> None:
        """Open the way to the engine whose circuit would close first: better a doubtful engine than none.

        After Envoy's panic threshold: when all are broken, how they look says little. One that asked to be
        left alone is.
        """
        now_ms = self._clock() * 1e3
        broken = [
            engine_state
            for engine_state in self._in_reach(turn)
            if engine_state.ok
            and engine_state.breaker.circuit(now_ms) == "open"
            and not engine_state.breaker.asked
        ]
        if broken:
            first = min(broken, key=lambda engine_state: engine_state.breaker.retry_at_ms)
            first.breaker = first.breaker.probed(now_ms)

    def _in_reach(self, turn: RoutedTurn) -> list[EngineState]:
        """Return what is kept of the engines that may serve a turn, on its tier and below."""
        tier, engine_states = turn.tier, list[EngineState]()
        while tier:
            engines = self._tiers[tier].engines
            engine_states += [self._engine_states[e.name] for e in engines if e.provider == turn.provider]
            tier = self._tiers[tier].below
        return engine_states

    # --- one tier -----------------------------------------------------------------------------------

    async def _serve(self, name: str, state: Progress) -> AsyncGenerator[Piece, None]:
        """Try the tier's engines, best first, until one brings the turn to its end or none is left."""
        tier = self._tiers[name]
        while choice := self._choose(name, state):
            engine_states = [self._engine_states[engine] for engine in choice.order]
            async with AsyncExitStack() as stack:
                try:
                    run = await self._open(tier, name, engine_states, state, stack)
                    async with aclosing(run.pieces(state)) as pieces:
                        async for piece in pieces:
                            yield piece
                    self._home(name, state.turn, run.engine_state)
                    state.waiting_since = None
                    return
                except EngineError as error:
                    if state.tokens >= state.turn.ask.max_tokens:  # it gave all of it, and failed to say so
                        state.end = End("length", state.prompt_tokens, state.tokens)
                        return
                    if error.code == FILTERED:
                        state.filtered = str(error)
                        state.end = End("filtered", state.prompt_tokens, state.used)
                        return
                    # An engine's own fault tells more than that another one cannot do it.
                    if state.fault is None or error.retriable or not state.fault.retriable:
                        state.fault = error
                    # What was given already is not lost for a fault of the request: another one may go on.
                    if not error.retriable and error.code not in REQUEST_FAULTS and not state.given:
                        raise
                    logger.info("engine_left", tier=name, code=error.code, detail=str(error))

    def _choose(self, name: str, state: Progress) -> Choice | None:
        """Choose among the engines that serve the turn's model; a tier below may serve another one."""
        turn = state.turn
        engines = [engine for engine in self._tiers[name].engines if engine.provider == turn.provider]
        able = fitting(engines, turn.model) if turn.model else engines
        others = [engine for engine in engines if engine not in able] if name != turn.tier else []
        return self._choose_of(able, name, state) or (others and self._choose_of(others, name, state)) or None

    def _choose_of(self, engines: Sequence[Engine], name: str, state: Progress) -> Choice | None:
        tier, turn, now = self._tiers[name], state.turn, self._clock()
        left_ms = None if turn.deadline is None else (turn.deadline - now) * 1e3
        if left_ms is not None and left_ms <= 0:
            raise DeadlineExceeded("the deadline passed before an engine could answer")
        choice = choose(
            Turn(
                tokens=turn.ask.max_tokens - state.tokens,
                budget_ms=min(left_ms or inf, tier.first_token_s * 1e3),
                home=self._homes.get((name, turn.model, turn.prefix), "") if turn.prefix else "",
                draw=self._draw(),
                excluded=state.excluded,
            ),
            [self._engine_states[engine.name].view() for engine in engines],
            tier.objective,
            now * 1e3,
        )
        state.choices.append(choice)
        return choice if choice.order else None

    async def _open(
        self,
        tier: Tier,
        name: str,
        engine_states: Sequence[EngineState],
        state: Progress,
        stack: AsyncExitStack,
    ) -> Run:
        """Return the run that gave the first token; ``stack`` closes all that were begun.

        Raises:
            EngineError: those asked failed; they are excluded from the turn.
            DeadlineExceeded: see there.
        """
        begin = partial(self._begin, tier, name, state, stack)
        run = begin(engine_states[0])
        if tier.hedge_after_ms is not None and len(engine_states) > 1:
            hedges = self._hedges.get(name, HEDGES_AT_ONCE)
            self._hedges[name] = min(HEDGES_AT_ONCE, hedges + HEDGE_SHARE)
            return await race(
                run, partial(self._hedge, name, engine_states[1], begin), tier.hedge_after_ms / 1e3
            )
        if fault := await run.open():
            raise fault
        return run

    def _hedge(self, name: str, engine_state: EngineState, begin: Callable[[EngineState], Run]) -> Run | None:
        """Begin with a second engine, if it has room and not too many turns had one."""
        if self._hedges[name] < 1 or engine_state.active >= engine_state.engine.capacity:
            return None
        self._hedges[name] -= 1
        return begin(engine_state)

    def _begin(
        self, tier: Tier, name: str, state: Progress, stack: AsyncExitStack, engine_state: EngineState
    ) -> Run:
        run = Run(self, engine_state, tier, name, state)
        stack.push_async_callback(run.close)
        return run

    def _home(self, tier: str, turn: RoutedTurn, engine_state: EngineState) -> None:
        if turn.prefix:
            place = (tier, turn.model, turn.prefix)
            self._homes[place] = engine_state.engine.name
            self._homes.move_to_end(place)
            if len(self._homes) > HOMES_MAX:
                self._homes.popitem(last=False)

    # --- the end --------------------------------------------------------------------------------------

    def _routed(self, tier: str, state: Progress) -> Routed:
        now, end = self._clock(), state.end
        assert end is not None
        first = now if state.first is None else state.first
        # Of who came to no end nobody knows what the prompt took; it is paid for where something was said.
        asked = upper_count(state.turn.ask.prompt) if state.used else 0
        engine = next((attempt.engine for attempt in state.attempts if attempt.fault in ("", FILTERED)), "")
        return Routed(
            text="".join(state.texts),
            tier=tier,
            engine=engine,
            reason=state.filtered or (state.choices[-1].reason if state.choices else ""),
            finish_reason=end.finish_reason,
            prompt_tokens=state.prompt_tokens or end.prompt_tokens or asked,
            completion_tokens=state.used,
            estimated=state.estimated,
            ttft_ms=(first - state.began) * 1e3,
            latency_ms=(now - state.began) * 1e3,
            attempts=tuple(state.attempts),
            choices=tuple(state.choices),
        )

    def _last_resort(self, state: Progress, late: DeadlineExceeded | None) -> Routed:
        """Return what a turn comes to that no engine could serve, or none in time.

        Raises:
            NoEngine, EngineError, DeadlineExceeded: nothing was sent, and there is no authored line.
        """
        given = state.given
        if not given and not state.turn.authored:
            if late:
                raise late
            if state.fault is not None and state.fault.code in REQUEST_FAULTS and not state.engine_failed:
                raise state.fault
            raise NoEngine(state.choices[-1:], state.fault)
        state.end = End("stop", state.prompt_tokens, state.used)
        routed = self._routed(state.turn.tier, state)
        if late:
            routed = replace(routed, reason=str(late))
        if given:
            return replace(routed, finish_reason="cut")
        return replace(routed, text=state.turn.authored, engine="", finish_reason="authored")

    async def _probe(self, engine_state: EngineState) -> None:
        try:
            health = await engine_state.engine.health()
        except Exception as error:  # what a server says of itself must not end who asks the others
            health = Health(False, f"{type(error).__name__}: {error}")
        if (
            health.ok and not engine_state.ok
        ):  # an engine that is well and fails all the same stays left alone
            engine_state.breaker = engine_state.breaker.probed(self._clock() * 1e3)
        engine_state.ok, engine_state.reason = health.ok, health.reason
        self.note(engine_state, health.reason or "its probe says that it is well")

    def note(self, engine_state: EngineState, reason: str) -> None:
        """Tell of an engine whose state is another one now."""
        circuit = engine_state.breaker.circuit(self._clock() * 1e3)
        state = f"circuit_{circuit}" if circuit != "closed" else SERVING if engine_state.ok else UNHEALTHY
        if state == engine_state.state:
            return
        before, engine_state.state = engine_state.state, state
        name = engine_state.engine.name
        log = logger.info if state == SERVING else logger.warning
        log("engine_state", engine=name, before=before, after=state, reason=reason)
        if self._on_engine_state:
            tiers = [tier for tier, found in self._tiers.items() if engine_state.engine in found.engines]
            changed = {"engine": name, "tiers": tiers, "before": before, "after": state}
            # A server's own words: what the log cannot hold must not end the turn that heard them.
            shown = reason.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
            self._on_engine_state(EngineStateChanged(**changed, reason=shown[:2_000]))

    def blame_settings(self, engine_state: EngineState, error: EngineError) -> None:
        """Tell an operator, once until it answers, of an engine whose settings its server refuses."""
        if not engine_state.settings_fault.startswith(error.code):
            engine_state.settings_fault = f"{error.code}: {error}"
            logger.error(
                "engine_settings_refused", engine=engine_state.engine.name, code=error.code, detail=str(error)
            )

    def now(self) -> float:
        """Return the router's clock, s."""
        return self._clock()

    def jitter(self) -> float:
        """Return a number in [0, 1)."""
        return self._draw()
