"""Seeds the random source that CTranslate2 samples from, for one request and not for the process.

Each worker of a generator has a source of its own, a ``std::mt19937``, which is seeded once, at its first
draw, from one number for the whole process; so a generator that is shared cannot be told a request's seed.
The library exports where the calling thread's source lies, and it calls back in the worker's thread: there
its state is set to that of the seed. Before that is done the first time, the state of a known seed is read
and compared word for word, so a build whose source lies otherwise is noticed (`find_draws` returns None).
"""

import array
import ctypes
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ctranslate2

ACCESSOR = "_ZN11ctranslate220get_random_generatorEv"
"""``std::mt19937& ctranslate2::get_random_generator()``, as compilers of Linux write it."""

WORDS = 624
BYTES = 8 * (WORDS + 1)
"""Of a ``std::mt19937`` of libstdc++ on 64 bits: its words, each in eight bytes, and the next one's index."""

PROBE = 20_261_130
TWISTS_MAX = 256
"""How often the known source may have made new words while one token was drawn; the vocabulary decides."""

seeding = threading.Lock()
"""Held from setting the process's seed to the first draw."""


@dataclass(frozen=True, slots=True)
class Draws:
    """Where random sources lie."""

    accessor: Callable[[], int]

    def seed(self, number: int) -> None:
        """Make the calling worker draw from here on as a new generator of this seed, 32 bits, does."""
        ctypes.memmove(self.accessor(), _state(number), BYTES)


def find_draws(generator: Any, token: str) -> Draws | None:
    """Return what seeds the workers of a new generator that has drawn nothing; None if this build cannot be.

    Args:
        generator: ``ctranslate2.Generator``.
        token: any of its vocabulary.
    """
    try:
        accessor = getattr(ctypes.PyDLL(ctranslate2._ext.__file__), ACCESSOR)
    except (OSError, AttributeError):
        return None
    accessor.restype = ctypes.c_void_p
    seen = list[bytes]()

    def look(_: Any) -> bool:
        seen.append(ctypes.string_at(accessor(), BYTES))
        return True

    with seeding:
        ctranslate2.set_random_seed(PROBE)
        generator.generate_batch([[token]], max_length=1, sampling_topk=0, callback=look)
    return Draws(accessor) if seen and _is_of(seen[0], PROBE) else None


def _words(seed: int) -> list[int]:
    """Return a Mersenne twister's words for a seed, as the C++ standard fixes them (26.6.3.2)."""
    words = [seed & 0xFFFFFFFF]
    for index in range(1, WORDS):
        before = words[-1]
        words.append((1_812_433_253 * (before ^ before >> 30) + index) & 0xFFFFFFFF)
    return words


def _state(seed: int) -> bytes:
    return array.array("Q", [*_words(seed), WORDS]).tobytes()


def _is_of(state: bytes, seed: int) -> bool:
    """Tell whether this is the state of a source of that seed after some draws."""
    *words, index = array.array("Q", state)
    same = random.Random()  # noqa: S311 - Python's own twister, set to the same words
    same.setstate((3, (*_words(seed), WORDS), None))
    for _ in range(TWISTS_MAX):
        same.getrandbits(32 * WORDS)
        if list(same.getstate()[1][:WORDS]) == words:
            return index <= WORDS
    return False
