"""Fields of somebody else's file: each is taken, or listed with why it was not. Pure.

Whoever reads a map takes fields by name; what nobody took is listed in the end, so that nothing is dropped
without a word. A value of another type than its field has is a fault with its path.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from domain.definition.faults import FOUND_MAX, Fault, shown

UNKNOWN = "a field that nothing here is known of"


class Left(NamedTuple):
    """What was not taken over.

    Attributes:
        path: where it stands: ``entries.3.probability``.
        entry: of which entry it is, by title; "": of the file, or of the card.
        value: what stands there, short.
        why: why it was not taken over, as a clause.
    """

    path: str
    entry: str
    value: str
    why: str


@dataclass(slots=True)
class Told:
    """What is noted while a file is read.

    Attributes:
        faults: what is wrong with it. left: what was not taken over.
    """

    faults: list[Fault] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)


@dataclass(slots=True)
class Fields:
    """A map whose fields are taken one after the other.

    Attributes:
        entry: the title under which what is left is listed.
    """

    data: Mapping[str, Any]
    path: str
    told: Told
    entry: str = ""
    _taken: set[str] = field(default_factory=set)

    def text(self, *names: str) -> str:
        """Take a text; "" if it is not there. Of several names the first that is."""
        return str(self._take(names, "", "a text", lambda value: isinstance(value, str)))

    def flag(self, *names: str, default: bool = False) -> bool:
        """Take true or false."""
        return bool(self._take(names, default, "true or false", lambda value: isinstance(value, bool)))

    def texts(self, *names: str) -> list[str]:
        """Take a list of texts; a single text is a list of one, as old files have it."""
        found = self._take(names, None, "a list of texts", _texts)
        return [found] if isinstance(found, str) else list(found or ())

    def map(self, *names: str) -> "Fields | None":
        """Take a map; None if it is not there."""
        found = self._take(names, None, "a map", lambda value: isinstance(value, dict))
        return None if found is None else Fields(found, self.at(names[0]), self.told, self.entry)

    def anything(self, *names: str) -> Any:
        """Take whatever stands there; None if nothing does."""
        return self._take(names, None, "", lambda _: True)

    def leave(self, name: str, why: str, *plain: object) -> None:
        """List a field, unless what stands there means nothing: nothing, or one of the plain values."""
        value = self.anything(name)
        if value in (None, "", [], {}) or any(type(value) is type(each) and value == each for each in plain):
            return
        self.tell(name, value, why)

    def tell(self, name: str, value: object, why: str) -> None:
        """List something of these fields."""
        self.told.left.append(Left(self.at(name), self.entry, _short(value), why))

    def leave_rest(self, known: Mapping[str, tuple[str, Sequence[object]]]) -> None:
        """List what nobody took: with why, where the field is known (by its name in small letters)."""
        for name in self.data:
            if name not in self._taken:
                why, plain = known.get(canonical(name), (UNKNOWN, ()))
                self.leave(name, why, *plain)

    def at(self, name: str) -> str:
        """Return the path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def _take(
        self, names: Sequence[str], default: object, allowed: str, right: Callable[[object], bool]
    ) -> Any:
        present = [name for name in names if name in self.data]
        self._taken.update(present)
        for name in present:
            value = self.data[name]
            if value is None:
                continue
            if not right(value):
                self.told.faults.append(
                    Fault("wrong_type", self.at(name), f"{shown(value)} stands here", allowed)
                )
                continue
            return value
        return default


def canonical(name: str) -> str:
    """Return a field's name as both spellings have it: groupWeight, group_weight."""
    return name.replace("_", "").lower()


def _texts(value: object) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(each, str) for each in value)
    )


def _short(value: object) -> str:
    if isinstance(value, bool | int | float):
        return str(value).lower()
    text = (
        value
        if isinstance(value, str)
        else ", ".join(map(str, value))
        if isinstance(value, list)
        else shown(value)
    )
    text = " ".join(text.split())
    return text if len(text) <= FOUND_MAX else text[: FOUND_MAX - 1] + "…"
