"""How many examples a costly property is given: less than others by day, more by night like all of them."""

from hypothesis import settings

BY_DAY = 50
"""Of the profile `dev`; see tests/conftest.py."""


def examples(by_day: int) -> int:
    """Return the number of examples in the profile that is loaded."""
    return max(1, by_day * settings().max_examples // BY_DAY)
