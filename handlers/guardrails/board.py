"""Recent violations and the active policy, in memory, and the queries over both."""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any

from bus.ports import EventLog, RecordedEvent
from domain.guardrails.messages import (
    PolicyActivated,
    PolicyPublished,
    ViolationDetected,
    ViolationReviewed,
)
from domain.guardrails.policies import POLICIES
from domain.guardrails.policy import Policy, digest_of
from domain.guardrails.queries import PolicyQuery, ViolationsQuery
from domain.kernel.event import Event
from domain.kernel.parse import parse
from handlers.kernel.follow import Decode, MemoryView

KEPT_MAX = 10_000
"""Violations in memory; the log has all."""
KINDS = (PolicyPublished, PolicyActivated, ViolationDetected, ViolationReviewed)


class ViolationBoard(MemoryView):
    """Run `run` in a task; the answers come from memory."""

    name = "violations"
    types = tuple(kind.event_name for kind in KINDS)

    def __init__(self, log: EventLog, default: Policy, *, decode: Decode) -> None:
        """Prepare; ``default`` holds while none was activated."""
        super().__init__(log, decode=decode)
        self._default = default
        self._rows: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._policies = POLICIES.initial
        self._counts: Counter[str] = Counter()

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        match event:
            case PolicyPublished() | PolicyActivated():
                self._policies = POLICIES.evolve(self._policies, event)
            case ViolationDetected():
                self._counts[event.category] += 1
                seen = {"at_us": recorded.recorded_us, "position": recorded.position, "review": None}
                self._rows[event.violation_id] = {**event.model_dump(), **seen}
                while len(self._rows) > KEPT_MAX:
                    self._rows.popitem(last=False)
            case ViolationReviewed() if event.violation_id in self._rows:
                self._rows[event.violation_id]["review"] = event.model_dump(exclude={"violation_id"})
            case _:
                pass

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``guardrails.violations``."""
        asked = parse(ViolationsQuery, query)
        rows = [
            row
            for row in reversed(self._rows.values())
            if asked.severity in (None, row["severity"]) and not (asked.unreviewed and row["review"])
        ]
        return {"violations": rows[: asked.limit], "by_category": dict(self._counts)}, self.position

    async def answer_policy(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``guardrails.policy``."""
        asked = parse(PolicyQuery, query)
        active = self._policies.active
        policy = self._policies.published[active[0]] if active else self._default
        shown = {
            "active": policy.label,
            "profile": active[1] if active else None,
            "digest": digest_of(policy),
            "brought_along": active is None,
            "published": sorted(self._policies.published),
            "profiles": {name: profile.model_dump() for name, profile in policy.profiles.items()},
            "rules": [
                rule.model_dump(include={"id", "category", "severity", "action"}) for rule in policy.rules
            ],
        }
        return {**shown, **({"policy": policy.model_dump(mode="json")} if asked.whole else {})}, self.position
