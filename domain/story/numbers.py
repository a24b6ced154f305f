"""Numbers of a text, in digits and in words, with what they are worth. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from domain.story.text import Token, plain_tokens

UNIT_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
TEN_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
UNITS: Mapping[str, int] = {word: value for value, word in enumerate(UNIT_WORDS.split())}
TENS: Mapping[str, int] = {word: 10 * value for value, word in enumerate(TEN_WORDS.split(), 2)}
SCALES: Mapping[str, int] = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
OTHERS: Mapping[str, int] = {"dozen": 12, "score": 20}
"""Words that are numbers behind an article or another number: a dozen, two dozen."""


class Number(NamedTuple):
    """A number and the characters that it takes.

    Attributes:
        value: what it is worth; of digits with a point, thousandths are cut.
        words: how many words say it.
    """

    value: int
    start: int
    end: int
    words: int
    text: str


def numbers_of(tokens: Sequence[Token]) -> Iterator[Number]:
    """Yield the numbers among words that name nothing; ``one`` alone is none, it is a pronoun more often."""
    at = 0
    while at < len(tokens):
        taken = _from(tokens, at)
        if taken is None:
            at += 1
            continue
        value, length = taken
        last = tokens[at + length - 1]
        if not (length == 1 and tokens[at].word == "one"):
            text = " ".join(token.text for token in tokens[at : at + length])
            yield Number(value, tokens[at].start, last.end, length, text)
        at += length


def numbers_in(text: str) -> list[Number]:
    """Return the numbers of a text."""
    return list(numbers_of(plain_tokens(text)))


def _from(tokens: Sequence[Token], start: int) -> tuple[int, int] | None:
    """Return the number that begins here, and of how many tokens it is."""
    if tokens[start].mention:
        return None
    if tokens[start].text[0].isdigit():
        digits = tokens[start].text.replace(",", "").split(".")[0]
        return int(digits[:15]), 1
    total = value = 0
    at, end = start, start
    while at < len(tokens) and not tokens[at].mention:
        word = tokens[at].word
        if word in UNITS:
            value += UNITS[word]
        elif word in TENS:
            value += TENS[word]
        elif word in OTHERS and end > start:
            value = max(1, value) * OTHERS[word]
        elif word in SCALES:
            total, value = _scaled(total, value, SCALES[word])
        elif end > start and (word == "and" or tokens[at].text == "-") and _goes_on(tokens, at):
            at += 1
            continue
        else:
            break
        at += 1
        end = at
    return (total + value, end - start) if end > start else None


def _scaled(total: int, value: int, scale: int) -> tuple[int, int]:
    if scale == 100:
        return total, max(1, value) * scale
    return total + max(1, value) * scale, 0


def _goes_on(tokens: Sequence[Token], at: int) -> bool:
    """Tell whether a number goes on behind "and" or a hyphen: two hundred and five, forty-two."""
    if at + 1 >= len(tokens) or tokens[at + 1].mention:
        return False
    after = tokens[at + 1].word
    if tokens[at].text == "-":
        return after in UNITS
    return tokens[at - 1].word in SCALES and (after in UNITS or after in TENS)
