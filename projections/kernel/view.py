"""A read model: a table, the rows that an event concerns, and a pure function to the next row."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from domain.kernel.event import Event

Row = Mapping[str, Any]
"""A row by column; the values are JSON's, as ``row_to_json`` gives them. All rows have all columns."""

Key = tuple[str | int, ...]
"""The values of a view's key columns, in their order."""


class Fact(NamedTuple):
    """An event with its place in the log."""

    event: Event
    position: int
    recorded_us: int


@dataclass(frozen=True, slots=True)
class View:
    """A read model kept in one table of the same name.

    Attributes:
        name: name of the table and of the checkpoint.
        version: raise it when rows of the same events come out differently; the runner then rebuilds.
        types: names of the events that may change a row; others only move the checkpoint.
        key: the table's primary key columns.
        keys_of: keys of the rows that a fact may change.
        apply: the row after a fact; None for the row means it is not there (yet, or any more).
    """

    name: str
    version: int
    types: frozenset[str]
    key: tuple[str, ...]
    keys_of: Callable[[Fact], Sequence[Key]]
    apply: Callable[[Row | None, Fact, Key], Row | None]

    def fold(self, rows: Mapping[Key, Row], facts: Iterable[Fact]) -> dict[Key, Row | None]:
        """Return the rows that ``facts`` changed, by key; None where one is to be deleted."""
        changed: dict[Key, Row | None] = {}
        for fact in facts:
            for key in self.keys_of(fact):
                before = changed[key] if key in changed else rows.get(key)
                changed[key] = self.apply(before, fact, key)
        return {key: row for key, row in changed.items() if row != rows.get(key)}
