"""What a stall does overnight: prices by what is left and was asked for, and what it sends for. Pure.

The driver is the shelf, not the count of trades: who buys and sells the same pieces, with whomever, moves
nothing. A level goes a quarter of the way towards the one that its shelf asks for, and a step a day at most;
so it follows slowly, without swinging past (no cobweb), and cannot leave the good's band. Integers alone.
"""

from typing import NamedTuple

from domain.market.stalls import Terms
from domain.market.vocabulary import WHOLE

DAMPING = 4
SHORT, ENOUGH = 800, 500
"""Thousandths of the shelf that are missing: from the one on there is a shortage, below the other none."""


class Shelf(NamedTuple):
    """A good at a stall at the end of a game day, in pieces."""

    stock: int
    wanted: int = 0
    """Asked for in vain."""
    coming: int = 0
    """With the carter."""


class Morning(NamedTuple):
    """What the next day begins with."""

    level: int
    arrives: int
    coming: int
    missing: int
    """Thousandths of the shelf that are missing, with what arrives; below zero: too many."""


def morning(terms: Terms, level: int, shelf: Shelf, coins: int) -> Morning:
    """Return what follows from a day's end.

    Args:
        terms: how the stall trades in the good.
        level: of its price, as it was.
        shelf: what there is.
        coins: what the stall can spend on what arrives.
    """
    made = min(terms.made, max(0, terms.shelf - shelf.stock - shelf.coming))
    arrives = min(shelf.coming + made, coins // terms.cost)
    left = shelf.stock + arrives - shelf.wanted
    missing = _within(WHOLE * (terms.shelf - left) // terms.shelf, -WHOLE, WHOLE)
    lacks = terms.shelf - shelf.stock - arrives
    coming = min(terms.carted, (lacks + 1) // 2) if lacks > 0 else 0
    return Morning(_towards(terms, level, missing), arrives, coming, missing)


def _towards(terms: Terms, level: int, missing: int) -> int:
    """Return the next level on the way to the one that a shelf asks for."""
    reach = terms.high - WHOLE if missing > 0 else WHOLE - terms.low
    away = WHOLE + missing * reach // WHOLE - level
    most = max(1, level * terms.step // WHOLE)
    move = _within(away // DAMPING if away > 0 else -(-away // DAMPING), -most, most)
    return _within(level + move, terms.low, terms.high)


def salience(terms: Terms, level: int) -> int:
    """Return how much a shortage matters: more of what people need, and the dearer it is."""
    dear = 300 * max(0, level - WHOLE) // max(1, terms.high - WHOLE)
    return (600 if terms.vital else 200) + dear


def _within(value: int, low: int, high: int) -> int:
    return max(low, min(high, value))
