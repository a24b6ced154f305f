"""How full needs are at a time: an integer function of when they were known last. Nothing is counted.

A need empties evenly, and while its person does something that fills it, it fills evenly, too: who stops in
the middle has half of it.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from domain.people.cast import NONE, Cast
from domain.people.lives import Life
from domain.people.rules import FULL, Ints

HALF = 500_000


def levels_at(cast: Cast, lives: Sequence[Life], now_ms: int) -> Ints:
    """Return [person, need] in millionths at a game time."""
    if not lives:
        return np.zeros((0, len(cast.needs)), dtype=np.int64)
    rows = np.array([cast.rows[life.person] for life in lives])
    known = np.array([[life.levels.get(need, FULL) for need in cast.needs] for life in lives], dtype=np.int64)
    spans = np.array(
        [
            (
                max(0, now_ms - life.since_ms),
                max(0, min(now_ms, life.until_ms) - max(life.since_ms, life.begins_ms)),
            )
            for life in lives
        ],
        dtype=np.int64,
    )
    acts = np.array([cast.act_rows.get(life.action, NONE) for life in lives])
    drained = spans[:, :1] * FULL // cast.empties_ms[None, :] * cast.drains[rows]
    filled = spans[:, 1:] * cast.gains[acts] // cast.takes_ms[acts][:, None]
    filled[acts == NONE] = 0
    found: Ints = np.clip(known - drained + filled, 0, FULL)
    return found


def crossings(cast: Cast, life: Life, after_ms: int) -> Iterator[tuple[int, bool]]:
    """Yield when needs cross a band after a time, as they go now, and whether one becomes critical by it.

    Bands: half full (downward only: who eats eats up), where it presses, and half of that, where it is
    critical. Of each need and band only the first crossing is told.
    """
    row, act = cast.rows[life.person], cast.act_rows.get(life.action, NONE)
    levels = levels_at(cast, [life], after_ms)[0].tolist()
    for need, level in enumerate(levels):
        if not cast.drains[row, need]:
            continue
        alarm, empties = int(cast.alarms[need]), int(cast.empties_ms[need])
        gain = int(cast.gains[act, need]) if act != NONE and life.begins_ms <= after_ms < life.until_ms else 0
        takes = int(cast.takes_ms[act]) if act != NONE else 1
        # Net change in millionths a ms is rise / (empties * takes).
        rise = gain * empties - FULL * takes
        for band in (HALF, alarm, alarm // 2):
            apart = (band - level) * empties * takes
            if rise < 0 and level > band:
                yield after_ms - -apart // rise + 1, band == alarm // 2
            elif rise > 0 and level < band != HALF:
                yield after_ms + -(-apart // rise) + 1, False
