"""From plain data (maps, lists, texts, numbers) to typed values, with every fault of it at once.

A *reader* takes a value, its path and the `Reading`; it returns what the value means, or notes what is wrong
and raises `Unreadable`. Records go on with their other fields then, so that one fault hides no other.
References are looked up at the end, when all names are known.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Generic, TypeVar

from domain.definition.faults import Fault, nearest, shown

T = TypeVar("T")
V = TypeVar("V")


class Unreadable(Exception):
    """A value that means nothing; why stands among the faults already."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A name of something that is defined elsewhere, and where it stands; `at_key` if it is a key itself."""

    kind: str
    name: str
    path: str
    at_key: bool = False


@dataclass(slots=True)
class Reading:
    """What is known while a definition is read.

    Attributes:
        faults: what was wrong so far.
        names: the ids that there are, by kind ("place"), each with its path.
        references: what was named where; looked up by `unknown_references`.
        incomplete: kinds of which something could not be read; who looks at all of them at once must not.
    """

    faults: list[Fault] = field(default_factory=list)
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)
    incomplete: set[str] = field(default_factory=set)

    def fail(self, fault: Fault) -> Unreadable:
        """Note a fault, and return what to raise."""
        self.faults.append(fault)
        return Unreadable(fault.path)


Reader = Callable[[object, str, Reading], T]


@dataclass(frozen=True, slots=True)
class Field(Generic[T]):
    """A field of a record: how it is read, and what it is if it is left out."""

    read: Reader[T]
    default: T | None = None
    required: bool = True


def needed(read: Reader[T]) -> Field[T]:
    """Return a field that may not be left out."""
    return Field(read)


def maybe(read: Reader[T], default: T | None = None) -> Field[T]:
    """Return a field that may be left out."""
    return Field(read, default, required=False)


def record(make: Callable[..., T], /, **fields: Field[object]) -> Reader[T]:
    """Return the reader of a map with fixed fields, whose values go to ``make`` by name.

    A field is written as it is called; a name that Python keeps for itself ends in an underscore here.
    """
    by_name = {name.rstrip("_"): (name, each) for name, each in fields.items()}

    def read(value: object, path: str, to: Reading) -> T:
        data = _a_map(value, path, to, by_name)
        found: dict[str, object] = {}
        whole = True
        for name, (argument, each) in by_name.items():
            if name not in data:
                whole &= not each.required or _miss(name, path, to)
                found[argument] = each.default
                continue
            try:
                found[argument] = each.read(data[name], f"{path}.{name}", to)
            except Unreadable:
                whole = False
        if not whole:
            raise Unreadable(path)
        return make(**found)

    return read


def _a_map(value: object, path: str, to: Reading, names: Mapping[str, object]) -> dict[str, object]:
    if not isinstance(value, dict):
        allowed = "a map with " + ", ".join(names)
        raise to.fail(Fault("wrong_type", path, f"{shown(value)} stands here", allowed))
    for name in value:
        if name not in names:
            to.faults.append(unknown_field(f"{path}.{name}" if path else name, str(name), names))
    return value


def unknown_field(path: str, name: str, names: Iterable[str]) -> Fault:
    """Return the fault of a field that there is none of; half a sentence is a text that its comma has cut."""
    allowed = "quotes around a text with a comma, in braces" if " " in name else ", ".join(names)
    found = f"there is no field {name!r}"
    return Fault("unknown_field", path, found, allowed, nearest(name, names), at_key=True)


def _miss(name: str, path: str, to: Reading) -> bool:
    to.faults.append(
        Fault("missing_field", path, f"the field {name!r} is missing", f"write {name}: here", at_key=True)
    )
    return False


# --- lists and maps -----------------------------------------------------------------------------------------


def listed(read: Reader[T], *, most: int, least: int = 0, distinct: bool = True) -> Reader[tuple[T, ...]]:
    """Return the reader of a list; of ``distinct`` texts and numbers each stands in it once."""

    def read_list(value: object, path: str, to: Reading) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise to.fail(Fault("wrong_type", path, f"{shown(value)} stands here", "a list: - one, - two"))
        _sized(len(value), path, to, least=least, most=most)
        if distinct:
            _once(value, path, to)
        return tuple(_all([(entry, f"{path}[{at}]") for at, entry in enumerate(value)], read, path, to))

    return read_list


def keyed(
    key: Reader[str], read: Reader[T], *, most: int, least: int = 0
) -> Reader[tuple[tuple[str, T], ...]]:
    """Return the reader of a map whose keys are free, as pairs in the order in which they are written."""

    def read_map(value: object, path: str, to: Reading) -> tuple[tuple[str, T], ...]:
        if not isinstance(value, dict):
            raise to.fail(Fault("wrong_type", path, f"{shown(value)} stands here", "a map: name: value"))
        _sized(len(value), path, to, least=least, most=most)

        def pair(entry: tuple[str, object], at: str, to: Reading) -> tuple[str, T]:
            name, inner = entry
            return _read_key(key, name, at, to), read(inner, at, to)

        return tuple(_all([(each, f"{path}.{each[0]}") for each in value.items()], pair, path, to))

    return read_map


def _read_key(read: Reader[str], name: object, path: str, to: Reading) -> str:
    """Read a key, so that what is wrong with it is shown at the key."""
    faults, references = len(to.faults), len(to.references)
    try:
        return read(name, path, to)
    finally:
        to.faults[faults:] = [replace(fault, at_key=True) for fault in to.faults[faults:]]
        to.references[references:] = [replace(each, at_key=True) for each in to.references[references:]]


def _all(
    entries: Sequence[tuple[V, str]], read: Callable[[V, str, Reading], T], path: str, to: Reading
) -> list[T]:
    """Read all entries, past those that are wrong; raise at the end if one was."""
    found, sound = _each(entries, read, to)
    if not sound:
        raise Unreadable(path)
    return found


def _each(
    entries: Sequence[tuple[V, str]], read: Callable[[V, str, Reading], T], to: Reading
) -> tuple[list[T], bool]:
    """Return the entries that can be read, and whether all can."""
    found, sound = [], True
    for entry, at in entries:
        try:
            found.append(read(entry, at, to))
        except Unreadable:
            sound = False
    return found, sound


def _once(values: Sequence[object], path: str, to: Reading) -> None:
    first: dict[object, int] = {}
    for at, value in enumerate(values):
        if isinstance(value, dict | list):
            continue
        if value in first:
            there = f"{path}[{first[value]}]"
            to.faults.append(
                Fault("twice", f"{path}[{at}]", f"{shown(value)} stands here again", "each once", other=there)
            )
        first.setdefault(value, at)


def _sized(size: int, path: str, to: Reading, *, least: int, most: int) -> None:
    if least <= size <= most:
        return
    found = "there is 1 entry" if size == 1 else f"there are {size} entries"
    if size < least:
        raise to.fail(Fault("too_few", path, found, f"at least {least}"))
    raise to.fail(Fault("too_many", path, found, f"at most {most}"))


def section(
    kind: str, build: Callable[[str], Reader[T]], *, most: int, least: int = 0, whole: bool = True
) -> Reader[tuple[T, ...]]:
    """Return the reader of entries by their ids, which others may then refer to.

    ``build`` gets an entry's id and returns the reader of the entry. What cannot be read still has a name, so
    that one fault is not followed by one at every reference. Unless it is to be ``whole``, the entries that
    can be read are returned, and the kind is noted as incomplete.
    """

    def entry(pair: tuple[str, object], at: str, to: Reading) -> T:
        name, inner = pair
        return build(_read_key(identifier, name, at, to))(inner, at, to)

    def read(value: object, path: str, to: Reading) -> tuple[T, ...]:
        to.incomplete.add(kind)
        if not isinstance(value, dict):
            raise to.fail(Fault("wrong_type", path, f"{shown(value)} stands here", "a map, by ids"))
        _sized(len(value), path, to, least=least, most=most)
        to.names.setdefault(kind, {}).update({str(id_): f"{path}.{id_}" for id_ in value})
        found, sound = _each([(each, f"{path}.{each[0]}") for each in value.items()], entry, to)
        if sound:
            to.incomplete.discard(kind)
        elif whole:
            raise Unreadable(path)
        return tuple(found)

    return read


def identifier(value: object, path: str, to: Reading) -> str:
    """Read an id."""
    if isinstance(value, str) and is_id(value):
        return value
    allowed = "small letters, digits and underscores, first a letter, at most 64: old_mill"
    raise to.fail(Fault("bad_id", path, f"{shown(value)} is no id", allowed))


def is_id(text: str) -> bool:
    """Return whether a text may be an id (`domain.definition.places.Id`)."""
    return (
        0 < len(text) <= 64
        and text[0] in "abcdefghijklmnopqrstuvwxyz"
        and set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")
    )


# --- values -------------------------------------------------------------------------------------------------


def text(*, most: int, least: int = 1) -> Reader[str]:
    """Return the reader of a text of one line, trimmed; ``most`` characters at most."""

    def read(value: object, path: str, to: Reading) -> str:
        if not isinstance(value, str):
            hint = "" if isinstance(value, dict | list) or value is None else "; in quotes it is one"
            raise to.fail(Fault("wrong_type", path, f"{shown(value)} stands here", f"a text{hint}"))
        plain = " ".join(value.split())
        if not least <= len(plain) <= most:
            found = f"the text has {len(plain)} characters" if plain else "the text is empty"
            raise to.fail(Fault("bad_length", path, found, f"{least} to {most} characters"))
        if hidden := [letter for letter in plain if not letter.isprintable()]:
            found = f"the text has the unprintable character U+{ord(hidden[0]):04X}"
            raise to.fail(Fault("unprintable", path, found, "characters that one can see"))
        return plain

    return read


def whole(least: int, most: int, unit: str = "") -> Reader[int]:
    """Return the reader of a whole number within bounds."""
    allowed = f"a whole number from {least:,} to {most:,}{unit and ' ' + unit}"

    def read(value: object, path: str, to: Reading) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise to.fail(Fault("wrong_type", path, f"{shown(value)} stands here", allowed))
        if not least <= value <= most:
            raise to.fail(Fault("out_of_range", path, f"the number {value} stands here", allowed))
        return value

    return read


def thousandths(least: int = 0, most: int = 1_000) -> Reader[int]:
    """Return the reader of a share (0.25) as thousandths (250), in which the bounds are, too."""
    allowed = (
        f"a number from {Decimal(least) / 1000:f} to {Decimal(most) / 1000:f}, with at most three decimals"
    )

    def read(value: object, path: str, to: Reading) -> int:
        if not isinstance(value, int | Decimal) or isinstance(value, bool):
            raise to.fail(Fault("wrong_type", path, f"{shown(value)} stands here", allowed))
        if not Decimal(least) / 1000 <= value <= Decimal(most) / 1000:
            raise to.fail(Fault("out_of_range", path, f"the number {value} stands here", allowed))
        found = Decimal(value) * 1000
        if found != int(found):
            raise to.fail(
                Fault("too_exact", path, f"the number {value} has more than three decimals", allowed)
            )
        return int(found)

    return read


def flag(value: object, path: str, to: Reading) -> bool:
    """Read true or false."""
    if isinstance(value, bool):
        return value
    hint = ""
    if isinstance(value, str) and value.lower() in ("yes", "no", "on", "off", "y", "n", "true", "false"):
        hint = "; yes, no, on, off and capitals are plain texts here"
    raise to.fail(Fault("wrong_type", path, f"{shown(value)} stands here", f"true or false{hint}"))


def word(*words: str) -> Reader[str]:
    """Return the reader of one of a few words."""
    allowed = ", ".join(words)

    def read(value: object, path: str, to: Reading) -> str:
        if not isinstance(value, str):
            raise to.fail(Fault("wrong_type", path, f"{shown(value)} stands here", allowed))
        if value not in words:
            found = f"the word {value!r} is not known here"
            raise to.fail(Fault("unknown_word", path, found, allowed, nearest(value, words)))
        return value

    return read


def name_of(kind: str) -> Reader[str]:
    """Return the reader of an id that is defined elsewhere; `unknown_references` looks it up."""

    def read(value: object, path: str, to: Reading) -> str:
        if not isinstance(value, str):
            allowed = f"the id of {a(kind)}"
            raise to.fail(Fault("wrong_type", path, f"{shown(value)} stands here", allowed))
        to.references.append(Reference(kind, value, path))
        return value

    return read


def unknown_references(to: Reading, unread: frozenset[str] = frozenset()) -> list[Fault]:
    """Return a fault for each name that nothing has.

    Args:
        to: what was read, with all names and references.
        unread: names that may stand in files that could not be read; they are not missed.
    """
    faults = []
    for reference in to.references:
        kind, name = reference.kind, reference.name
        known = to.names.get(kind, {})
        if name in known or name in unread:
            continue
        others = [other for other, names in to.names.items() if name in names]
        found = f"there is no {kind} {name!r}"
        if others:
            found += f"; there is a {others[0]} of that name"
        allowed = f"the id of {a(kind)}" + ("" if known else f"; this definition has no {kind}")
        near = nearest(name, known)
        faults.append(Fault("unknown_name", reference.path, found, allowed, near, at_key=reference.at_key))
    return faults


def a(kind: str) -> str:
    """Return a kind with its article."""
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
