"""How times, hours, durations, prices and spots on the map are written, and read."""

import re
from decimal import Decimal

from domain.definition.faults import Fault, shown
from domain.definition.goods import Money
from domain.definition.people import minutes_of
from domain.definition.places import DAY_MINUTES, Hours, Lock, Opening, Point
from domain.definition.reading import Reader, Reading, Reference, listed, maybe, name_of, needed, record

MAP_METRES_MAX = 100_000
"""How far from the origin something may lie: a city and its country."""

OPENINGS_MAX = 16
DURATION_MAX_S = 400 * 86_400
PRICE_MAX = 10**12

_TIME = re.compile(r"(\d\d):(\d\d)")
_SPAN = re.compile(r"(\d\d:\d\d)\s*-\s*(\d\d:\d\d)")
_DURATION = re.compile(r"(\d{1,9}) (s|min|h|day|days)")
_PRICE = re.compile(r"(-?\d{1,15}(?:\.\d{1,9})?) ([a-z][a-z0-9_]{0,63})")
_SECONDS = {"s": 1, "min": 60, "h": 3_600, "day": 86_400, "days": 86_400}

AS_TIME = "a time of the day, 00:00 to 24:00, two digits each"
AS_SPAN = "two times, 07:00-18:00"
AS_DURATION = "a number, a space and a unit of game time: 90 s, 30 min, 2 h, 3 days"
AS_PRICE = "an amount, a space and a currency: 4.50 crowns"


def minute_of_day(text: object, path: str, to: Reading) -> int:
    """Read a time of the day as its minute, 0 to 1,440."""
    if not isinstance(text, str) or not (found := _TIME.fullmatch(text)):
        raise to.fail(Fault("bad_time", path, f"{shown(text)} is no time", AS_TIME))
    hours, minutes = int(found[1]), int(found[2])
    minute = hours * 60 + minutes
    if minutes > 59 or minute > DAY_MINUTES:
        raise to.fail(Fault("bad_time", path, f"there is no time {text}", AS_TIME))
    return minute


def span(value: object, path: str, to: Reading) -> Opening:
    """Read ``07:00-18:00``; the second may be on the next day."""
    if not isinstance(value, str) or not (found := _SPAN.fullmatch(value)):
        raise to.fail(Fault("bad_time", path, f"{shown(value)} is no span of the day", AS_SPAN))
    opens, closes = minute_of_day(found[1], path, to), minute_of_day(found[2], path, to)
    if opens == closes:
        found_clause = f"the span {value} is empty"
        raise to.fail(
            Fault("empty_span", path, found_clause, "two different times; 00:00-24:00 is a whole day")
        )
    if opens == DAY_MINUTES:
        raise to.fail(
            Fault("bad_time", path, "a span begins at 24:00", "00:00, the beginning of the next day")
        )
    return Opening(opens, closes or DAY_MINUTES)


def _with_days(hours: Opening, days: tuple[str, ...]) -> Opening:
    return Opening(hours.opens, hours.closes, days)


_ON_DAYS = record(_with_days, hours=needed(span), days=needed(listed(name_of("weekday"), least=1, most=32)))


def _opening(value: object, path: str, to: Reading) -> Opening:
    return _ON_DAYS(value, path, to) if isinstance(value, dict) else span(value, path, to)


_OPENINGS = listed(_opening, least=1, most=OPENINGS_MAX)


def hours(value: object, path: str, to: Reading) -> Hours:
    """Read one span, or a list of spans and of maps with ``hours`` and ``days``; none may overlap another."""
    if not isinstance(value, list):
        return (_opening(value, path, to),)
    found = _OPENINGS(value, path, to)
    for at, one in enumerate(found):
        for before in range(at):
            if overlap(found[before], one):
                there = f"{path}[{before}]"
                clause = f"{written(one)} overlaps {written(found[before])}"
                raise to.fail(
                    Fault("overlap", f"{path}[{at}]", clause, "spans that do not overlap", other=there)
                )
    return found


def overlap(one: Opening, other: Opening) -> bool:
    """Return whether two spans share a minute; those on different days do not, over midnight aside."""
    if one.days and other.days and not set(one.days) & set(other.days):
        return False
    return any(
        start < to and begin < end for start, end in minutes_of(one) for begin, to in minutes_of(other)
    )


def written(opening: Opening) -> str:
    """Return a span as it is written: 07:00-18:00."""
    return f"{clock(opening.opens)}-{clock(opening.closes)}"


def clock(minute: int) -> str:
    """Return a minute of the day as it is written: 07:00."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def duration(value: object, path: str, to: Reading) -> int:
    """Read a length of game time in seconds, at least one."""
    if not isinstance(value, str) or not (found := _DURATION.fullmatch(value)):
        raise to.fail(Fault("bad_duration", path, f"{shown(value)} is no length of time", AS_DURATION))
    seconds = int(found[1]) * _SECONDS[found[2]]
    if not 0 < seconds <= DURATION_MAX_S:
        allowed = f"1 s to {DURATION_MAX_S // 86_400} days"
        raise to.fail(Fault("out_of_range", path, f"the time {value} stands here", allowed))
    return seconds


def price(value: object, path: str, to: Reading) -> Money:
    """Read ``4.50 crowns`` as money of more than nothing."""
    if not isinstance(value, str) or not (found := _PRICE.fullmatch(value)):
        raise to.fail(Fault("bad_price", path, f"{shown(value)} is no price", AS_PRICE))
    amount = Decimal(found[1]) * 100
    if amount <= 0:
        word = "negative" if amount < 0 else "zero"
        raise to.fail(Fault("bad_price", path, f"the price {value} is {word}", "a price above zero"))
    if amount != int(amount) or amount > PRICE_MAX:
        allowed = "at most two decimals and 10,000,000,000"
        raise to.fail(Fault("bad_price", path, f"the price {value} is too exact or too high", allowed))
    to.references.append(Reference("currency", found[2], path))
    return Money(found[2], int(amount))


def point(value: object, path: str, to: Reading) -> Point:
    """Read a spot on the map: ``[metres east, metres north]``."""
    allowed = (
        f"two whole numbers, metres east and north of the origin: [120, -40]; at most {MAP_METRES_MAX:,}"
    )
    numbers = value if isinstance(value, list) else []
    if len(numbers) != 2 or not all(isinstance(each, int) and not isinstance(each, bool) for each in numbers):
        raise to.fail(Fault("bad_point", path, f"{shown(value)} is no spot on the map", allowed))
    if any(abs(each) > MAP_METRES_MAX for each in numbers):
        raise to.fail(Fault("out_of_range", path, f"the spot {numbers} is off the map", allowed))
    return Point(*numbers)


LOCK: Reader[Lock] = record(Lock, key=needed(name_of("good")), hours=maybe(hours, ()))
