"""Which events say what: the lines of all contexts, and the one way to read an event by them."""

from collections.abc import Sequence

from domain.beliefs.changes import Change, Lines, Told
from domain.beliefs.lines import factions, ledger, lore, market, people, places, promises, quests, weather
from domain.kernel.event import Event

TABLE: Lines = {
    **places.LINES,
    **people.LINES,
    **market.LINES,
    **quests.LINES,
    **promises.LINES,
    **factions.LINES,
    **weather.LINES,
    **ledger.LINES,
    **lore.LINES,
}


def changes_of(event: Event, told: Told) -> Sequence[Change]:
    """Return what an event says of claims, and note the game time that it tells of."""
    at_ms = getattr(event, "at_ms", None)
    if isinstance(at_ms, int) and at_ms > told.now_ms:
        told.now_ms = at_ms
    line = TABLE.get(type(event))
    return tuple(line(event, told)) if line else ()
