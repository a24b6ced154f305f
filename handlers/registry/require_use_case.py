"""Refuses commands for a use case without a model: what a typo records stays in the log for ever."""

import difflib
from collections.abc import Awaitable, Callable

from domain.kernel.decider import Rejected
from domain.kernel.event import Command
from domain.kernel.parse import parse
from handlers.registry.models import RegistryView
from protocol.messages import CommandMessage, Reply

SHOWN_CHARACTERS_MAX = 64


class RequireUseCase:
    """Runs commands whose ``use_case`` has a model. No decider can tell: the models are in another stream."""

    def __init__(
        self, kind: type[Command], run: Callable[[CommandMessage], Awaitable[Reply]], registry: RegistryView
    ) -> None:
        """Prepare; ``run`` is what runs commands of the ``kind``, which has a field ``use_case``."""
        self._kind = kind
        self._run = run
        self._registry = registry

    async def __call__(self, message: CommandMessage) -> Reply:
        """Run a command; raises as what runs it does.

        Raises:
            Rejected: ``invalid_field``; ``unknown_use_case``, with those that there are.
            LogUnavailable: memory does not know the use case, and the log cannot be asked.
        """
        # Only what its schema lets through may be looked for in the log.
        wanted: str = getattr(parse(self._kind, message.payload), "use_case")  # noqa: B009 - of any kind that has one
        if not await self._registry.knows(wanted):
            there = self._registry.use_cases()
            near = difflib.get_close_matches(wanted[:SHOWN_CHARACTERS_MAX], there, n=1)
            raise Rejected(
                "unknown_use_case",
                f"no model is registered for {wanted[:SHOWN_CHARACTERS_MAX]!r}; "
                f"there are {', '.join(there) or 'none'}",
                field="use_case",
                remedy=f"did you mean {near[0]}?" if near else "register a model for it first",
            )
        return await self._run(message)
