"""A read model in memory that begins with what was kept of it beside the log, if that is of this log."""

import asyncio
from abc import abstractmethod
from typing import Any, ClassVar

import structlog

from bus.kept import Kept, Shelf, packed, unpacked
from bus.ports import EventLog, RecordedEvent
from handlers.kernel.follow import Decode, MemoryView

logger = structlog.get_logger(__name__)

KEEP_EVERY = 20_000
"""Events after which the state is kept anew: half a second of a start."""


class KeptView(MemoryView):
    """A subclass says, beside what `MemoryView` wants, its ``fold``, and what its state is as plain data."""

    fold: ClassVar[str]
    """Raised with any change of what is made of events, or of how it is kept."""

    def __init__(self, log: EventLog, *, decode: Decode, shelf: Shelf | None) -> None:
        """Prepare; without a ``shelf`` nothing is kept."""
        super().__init__(log, decode=decode)
        self._shelf = shelf
        self._since = 0
        """Events taken in since the state was kept, or found kept."""

    @abstractmethod
    def state(self) -> Any:
        """Return the state as lists, maps with text as keys, text, bytes and whole numbers."""

    @abstractmethod
    def restore(self, state: Any) -> None:
        """Take a state over, or raise and leave all as it is.

        Raises:
            LookupError, TypeError, ValueError: it is none.
        """

    async def _follow(self) -> None:
        if self._shelf is not None and not self.position:
            await self._resume(self._shelf)
        await super()._follow()

    async def _resume(self, shelf: Shelf) -> None:
        kept = unpacked(self.fold, await asyncio.to_thread(shelf.get, self.name))
        if kept is None:
            return
        found = await self._log.read_all(after=kept.position - 1, limit=1)
        if not found or (found[0].position, found[0].hash) != (kept.position, kept.hash):
            logger.info("kept_of_another_log", view=self.name, position=kept.position)
            return
        try:
            self.restore(kept.state)
        except (LookupError, TypeError, ValueError) as error:
            logger.warning("kept_is_none", view=self.name, error=f"{type(error).__name__}: {error}")
            return
        self.position = kept.position
        logger.info("begins_with_what_was_kept", view=self.name, position=kept.position)

    async def take(self, batch: list[RecordedEvent]) -> None:
        """Take events in, and keep the state every so often; see `MemoryView.take`."""
        await super().take(batch)
        self._since += len(batch)
        # What was passed over may be read by a newer program, which must then see it.
        if self._shelf is not None and self._since >= KEEP_EVERY and not self.standing.error:
            self._since = 0
            data = packed(self.fold, Kept(batch[-1].position, batch[-1].hash, self.state()))
            try:
                await asyncio.to_thread(self._shelf.put, self.name, data)
            except OSError as error:  # the next start takes longer
                logger.warning("not_kept", view=self.name, error=str(error))
