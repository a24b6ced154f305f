"""Many small cases as one test: handing out a test costs more than most of them take."""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from typing import Any

import pytest

Test = Callable[..., Any]

FAILURES = (Exception, pytest.fail.Exception)
"""The second is what `pytest.raises` ends with when nothing was raised; it is no Exception."""


def each_of(
    names: str | tuple[str, ...], cases: Iterable[Any], ids: Callable[[Any], str] = str
) -> Callable[[Test], Test]:
    """Run a test on each of ``cases`` and tell of all that fail; written as `pytest.mark.parametrize` is.

    ``names`` are the test's parameters that a case fills. A case is one value, or a tuple if there are
    several names; ``ids`` makes the name of a case of its first value. Fixtures are made once, for all cases.
    """
    fields = (names,) if isinstance(names, str) else names
    rows = [(case,) if len(fields) == 1 else tuple(case) for case in cases]
    assert rows, "a test of no case shows nothing"

    def decorate(test: Test) -> Test:
        tries = [(ids(row[0]), dict(zip(fields, row, strict=True))) for row in rows]
        return _in_turn(test, tries) if inspect.iscoroutinefunction(test) else _at_once(test, tries)

    return decorate


def _at_once(test: Test, tries: list[tuple[str, dict[str, Any]]]) -> Test:
    @wraps(test)
    def run(**fixtures: Any) -> None:
        failed = list[BaseException]()
        for name, values in tries:
            try:
                test(**values, **fixtures)
            except FAILURES as error:
                failed.append(_named(error, name))
        _tell(failed, len(tries))

    return _asking_for_the_rest(run, test, tries)


def _in_turn(test: Callable[..., Awaitable[None]], tries: list[tuple[str, dict[str, Any]]]) -> Test:
    @wraps(test)
    async def run(**fixtures: Any) -> None:
        failed = list[BaseException]()
        for name, values in tries:
            try:
                await test(**values, **fixtures)
            except FAILURES as error:
                failed.append(_named(error, name))
        _tell(failed, len(tries))

    return _asking_for_the_rest(run, test, tries)


def _asking_for_the_rest(run: Test, test: Test, tries: list[tuple[str, dict[str, Any]]]) -> Test:
    """Have pytest see only those parameters that no case fills."""
    asked = inspect.signature(test)
    rest = [each for name, each in asked.parameters.items() if name not in tries[0][1]]
    run.__signature__ = asked.replace(parameters=rest)  # type: ignore[attr-defined]
    return run


def _named(error: BaseException, name: str) -> BaseException:
    error.add_note(f"in the case {name}")
    return error


def _tell(failed: list[BaseException], tried: int) -> None:
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise BaseExceptionGroup(f"{len(failed)} of {tried} cases", failed)
