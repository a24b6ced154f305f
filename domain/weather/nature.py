"""Tables that every climate has in common: what a state of the weather is like, and what goes with what."""

from math import isqrt

from domain.definition.climate import WEATHERS
from domain.weather.law import State

NONE, ANY = -10_000, 10_000
"""No limit to the cold, and to the heat."""

#   state            intensity  wind  humidity  visibility  warmer  at least, at most
_AIR = {
    "clear":         (   0,   50,  400, 30_000,    100, NONE, ANY),
    "partly_cloudy": ( 200,   80,  500, 25_000,     50, NONE, ANY),
    "cloudy":        ( 400,  100,  600, 15_000,      0, NONE, ANY),
    "rain":          ( 600,  150,  900,  6_000,   -150, 50, ANY),
    "heavy_rain":    ( 800,  250,  950,  2_000,   -250, 50, ANY),
    "storm":         ( 900,  400,  850,  1_500,   -200, 50, ANY),
    "fog":           ( 500,   20,  950,    150,   -200, NONE, ANY),
    "mist":          ( 300,   30,  900,  1_200,   -100, NONE, ANY),
    "snow":          ( 600,  100,  700,  2_000,   -400, NONE, 50),
    "heavy_snow":    ( 800,  200,  800,    600,   -500, NONE, 0),
    "blizzard":      (1000,  600,  850,     80,   -700, NONE, -200),
    "windy":         ( 400,  300,  500, 20_000,      0, NONE, ANY),
    "extreme_heat":  ( 900,   50,  600, 20_000,  1_000, NONE, ANY),
    "extreme_cold":  ( 800,   80,  500, 20_000, -1_000, NONE, -300),
}  # fmt: skip

REGIMES = ("calm", "wet", "frontal", "cold")

LASTS_S = (60 * 3_600, 36 * 3_600, 18 * 3_600, 60 * 3_600)
"""How long a regime would last on average; a climate may need it longer (`calibration`)."""

#   state            calm  wet  frontal  cold: where it is at home, in parts
_HOMES = {
    "clear":         (80,  4,  6,  8),
    "partly_cloudy": (60, 20, 20,  5),
    "cloudy":        (20, 50, 30,  8),
    "rain":          ( 3, 70, 40,  1),
    "heavy_rain":    ( 1, 60, 40,  1),
    "storm":         ( 1, 10, 80,  2),
    "fog":           (60, 25,  2,  5),
    "mist":          (40, 45,  4,  2),
    "snow":          ( 2,  6, 20, 70),
    "heavy_snow":    ( 1,  4, 30, 60),
    "blizzard":      ( 1,  1, 40, 50),
    "windy":         (15,  8, 75,  4),
    "extreme_heat":  (90,  1,  3,  1),
    "extreme_cold":  ( 8,  1,  3, 90),
}  # fmt: skip

_NEAR = (
    ("clear", "partly_cloudy", 8), ("partly_cloudy", "cloudy", 8), ("cloudy", "rain", 8),
    ("cloudy", "mist", 5), ("rain", "heavy_rain", 8), ("rain", "storm", 5), ("heavy_rain", "storm", 8),
    ("mist", "fog", 8), ("mist", "rain", 4), ("fog", "cloudy", 4), ("fog", "clear", 3),
    ("cloudy", "snow", 6), ("snow", "heavy_snow", 8), ("heavy_snow", "blizzard", 8),
    ("storm", "blizzard", 2), ("windy", "storm", 6), ("windy", "cloudy", 6), ("windy", "partly_cloudy", 6),
    ("windy", "rain", 5), ("clear", "extreme_heat", 8), ("partly_cloudy", "extreme_heat", 4),
    ("clear", "extreme_cold", 8), ("snow", "extreme_cold", 5), ("cloudy", "storm", 3),
    ("cloudy", "extreme_cold", 3), ("windy", "clear", 3),
)  # fmt: skip
"""Which weather often follows which, either way round; all others are 1 apart."""

SAME = 1
"""A spell may be followed by one of its own kind, so that any climate has a law (`calibration`)."""

KERNEL_UNIT = 8

SPEED = 300
"""Of an ordinary front, in tenths of km/h: by this a zone's lag is a distance."""

HEADINGS = (-40, -30, -20, -10, 0, 10, 20, 30, 40)
SLANT = (766, 866, 940, 985, 1000, 985, 940, 866, 766)
"""Degrees from straight inland, and their cosines in thousandths."""

EASE_MS = 900_000

UNIT, SPANS = 4_096, 64


def states() -> list[State]:
    """Return what each state is like."""
    fields = ("intensity", "wind", "humidity", "visibility", "warmer", "at_least", "at_most")
    return [State(id=id_, **dict(zip(fields, _AIR[id_], strict=True))) for id_ in WEATHERS]


def homes() -> list[tuple[int, ...]]:
    """Return how much of each state each regime would have."""
    return [_HOMES[id_] for id_ in WEATHERS]


def kernel() -> list[list[int]]:
    """Return how near two states are: symmetric, in parts of which most pairs have one."""
    near = {frozenset(pair): weight * KERNEL_UNIT for *pair, weight in _NEAR}
    return [
        [SAME if one == other else near.get(frozenset((one, other)), KERNEL_UNIT) for other in WEATHERS]
        for one in WEATHERS
    ]


def spans() -> list[int]:
    """Return the sums of a spell's possible lengths, shortest first.

    A quarter of the mean, and three quarters of the sum of two equally likely numbers: their quantiles. So
    it lasts a quarter to 1.75 of the mean, and the longer it has lasted, the likelier it is to end (a
    density whose logarithm is concave has a rising hazard).
    """
    half = [UNIT // 4 + 3 * UNIT * isqrt((2 * k + 1) << 40) // (4 * 8 << 20) for k in range(SPANS // 2)]
    sums = [0]
    for length in [*half, *(2 * UNIT - length for length in reversed(half))]:
        sums.append(sums[-1] + length)
    return sums
