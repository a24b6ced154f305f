"""The deployment manager: brings candidates to players step by step, and back, by what the log says.

It keeps nothing of its own. After a crash it reads the log from the start of the deployments under way and is
where it was; what it says has ids made from the deployment, so saying it twice changes nothing. Several of
them, in several processes, come to the same verdicts.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, get_args
from uuid import UUID

import structlog

from bus.ids import derived_id
from bus.ports import EventLog, IdConflict, LogError, RecordedEvent, Where
from domain.decider import Rejected
from domain.deployment.messages import (
    GATE_COMMANDS,
    Accuse,
    CheckFact,
    ConfirmReady,
    DeploymentEvent,
    DeploymentId,
    DeploymentStarted,
    HoldDeployment,
    PassStep,
)
from domain.deployment.rollout import GATE
from domain.deployment.watch import Accused, Passed, Starved, Verdict, Watch
from domain.event import Command, Event
from domain.guardrails.messages import ViolationDetected
from domain.inference.messages import (
    InferenceCancelled,
    InferenceCompleted,
    InferenceFailed,
    InferenceRequested,
)
from domain.registry.state import UseCaseEvent, UseCaseModels
from domain.registry.use_case import USE_CASE, stream_of
from handlers.commands import Binding, CommandRunner
from handlers.engine_keeper import EngineKeeper
from protocol.meta import Meta

logger = structlog.get_logger(__name__)

TICK_S = 0.25
"""How often the clock is looked at; evidence is looked at with every turn."""

TURNS = (
    InferenceRequested,
    InferenceCompleted,
    InferenceFailed,
    InferenceCancelled,
    ViolationDetected,
)
KINDS: tuple[type[Event], ...] = get_args(UseCaseEvent)
REGISTRY_TYPES = tuple(kind.event_name for kind in KINDS)
TYPES = (*REGISTRY_TYPES, *(kind.event_name for kind in TURNS))
PAGE = 2_000

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
        self._use_cases: dict[str, UseCaseModels] = {}
        self._runs: dict[DeploymentId, _Run] = {}
        self._live = False
        """Whether the past was read; before that nothing is said."""

    async def run(self) -> None:
        """Follow the log for ever, from the start of the oldest deployment under way."""
        begin, until = await self._begin()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tick(group))
            events = self._log.subscribe(after=begin, where=Where(types=TYPES))
            async with aclosing(events) as batches:
                self._live = begin >= until
                if self._live:
                    await self._kept()
                async for batch in batches:
                    await self._take(batch, until, group)

    async def _begin(self) -> tuple[int, int]:
        """Read the registry; return the position to follow the log from, and the last one of the past."""
        states, starts = dict[str, UseCaseModels](), dict[str, int]()
        past = [recorded async for recorded in self._registry_events()]
        for recorded in past:
            event = self._decode(recorded)
            if isinstance(event, KINDS):
                use_case = event.use_case  # type: ignore[attr-defined]  # all of them have one
                states[use_case] = USE_CASE.evolve(states.get(use_case, USE_CASE.initial), event)  # type: ignore[arg-type]  # one of KINDS
                if isinstance(event, DeploymentStarted):
                    starts[event.deployment_id] = recorded.position
        under_way = [
            starts[state.deployment.started.deployment_id] for state in states.values() if state.deployment
        ]
        head = (await self._log.head()).position
        if not under_way:
            self._use_cases = states
            return (past[-1].position if past else 0), 0
        begin = min(under_way) - 1
        for recorded in past:
            if recorded.position <= begin:
                self._registry(self._decode(recorded), recorded)
        return begin, head

    async def _registry_events(self) -> AsyncIterator[RecordedEvent]:
        after = 0
        while True:
            page = await self._log.read_all(after=after, limit=PAGE, where=Where(types=REGISTRY_TYPES))
            for recorded in page:
                yield recorded
            if len(page) < PAGE:
                return
            after = page[-1].position

    async def _take(self, batch: list[RecordedEvent], until: int, group: asyncio.TaskGroup) -> None:
        registry = False
        for recorded in batch:
            event = self._decode(recorded)
            if isinstance(event, TURNS):
                for run in self._runs.values():
                    run.watch.observe(event, recorded.position, recorded.recorded_us)
                if self._live:
                    await self._judge(recorded.recorded_us)
            else:
                registry = self._registry(event, recorded) or registry
        if not self._live and batch[-1].position >= until:
            self._live = registry = True
        if registry and self._live:
            await self._kept()
            self._prepare(group)

    def _registry(self, event: Event, recorded: RecordedEvent) -> bool:
        """Take in what happened to a use case."""
        if not isinstance(event, KINDS):
            return False
        use_case = event.use_case  # type: ignore[attr-defined]  # all of them have one
        state = USE_CASE.evolve(self._use_cases.get(use_case, USE_CASE.initial), event)  # type: ignore[arg-type]  # one of KINDS
        self._use_cases[use_case] = state
        if isinstance(event, DeploymentStarted):
            self._runs[event.deployment_id] = _Run(event, Watch(event))
        under_way = {s.deployment.started.deployment_id for s in self._use_cases.values() if s.deployment}
        for id_ in [id_ for id_ in self._runs if id_ not in under_way]:
            del self._runs[id_]
        if isinstance(event, get_args(DeploymentEvent)):
            run = self._runs.get(getattr(event, "deployment_id", None) or "")
            if run is not None:
                run.watch.moved(event, recorded.recorded_us)
        return True

    async def _kept(self) -> None:
        await self._keeper.keep(self._use_cases)

    # --- preparing --------------------------------------------------------------------------------------

    def _prepare(self, group: asyncio.TaskGroup) -> None:
        for run in self._runs.values():
            state = self._use_cases[run.started.use_case]
            if state.deployment and state.deployment.step < 0 and not run.preparing:
                run.preparing = True
                group.create_task(self._ready(run))

    async def _ready(self, run: _Run) -> None:
        started = run.started
        model = self._use_cases[started.use_case].models[started.model_id]
        passed = (
            f"passed {started.evaluation_id}" if started.evaluation_id else f"override: {started.override}"
        )
        checks = [CheckFact(name="evaluation", ok=True, detail=passed[:2_000])]
        checks += await self._keeper.prepare(model)
        of = {"use_case": started.use_case, "deployment_id": started.deployment_id}
        await self._say(run, "ready", ConfirmReady(**of, checks=checks))

    # --- judging ----------------------------------------------------------------------------------------

    async def _tick(self, group: asyncio.TaskGroup) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if self._live:
                self._prepare(group)
                await self._judge(self._now_us())

    async def _judge(self, now_us: int) -> None:
        for run in list(self._runs.values()):
            verdict = run.watch.verdict(now_us)
            if verdict is not None:
                key, command = self._follows(run, verdict)
                await self._say(run, key, command)

    def _follows(self, run: _Run, verdict: Verdict) -> tuple[str, Command]:
        of: Mapping[str, Any] = {
            "use_case": run.started.use_case,
            "deployment_id": run.started.deployment_id,
        }
        match verdict:
            case Passed():
                return f"pass {verdict.step}", PassStep(**of, step=verdict.step, evidence=verdict.evidence)
            case Accused():
                accuse = Accuse(
                    **of, measure=verdict.measure, evidence=verdict.evidence, reason=verdict.reason
                )
                return "accuse", accuse
            case Starved():
                state = self._use_cases[run.started.use_case].deployment
                step = state.step if state else 0
                return f"hold {step} {verdict.since_us}", HoldDeployment(
                    **of, operator=GATE, reason=verdict.reason
                )

    async def _say(self, run: _Run, key: str, command: Command) -> None:
        """Say something once; a failure of the log leaves it to be said again."""
        if key in run.asked:
            return
        id_ = derived_id(UUID(run.started.deployment_id), 0, f"deployment.{key}")
        try:
            await self._runner.execute(command, id_, meta=Meta(actor=GATE))
        except Rejected as refusal:  # things moved on meanwhile; the log will tell
            logger.info("deployment_refused", what=key, code=refusal.code, detail=refusal.message)
            return
        except IdConflict:  # another manager said it first, in its own words
            logger.info("deployment_said_already", what=key)
        except LogError as error:
            logger.warning("deployment_not_said", what=key, error=str(error))
            return
        run.asked.add(key)
