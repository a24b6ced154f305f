"""The deployments of a realm in memory, each with its whole story, and the query over them.

A model that was taken back when no deployment ran is told of, too: as a row without an id and a strategy.
"""

from collections.abc import Mapping
from typing import Any, get_args

from bus.ports import EventLog, RecordedEvent
from domain.kernel.event import Event
from domain.kernel.parse import parse
from domain.registry.deployment_messages import DeploymentEvent, DeploymentRolledBack
from domain.registry.look_ups import standing
from domain.registry.queries import DeploymentsQuery
from domain.registry.use_cases import UseCases
from handlers.kernel.follow import Decode, MemoryView

KINDS: tuple[type[Event], ...] = get_args(DeploymentEvent)


class DeploymentBoard(MemoryView):
    """Run `run` in a task; `answer` answers from memory."""

    name = "deployments"
    types = tuple(kind.event_name for kind in KINDS)

    def __init__(self, log: EventLog, *, decode: Decode) -> None:
        super().__init__(log, decode=decode)
        self._rows: dict[str, dict[str, Any]] = {}
        """By the deployment's id; a rollback outside of one by its position."""
        self._use_cases = UseCases()
        """State of each use case by its deployments' events alone."""

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``deployment.list``."""
        asked = parse(DeploymentsQuery, query)
        rows = [
            row
            for row in self._rows.values()
            if asked.use_case in (None, row["use_case"])
            and (row["deployment_id"] or "").startswith(asked.deployment_id)
        ]
        return rows[-asked.limit :], self.position

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        state = self._use_cases.take(event)
        if isinstance(event, DeploymentRolledBack) and event.deployment_id is None:
            self._rows[str(recorded.position)] = row = _alone(event, recorded.recorded_us)
        elif state and (found := standing(state)):
            fresh = {**event.model_dump(), "ended_us": None, "story": []}
            row = self._rows.setdefault(found.deployment_id, fresh)
            row |= {"state": found.state, "step": found.step, "share": found.share}
            row["ended_us"] = None if state.deployment else recorded.recorded_us
        else:
            return
        row["story"].append(
            {
                "at_us": recorded.recorded_us,
                "position": recorded.position,
                "what": event.event_name.partition(".")[2],
                **event.model_dump(include=_fields_shown(event)),
            }
        )


def _alone(event: DeploymentRolledBack, at_us: int) -> dict[str, Any]:
    return {
        **event.model_dump(include={"deployment_id", "use_case", "model_id", "operator", "reason"}),
        "strategy": None,
        "state": "rolled_back",
        "step": -1,
        "share": 0,
        "ended_us": at_us,
        "story": [],
    }


def _fields_shown(event: Event) -> set[str]:
    """Return the fields of an event that its deployment does not tell already."""
    return set(type(event).model_fields) & {
        "step", "share", "evidence", "operator", "reason", "checks", "trigger", "measure", "to_model_id",
    }  # fmt: skip
