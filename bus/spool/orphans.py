"""Records in the spools of a machine, for the heir of a dead process's work, whoever ships them.

Nothing is changed and no lock is taken, so a spool may be shipped or written meanwhile; what is gone then is
in the log.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from bus.ports import NewEvent
from bus.spool.disk import Directory
from bus.spool.records import by_stream

READ_AGAIN_S = 1.0
"""What was read is good for so long: after a crash many ask at once, in an outage there is much to read."""

logger = structlog.get_logger(__name__)


class Orphans:
    """Reads the spools below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._reading = asyncio.Lock()
        self._found: Mapping[str, Sequence[NewEvent]] = {}
        self._read: float | None = None

    async def read(self, stream: str) -> Sequence[NewEvent]:
        """Return what lies there of a stream, of the newest records (see `NEWEST_BYTES_MAX`)."""
        now = asyncio.get_running_loop().time
        asked = now()
        async with self._reading:
            if self._read is None or asked - self._read > READ_AGAIN_S:
                self._read = now()
                self._found = await asyncio.to_thread(self._read_all)
        return self._found.get(stream, ())

    def _read_all(self) -> Mapping[str, Sequence[NewEvent]]:
        found: dict[str, Sequence[NewEvent]] = {}
        try:
            folders = sorted(each for each in self._root.iterdir() if each.is_dir())
        except OSError as error:  # no more files may be opened, say
            logger.warning("spool_not_read", directory=str(self._root), error=str(error))
            return self._found
        for path in folders:
            try:
                found |= by_stream(Directory(path).examine().newest)
            except OSError as error:  # shipped and deleted while we read
                logger.info("spool_not_read", directory=str(path), error=str(error))
        return found
