"""Dividing an amount so that the parts add up: the method of the largest remainder (Hamilton's). Pure."""

from collections.abc import Sequence


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """Return parts of ``amount`` in proportion to ``weights``, which add up to it exactly.

    Each part is its exact share rounded down, and the units that are left go one each to the largest
    remainders; of equal ones to whoever comes first. Integers alone, so every machine divides alike.

    Raises:
        ValueError: a negative amount or weight, or no weight above zero.
    """
    total = sum(weights)
    if amount < 0 or total <= 0 or min(weights) < 0:
        raise ValueError("the amount and all weights must be at least 0, and a weight above it")
    parts = [amount * weight // total for weight in weights]
    remainders = [amount * weight % total for weight in weights]
    order = sorted(range(len(weights)), key=lambda place: (-remainders[place], place))
    for place in order[: amount - sum(parts)]:
        parts[place] += 1
    return parts
