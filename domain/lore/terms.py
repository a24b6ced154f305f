"""From text to terms: folded letters, no stop words, stems (Snowball's English)."""

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any

_WORDS = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_CASED = re.compile(r"[A-Za-z0-9]+(?:'[A-Za-z]+)?")
_CAPITAL = re.compile(r"\b[A-Z][A-Za-z0-9']*")
_BEGINS = re.compile(r"(?:^|[.!?:])[\s\"'(]*$")

_STOP = """
a about after again all also am an and any are as at be because been before being between both but by
can could did do does doing don down during each ever few for from further get had has have having he
her here hers him himself his how i if in into is it its itself just let like may me might more most
much must my no nor not now of off on once one only or other our out over own same shall she should so
some such than that the their them then there these they thing this those through to too under until up
upon us very was we were what when where whether which while who whom whose why will with would you your
tell know say says said called call anybody anyone somebody someone something anything
"""
STOP = frozenset(_STOP.split())
"""Words that every question has; they tell no chunk from another."""

_QUOTES = str.maketrans("\u2018\u2019", "''")


def plain(text: str) -> str:
    """Return a text without accents, with plain apostrophes."""
    apart = unicodedata.normalize("NFKD", text.translate(_QUOTES))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def folded(text: str) -> str:
    """Return a text in small letters without accents, with plain apostrophes."""
    return plain(text).lower()


def words_of(text: str) -> list[str]:
    """Return the words of a text, folded; a possessive 's is dropped."""
    return [word.removesuffix("'s").replace("'", "") for word in _WORDS.findall(folded(text))]


def cased_words_of(text: str) -> list[tuple[str, bool]]:
    """Return the words of a text as `words_of` does, each with whether it is written as a name is.

    That is with a capital, and not because a sentence begins there.
    """
    bare = plain(text)
    return [
        (
            found.group().lower().removesuffix("'s").replace("'", ""),
            found.group()[0].isupper() and not _BEGINS.search(bare, max(0, found.start() - 4), found.start()),
        )
        for found in _CASED.finditer(bare)
    ]


def small_words_of(text: str) -> set[str]:
    """Return the words of a text that begin with a small letter."""
    return set(words_of(_CAPITAL.sub(" ", plain(text))))


def terms_of(text: str) -> list[str]:
    """Return the terms of a text: stems of its words, but of stop words."""
    return [stem(word) for word in words_of(text) if word not in STOP]


@lru_cache(100_000)
def stem(word: str) -> str:
    """Return the stem of a folded word."""
    found: str = _stemmer().stemWord(word)
    return found


@cache
def _stemmer() -> Any:
    # Here, as every start of every program would wait 10 ms for what only who has lore needs.
    import snowballstemmer  # noqa: PLC0415

    return snowballstemmer.stemmer("english")
