"""What a piece of work costs, counted: a clock would tell what else the machine had to do."""

import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any


@dataclass(frozen=True, slots=True)
class Effort:
    """Calls of functions, Python's and C's, and the most bytes that were allocated at one time."""

    calls: int
    peak_bytes: int


def effort_of(work: Callable[[], object]) -> Effort:
    """Do ``work`` once and return what it took; what it raises goes through."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    tracemalloc.start()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return Effort(calls, peak)


def cpu_s(work: Callable[[], object], *, rounds: int = 5) -> float:
    """Return the least processor time that ``work`` took, in seconds, to compare with another's.

    For work inside one call, such as a regular expression's, which no counting sees.
    """
    took = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)
