"""What a turn, an engine's hour and a player's hour cost. Pure.

Money is counted in micro-dollars, whole ones, rounded up: a bill is never understated.
"""

import math
from dataclasses import dataclass

HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was used in a span of time."""

    seconds: float
    turns: int
    tokens: int
    token_cost_micro: int
    """What providers charge for the tokens; 0 for own engines."""
    engines: int = 0
    """Own engines that ran all the time."""
    players: int = 0
    """Different players who were served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What it comes to, in micro-dollars."""

    engine_micro: int
    total_micro: int
    per_turn_micro: float
    per_1k_tokens_micro: float
    per_player_hour_micro: float
    """0 without players."""


def cost_of(usage: Usage, *, engine_hour_micro: int) -> Cost:
    """Return the cost of a span; ``engine_hour_micro`` is what one own engine costs an hour."""
    hours = usage.seconds / HOUR_S
    engine = math.ceil(usage.engines * hours * engine_hour_micro)
    total = engine + usage.token_cost_micro
    return Cost(
        engine_micro=engine,
        total_micro=total,
        per_turn_micro=round(total / usage.turns, 3) if usage.turns else 0.0,
        per_1k_tokens_micro=round(total / usage.tokens * 1_000, 3) if usage.tokens else 0.0,
        per_player_hour_micro=round(total / usage.players / hours, 3) if usage.players and hours else 0.0,
    )
