"""Undoes strange spellings for a reader of whole words, such as a model of language. Pure.

The rules' machine needs none of this: it follows every reading at once (`normalise`). A model's tokenizer has
one reading, so here the likely one is chosen, with the help of a list of words.
"""

import re
from collections.abc import Mapping

from domain.guardrails.normalise import bare

LETTERS_APART = re.compile(r"(?<!\S)(?:\S {1,2}){3,}\S(?!\S)")
"""Single characters with one blank between them, and two between words; four at least."""

LETTERS_DOTTED = re.compile(r"(?<![^\W\d_])(?:[^\W\d_][.\-_*])+[^\W\d_](?![^\W\d_])")
REPEATED = re.compile(r"([a-z])\1{2,}")
TOKEN = re.compile(r"[a-z0-9@$!|]+")
"""Signs at its end are no letters; a pattern without them would look at a run of them again and again."""

RUN = re.compile(r"[a-z0-9@$]{3,}")
COUNTED = re.compile(r"[0-9]+[a-z]{1,2}|[a-z]{1,2}[0-9]+|[0-9@$!|]+")
"""Numbers with a unit or an ending, "12th", "9pm", "b12": no words."""

LEET = [str.maketrans("0134578@$!|", f"o{one}eastbasii") for one in "il"]
"""Digits and signs as letters; 1 is i or l."""

LEET_MIN = 2
"""Words with digits in them from which on a text's bare digits may be words, too."""

RARE = 1_000_000
"""The rank of what is no known word."""

PAIR = re.compile(r"(?=(?<![a-z'])([a-z]{2,12}) ([a-z]{2,12})(?![a-z']))")
WORD_MAX = 16


def readable(text: str, words: Mapping[str, int]) -> str:
    """Return a text in small letters as a person would read it.

    Args:
        text: anything; invisible characters, look-alikes, fonts and accents are undone in any case.
        words: known words in small letters with their rank, 0 for the most common; they decide where a
            spelling can be read in more than one way.
    """
    plain = "".join(part for char in text for part in bare(char))
    plain = LETTERS_APART.sub(lambda found: _together(found[0], words), plain)
    plain = LETTERS_DOTTED.sub(lambda found: re.sub(r"[.\-_*]", "", found[0]), plain)
    digits = sum(map(_mixed, RUN.findall(plain))) >= LEET_MIN
    plain = TOKEN.sub(lambda found: _read(found[0], words, digits=digits), plain)
    return _joined(plain, words)


def _mixed(token: str) -> bool:
    """Say whether a token is a word with digits in it."""
    letters, digits = any(map(str.isalpha, token)), any(map(str.isdigit, token))
    return letters and digits and not COUNTED.fullmatch(token)


def _together(run: str, words: Mapping[str, int]) -> str:
    parts = [part.replace(" ", "") for part in re.split(" {2,}", run)]
    return " ".join(parts if len(parts) > 1 else _cut(parts[0], words))


def _cut(letters: str, words: Mapping[str, int]) -> list[str]:
    """Return letters cut into as few known words as they can be; whole if they cannot."""
    best: list[tuple[int, int] | None] = [(0, 0)]  # up to here: how many words, and where the last one begins
    for end in range(1, len(letters) + 1):
        ways = [
            (before[0] + 1, start)
            for start in range(max(0, end - WORD_MAX), end)
            if (before := best[start]) is not None and letters[start:end] in words
        ]
        best.append(min(ways, default=None))
    cut: list[str] = []
    end = len(letters)
    while (way := best[end]) is not None and end:
        cut.append(letters[way[1] : end])
        end = way[1]
    return cut[::-1] or [letters]


def _read(run: str, words: Mapping[str, int], *, digits: bool) -> str:
    """Return a token with digits, signs and drawn-out letters read as the word that they stand for."""
    token = run.rstrip("!|")
    return _meant(token, words, digits=digits) + run[len(token) :] if token else run


def _meant(token: str, words: Mapping[str, int], *, digits: bool) -> str:
    if token.isalpha():
        readings = [token]
    elif COUNTED.fullmatch(token):
        readings = [each for leet in LEET if digits and (each := token.translate(leet)) in words]
        readings = [each for each in readings if len(each) > 1 or each in "ai"] or [token]
    else:
        readings = [token.translate(leet) for leet in LEET]
    if any(REPEATED.search(reading) for reading in readings):
        readings = [REPEATED.sub(by, reading) for reading in readings for by in (r"\1", r"\1\1")]
    return min(readings, key=lambda reading: words.get(reading, RARE))


def _joined(text: str, words: Mapping[str, int]) -> str:
    """Return a text whose torn words are whole again: two parts of which one is rarer than both together."""
    out: list[str] = []
    at = 0
    for found in PAIR.finditer(text):
        first, second = found[1], found[2]
        whole = words.get(first + second, RARE)
        torn = whole < max(words.get(first, RARE), words.get(second, RARE))
        if torn and found.start() >= at:
            out += [text[at : found.start()], first + second]
            at = found.start() + len(first) + 1 + len(second)
    return "".join([*out, text[at:]])
