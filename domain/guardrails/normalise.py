"""Foldings of text for matching: what a reader sees, not how it was spelled.

Each function works on one character alone, so a text may be folded in pieces as it comes, and each folded
symbol belongs to exactly one character of the original. (NFKC composes across characters; here combining
marks are dropped instead, which comes to the same for matching.)

Repeated letters and letters set apart are not undone here: the tree of phrases lets a letter repeat and
ignores what separates letters, so that a finding still knows where words begin.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

GAP = " "
"""The symbol of white space."""

MARK = "."
"""The symbol of everything else that separates letters: punctuation, emoji."""

REVERSES = "\u202e"
"""Turns the reading direction by force: behind it a text is shown backwards, and so was never read here."""

UNSEEN = dict.fromkeys(range(0xE0000, 0xE0080))
"""Unicode's tags, for `str.translate`: letters that no reader sees and a model can read."""

ANY = "*"
"""The symbol of a character that hides one letter."""

STROKE = "1"
"""The symbol of what is read as i or as l: the digit, and the capital I."""

EMOJI_LETTERS = (0x1F150, 0x1F170, 0x1F1E6)
"""Where alphabets of white letters in discs and squares, and of the letters that flags are made of, begin."""

EITHER: Mapping[str, str] = {
    "!": STROKE, "|": STROKE, "¡": "i", "$": "s", "@": "a", "+": "t", "€": "e", ANY: ANY,
    **{chr(first + n): chr(ord("a") + n) for first in EMOJI_LETTERS for n in range(26)},
}  # fmt: skip
"""Signs that are punctuation to one reader and a letter to another: the matcher follows both readings."""

OTHER = "¤"
"""In the plain folding: any character that is not ASCII. Patterns are ASCII, so one stands for all."""

_LEET = str.maketrans("0123456789", "o1zeasgtbg")
_APOSTROPHES = frozenset("'`\u2019\u2018\u00b4\u02bc")
_SILENT = _APOSTROPHES | frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Apostrophes, within a word; and blanks that Unicode calls letters or symbols."""

_ALPHABETS = (  # in lower case, as case is folded first; Cherokee folds to its capitals, Lisu has one case
    ("абвгезикмнорстухѕіјєһԁԛԝӏьпшүѵғ", "abbreeukmhopctyxsijehdqwlbnwyvf"),
    ("αβγεηικνορτυχωζςσμ", "abyenikvoptuxwzsou"),
    ("ıɡɑʀɩłøđħŧɪʟɴƒʏᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢʙɢʜꜰꜱ", "igarilodhtilnfyacdejkmoptuvwzbghfs"),
    ("օսհոցյզ", "ouhngjq"),
    ("ⲁⲃⲉⲏⲓⲕⲙⲛⲟⲣⲥⲧⲩⲭ", "abehikmnopctyx"),
    ("ᎠᎡᎥᎩᎪᎫᎬᎳᎷᎻᎽᏀᏂᏃᏏᏒᏔᏕᏙᏚᏞᏟᏢᏦᏧᏴ", "driyajewmhyghzbrwsvslcpkdb"),  # noqa: RUF001 - it lists look-alikes
    ("ꓐꓑꓒꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ", "bpddtgkjczfmnlsrvhwxyaeiou"),  # noqa: RUF001 - as above
)
_LOOKS_LIKE = {
    ord(sign): letter for signs, letters in _ALPHABETS for sign, letter in zip(signs, letters, strict=True)
}


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text and, for each of its symbols, the index of the original character."""

    text: str
    origins: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original that the symbols from ``start`` to before ``end`` come from."""
        return self.origins[start], self.origins[end - 1] + 1


@lru_cache(8_192)
def letters_of(char: str) -> str:
    """Return a character as letters: none for what is invisible, `GAP` or `MARK` for what separates.

    Case, accents, width, font, alphabet and digits in place of letters are folded away. The keys of `EITHER`
    stay as they are, and what is read as i or l becomes `STROKE`.
    """
    if char in EITHER:
        return char
    if unicodedata.normalize("NFKD", char) == "I":
        return STROKE
    return "".join(map(_letter, bare(char)))


@lru_cache(8_192)
def plain_of(char: str) -> str:
    """Return a character in plain lower-case ASCII, `OTHER` for what has no such form, none if invisible."""
    if char in "\n\t":
        return char
    return "".join(map(_plain, bare(char)))


def folded(text: Iterable[str]) -> Folded:
    """Return the letters of a text."""
    symbols = [(symbol, n) for n, char in enumerate(text) for symbol in letters_of(char)]
    return Folded("".join(symbol for symbol, _ in symbols), tuple(n for _, n in symbols))


def plain(text: Iterable[str]) -> str:
    """Return the plain form of a text."""
    return "".join(map(plain_of, text))


def bare(char: str) -> Iterator[str]:
    """Yield what is left of a character without case, marks, width and font."""
    for part in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold()):
        if unicodedata.category(part) not in {"Mn", "Me", "Cf"}:
            yield part.translate(_LOOKS_LIKE)


def _letter(part: str) -> str:
    if part in _SILENT:
        return ""
    if part in EITHER:
        return part
    if part.isdecimal():
        return str(unicodedata.decimal(part)).translate(_LEET)
    if part.isalnum():
        return part
    return GAP if part.isspace() else MARK


def _plain(part: str) -> str:
    if part in _SILENT:
        return "'" if part in _APOSTROPHES else ""  # within an address an apostrophe counts
    if part.isdecimal():
        return str(unicodedata.decimal(part))
    if part.isspace():
        return " "
    return part if " " <= part < "\x7f" else OTHER
