"""What documents of the lore claim, where everybody may know it from the beginning on.

A document says what was written; what happened is told by events. So a claim of a document yields: it becomes
no fact where a fact stands against it. What is for some only, of a later stage of the story, of another realm
or marked as a lie becomes no fact at all: facts have no such limits, so they would tell it to everybody.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from domain.beliefs.changes import Begins, Change, Ends, Lines, Told
from domain.beliefs.claims import Claim
from domain.kernel.event import Event
from domain.lore.messages import EVERYONE, DocumentAdded, DocumentRemoved

DAY_MS = 86_400_000


def _added(event: Event, told: Told) -> Iterable[Change]:
    assert isinstance(event, DocumentAdded)
    before = told.documents.pop(event.document, ())
    open_ = event.known_by == [EVERYONE] and not event.stage and not event.realms
    written = list(_written(event)) if open_ else []
    told.documents[event.document] = tuple(claim for claim, _ in written)
    yield from (Ends(claim, told.now_ms) for claim in before if claim not in told.documents[event.document])
    for claim, from_ms in written:
        yield Begins(claim, from_ms, yields=True)


def _removed(event: Event, told: Told) -> Iterable[Change]:
    assert isinstance(event, DocumentRemoved)
    yield from (Ends(claim, told.now_ms) for claim in told.documents.pop(event.document, ()))


def _written(event: DocumentAdded) -> Iterator[tuple[Claim, int]]:
    """Yield the claims that hold from a day on and for good, with the day's game time."""
    for each in event.claims:
        subject, object_, value = (_text(each.get(name)) for name in ("subject", "object", "value"))
        begins = each.get("from_day", event.from_day)
        over = each.get("until_day", event.until_day)
        if not each.get("lie") and over is None and subject:
            claim = Claim(_text(each.get("predicate")), subject, object_, value)
            yield claim, begins * DAY_MS if isinstance(begins, int) else 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


LINES: Lines = {DocumentAdded: _added, DocumentRemoved: _removed}
