"""Chance that anybody recomputes: a hash of what is asked, no generator that is drawn from in turn. Pure.

``join(h, word)`` is the output of SplitMix64 (G. Steele, D. Lea, C. Flood 2014; the public-domain C of S.
Vigna) from the state ``h + word``; ``chance(seed, *words)`` joins word after word. So any step is reached
without the ones before, in any order and any number at once, and nothing depends on who asked first. All is
modulo 2**64, in any language; `protocol/vectors/weather.json` holds golden values.
"""

from collections.abc import Sequence

MASK = 2**64 - 1
GAMMA = 0x9E3779B97F4A7C15


def join(state: int, word: int) -> int:
    """Return 64 bits that follow from 64 bits and a word (any integer)."""
    z = (state + word + GAMMA) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def chance(seed: int, *words: int) -> int:
    """Return 64 bits that follow from a seed and words."""
    state = join(0, seed)
    for word in words:
        state = join(state, word)
    return state


def below(bits: int, count: int) -> int:
    """Return a number from 0 to ``count`` - 1, each as often to one part in 2**32; ``count`` to 2**32."""
    return (bits >> 32) * count >> 32


def pick(bits: int, weights: Sequence[int]) -> int:
    """Return an index by its weight; the weights' sum is 1 to 2**32."""
    rest = below(bits, sum(weights))
    for index, weight in enumerate(weights):
        if rest < weight:
            return index
        rest -= weight
    raise ValueError("weights must add up to more than 0")
