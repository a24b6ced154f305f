"""How people weigh what they could do: curves, weights and times, all of them data, all whole numbers.

Shares are thousandths, levels and scores millionths, times game milliseconds. Source for the method: Dave
Mark and Kevin Dill's utility theory (GDC 2010, 2012) and Mike Lewis's Infinite Axis Utility System (Game AI
Pro 3, 2017); what of it is ours stands in docs/world.md, "People".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Points = tuple[tuple[int, int], ...]

MILLE = 1_000
FULL = 1_000_000
"""A level of 1, and a score of 1."""

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MINUTES = 1_440

HOUR_S = 3_600
"""The longest way that the curve of distances tells apart."""

LABOUR = "coin"
"""The need that work fills. Who fills it does so by what their own schedule names, and not in their free time
unless it presses."""

TALK = "talk"
"""Needs somebody to talk to."""

SLEEP = "sleep"
"""Is done at home. Who sleeps is no company."""

WANT: Points = ((0, 1_000), (150, 950), (250, 850), (400, 520), (550, 240), (700, 80), (850, 20), (1_000, 5))
"""How much one wants what fills a need, by how full it is."""

NEAR: Points = ((0, 1_000), (100, 800), (250, 500), (500, 250), (1_000, 60))
"""How good it is, by the way there in thousandths of an hour."""

CALM: Points = ((0, 20), (400, 60), (600, 300), (800, 900), (1_000, 1_000))
"""How good it is to be where somebody was hurt, by how aggressive one is and how little one worries."""

REGARD: Points = ((0, 150), (400, 600), (500, 800), (750, 950), (1_000, 1_000))
"""How good company is, by what one thinks of them: 0 hates, 1,000 loves."""


@dataclass(frozen=True, slots=True)
class Routine:
    """How well something fits into the day, by what the schedule says now."""

    scheduled: int = 1_000
    free: int = 750
    pressing: int = 720
    """Something else is said, but this fills a need that presses."""
    against: int = 200
    free_labour: int = 220
    free_buying: int = 500
    """What uses up what one has to buy."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that is weighed.

    Attributes:
        momentum: factor of what is being done already.
        least_ms: how long one keeps at something, unless a need becomes critical.
        cool_ms: how long somebody does not try again where they found no room.
        idle_ms: how long nothing at all is done at most.
        idle_score: of doing nothing: what all else must beat.
        linger_ms: who has no more time than that before the next engagement stays where they are.
        times_max: how often in a row something is done that has to be done more than once.
        pressing: factor of what fills a need that presses.
        duty, diligence: how much one wants what the schedule says: so much, and so much of conscientiousness.
        enough: a gain from which on an activity counts fully for its need.
        acquainted, acquainted_max: what a talk adds to regard, and all talks together.
        news_ms: what happened longer ago is told no more.
        danger_ms: how long a place is feared where somebody was hurt.
        startle_ms: how long after that those who are there look what to do, each game minute.
        break_minutes: what lies no further apart than that is one shift, and paid at its end.
        ready: one readily spends that part of the purse that one likes to have on a thing.
        provisions: how many helpings one buys at once where none are sold.
        pantry: how many everybody has along at first.
        trusts_from: the regard, in thousandths, from which on one tells somebody anything.
        fits: by activity the traits that it is for; others suit everybody alike.
        things: by activity what of a place only one can have.
        numbers: how many of a thing a place has that names no capacity.
        sociable: activities whose company counts.
    """

    momentum: int = 1_150
    least_ms: int = 12 * MINUTE_MS
    cool_ms: int = 30 * MINUTE_MS
    idle_ms: int = 120 * MINUTE_MS
    idle_score: int = 100_000
    linger_ms: int = 90 * MINUTE_MS
    times_max: int = 3
    pressing: int = 1_300
    duty: int = 600
    diligence: int = 300
    enough: int = 300
    acquainted: int = 10
    acquainted_max: int = 200
    news_ms: int = 3 * 24 * HOUR_MS
    danger_ms: int = 30 * MINUTE_MS
    startle_ms: int = 3 * MINUTE_MS
    trusts_from: int = -200
    break_minutes: int = 180
    ready: int = 10
    provisions: int = 5
    pantry: int = 3
    routine: Routine = field(default_factory=Routine)
    fits: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            "bargain": ("extraversion", "openness"),
            "drink": ("extraversion", "sociability"),
            "glean": ("curiosity",),
            "guard": ("conscientiousness", "aggression"),
            "pray": ("neuroticism", "conscientiousness"),
            "talk": ("sociability", "extraversion"),
            "tend": ("agreeableness",),
            "trade": ("sociability", "conscientiousness"),
            "walk": ("curiosity", "openness"),
            "work": ("conscientiousness",),
        }
    )
    things: Mapping[str, str] = field(
        default_factory=lambda: {"sleep": "bed", "trade": "stall", "eat": "seat", "drink": "seat"}
    )
    numbers: Mapping[str, int] = field(default_factory=lambda: {"bed": 24, "stall": 12, "seat": 40})
    sociable: frozenset[str] = frozenset({"talk", "drink", "bargain", "trade"})


RULES = Rules()


def curve(points: Points) -> Ints:
    """Return a curve's value for each of 0 to 1,000 thousandths, straight between its points."""
    table = np.zeros(MILLE + 1, dtype=np.int64)
    for (start, low), (end, high) in pairwise(points):
        steps = np.arange(end - start + 1, dtype=np.int64)
        table[start : end + 1] = low + (high - low) * steps // (end - start)
    return table


WANT_CURVE, NEAR_CURVE, REGARD_CURVE, CALM_CURVE = (curve(each) for each in (WANT, NEAR, REGARD, CALM))
