"""Foldings of text for matching: what a reader sees, not how it was spelled.

Each function works on one character alone, so a text may be folded in pieces as it comes, and each folded
symbol belongs to exactly one character of the original. (NFKC composes across characters; here combining
marks are dropped instead, which comes to the same for matching.)

Repeated letters and letters set apart are not undone here: the tree of phrases lets a letter repeat and
ignores what separates letters, so that a finding still knows where words begin.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from domain.guardrails.look_alikes import BLANKS, READINGS
from domain.guardrails.look_alikes import UNSEEN as UNSEEN_RANGES

GAP = " "
"""The symbol of white space."""

MARK = "."
"""The symbol of everything else that separates letters: punctuation, emoji."""

JOINT = "\x1f"
"""The symbol of what leaves no ink: to one reader it is nothing, to another one a blank between words."""

REVERSES = "\u202e"
"""Turns the reading direction by force: behind it a text is shown backwards, and so was never read here."""

HIDDEN = dict.fromkeys((ord(REVERSES), *range(0xE0000, 0xE0080)))
"""For `str.translate`: what is never passed on, to a model or to a player: that sign, and Unicode's tags,
which are letters that no reader sees and a model can read."""

ANY = "*"
"""The symbol of a character that hides one letter."""

STROKE = "1"
"""The symbol of what is read as i or as l: the digit, and the capital I."""

EMOJI_LETTERS = (0x1F150, 0x1F170, 0x1F1E6)
"""Where alphabets of white letters in discs and squares, and of the letters that flags are made of, begin."""

OTHER = "¤"
"""In the plain folding: any character that is not ASCII. Patterns are ASCII, so one stands for all."""

KNOWN_MAX = 8_192
"""Characters whose foldings are kept."""

_LEET = str.maketrans("0123456789", "o1zeasgtbg")
_APOSTROPHES = frozenset("'`\u2019\u2018\u00b4\u02bc")

SEVERAL: Mapping[str, str] = {
    chr(0xF0000 + n): ways.replace("|", "") for n, ways in enumerate(each for each in READINGS if "|" in each)
}
"""Symbols of what can be read as one of several letters, and those letters: y and u look the same in Greek.

They are private to this folding: a character of a text is never one of them, as it has another symbol."""

_SYMBOLS = {letters: symbol for symbol, letters in SEVERAL.items()} | {"il": STROKE, "li": STROKE}
_LETTERS = {
    char: _SYMBOLS[ways.replace("|", "")] if "|" in ways else ways
    for ways, chars in READINGS.items()
    for char in chars
}
EITHER: Mapping[str, str] = {
    **{char: letter for char, letter in _LETTERS.items() if len(letter) == 1 and not char.isalnum()},
    "!": STROKE, "|": STROKE, "¡": "i", "$": "s", "@": "a", "+": "t", "€": "e", ANY: ANY,
    **{chr(first + n): chr(ord("a") + n) for first in EMOJI_LETTERS for n in range(26)},
}  # fmt: skip
"""Signs that are punctuation to one reader and a letter to another: the matcher follows both readings."""

_LIKELIEST = {char: ways.split("|")[0] for ways, chars in READINGS.items() for char in chars}
_INKLESS = frozenset(chr(code) for first, last in UNSEEN_RANGES for code in range(first, last + 1))


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text and, for each of its symbols, the index of the original character."""

    text: str = field(repr=False)
    origins: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original that the symbols from ``start`` to before ``end`` come from."""
        return self.origins[start], self.origins[end - 1] + 1


class Foldings(dict[str, tuple[str, str]]):
    """Characters' letters and plain forms, made when first asked for: a look-up that is no call, for each."""

    def __missing__(self, char: str) -> tuple[str, str]:
        """Fold a character that nobody has asked for."""
        if len(self) >= KNOWN_MAX:
            self.clear()
        found = self[char] = (letters_of(char), plain_of(char))
        return found


def letters_of(char: str) -> str:
    """Return a character as letters: none for a mark, `GAP`, `MARK` or `JOINT` for what separates.

    Case, accents, width, font, alphabet and digits in place of letters are folded away. The keys of `EITHER`
    stay as they are, and what is read in several ways becomes `STROKE` or a symbol of `SEVERAL`.
    """
    if char in EITHER:
        return char
    if unseen(char):
        return JOINT
    if letters := _LETTERS.get(char):
        return letters
    if unicodedata.normalize("NFKD", char) == "I":
        return STROKE
    return "".join(map(_letter, _parts(char)))


def plain_of(char: str) -> str:
    """Return a character in plain lower-case ASCII, `OTHER` for what has no such form, none for a mark.

    What leaves no ink is a blank if it is as wide as one, and nothing otherwise.
    """
    if char in "\n\t":
        return char
    return GAP if char in BLANKS else "".join(map(_plain, bare(char)))


def unseen(char: str) -> bool:
    """Say whether a character leaves no ink, so that a reader sees nothing of it or a blank."""
    return char in _INKLESS or unicodedata.category(char) == "Cf"


FOLDINGS = Foldings()


def folded(text: Iterable[str]) -> Folded:
    """Return the letters of a text."""
    symbols = [(symbol, n) for n, char in enumerate(text) for symbol in FOLDINGS[char][0]]
    return Folded("".join(symbol for symbol, _ in symbols), tuple(n for _, n in symbols))


def plain(text: Iterable[str]) -> str:
    """Return the plain form of a text."""
    return "".join(FOLDINGS[char][1] for char in text)


def bare(char: str) -> Iterator[str]:
    """Yield what is left of a character without case, marks, width and font, look-alikes as what they are."""
    if unseen(char):
        return
    if (letters := _LIKELIEST.get(char)) and not char.isdecimal() and char.isalnum():
        yield from letters
    else:
        yield from _parts(char)


def _parts(char: str) -> Iterator[str]:
    for part in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold()):
        if unicodedata.category(part) not in {"Mn", "Me", "Cf"}:
            yield part


def _letter(part: str) -> str:
    if part in _APOSTROPHES:
        return ""
    if part in EITHER:
        return part
    if part.isdecimal():
        return str(unicodedata.decimal(part)).translate(_LEET)
    if part.isalnum():
        return part
    return GAP if part.isspace() else MARK


def _plain(part: str) -> str:
    if part in _APOSTROPHES:
        return "'"  # within an address an apostrophe counts
    if part.isdecimal():
        return str(unicodedata.decimal(part))
    if part.isspace():
        return " "
    return part if " " <= part < "\x7f" else OTHER
