"""The deployments of a realm in memory, each with its whole story, and the query over them."""

from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any, get_args

from bus.ports import EventLog, RecordedEvent, Where
from domain.deployment.messages import (
    DeploymentAborted,
    DeploymentCompleted,
    DeploymentEvent,
    DeploymentFailed,
    DeploymentHeld,
    DeploymentReady,
    DeploymentResumed,
    DeploymentRolledBack,
    DeploymentStarted,
    StepPassed,
    StepStarted,
)
from domain.event import Event, Query
from domain.parse import parse
from domain.vocabulary import UseCase

KINDS: tuple[type[Event], ...] = get_args(DeploymentEvent)
PAUSE_S = 0.05

ENDS: Mapping[type[Event], str] = {
    DeploymentCompleted: "completed",
    DeploymentAborted: "aborted",
    DeploymentFailed: "failed",
    DeploymentRolledBack: "rolled_back",
}


class DeploymentsQuery(Query, name="deployment.list"):
    """Ask for the deployments of one use case, or of all.

    The result is a list of maps, the oldest first: the fields of deployment.started, ``state`` (preparing,
    running, held, completed, aborted, failed or rolled_back), ``share`` (percent), ``step`` (from 0),
    ``ended_us`` (nil while it runs) and ``story``: what happened, each with ``at_us``, ``position``, ``what``
    and the fields that tell more.
    """

    use_case: UseCase | None = None


class DeploymentBoard:
    """Run `run` in a task; `answer` answers from memory."""

    def __init__(self, log: EventLog, *, decode: Callable[[RecordedEvent], Event]) -> None:
        self._log = log
        self._decode = decode
        self._rows: dict[str, dict[str, Any]] = {}
        self.position = 0

    async def run(self) -> None:
        """Follow the log for ever, from its beginning."""
        where = Where(types=tuple(kind.event_name for kind in KINDS))
        async with aclosing(self._log.subscribe(where=where, pause_s=PAUSE_S)) as batches:
            async for batch in batches:
                for recorded in batch:
                    self._apply(self._decode(recorded), recorded)
                self.position = batch[-1].position

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``deployment.list``."""
        wanted = parse(DeploymentsQuery, query).use_case
        rows = [row for row in self._rows.values() if wanted in (None, row["use_case"])]
        return rows, self.position

    def _apply(self, event: Event, recorded: RecordedEvent) -> None:
        if isinstance(event, DeploymentStarted):
            self._rows[event.deployment_id] = {
                **event.model_dump(),
                "state": "preparing",
                "share": 0,
                "step": -1,
                "ended_us": None,
                "story": [],
            }
        if not isinstance(event, KINDS):
            return
        row = self._rows.get(getattr(event, "deployment_id", None) or "")
        if row is None:  # a rollback after the last deployment's end is the registry's story
            return
        row["story"].append(
            {
                "at_us": recorded.recorded_us,
                "position": recorded.position,
                "what": event.event_name.partition(".")[2],
                **event.model_dump(include=_told(event)),
            }
        )
        match event:
            case StepStarted():
                row |= {"state": "running", "step": event.step, "share": event.share}
            case DeploymentHeld():
                row["state"] = "held"
            case DeploymentResumed():
                row["state"] = "running"
            case DeploymentStarted() | DeploymentReady() | StepPassed():
                pass
            case _:
                share = 100 if isinstance(event, DeploymentCompleted) else 0
                row |= {"state": ENDS[type(event)], "share": share, "ended_us": recorded.recorded_us}


def _told(event: Event) -> set[str]:
    """Return the fields of an event that its deployment does not tell already."""
    return set(type(event).model_fields) & {
        "step", "share", "evidence", "operator", "reason", "checks", "trigger", "measure", "to_model_id",
    }  # fmt: skip
