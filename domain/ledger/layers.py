"""A mapping whose values change, for a state of millions of entries that is never changed in place. Pure.

As `domain.kernel.growing`, but the newest value of a key stands, and None takes it out: what is new lies over
what was there, and parts of about the same size are put together. So a state of before costs nothing to keep,
which is how a batch whose append was refused is undone.
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Layers(Generic[K, V]):
    """Values by key. A change costs the logarithm of their number, a look-up at most as much."""

    __slots__ = ("_parts",)

    def __init__(self, parts: tuple[dict[K, V | None], ...] = ()) -> None:
        self._parts = parts
        """The newest last; each at least twice as large as the next."""

    def get(self, key: K) -> V | None:
        """Return a key's value; None if it has none."""
        for part in reversed(self._parts):
            if key in part:
                return part[key]
        return None

    def with_(self, changes: Mapping[K, V | None]) -> "Layers[K, V]":
        """Return the mapping with other values; a key whose value is None is not in it."""
        new, parts = dict(changes), list(self._parts)
        while parts and len(parts[-1]) < 2 * len(new):
            new = {**parts.pop(), **new}
        if not parts:
            new = {key: value for key, value in new.items() if value is not None}
        return Layers((*parts, new)) if new else Layers(tuple(parts))

    def __iter__(self) -> Iterator[K]:
        """Yield every key that has a value, in no particular order."""
        return (key for key, _ in self.items())

    def items(self) -> Iterator[tuple[K, V]]:
        """Yield every key that has a value, with it, in no particular order."""
        seen: set[K] = set()
        for part in reversed(self._parts):
            for key, value in part.items():
                if key not in seen:
                    seen.add(key)
                    if value is not None:
                        yield key, value
