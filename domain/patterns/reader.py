"""Reads a pattern into a tree. See the package for the dialect."""

from collections.abc import Sequence
from functools import lru_cache

from domain.patterns.tree import CONTROLS, Chars, Node, PatternError, Ranges, alt, rep, seq

LENGTH_MAX = 4_000
REPEATS_MAX = 1_000
DEPTH_MAX = 50

CLASSES = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "s": ((9, 13), (32, 32)),
}


@lru_cache(1_024)
def parse(pattern: str) -> Node:
    """Return a pattern's tree. Raises `PatternError`."""
    if len(pattern) > LENGTH_MAX:
        raise PatternError(f"the pattern has {len(pattern)} characters, the limit is {LENGTH_MAX}")
    return _Reader(pattern).read()


class _Reader:
    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def read(self) -> Node:
        if self._peek() == "^":
            self._at += 1
        node = self._options(0)
        if self._at < len(self._text):
            raise self._wrong("a closing parenthesis without an opening one")
        return node

    def _options(self, depth: int) -> Node:
        if depth > DEPTH_MAX:
            raise self._wrong(f"groups more than {DEPTH_MAX} deep")
        options = [self._sequence(depth)]
        while self._peek() == "|":
            self._at += 1
            options.append(self._sequence(depth))
        return alt(options)

    def _sequence(self, depth: int) -> Node:
        items: list[Node] = []
        while (char := self._peek()) not in ("", "|", ")"):
            if char == "$" and self._at == len(self._text) - 1:
                self._at += 1
                break
            items.append(self._repeated(self._atom(depth)))
        return seq(*items)

    def _atom(self, depth: int) -> Node:
        char = self._take()
        if char == "(":
            return self._group(depth)
        if char == "[":
            return self._class()
        if char == ".":
            return Chars(((10, 10),), negated=True)
        if char == "\\":
            return self._escaped()
        if char in "*+?{":
            raise self._wrong(f"{char!r} repeats nothing; write \\{char} for the character itself", back=1)
        if char in "^$":
            raise self._wrong(f"{char!r} within the pattern; it may stand at its ends only", back=1)
        return Chars(((ord(char), ord(char)),))

    def _group(self, depth: int) -> Node:
        if self._peek() == "?":
            if self._text[self._at : self._at + 2] != "?:":
                raise self._wrong("(? is only known as (?:…); no look-around, names or flags", back=1)
            self._at += 2
        node = self._options(depth + 1)
        if self._peek() != ")":
            raise self._wrong("a group that is not closed")
        self._at += 1
        return node

    def _repeated(self, item: Node) -> Node:
        char = self._peek()
        if not char or char not in "*+?{":
            return item
        self._at += 1
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(char) or self._bounds()
        if (after := self._peek()) and after in "*+?{":
            raise self._wrong(f"{after!r} after a repetition; no lazy or possessive ones, and none of one")
        return rep(item, least, most)

    def _bounds(self) -> tuple[int, int | None]:
        inside, closed, _ = self._text[self._at :].partition("}")
        low, comma, high = inside.partition(",")
        if not closed or not low.isdecimal() or (high and not high.isdecimal()):
            raise self._wrong("{ without {n}, {n,} or {n,m}; write \\{ for the character itself", back=1)
        least, most = int(low), int(low) if not comma else int(high) if high else None
        if max(least, most or 0) > REPEATS_MAX or (most is not None and most < least):
            raise self._wrong(f"{{{inside}}} is no range of at most {REPEATS_MAX}", back=1)
        self._at += len(inside) + 1
        return least, most

    def _escaped(self) -> Chars:
        char = self._take("a backslash at the end")
        if char.lower() in CLASSES:
            return Chars(CLASSES[char.lower()], negated=char.isupper())
        code = self._code(char)
        return Chars(((code, code),))

    def _code(self, char: str) -> int:
        """Return the code point that stands after a backslash."""
        if char in CONTROLS:
            return CONTROLS[char]
        digits = {"x": 2, "u": 4}.get(char)
        if digits:
            code = self._text[self._at : self._at + digits]
            try:
                found = int(code, 16) if len(code) == digits else -1
            except ValueError:
                found = -1
            if found < 0:
                raise self._wrong(f"\\{char} wants {digits} hexadecimal digits", back=2)
            self._at += digits
            return found
        if char.isalnum():
            raise self._wrong(f"\\{char} is not known (no back-references, no boundaries)", back=2)
        return ord(char)

    def _class(self) -> Chars:
        negated = self._peek() == "^"
        self._at += negated
        ranges: list[tuple[int, int]] = []
        began = self._at
        while (char := self._take("a class that is not closed")) != "]" or self._at == began + 1:
            low = self._member(char)
            if isinstance(low, tuple):
                ranges.extend(low)
                continue
            high = low
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                end = self._member(self._take())
                if isinstance(end, tuple) or end < low:
                    raise self._wrong("a range that ends before it begins")
                high = end
            ranges.append((low, high))
        return Chars(_merged(ranges), negated)

    def _member(self, char: str) -> int | Ranges:
        if char != "\\":
            return ord(char)
        escaped = self._take("a backslash at the end")
        if escaped in CLASSES:
            return CLASSES[escaped]
        if escaped.lower() in CLASSES:
            raise self._wrong(f"\\{escaped} within a class is not taken", back=2)
        return self._code(escaped)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, wrong: str = "the pattern ends too early") -> str:
        char = self._peek()
        if not char:
            raise self._wrong(wrong)
        self._at += 1
        return char

    def _wrong(self, what: str, back: int = 0) -> PatternError:
        return PatternError(f"at character {self._at - back + 1}: {what}")


def _merged(ranges: Sequence[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)
