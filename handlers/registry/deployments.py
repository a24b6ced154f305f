"""Carries deployments out where the engines are: judges them by the log, and prepares what they need.

The judging is a process (`domain.registry.gates`). What it cannot do, being pure, is done here: engines are
kept running for the versions that are called for, and a candidate is prepared, warmed up and reported as
ready. Nothing of its own is kept; after a crash it is where the log says.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from bus.ports import EventLog
from domain.registry.deployment_facts import CheckFact, DeploymentId
from domain.registry.deployment_messages import GATE_COMMANDS, ConfirmReady, HoldDeployment
from domain.registry.gates import GATES, TICK_S, Run
from domain.registry.state import Model, UseCaseModels
from domain.registry.use_case import USE_CASE, stream_of
from handlers.kernel.commands import Binding, CommandRunner
from handlers.kernel.follow import Decode, ProcessRunner, Restarts, Standing
from handlers.registry.engine_keeper import EngineKeeper, Missing

KEEP_S = 5.0
"""How often engines that could not be started are tried again."""

MISSING_S = 2.0
"""How long a process that cannot serve a candidate leaves the word to others."""

GATE_RECORDS: Binding[Any, Any, UseCaseModels] = Binding(
    commands=(*GATE_COMMANDS, HoldDeployment),
    stream_of=lambda command: stream_of(command.use_case),
    decider=USE_CASE,
)
"""Commands from the gates to the decider; never taken from the wire."""


class DeploymentManager:
    """Run `run` in a task, in a process that has engines."""

    def __init__(
        self,
        log: EventLog,
        runner: CommandRunner,
        keeper: EngineKeeper,
        *,
        decode: Decode,
        now_us: Callable[[], int],
    ) -> None:
        """Prepare; ``runner`` has `GATE_RECORDS`."""
        self._restarts = Restarts("deployments")
        self._gates = ProcessRunner(log, runner, GATES, decode=decode, now_us=now_us)
        self._keeper = keeper
        self._preparing: set[DeploymentId] = set()

    @property
    def standing(self) -> Standing:
        """Return how far the judging is."""
        return self._restarts.beside(self._gates.standing)

    async def run(self) -> None:
        """Judge, prepare and keep engines for ever."""
        await self._restarts.keep_going(self._run)

    async def _run(self) -> None:
        self._preparing = set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._gates.run())
            group.create_task(self._keep())
            while True:
                await self._gates.changed(within_s=TICK_S)
                for run in list(self._gates.state.runs.values()) if self._gates.live else ():
                    if self._is_to_be_prepared(run):
                        self._preparing.add(run.started.deployment_id)
                        group.create_task(self._prepare(run))

    async def _keep(self) -> None:
        """Have the engines running that are called for: at each change, and every few seconds.

        By how things are now, which is known before the turns of a long deployment are read.
        """
        while True:
            state = self._gates.state
            seen = state.changes
            await self._keeper.keep(dict(state.use_cases))
            await self._changed_since(seen)

    async def _changed_since(self, seen: int) -> None:
        """Return when a use case has changed, or after a while. Turns change none, and there are many."""
        try:
            async with asyncio.timeout(KEEP_S):
                while self._gates.state.changes == seen:
                    await self._gates.changed(within_s=KEEP_S)
        except TimeoutError:
            pass

    def _is_to_be_prepared(self, run: Run) -> bool:
        found = self._gates.state.use_cases[run.started.use_case].deployment
        new = run.started.deployment_id not in self._preparing
        return new and found is not None and found.step < 0 and not found.held

    async def _prepare(self, run: Run) -> None:
        started = run.started
        model = self._gates.state.use_cases[started.use_case].models[started.model_id]
        passed = (
            f"passed {started.evaluation_id}" if started.evaluation_id else f"override: {started.override}"
        )
        checks = [CheckFact(name="evaluation", ok=True, detail=passed[:2_000])]
        try:
            checks += await self._prepared(model)
        except Missing as missing:
            checks.append(CheckFact(name="engine", ok=False, detail=str(missing)[:2_000]))
        ready = run.due("ready", ConfirmReady(**run.address, checks=checks), run.began)
        if not await self._gates.say(ready):
            await asyncio.sleep(TICK_S)
            self._preparing.discard(started.deployment_id)  # once more at the next look

    async def _prepared(self, model: Model) -> list[CheckFact]:
        """Return what was looked at; where nothing is here, leave others some time to say that they can."""
        try:
            return await self._keeper.prepare(model)
        except Missing:
            await asyncio.sleep(MISSING_S)
        return await self._keeper.prepare(model)
