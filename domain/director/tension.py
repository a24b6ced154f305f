"""How tense it is, for a player and for the realm: a whole number and one of four states. Pure.

After the director of Left 4 Dead (M. Booth, "The AI Systems of Left 4 Dead", Valve 2009): what happens adds
to an estimate that decays by itself; it is built up to a peak, the peak is kept 3 to 5 seconds, then nothing
is added until it has faded, then it rests 30 to 45 seconds. One of its seconds is one minute of the game
here: who reads and walks needs longer than who shoots.
"""

from dataclasses import dataclass, replace
from zlib import crc32

from domain.definition.storylets import STATES
from domain.kernel.chance import below, chance

MINUTE_MS = 60_000
FULL = 1_000
PEAK_FROM, FADED_AT = 700, 200
"""Level at which a peak begins, and at which it has faded."""

DECAYS = {"build": 4, "peak": 0, "fade": 12, "relax": 12}
"""Of the level, for each minute of the game: slowly while something is afoot. They divide a minute's ms."""

PEAK_MS = (3 * MINUTE_MS, 5 * MINUTE_MS)
REST_MS = (30 * MINUTE_MS, 45 * MINUTE_MS)
"""How long a peak and a rest last, at least and at most."""

BUILD, PEAK, FADE, RELAX = STATES


@dataclass(frozen=True, slots=True)
class Tension:
    """How tense it was at a time.

    Attributes:
        level: 0 to 1,000.
        at_ms: game time of the level.
        state: one of `STATES`.
        until_ms: when a peak or a rest is over; 0: no time ends the state.
    """

    level: int = 0
    at_ms: int = 0
    state: str = BUILD
    until_ms: int = 0

    def level_at(self, now_ms: int) -> int:
        """Return the level at a later time, if nothing happens until then."""
        return max(0, self.level - DECAYS[self.state] * max(0, now_ms - self.at_ms) // MINUTE_MS)

    def moved(self, by: int, now_ms: int) -> "Tension":
        """Return it after something that makes it tenser, or calmer.

        Its time is that of the last whole step down, so that no part of one is lost where much happens: of a
        thousand players one is told something every second, and the realm would never come to rest.
        """
        decay, ms = DECAYS[self.state], max(0, now_ms - self.at_ms)
        left_ms = ms % (MINUTE_MS // decay) if decay else 0
        level = max(0, min(FULL, self.level_at(now_ms) + by))
        return replace(self, level=level, at_ms=self.at_ms + ms - left_ms)


CALM = Tension()


def passed(tension: Tension, now_ms: int, seed: int, whose: str) -> Tension:
    """Return the tension at a time: the next state, if it has come to that; else the same value."""
    level = tension.level_at(now_ms)
    match tension.state:
        case "build" if level >= PEAK_FROM:
            until_ms = now_ms + _drawn(PEAK_MS, seed, whose, now_ms)
            return Tension(level, now_ms, PEAK, until_ms)
        case "peak" if now_ms >= tension.until_ms:
            return Tension(level, now_ms, FADE)
        case "fade" if level <= FADED_AT:
            return Tension(level, now_ms, RELAX, now_ms + _drawn(REST_MS, seed, whose, now_ms))
        case "relax" if now_ms >= tension.until_ms:
            return Tension(level, now_ms, BUILD)
    return tension


def next_ms(tension: Tension) -> int | None:
    """Return when time alone brings the next state; None: no time does."""
    if tension.state in (PEAK, RELAX):
        return tension.until_ms
    if tension.state == FADE:
        over = max(0, tension.level - FADED_AT)
        return tension.at_ms + -(-over * MINUTE_MS // DECAYS[FADE])
    return None


def _drawn(span: tuple[int, int], seed: int, whose: str, now_ms: int) -> int:
    least, most = span
    return least + below(chance(seed, crc32(whose.encode()), now_ms), most - least + 1)
