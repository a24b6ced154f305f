"""How the log is read for what is computed again from it: events of some types up to a position."""

from collections.abc import AsyncIterator, Collection

from bus.ports import EventLog, RecordedEvent, Where

PAGE = 2_000


async def events_until(
    log: EventLog, types: Collection[str], until: int | None, after: int = 0
) -> AsyncIterator[RecordedEvent]:
    """Yield the events of some types behind a position of the log, up to another, that one too.

    ``until``: None: up to the log's end.

    Raises:
        LogUnavailable: the log is away.
    """
    where = Where(types=sorted({*types}))
    while page := await log.read_all(after=after, limit=PAGE, where=where):
        for recorded in page:
            if until is not None and recorded.position > until:
                return
            yield recorded
        after = page[-1].position
