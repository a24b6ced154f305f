"""What a player promises by their words, as far as an event of the world can show that it was kept. Pure.

"I promise to bring you lamp oil by tomorrow" is a promise to who is spoken to, of who speaks and nobody else.
What has a condition, is for somebody else, or cannot be seen to have happened is no promise: it stays words
that were said.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.beliefs.claims import kind_of
from domain.beliefs.messages import WORDS_MAX
from domain.beliefs.words import Reader
from domain.definition.definition import Definition
from domain.lore.terms import folded
from domain.promises.messages import Deed, PromiseKind
from domain.story.numbers import numbers_in

HOUR_S = 3_600
DAY_HOURS = 24
COINS = 100
"""Minor units of a coin."""

_VOW = (
    r"(?:i (?:do |hereby |solemnly )?(?:promise|vow|swear)|you have my word|i give you my word"
    r"|on my (?:word|honou?r))"
)
_FIRST = re.compile(
    rf"\b{_VOW}(?: (?:you|to you))?,?(?: that)?,?"
    r" (?:(?P<to>(?:never |not )?to)|i(?:'ll| will| shall)(?P<never> never)?) (?P<what>[^.!?;]+)"
)
_LAST = re.compile(rf"\bi(?:'ll| will| shall)(?P<never> never)? (?P<what>[^.!?;]+?),? (?:{_VOW})\b")
_OPEN = re.compile(
    r"\b(?:if|unless|when|whenever|once|as soon as|provided|until|till|or|maybe|perhaps|try)\b"
)
"""With one of these it depends on something, or on nothing that one could say."""

_GIVE = re.compile(r"^(?:bring|give|fetch|get|hand|deliver|carry|buy|find|return|lend|send|take)\b")
_PAY = re.compile(r"^(?:pay|give|repay|lend|return|bring|hand|send)\b")
_GO = re.compile(r"^(?:come|go|be|meet|wait|return|walk|travel|stand)\b")
_DEEDS: Sequence[tuple[Deed, re.Pattern[str]]] = (
    ("kill", re.compile(r"^(?:kill|murder|slay)\b")),
    ("hurt", re.compile(r"^(?:hurt|wound|harm|attack|beat|strike|stab|injure)\b")),
    ("rob", re.compile(r"^(?:rob|steal (?:anything )?from)\b")),
)
_YOU = re.compile(r"\b(?:you|your)\b")
_HERE = re.compile(r"\b(?:here|this place)\b")
_HOURS = {
    "noon": 12, "midday": 12, "dusk": 20, "nightfall": 20, "sunset": 20, "evening": 20, "night": 24,
    "midnight": 24, "dawn": 6, "sunrise": 6, "morning": 12, "daybreak": 6,
}  # fmt: skip
"""By when a time of the day is over."""

_TIME = "|".join(_HOURS)
_DUE = re.compile(
    rf"\b(?:(?:by|before|until|till|at|in|within|for)? ?(?:the |this )?"
    rf"(?:(?P<tomorrow>tomorrow)(?: (?P<part>{_TIME}))?|(?P<today>today|tonight|the day is (?:out|over))"
    rf"|(?P<time>{_TIME}))|(?:in|within|for)(?: the next)? (?P<count>an?|[a-z]+|\d{{1,3}}) "
    r"(?P<unit>minute|hour|day|week)s?)\b"
)
_UNDATED = re.compile(r"\b(?:by|before|within)\b")
_UNITS_S = {"minute": 60, "hour": HOUR_S, "day": DAY_HOURS * HOUR_S, "week": 7 * DAY_HOURS * HOUR_S}


@dataclass(frozen=True, slots=True)
class Pledge:
    """What is promised; as `domain.promises.messages.Terms` has it."""

    kind: PromiseKind
    what: str
    deed: Deed = ""
    amount: int = 1
    due_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Occasion:
    """To whom, where and when something is promised.

    Attributes:
        to: who is spoken to (person.una_pell). place: where both are.
        day_ms: how long a game day is.
    """

    to: str
    place: str
    now_ms: int
    day_ms: int


def pledge_of(words: str, reader: Reader, definition: Definition, occasion: Occasion) -> Pledge | None:
    """Return what a player promises to who is spoken to; None: nothing that an event could show."""
    text = " ".join(folded(words[:WORDS_MAX]).split())
    found = _FIRST.search(text) or _LAST.search(text)
    if found is None:
        return None
    what, how = found["what"].strip(), found.groupdict()
    never = bool(how["never"]) or (how.get("to") or "").startswith(("never", "not"))
    due = _DUE.search(what)
    bare = (what[: due.start()] + what[due.end() :]).strip() if due else what
    if _OPEN.search(bare) or _UNDATED.search(bare):
        return None
    due_ms = _due_ms(due, occasion) if due else None
    named = [each for each in reader.named(bare) if kind_of(each) not in ("number", "weather")]
    if never:
        return _deed(bare, named, "never", due_ms) if due_ms is not None else None
    if set(_people(named)) - {occasion.to}:
        return _deed(bare, named, "do", due_ms)
    return (
        _deed(bare, named, "do", due_ms)
        or _money(bare, definition, due_ms)
        or _thing(bare, named, due_ms)
        or _going(bare, named, occasion, due_ms)
    )


def _people(named: Sequence[str]) -> list[str]:
    return [each for each in named if kind_of(each) in ("person", "player")]


def _deed(text: str, named: Sequence[str], kind: PromiseKind, due_ms: int | None) -> Pledge | None:
    people = _people(named)
    for deed, form in _DEEDS:
        if form.search(text) and len(people) == 1:
            return Pledge(kind, people[0], deed, due_ms=due_ms)
    return None


def _money(text: str, definition: Definition, due_ms: int | None) -> Pledge | None:
    numbers = numbers_in(text)
    if not _PAY.search(text) or len(numbers) != 1:
        return None
    words = text.replace(",", " ").split()
    for currency in definition.currencies:
        for name, worth in _coins(currency.coin, currency.id, currency.minor).items():
            if {name, f"{name}s"} & set(words):
                return Pledge(
                    "pay", f"currency.{currency.id}", amount=numbers[0].value * worth, due_ms=due_ms
                )
    return None


def _coins(coin: str, many: str, minor: str) -> Mapping[str, int]:
    """Return by the word for money how many minor units it is; what both are called counts as the coin."""
    return {minor.lower(): 1, many.lower(): COINS, coin.lower(): COINS}


def _thing(text: str, named: Sequence[str], due_ms: int | None) -> Pledge | None:
    goods = [each for each in named if kind_of(each) == "good"]
    if len(goods) != 1 or not _GIVE.search(text) or not _YOU.search(text):
        return None
    amounts = [each.value for each in numbers_in(text)]
    if len(amounts) > 1 or amounts[:1] == [0]:
        return None
    return Pledge("give", goods[0], amount=amounts[0] if amounts else 1, due_ms=due_ms)


def _going(text: str, named: Sequence[str], occasion: Occasion, due_ms: int | None) -> Pledge | None:
    places = [each for each in named if kind_of(each) == "place"]
    if not places and _HERE.search(text):
        places = [f"place.{occasion.place}"]
    if len(places) != 1 or len(named) > len(places) or not _GO.search(text):
        return None
    return Pledge("go", places[0], due_ms=due_ms)


def _due_ms(due: re.Match[str], occasion: Occasion) -> int | None:
    """Return the game time at which a promise's time is over; None: it is none that one can count."""
    day_ms, today = occasion.day_ms, occasion.now_ms // occasion.day_ms
    if unit := due["unit"]:
        count = (
            1 if due["count"] in ("a", "an", "one") else next((n.value for n in numbers_in(due["count"])), 0)
        )
        return occasion.now_ms + count * _UNITS_S[unit] * day_ms // (DAY_HOURS * HOUR_S) if count else None
    if due["tomorrow"]:
        return (today + 1) * day_ms + _HOURS.get(due["part"], DAY_HOURS) * day_ms // DAY_HOURS
    if due["today"]:
        return (today + 1) * day_ms
    at = today * day_ms + _HOURS[due["time"]] * day_ms // DAY_HOURS
    return at if at > occasion.now_ms else at + day_ms
