"""Tells the registry the verdicts of evaluations that ended; only what the log has counts as one.

It keeps nothing of its own: what the registry was not told when a process died is told by the next one, under
the same id.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from uuid import UUID

import structlog

from bus.ids import derived_id
from bus.ports import EventLog, IdConflict, LogError, RecordedEvent, Where
from domain.evaluation.messages import EvaluationFinished, EvaluationStarted
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.registry.deployment_messages import DeploymentRolledBack
from domain.registry.messages import ModelEvaluated, RecordEvaluation
from handlers.kernel.commands import CommandRunner, caused_by_event
from protocol.errors import WireError

logger = structlog.get_logger(__name__)

KINDS = (DeploymentRolledBack, EvaluationStarted, EvaluationFinished, ModelEvaluated)

AGAIN_S = 1.0
"""Pause after an error."""


class VerdictTeller:
    """Run `run` in a task. Several of them, in several processes, say the same thing once."""

    def __init__(
        self, log: EventLog, runner: CommandRunner, *, decode: Callable[[RecordedEvent], Event]
    ) -> None:
        """Prepare; ``runner`` has `handlers.registry.commands.VERDICTS`."""
        self._log = log
        self._runner = runner
        self._decode = decode

    async def run(self) -> None:
        """Follow the log for ever; after an error begin anew, from the log."""
        while True:
            try:
                await self._run()
            except LogError as error:
                logger.warning("verdicts_not_told", error=str(error))
            except Exception:  # commands must not end because a verdict cannot be told
                logger.exception("verdict_teller_failed")
            await asyncio.sleep(AGAIN_S)

    async def _run(self) -> None:
        untold: dict[str, tuple[EvaluationFinished, RecordedEvent]] = {}
        rollbacks = Counter[str]()
        begun: dict[str, tuple[int, EvaluationStarted]] = {}  # rollbacks of the candidate until then
        where = Where(types=tuple(kind.event_name for kind in KINDS))
        async with aclosing(self._log.subscribe(where=where)) as batches:
            async for batch in batches:
                for recorded in batch:
                    match self._decode(recorded):
                        case DeploymentRolledBack() as rolled:
                            rollbacks[rolled.model_id] += 1
                        case EvaluationStarted() as started:
                            begun[started.evaluation_id] = rollbacks[started.candidate], started
                        case EvaluationFinished() as finished:
                            untold[finished.evaluation_id] = (finished, recorded)
                        case ModelEvaluated() as evaluated:
                            untold.pop(evaluated.evaluation_id, None)
                        case _:
                            pass
                for finished, recorded in untold.values():
                    await self._tell(finished, recorded, begun.get(finished.evaluation_id))
                untold.clear()

    async def _tell(
        self,
        finished: EvaluationFinished,
        recorded: RecordedEvent,
        begun: tuple[int, EvaluationStarted] | None,
    ) -> None:
        rollbacks, started = begun or (None, None)
        record = RecordEvaluation(
            use_case=finished.use_case,
            model_id=finished.candidate,
            against_model_id=finished.current,
            evaluation_id=finished.evaluation_id,
            suite=finished.suite,
            scorers=[result.name for result in finished.scorers],
            verdict=finished.verdict,
            report_digest=finished.report_digest,
            rollbacks=rollbacks,
            configuration_digest=started and started.candidate_configuration,
            against_configuration=started and started.current_configuration,
        )
        id_ = derived_id(UUID(finished.evaluation_id), 0, "registry.verdict")
        try:
            await self._runner.execute(record, id_, meta=caused_by_event(recorded))
        except (Rejected, IdConflict, WireError) as refusal:  # another one was quicker, or it is for nobody
            logger.info("verdict_refused", evaluation=finished.evaluation_id, detail=str(refusal))
