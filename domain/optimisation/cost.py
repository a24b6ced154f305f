"""Costs of a turn, an engine's hour and a player's hour. Pure.

Money is counted in micro-dollars, whole ones, rounded up: a bill is never understated.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Usage in a span of time."""

    seconds: float
    turns: int
    tokens: int
    token_cost_micro: int
    """What providers charge for the tokens; 0 for own engines."""
    own_tokens: int = 0
    """Those of the tokens that own engines read or wrote."""
    engines: float = 0.0
    """Own engines that ran all the time; of several users each has a part."""
    players: int = 0
    """Different players who were served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Total cost, in micro-dollars."""

    engine_micro: int
    total_micro: int
    per_turn_micro: float
    per_1k_tokens_micro: float
    per_player_hour_micro: float
    """0 without players."""


def together(parts: Sequence[Usage], everybody: Sequence[Usage], *, engines: int, players: int) -> Usage:
    """Return what was used in all of ``parts``, with their part of the own engines.

    Engines are shared by what they read and wrote: who uses none of them pays for none, and what all pay is
    what the engines cost.

    Args:
        parts: of the same span; at least one.
        everybody: all who used the engines in that span, ``parts`` among them.
        engines: own engines that ran.
        players: who were served in any of ``parts``, each counted once.
    """
    own, all_own = (sum(each.own_tokens for each in group) for group in (parts, everybody))
    return Usage(
        seconds=parts[0].seconds,
        turns=sum(part.turns for part in parts),
        tokens=sum(part.tokens for part in parts),
        token_cost_micro=sum(part.token_cost_micro for part in parts),
        own_tokens=own,
        engines=engines * own / all_own if all_own else 0.0,
        players=players,
    )


def dollars(micro: float) -> str:
    """Return an amount for people, with two digits that say something: 31,250 is $0.031."""
    value = micro / 1e6
    places = max(2, 1 - math.floor(math.log10(value))) if value > 0 else 0
    return f"${value:.{places}f}"


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
