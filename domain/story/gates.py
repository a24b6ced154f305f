"""The gates that look at words one by one: form, period, names, numbers, what has to be named. Pure."""

import re
from collections import Counter
from collections.abc import Iterator

from domain.story.corpus import SELF
from domain.story.numbers import numbers_in, numbers_of
from domain.story.plan import WORD, Kind
from domain.story.read import Read
from domain.story.slots import SLOT, slot_fault
from domain.story.stops import Gate, Stop
from domain.story.text import Sentence, Token

WORDS_MAX = 70
"""The longest written line has 49 words; two of them are said together."""

RUN_AGAIN_MAX = 3
"""How often a run of four words may stand in one line."""

ODD = re.compile(r"[^\w\s'\".,;:!?()—…{}-]|_|\n")
ENDED = re.compile(r"[.?!…—][\"')]*$")
COINS = frozenset(
    {
        "coin",
        "coins",
        "crown",
        "crowns",
        "penny",
        "pennies",
        "pence",
        "shilling",
        "shillings",
        "silver",
        "gold",
    }
    | {"money", "silvers", "guineas", "ducats", "marks", "wicks"}
)
DIGIT = re.compile(r"\d")
HARMLESS_MAX = 2
"""Up to here numbers are ways of speaking (``the two of us``)."""

ROUND = frozenset({12, 100, 1_000})
"""A dozen, a hundred, a thousand: ways of speaking, too, where nothing is counted behind them."""


def word_stops(read: Read) -> Iterator[Stop]:
    """Yield what stops the words of a text, whatever they claim."""
    yield from _form(read)
    yield from _period(read)
    yield from _names(read)
    yield from _numbers(read)
    yield from _missing(read)
    if read.terms.letters:
        yield from _placeholders(read)


def _stop(gate: Gate, token: Token, why: str) -> Stop:
    return Stop(gate, token.text, token.start, token.end, why)


def _form(read: Read) -> Iterator[Stop]:
    text = read.text
    words = [word.lower() for word in WORD.findall(text)]
    if not words:
        yield Stop(Gate.FORM, text, 0, len(text), "there are no words")
        return
    if len(words) > WORDS_MAX:
        yield Stop(Gate.FORM, "", len(text), len(text), f"{len(words)} words; {WORDS_MAX} at most")
    if not ENDED.search(text.rstrip()):
        yield Stop(Gate.FORM, text[-12:], max(0, len(text) - 12), len(text), "it ends open")
    for token in read.tokens:
        if not token.mention and ODD.search(token.text) and not SLOT.match(token.text):
            yield _stop(Gate.FORM, token, "no sign of speech")
    if text.count('"') % 2 or text.count("(") != text.count(")"):
        yield Stop(Gate.FORM, "", len(text), len(text), "quotation marks or brackets without their like")
    runs = Counter(" ".join(words[at : at + 4]) for at in range(len(words) - 3))
    again, often = max(runs.items(), key=lambda run: run[1], default=("", 0))
    if often > RUN_AGAIN_MAX:
        yield Stop(Gate.FORM, again, 0, len(text), "it says the same again and again")


def _period(read: Read) -> Iterator[Stop]:
    text = SLOT.sub(lambda slot: " " * len(slot[0]), read.text)
    own = [token for token in read.tokens if token.mention]
    for found in read.language.words.spans(text):
        if not any(token.start <= found[0] < token.end for token in own):
            said = read.text[found[0] : found[1]]
            yield Stop(Gate.PERIOD, said, *found, "nobody here has a word for that")


def _names(read: Read) -> Iterator[Stop]:
    terms = read.terms
    hidden = frozenset(id_ for claim in terms.hidden for id_ in claim.roles) - terms.allowed
    for token in read.tokens:
        if token.mention:
            if token.mention.id in terms.allowed:
                continue
            if token.mention.id in hidden:
                yield _stop(Gate.SECRET, token, f"{terms.called(token.mention.id)} must not be mentioned")
            elif terms.letters or _names_one(read, token):
                yield _stop(Gate.NAME, token, "neither the plan nor the scene speaks of it")
        elif _is_capital(token) and token.text not in read.language.words.capitals:
            yield _stop(Gate.NAME, token, "nobody and nothing here has that name")


def _names_one(read: Read, token: Token) -> bool:
    """Tell whether a mention names something of this world, and is no word of everybody's."""
    if any(word[0].isupper() for word in token.text.split()[0 if not token.begins else 1 :]):
        return True
    words = token.text.lower().split()
    return not (read.is_known(token) or all(word in read.language.bank.vocabulary for word in words))


def _is_capital(token: Token) -> bool:
    word = token.text
    if token.begins or not word[0].isupper():
        return False
    return word.removesuffix("'s") not in SELF and word.partition("'")[0] != "I"


def _numbers(read: Read) -> Iterator[Stop]:
    for sentence in read.sentences:
        if read.is_known(sentence):
            continue
        money = _of_money(read, sentence)
        free = read.terms.numbers if money else read.terms.numbers | read.terms.given
        counted = money or bool(sentence.mentioned & read.terms.required)
        for number in numbers_of(sentence.tokens):
            digits = bool(DIGIT.match(number.text))
            spoken = number.value in ROUND and not money and _of_speech(read, number.start)
            bare = number.words == 1 and (number.value <= HARMLESS_MAX or spoken)
            if number.value not in free and (digits or (counted and not bare)):
                at = Token(number.text, number.start, number.end)
                yield _stop(Gate.NUMBER, at, "the plan says no such number")


def _of_money(read: Read, sentence: Sentence) -> bool:
    """Tell whether a sentence speaks of money, in the plan's or in common coin."""
    terms = read.terms
    sums = [terms.called(id_) for id_, kind in terms.kinds.items() if kind == Kind.SUM and not terms.letters]
    coins = {name.split()[-1] for name in sums} | COINS
    return any(token.word in coins for token in sentence.tokens)


def _of_speech(read: Read, start: int) -> bool:
    return read.text[:start].rstrip().lower().endswith((" a", " the", "a", "in"))


def _missing(read: Read) -> Iterator[Stop]:
    terms = read.terms
    named = {token.mention.id for token in read.tokens if token.mention}
    end = len(read.text)
    said = {number.value for number in numbers_of(read.tokens)}
    for id_ in sorted(terms.required - named):
        worth = {number.value for number in numbers_in(terms.called(id_))}
        if terms.kinds.get(id_) == Kind.SUM and worth and worth <= said:
            continue
        if any(id_ in found.bound.values() for line in read.lines for found in line):
            continue
        yield Stop(Gate.SLOT, "", end, end, f"{terms.called(id_)} is not named")


def _placeholders(read: Read) -> Iterator[Stop]:
    for found in SLOT.finditer(read.text):
        if fault := slot_fault(found[1]):
            yield Stop(Gate.SLOT, found[0], found.start(), found.end(), fault)
    bare = SLOT.sub(lambda slot: " " * len(slot[0]), read.text)
    for stray in re.finditer(r"[{}]", bare):
        yield Stop(Gate.FORM, stray[0], stray.start(), stray.end(), "no whole placeholder")
    for digit in DIGIT.finditer(bare):
        yield Stop(Gate.NUMBER, digit[0], digit.start(), digit.end(), "written lines have no digits")
