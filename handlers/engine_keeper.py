"""Starts the engines that the registry calls for: a candidate's before it meets players, the previous one's.

Engines that the engines' file names serve as they are. A version that none of them serves gets an engine of
its own here, if its files are on this machine and are what was registered. It is kept while the version is
current, is deployed, or may come back by a rollback.
"""

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Protocol

import structlog

from domain.deployment.messages import CheckFact
from domain.registry.state import Model, UseCaseModels
from handlers.engines.port import End, Engine, EngineAsk, EngineError, Piece
from handlers.routing import Router

logger = structlog.get_logger(__name__)

PROBE = "Who goes there?"
PROBE_TOKENS = 8


class OwnEngine(Engine, Protocol):
    """An engine that this process makes from files; it knows what it loaded."""

    @property
    def artefacts(self) -> Mapping[str, str]:
        """Digest of each file by its name."""
        ...


Make = Callable[[Model], OwnEngine | None]
"""Makes an engine for a version from files on this machine, not started; None without such files."""


class EngineKeeper:
    """The engines that this process started for versions of models. Used by one event loop."""

    def __init__(self, router: Router, make: Make) -> None:
        self._router = router
        self._make = make
        self._own: dict[str, OwnEngine] = {}
        """By model id."""

    async def prepare(self, model: Model) -> list[CheckFact]:
        """See that a version could serve: its engine runs, holds the registered files, and answers."""
        facts = model.registered
        checks: list[CheckFact] = []
        try:
            engine = await self._engine(model)
        except EngineError as error:
            return [CheckFact(name="engine", ok=False, detail=str(error)[:2_000])]
        if engine is None:
            detail = (
                f"no engine of the tier {facts.tier} serves {model.label} of the provider {facts.provider}, "
                "and its files are not on this machine"
            )
            return [CheckFact(name="engine", ok=False, detail=detail)]
        checks.append(CheckFact(name="engine", ok=True, detail=f"{engine.name}, {engine.capacity} at a time"))
        own = self._own.get(facts.model_id)
        if own is not None:
            checks.append(_artefacts(facts.artefacts, own.artefacts))
        checks.append(await _warm_up(engine))
        return checks

    async def keep(self, use_cases: Mapping[str, UseCaseModels]) -> None:
        """Start what is called for, and stop what is not any more."""
        wanted = {
            id_: state.models[id_]
            for state in use_cases.values()
            for id_ in wanted_of(state)
            if state.models[id_].registered.model_type != "external"
        }
        for model in wanted.values():
            try:
                await self._engine(model)
            except EngineError as error:
                logger.warning("engine_not_started", model=model.label, error=str(error))
        for id_ in self._own.keys() - wanted.keys():
            engine = self._own.pop(id_)
            self._router.remove(engine)
            await engine.stop()

    async def close(self) -> None:
        """Stop all of them."""
        while self._own:
            _, engine = self._own.popitem()
            self._router.remove(engine)
            await engine.stop()

    async def _engine(self, model: Model) -> Engine | None:
        """Return an engine that serves a version, started if that had to be done."""
        facts = model.registered
        label = f"{facts.name}@{facts.version}"
        tier = self._router.tiers.get(facts.tier)
        if tier is None:
            return None
        if own := self._own.get(facts.model_id):
            return own
        known = self._router.engine_of(facts.tier, facts.provider, label)
        if known is not None:
            return known
        engine = self._make(model)
        if engine is None:
            return None
        await engine.start()
        mismatch = _artefacts(facts.artefacts, engine.artefacts)
        if not mismatch.ok:
            await engine.stop()
            raise EngineError(f"{model.label}: {mismatch.detail}", "invalid_request")
        self._own[facts.model_id] = engine
        self._router.add(facts.tier, engine)
        return engine


def wanted_of(state: UseCaseModels) -> set[str]:
    """Return the versions of a use case that must be able to serve now or at once."""
    found = {state.current, state.previous(), *state.shares, *state.aliases.values()}
    if state.deployment is not None:
        found |= {state.deployment.started.model_id, state.deployment.started.previous_model_id}
    return {id_ for id_ in found if id_ is not None}


def _artefacts(registered: Mapping[str, str], found: Mapping[str, str]) -> CheckFact:
    """Compare what was registered with what an engine loaded."""
    wrong = sorted(
        name for name in registered.keys() | found.keys() if registered.get(name) != found.get(name)
    )
    if not registered:
        return CheckFact(name="artefacts", ok=True, detail="none were registered")
    if wrong:
        shown = "; ".join(
            f"{name} is {found.get(name, 'missing')}, registered is {registered.get(name, 'nothing')}"
            for name in wrong[:3]
        )
        return CheckFact(name="artefacts", ok=False, detail=f"other files than registered: {shown}")
    return CheckFact(name="artefacts", ok=True, detail=f"{len(found)} files as registered")


async def _warm_up(engine: Engine) -> CheckFact:
    """Ask for a few words, which also warms caches."""
    began, text = time.perf_counter(), ""
    items: AsyncGenerator[Piece | End, None] = engine.stream(EngineAsk(prompt=PROBE, max_tokens=PROBE_TOKENS))
    try:
        async with aclosing(items):
            async for item in items:
                text += item.text if isinstance(item, Piece) else ""
    except EngineError as error:
        return CheckFact(name="warm_up", ok=False, detail=f"{error.code}: {error}"[:2_000])
    took = (time.perf_counter() - began) * 1e3
    if not text.strip():
        return CheckFact(name="warm_up", ok=False, detail="it answered nothing")
    return CheckFact(name="warm_up", ok=True, detail=f"{len(text)} characters after {took:.0f} ms")
