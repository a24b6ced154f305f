"""What the garbage collector is told at the start and at the end of the program."""

import asyncio
import gc

from aicore.cli.up import Stopper


def test_nothing_is_searched_for_garbage_once_all_has_stopped() -> None:
    """The scar: with a gigabyte of trees a stop took 30 s, all of them after the last server had stopped."""
    thresholds = gc.get_threshold()
    frozen = gc.get_freeze_count()  # what all tests share, see tests/conftest.py
    living = [list[int]() for _ in range(1_000)]
    try:
        Stopper().run(lambda: asyncio.sleep(0))
        assert not gc.isenabled()
        assert gc.get_freeze_count() >= frozen + len(living)
    finally:
        gc.enable()
        gc.set_threshold(*thresholds)
