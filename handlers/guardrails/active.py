"""The policy that holds, in memory from the log; until one was activated the program's own holds."""

import asyncio

import structlog

from bus.codec import UnknownEvent
from bus.ports import EventLog, RecordedEvent
from domain.guardrails.compiled import Compiled
from domain.guardrails.compiler import compile_policy
from domain.guardrails.messages import PolicyActivated, PolicyPublished
from domain.guardrails.policies import POLICIES, STREAM
from domain.guardrails.policy import PolicyError
from domain.kernel.event import Event
from handlers.kernel.follow import Decode, MemoryView

logger = structlog.get_logger(__name__)

POLICY_EVENTS_MAX = 10_000


class ActivePolicy(MemoryView):
    """The policy that holds now. Run `run` in a task."""

    name = "policy"
    types = (PolicyPublished.event_name, PolicyActivated.event_name)

    def __init__(self, log: EventLog, default: Compiled, *, decode: Decode) -> None:
        """Prepare; ``default`` holds until another one is activated."""
        super().__init__(log, decode=decode)
        self._state = POLICIES.initial
        self.compiled = default
        self._activated = False
        """Whether it was activated, and is not the program's own."""
        self._chosen: list[tuple[str, str] | None] = []
        """What was activated and is not compiled yet; None: a newer program's."""

    async def load(self) -> None:
        """Learn what is active before the first line is said.

        Raises:
            LogUnavailable: see there.
        """
        await self.take(await self._log.read_stream(STREAM, limit=POLICY_EVENTS_MAX))

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        if isinstance(event, UnknownEvent) and recorded.type == PolicyActivated.event_name:
            self._chosen.append(None)
        if isinstance(event, (PolicyPublished, PolicyActivated)):
            self._state = POLICIES.evolve(self._state, event)
        if isinstance(event, PolicyActivated):
            self._chosen.append(self._state.active)

    async def settle(self) -> None:
        """Make the last usable policy ready of those that were activated."""
        activated, self._chosen = self._chosen, []
        for chosen in reversed(activated):
            if chosen and await self._made_ready(*chosen):
                return
        if activated:
            await self._without()

    async def _made_ready(self, label: str, profile: str) -> bool:
        try:
            # A tenth of a second and more: on the loop every line under way would stand still.
            self.compiled = await asyncio.to_thread(compile_policy, self._state.published[label], profile)
        except (PolicyError, KeyError):  # by a newer program; what held goes on holding
            logger.exception("policy_not_active", label=label, profile=profile)
            return False
        self._activated = True
        return True

    async def _without(self) -> None:
        """Where a policy was activated that is not known here, and none before it: hold to the strictest."""
        if not self._activated:
            policy = self.compiled.policy
            levels = {name: sum(profile.model_dump().values()) for name, profile in policy.profiles.items()}
            strictest = min(levels, key=lambda name: (levels[name], name))
            self.compiled = await asyncio.to_thread(compile_policy, policy, strictest)
