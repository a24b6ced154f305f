"""Trees of patterns: what may follow a character, and how a tree is written. See the package."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import assert_never

CONTROLS = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11}
CARET = ord("^")
SPECIAL = set("\\.^$*+?{}[]()|/-")
SIZE_MAX = 20_000
TOO_INVOLVED = f"the pattern is too involved: {SIZE_MAX} places in it are open at a time"

Ranges = tuple[tuple[int, int], ...]


class PatternError(ValueError):
    """Not a pattern of the dialect, or too involved; the message says what is wrong and where."""


class TooInvolved(PatternError):
    """A pattern whose rest takes more effort than is spent on one; another engine may be able to."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a set: inclusive ranges of code points, sorted and apart, or all but those."""

    ranges: Ranges
    negated: bool = False

    def has(self, char: str) -> bool:
        """Say whether the set has a character."""
        code = ord(char)
        return any(low <= code <= high for low, high in self.ranges) != self.negated

    def meets(self, first: int, last: int) -> bool:
        """Say whether the set has a character from ``first`` to ``last``."""
        if not self.negated:
            return any(low <= last and first <= high for low, high in self.ranges)
        for low, high in self.ranges:
            if low <= first <= high:
                first = high + 1
        return first <= last


@dataclass(frozen=True, slots=True)
class Seq:
    """One after the other; without items the empty text."""

    items: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class Alt:
    """One of them; without options nothing at all matches."""

    options: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class Rep:
    """Several times, ``most`` None for any number."""

    item: "Node"
    least: int
    most: int | None


Node = Chars | Seq | Alt | Rep

EMPTY, NOTHING = Seq(), Alt()


# --- constructors that keep trees small -------------------------------------------------------------------


def seq(*items: Node) -> Node:
    """Return the items one after the other."""
    flat: list[Node] = []
    for item in items:
        if item == NOTHING:
            return NOTHING
        flat.extend(item.items if isinstance(item, Seq) else (item,))
    return flat[0] if len(flat) == 1 else Seq(tuple(flat))


def alt(options: Iterable[Node]) -> Node:
    """Return one of the options, each kept once."""
    flat: dict[Node, None] = {}
    for option in options:
        flat.update(dict.fromkeys(option.options if isinstance(option, Alt) else (option,)))
    return next(iter(flat)) if len(flat) == 1 else Alt(tuple(flat))


def rep(item: Node, least: int, most: int | None) -> Node:
    """Return an item several times."""
    if most == 0 or item in (EMPTY, NOTHING):
        return NOTHING if item == NOTHING and least else EMPTY
    if (least, most) == (1, 1):
        return item
    # What may be empty may be left out any number of times.
    return Rep(item, 0 if nullable(item) else least, most)


@lru_cache(100_000)
def nullable(node: Node) -> bool:
    """Say whether the empty text matches."""
    match node:
        case Chars():
            return False
        case Seq(items):
            return all(map(nullable, items))
        case Alt(options):
            return any(map(nullable, options))
        case Rep(item, least, _):
            return least == 0 or nullable(item)
        case _:
            assert_never(node)


@lru_cache(100_000)
def derived(node: Node, char: str) -> Node:
    """Return what may follow a first character."""
    match node:
        case Chars():
            return EMPTY if node.has(char) else NOTHING
        case Seq(items):
            found, places = list[Node](), 0
            for n, item in enumerate(items):
                if (first := derived(item, char)) != NOTHING:
                    found.append(seq(first, *items[n + 1 :]))
                    places += len(items) - n
                if places > SIZE_MAX:
                    raise TooInvolved(TOO_INVOLVED)
                if not nullable(item):
                    break
            return alt(found)
        case Alt(options):
            return alt([d for option in options if (d := derived(option, char)) != NOTHING])
        case Rep(item, least, most):
            fewer = rep(item, max(0, least - 1), None if most is None else most - 1)
            return seq(derived(item, char), fewer)
        case _:
            assert_never(node)


def after(node: Node, char: str) -> Node:
    """Return what may follow a first character, `NOTHING` if it cannot be one.

    Raises:
        TooInvolved: what follows is larger than `SIZE_MAX`; few patterns that are not made for it grow.
    """
    found = derived(node, char)
    if size(found) > SIZE_MAX:
        raise TooInvolved(TOO_INVOLVED)
    return found


@lru_cache(100_000)
def size(node: Node) -> int:
    """Return how many nodes a tree has."""
    match node:
        case Chars():
            return 1
        case Seq(items):
            return 1 + sum(map(size, items))
        case Alt(options):
            return 1 + sum(map(size, options))
        case Rep(item, _, _):
            return 1 + size(item)
        case _:
            assert_never(node)


def firsts(node: Node) -> Iterator[Chars]:
    """Yield the sets of which a first character can be."""
    match node:
        case Chars():
            yield node
        case Seq(items):
            for item in items:
                yield from firsts(item)
                if not nullable(item):
                    return
        case Alt(options):
            for option in options:
                yield from firsts(option)
        case Rep(item, _, _):
            yield from firsts(item)
        case _:
            assert_never(node)


def printed(node: Node) -> str:
    """Return a tree as a pattern."""
    match node:
        case Chars(ranges, negated):
            if not negated and len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
                return _char(ranges[0][0])
            # Never at the head of a class: there some engines take even an escaped one for a negation.
            apart = [part for low, high in ranges for part in _without_caret_first(low, high)]
            parts = sorted(apart, key=lambda part: part[0] == CARET)
            inside = "".join(
                _char(low) if low == high else f"{_char(low)}-{_char(high)}" for low, high in parts
            )
            return f"[{'^' if negated else ''}{inside}]"
        case Seq(items):
            return "".join(f"({printed(i)})" if isinstance(i, Alt) else printed(i) for i in items)
        case Alt(options):
            # The longer first: some engines take the first one that is complete ("a|ab" gives only a).
            return "|".join(sorted(map(printed, options), key=len, reverse=True))
        case Rep(item, least, most):
            text = printed(item) if isinstance(item, Chars) else f"({printed(item)})"
            return text + _times(least, most)
        case _:
            assert_never(node)


def _without_caret_first(low: int, high: int) -> list[tuple[int, int]]:
    return [(low + 1, high), (low, low)] if low == CARET and high > low else [(low, high)]


def _times(least: int, most: int | None) -> str:
    match least, most:
        case 0, None:
            return "*"
        case 1, None:
            return "+"
        case 0, 1:
            return "?"
        case _ if least == most:
            return f"{{{least}}}"
        case _:
            return f"{{{least},{'' if most is None else most}}}"


def _char(code: int) -> str:
    char = chr(code)
    for name, control in CONTROLS.items():
        if code == control:
            return f"\\{name}"
    if code < 32 or code == 127:
        return f"\\x{code:02x}"
    return f"\\{char}" if char in SPECIAL else char
