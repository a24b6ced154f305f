"""Tells Python's garbage collector what this program is like: nearly all that is made dies young."""

import gc

THRESHOLDS = (20_000, 20, 50)
"""Container objects made before a young collection, and how many of those before the older ones.

A group commit or a page of events makes some thousands that are gone at its end. Measured with
benchmarks/replay.py on 2026-11-21: 191,000 events/s with Python's own thresholds, 265,000 with these.
"""


def relax_collector() -> None:
    """Never look again at what the imports made, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def spare_the_end() -> None:
    """Let the interpreter's end not search what the process's end frees anyway: it took 13 s once."""
    gc.disable()
    gc.freeze()
