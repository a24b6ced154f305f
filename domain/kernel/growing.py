"""A mapping that only grows, for states that are folded from many small events. Pure.

A dict that is copied for each event costs the square of their number: a batch of 50,000 items, two an event,
held up a service's start for 15 s. Here what is added lies beside what was there, and parts of about the
same size are put together (the logarithmic method of J. L. Bentley and J. B. Saxe, J. Algorithms 1, 1980).
"""

from collections.abc import Iterator, Mapping
from typing import TypeVar

V = TypeVar("V")


class Growing(Mapping[str, V]):
    """Values by key, in the order in which they came; never changed."""

    __slots__ = ("_count", "_parts")

    def __init__(self, parts: tuple[dict[str, V], ...] = ()) -> None:
        self._parts = parts
        self._count = sum(map(len, parts))

    def with_(self, more: Mapping[str, V]) -> "Growing[V]":
        """Return the mapping with more; of a key that is there already the first value stands."""
        new = {key: value for key, value in more.items() if key not in self}
        parts = list(self._parts)
        while parts and len(parts[-1]) < 2 * len(new):
            new = {**parts.pop(), **new}
        return Growing((*parts, new)) if new else self

    def __getitem__(self, key: str) -> V:
        for part in self._parts:
            if key in part:
                return part[key]
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return any(key in part for part in self._parts)

    def __iter__(self) -> Iterator[str]:
        for part in self._parts:
            yield from part

    def __len__(self) -> int:
        return self._count
