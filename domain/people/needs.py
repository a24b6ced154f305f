"""How full needs are at a time: an integer function of when they were known last. Nothing is counted.

A need empties evenly, and while its person does something that fills it, it fills evenly, too: who stops in
the middle has half of it.
"""

from collections.abc import Iterator

from domain.people.cast import NONE, Cast
from domain.people.lives import Life
from domain.people.rules import FULL

HALF = 500_000


def levels_at(cast: Cast, life: Life, now_ms: int) -> list[int]:
    """Return how full each need of a person is at a game time, in millionths, in the order of the cast's.

    `domain.people.crowd.Crowd.levels_at` computes the same of many.
    """
    row, act = cast.rows[life.person], cast.act_rows.get(life.action, NONE)
    passed = max(0, now_ms - life.since_ms)
    done = max(0, min(now_ms, life.until_ms) - max(life.since_ms, life.begins_ms))
    plain = cast.plain
    found: list[int] = []
    for need, name in enumerate(cast.needs):
        level = life.levels.get(name, FULL)
        if plain.drains[row][need]:
            level -= passed * FULL // plain.empties_ms[need]
        if act != NONE:
            level += done * plain.gains[act][need] // plain.takes_ms[act]
        found.append(min(FULL, max(0, level)))
    return found


def crossings(cast: Cast, life: Life, after_ms: int) -> Iterator[tuple[int, bool]]:
    """Yield when needs cross a band after a time, as they go now, and whether one becomes critical by it.

    Bands: half full (downward only: who eats eats up), where it presses, and half of that, where it is
    critical. Of each need and band only the first crossing is told.
    """
    row, act = cast.rows[life.person], cast.act_rows.get(life.action, NONE)
    plain, fills = cast.plain, act != NONE and life.begins_ms <= after_ms < life.until_ms
    takes = plain.takes_ms[act] if act != NONE else 1
    for need, level in enumerate(levels_at(cast, life, after_ms)):
        if not plain.drains[row][need]:
            continue
        alarm, empties = plain.alarms[need], plain.empties_ms[need]
        gain = plain.gains[act][need] if fills else 0
        # Net change in millionths a ms is rise / (empties * takes).
        rise = gain * empties - FULL * takes
        for band in (HALF, alarm, alarm // 2):
            if rise < 0 and level > band:
                apart = (band - level) * empties * takes
                yield after_ms - -apart // rise + 1, band == alarm // 2
            elif rise > 0 and level < band != HALF:
                apart = (band - level) * empties * takes
                yield after_ms + -(-apart // rise) + 1, False
