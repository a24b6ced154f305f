"""Starts the engines that the registry calls for: a candidate's before it meets players, the previous one's.

An engine of the engines' file serves a version that it names; one that names no version serves any, unless
the version's own files are on this machine: then it gets an engine of its own, so that no other weights
answer in its name. Engines of ours say what they loaded, and that must be what was registered. They are kept
while a use case's version is current, is deployed, may come back by a rollback, or has an alias.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import NamedTuple, Protocol, runtime_checkable

import structlog

from bus.retry import until_seen
from domain.registry.deployment_facts import CheckFact
from domain.registry.facts import artefacts_digest
from domain.registry.look_ups import previous_model
from domain.registry.state import Model, UseCaseModels
from handlers.engines.port import End, Engine, EngineAsk, EngineError, Piece
from handlers.routing.router import Router

logger = structlog.get_logger(__name__)

PROBE = "Who goes there?"
PROBE_TOKENS = 8
START_S = 60.0
"""Longest start of an engine."""
WARM_UP_S = 20.0
DRAIN_S = 10.0
"""How long an engine that is not called for any more may finish what it has."""
DRAIN_LOOK_S = 0.05
DETAIL_MAX = 2_000


@runtime_checkable
class OwnEngine(Engine, Protocol):
    """An engine that this process makes from files; it knows what it loaded."""

    @property
    def artefacts(self) -> Mapping[str, str]:
        """Digest of each file by its name."""
        ...


Make = Callable[[Model], OwnEngine | None]
"""Makes an engine for a version from files on this machine, not started; None without such files."""


class _Key(NamedTuple):
    """Key of an own engine: use cases that registered the same model share it."""

    tier: str
    label: str
    digest: str


class Missing(Exception):
    """This process has neither an engine for a version nor its files; another one may."""


class EngineKeeper:
    """The engines that this process started for versions of models. Used by one event loop."""

    def __init__(self, router: Router, make: Make) -> None:
        self._router = router
        self._make = make
        self._own: dict[_Key, OwnEngine] = {}
        self._lock = asyncio.Lock()

    async def prepare(self, model: Model) -> list[CheckFact]:
        """See that a version could serve: its engine runs, holds the registered files, and answers.

        Raises:
            Missing: nothing here could serve it.
        """
        facts = model.registered
        try:
            engine = await self._engine(model)
        except EngineError as error:
            return [_check("engine", str(error), ok=False)]
        if engine is None:
            raise Missing(
                f"no engine of the tier {tier_of(model)} serves {model.label} of the provider "
                f"{facts.provider}, and its files are not on this machine"
            )
        checks = [_check("engine", f"{engine.name}, {engine.capacity} at a time")]
        if isinstance(engine, OwnEngine):
            checks.append(_artefacts(facts.artefacts, engine.artefacts))
        if checks[-1].ok:
            checks.append(await _warm_up(engine))
        return checks

    async def keep(self, use_cases: Mapping[str, UseCaseModels]) -> None:
        """Start what is called for, and stop what is not any more; what fails is tried again next time."""
        wanted = {
            _key(state.models[id_]): state.models[id_]
            for state in use_cases.values()
            for id_ in wanted_of(state)
            if state.models[id_].registered.model_type != "external"
        }
        for model in wanted.values():
            try:
                await self._engine(model)
            except EngineError as error:
                logger.warning("engine_not_started", model=model.label, error=str(error))
        for key in self._own.keys() - wanted.keys():
            await self._retire(self._own.pop(key))

    async def close(self) -> None:
        """Stop all of them."""
        while self._own:
            _, engine = self._own.popitem()
            self._router.remove(engine)
            await _stopped(engine)

    async def _retire(self, engine: OwnEngine) -> None:
        """Let an engine finish what it has, then stop it."""
        engine_state = self._router.remove(engine)

        async def idle() -> bool | None:
            return engine_state is None or not engine_state.active or None

        await until_seen(idle, every_s=DRAIN_LOOK_S, within_s=DRAIN_S)
        await _stopped(engine)

    async def _engine(self, model: Model) -> Engine | None:
        """Return an engine that serves a version, started if that had to be done; None without any."""
        facts, tier = model.registered, tier_of(model)
        if tier not in self._router.tiers:
            return None
        async with self._lock:
            if own := self._own.get(_key(model)):
                return own
            label = f"{facts.name}@{facts.version}"
            if named := self._router.engine_of(tier, facts.provider, label, exact=True):
                return named
            try:
                made = self._make(model)
                if made is None:
                    return self._router.engine_of(tier, facts.provider, label)
                async with asyncio.timeout(START_S):
                    await made.start()
                mismatch = _artefacts(facts.artefacts, made.artefacts)
            except TimeoutError:
                raise EngineError(f"{model.label}: its engine did not start in {START_S:g} s") from None
            except EngineError:
                raise
            except Exception as error:  # files that nobody foresaw must not end who keeps the others
                raise EngineError(f"{model.label}: {type(error).__name__}: {error}") from error
            if not mismatch.ok:
                await _stopped(made)
                raise EngineError(f"{model.label}: {mismatch.detail}", "invalid_request")
            self._own[_key(model)] = made
            self._router.add(tier, made)
            return made


def tier_of(model: Model) -> str:
    """Return the tier that serves a version: the registered one, or the one that it was moved to."""
    moved = model.configuration.get("tier")
    return moved if moved in ("gold", "silver", "bronze") else model.registered.tier


def wanted_of(state: UseCaseModels) -> set[str]:
    """Return the versions of a use case that must be able to serve now or at once."""
    found = {state.current, previous_model(state), *state.shares, *state.aliases.values()}
    if state.deployment is not None:
        found |= {state.deployment.started.model_id, state.deployment.started.previous_model_id}
    return {id_ for id_ in found if id_ is not None}


def _key(model: Model) -> _Key:
    facts = model.registered
    label = f"{facts.provider}:{facts.name}@{facts.version}"
    return _Key(tier_of(model), label, artefacts_digest(facts.artefacts))


def _check(name: str, detail: str, *, ok: bool = True) -> CheckFact:
    return CheckFact(name=name, ok=ok, detail=detail.replace("\x00", "\ufffd")[:DETAIL_MAX])


async def _stopped(engine: Engine) -> None:
    try:
        await engine.stop()
    except Exception:  # it is not asked any more
        logger.exception("engine_not_stopped", engine=engine.name)


def _artefacts(registered: Mapping[str, str], found: Mapping[str, str]) -> CheckFact:
    """Compare what was registered with what an engine loaded."""
    if not registered:
        detail = "no files were registered, so nobody could say what answers; register their digests"
        return _check("artefacts", detail, ok=False)
    wrong = sorted(
        name for name in registered.keys() | found.keys() if registered.get(name) != found.get(name)
    )
    if wrong:
        shown = "; ".join(
            f"{name} is {found.get(name, 'missing')}, registered is {registered.get(name, 'nothing')}"
            for name in wrong[:3]
        )
        return _check("artefacts", f"other files than registered: {shown}", ok=False)
    return _check("artefacts", f"{len(found)} files as registered")


async def _warm_up(engine: Engine) -> CheckFact:
    """Ask for a few words, which also warms caches."""
    began, text = time.perf_counter(), ""
    items: AsyncGenerator[Piece | End, None] = engine.stream(EngineAsk(prompt=PROBE, max_tokens=PROBE_TOKENS))
    try:
        async with asyncio.timeout(WARM_UP_S), aclosing(items):
            async for item in items:
                text += item.text if isinstance(item, Piece) else ""
    except TimeoutError:
        return _check("warm_up", f"no answer in {WARM_UP_S:g} s", ok=False)
    except Exception as error:  # whatever it is, it is no answer
        return _check("warm_up", f"{type(error).__name__}: {error}", ok=False)
    took = (time.perf_counter() - began) * 1e3
    if not text.strip():
        return _check("warm_up", "it answered nothing", ok=False)
    return _check("warm_up", f"{len(text)} characters after {took:.0f} ms")
