"""Commands with their circumstances, for the tests of the deciders."""

from fractions import Fraction
from typing import Any

from domain.places.asking import Asked, Crowd, Moment, Nobody
from domain.places.city import City, TimeOfDay
from tests.unit.places.kit import city

MARKET, STATION = "service:market", "service:station"
T0 = 1_790_000_000_000_000
"""Real time at which everything begins, µs."""

NOON_MS = 12 * 3_600_000
CITY, NOBODY = city(), Nobody()


def day(game_ms: int) -> TimeOfDay:
    return TimeOfDay(game_ms // 60_000 % 1_440)


def asked(
    command: Any,
    *,
    actor: str = MARKET,
    real_us: int = T0,
    game_ms: int = NOON_MS,
    scale: Fraction = Fraction(60),
    city: City = CITY,
    crowd: Crowd = NOBODY,
    keys: tuple[str, ...] = (),
) -> Asked[Any]:
    return Asked(command, actor, Moment(real_us, game_ms, scale, day), city, crowd, keys)


def the_city() -> City:
    return CITY
