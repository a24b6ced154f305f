"""Trying again: only what was named, with the pauses that were asked for, and not after a cancellation."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.retry import Backoff, until_done, until_seen

TINY_S = 0.001


def failing(times: int, error: type[BaseException]) -> Callable[[], Awaitable[int]]:
    """Return an attempt that fails so often, and then says how often it was made."""
    made = 0

    async def attempt() -> int:
        nonlocal made
        made += 1
        if made <= times:
            raise error(made)
        return made

    return attempt


async def test_it_is_tried_until_it_is_done_and_each_failure_is_told() -> None:
    told = list[tuple[str, float]]()

    def failed(error: Exception, wait_s: float) -> None:
        told.append((repr(error), wait_s))

    assert await until_done(failing(2, OSError), on=OSError, pause=TINY_S, failed=failed) == 3
    assert told == [("OSError(1)", TINY_S), ("OSError(2)", TINY_S)]


@pytest.mark.parametrize("error", [KeyError, asyncio.CancelledError])
async def test_what_was_not_named_ends_it_at_once(error: type[BaseException]) -> None:
    with pytest.raises(error) as raised:
        await until_done(failing(9, error), on=(OSError, ValueError), pause=TINY_S)
    assert raised.value.args == (1,)


async def test_a_cancellation_ends_the_longest_pause() -> None:
    waits = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(
            until_done(failing(9, OSError), on=OSError, pause=3_600.0, failed=lambda *_: waits.set())
        )
        await waits.wait()
        task.cancel()
    assert task.cancelled()


async def test_pauses_grow_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(lambda: 1.0, s_min=TINY_S, s_max=4 * TINY_S)
    told = list[float]()
    for _ in range(2):
        await until_done(
            failing(4, OSError), on=OSError, pause=backoff, failed=lambda _, wait_s: told.append(wait_s)
        )
    assert told == [TINY_S, 2 * TINY_S, 4 * TINY_S, 4 * TINY_S] * 2


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_pauses_stay_within_their_bounds(draws: list[float]) -> None:
    left = iter(draws)
    backoff = Backoff(lambda: next(left), s_min=0.05, s_max=5.0)
    pauses = [backoff.failed() for _ in draws]

    assert all(0.025 <= pause <= 5.0 for pause in pauses)
    assert pauses[0] <= 0.05
    assert all(pause >= 2.5 for pause in pauses[8:])


async def test_what_is_behind_is_looked_at_until_it_shows() -> None:
    seen = iter([None, None, "there", "more"])

    async def look() -> str | None:
        return next(seen)

    assert await until_seen(look, every_s=TINY_S, within_s=60.0) == "there"
    assert next(seen) == "more"


@pytest.mark.parametrize(("within_s", "looks"), [(0.0, 1), (0.5, 1), (1.0, 2), (2.5, 3)])
async def test_what_does_not_show_is_given_up(within_s: float, looks: int) -> None:
    made = 0

    async def look() -> str | None:
        nonlocal made
        made += 1
        return None

    unit_s = 0.05
    assert await until_seen(look, every_s=unit_s, within_s=within_s * unit_s) is None
    assert 1 <= made <= looks


async def test_an_error_of_a_look_is_raised() -> None:
    async def look() -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await until_seen(look, every_s=TINY_S, within_s=60.0)
