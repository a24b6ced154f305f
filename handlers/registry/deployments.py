"""The deployment manager: brings candidates to players step by step, and back, by what the log says.

It keeps nothing of its own. After a crash it reads the log from the start of the deployments under way and is
where it was; what it says has ids made from the deployment, so saying it twice changes nothing. Several of
them, in several processes, come to the same verdicts.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, get_args
from uuid import UUID

import structlog

from bus.ids import derived_id
from bus.ports import EventLog, IdConflict, LogError, RecordedEvent, Where
from domain.guardrails.messages import ViolationDetected
from domain.inference.messages import (
    InferenceCancelled,
    InferenceCompleted,
    InferenceFailed,
    InferenceRefused,
    InferenceRequested,
)
from domain.kernel.decider import Rejected
from domain.kernel.event import Command, Event
from domain.registry.deployment_messages import (
    GATE_COMMANDS,
    Accuse,
    CheckFact,
    ConfirmReady,
    DeploymentEvent,
    DeploymentId,
    DeploymentResumed,
    DeploymentStarted,
    HoldDeployment,
    PassStep,
    StepStarted,
)
from domain.registry.rollout import GATE
from domain.registry.state import Model, UseCaseModels
from domain.registry.use_case import USE_CASE, stream_of
from domain.registry.watch import Accused, Passed, Starved, Verdict, Watch
from handlers.kernel.commands import Binding, CommandRunner
from handlers.registry.engine_keeper import EngineKeeper, Missing
from handlers.registry.use_cases import USE_CASE_TYPES, UseCases
from protocol.errors import WireError
from protocol.meta import Meta, decode_meta

logger = structlog.get_logger(__name__)

TICK_S = 0.25
"""How often the clock is looked at; evidence is looked at with every turn."""

TURNS = (
    InferenceRequested,
    InferenceCompleted,
    InferenceFailed,
    InferenceCancelled,
    InferenceRefused,
    ViolationDetected,
)
OWN: tuple[type[DeploymentEvent], ...] = get_args(DeploymentEvent)
TYPES = (*USE_CASE_TYPES, *(kind.event_name for kind in TURNS))
PAGE = 2_000

AGAIN_S = 1.0
"""Pause after an error that nobody expected."""

KEEP_S = 5.0
"""How often engines that could not be started are tried again."""

MISSING_S = 2.0
"""How long a process that cannot serve a candidate leaves the word to others."""

GATES: Binding[Any, Any, UseCaseModels] = Binding(
    commands=(*GATE_COMMANDS, HoldDeployment),
    stream_of=lambda command: stream_of(command.use_case),
    decider=USE_CASE,
)
"""What the manager says to the decider; no message does."""


@dataclass(slots=True)
class _Run:
    """A deployment under way."""

    started: DeploymentStarted
    watch: Watch
    correlation: UUID
    """Of the command that started it: all that follows is one conversation."""
    began: UUID
    """The event that started it."""
    since: UUID
    """The event since when turns are waited for: the start of a step, or that it was resumed."""
    cause: UUID
    """The event that was taken in last: the deployment's own, or one of its use case's turns."""
    asked: set[str] = field(default_factory=set)
    """What was said already, so that it is not said at every turn."""
    preparing: bool = False


class DeploymentManager:
    """Run `run` in a task, in a process that has engines."""

    def __init__(
        self,
        log: EventLog,
        runner: CommandRunner,
        keeper: EngineKeeper,
        *,
        decode: Callable[[RecordedEvent], Event],
        now_us: Callable[[], int],
    ) -> None:
        """Prepare; ``runner`` has `GATES`."""
        self._log = log
        self._runner = runner
        self._keeper = keeper
        self._decode = decode
        self._now_us = now_us
        self._use_cases = UseCases()
        self._runs: dict[DeploymentId, _Run] = {}
        self._called_for: dict[str, UseCaseModels] = {}
        self._wanted = asyncio.Event()
        """Set when other engines may be called for."""

    async def run(self) -> None:
        """Follow the log for ever; after an error that nobody expected begin anew, from the log."""
        while True:
            try:
                await self._run()
            except Exception:  # inference must not end because a deployment cannot go on
                logger.exception("deployment_manager_failed")
            self._use_cases, self._runs = UseCases(), {}
            await asyncio.sleep(AGAIN_S)

    async def _run(self) -> None:
        """Follow the log from the start of the oldest deployment under way."""
        begin = await self._begin()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep())
            position = await self._past(begin)
            self._called_for = self._use_cases
            self._wanted.set()
            group.create_task(self._tick(group))
            events = self._log.subscribe(after=position, where=Where(types=TYPES))
            async with aclosing(events) as batches:
                async for batch in batches:
                    for recorded in batch:
                        await self._take(recorded, group)

    async def _begin(self) -> int:
        """Read the registry; return the position to follow the log from."""
        states, starts = UseCases(), dict[str, int]()
        past = [recorded async for recorded in self._pages(0, USE_CASE_TYPES)]
        for recorded in past:
            event = self._decode(recorded)
            states.take(event)
            if isinstance(event, DeploymentStarted):
                starts[event.deployment_id] = recorded.position
        # Engines are called for by how things are now, before the turns of a long deployment are read.
        self._called_for = states
        self._wanted.set()
        under_way = [
            starts[state.deployment.started.deployment_id] for state in states.values() if state.deployment
        ]
        begin = min(under_way) - 1 if under_way else (past[-1].position if past else 0)
        for recorded in past:
            if recorded.position <= begin:
                self._registry(self._decode(recorded), recorded)
        return begin

    async def _past(self, begin: int) -> int:
        """Fold what happened since; return the last position read."""
        position = begin
        async for recorded in self._pages(begin, TYPES):
            self._fold(self._decode(recorded), recorded)
            position = recorded.position
        return position

    async def _pages(self, after: int, types: Sequence[str]) -> AsyncIterator[RecordedEvent]:
        while page := await self._log.read_all(after=after, limit=PAGE, where=Where(types=types)):
            for recorded in page:
                yield recorded
            if len(page) < PAGE:
                return
            after = page[-1].position

    async def _take(self, recorded: RecordedEvent, group: asyncio.TaskGroup) -> None:
        """Take in a live event, and say what follows."""
        if self._fold(self._decode(recorded), recorded):
            self._called_for = self._use_cases
            self._wanted.set()
            self._prepare(group)
        else:
            await self._judge(recorded.recorded_us)

    def _fold(self, event: Event, recorded: RecordedEvent) -> bool:
        """Take in an event; say whether it was the registry's."""
        if not isinstance(event, TURNS):
            return self._registry(event, recorded)
        for run in self._runs.values():
            run.watch.observe(event, recorded.position, recorded.recorded_us)
            if event.use_case == run.started.use_case:
                run.cause = recorded.id
        return False

    async def _keep(self) -> None:
        """Have the engines running that are called for: at each change, and every few seconds."""
        while True:
            try:
                async with asyncio.timeout(KEEP_S):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            await self._keeper.keep(dict(self._called_for))

    def _registry(self, event: Event, recorded: RecordedEvent) -> bool:
        """Take in what happened to a use case."""
        if self._use_cases.take(event) is None:
            return False
        if isinstance(event, DeploymentStarted):
            correlation = decode_meta(recorded.meta).correlation or recorded.id
            self._runs[event.deployment_id] = _Run(
                event, Watch(event), correlation, began=recorded.id, since=recorded.id, cause=recorded.id
            )
        under_way = {s.deployment.started.deployment_id for s in self._use_cases.values() if s.deployment}
        for id_ in [id_ for id_ in self._runs if id_ not in under_way]:
            del self._runs[id_]
        if isinstance(event, OWN):
            run = self._runs.get(event.deployment_id or "")
            if run is not None:
                run.watch.moved(event, recorded.recorded_us)
                run.cause = recorded.id
                if isinstance(event, (StepStarted, DeploymentResumed)):
                    run.since = recorded.id
        return True

    # --- preparing --------------------------------------------------------------------------------------

    def _prepare(self, group: asyncio.TaskGroup) -> None:
        for run in self._runs.values():
            state = self._use_cases[run.started.use_case]
            found = state.deployment
            if found and found.step < 0 and not found.held and not run.preparing:
                run.preparing = True
                group.create_task(self._ready(run))

    async def _ready(self, run: _Run) -> None:
        started = run.started
        model = self._use_cases[started.use_case].models[started.model_id]
        passed = (
            f"passed {started.evaluation_id}" if started.evaluation_id else f"override: {started.override}"
        )
        checks = [CheckFact(name="evaluation", ok=True, detail=passed[:2_000])]
        try:
            checks += await self._prepared(model)
        except Missing as missing:
            checks.append(CheckFact(name="engine", ok=False, detail=str(missing)[:2_000]))
        of = {"use_case": started.use_case, "deployment_id": started.deployment_id}
        if not await self._say(run, "ready", ConfirmReady(**of, checks=checks), run.began):
            await asyncio.sleep(TICK_S)
            run.preparing = False  # once more at the next tick

    async def _prepared(self, model: Model) -> list[CheckFact]:
        """Return what was looked at; where nothing is here, leave others some time to say that they can."""
        try:
            return await self._keeper.prepare(model)
        except Missing:
            await asyncio.sleep(MISSING_S)
        return await self._keeper.prepare(model)

    # --- judging ----------------------------------------------------------------------------------------

    async def _tick(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._prepare(group)
            await self._judge(self._now_us())
            await asyncio.sleep(TICK_S)

    async def _judge(self, now_us: int) -> None:
        for run in list(self._runs.values()):
            verdict = run.watch.verdict(now_us)
            if verdict is not None:
                key, command = self._follows(run, verdict, now_us)
                cause = run.since if isinstance(verdict, Starved) else run.cause
                await self._say(run, key, command, cause)

    def _follows(self, run: _Run, verdict: Verdict, at_us: int) -> tuple[str, Command]:
        of: Mapping[str, Any] = {
            "use_case": run.started.use_case,
            "deployment_id": run.started.deployment_id,
        }
        match verdict:
            case Passed():
                return f"pass {verdict.step}", PassStep(**of, step=verdict.step, evidence=verdict.evidence)
            case Accused():
                took_ms = max(0.0, round((self._now_us() - at_us) / 1e3, 3))
                accuse = Accuse(
                    **of,
                    measure=verdict.measure,
                    evidence=verdict.evidence,
                    decided_ms=took_ms,
                    reason=verdict.reason,
                )
                return "accuse", accuse
            case Starved():
                state = self._use_cases[run.started.use_case].deployment
                step = state.step if state else 0
                return f"hold {step} {verdict.since_us}", HoldDeployment(
                    **of, operator=GATE, reason=verdict.reason
                )

    async def _say(self, run: _Run, key: str, command: Command, cause: UUID) -> bool:
        """Say something once; return whether it was said. A failure of the log leaves it to be said again."""
        if key in run.asked:
            return True
        id_ = derived_id(UUID(run.started.deployment_id), 0, f"deployment.{key}")
        try:
            meta = Meta(correlation=run.correlation, causation=cause, actor=GATE)
            await self._runner.execute(command, id_, meta=meta)
        except Rejected as refusal:  # things moved on meanwhile; the log will tell
            logger.info("deployment_refused", what=key, code=refusal.code, detail=refusal.message)
            return False
        except IdConflict:  # another manager said it first, in its own words
            logger.info("deployment_said_already", what=key)
        except (LogError, WireError) as error:  # a newer program's events are not decided upon
            logger.warning("deployment_not_said", what=key, error=str(error))
            return False
        run.asked.add(key)
        return True
