"""Runs the tests that concern a module against its mutants, a process for each.

What the tests import is imported once: a mutant is a fork in which a function's code is another one. Only the
tests that run the changed lines are run, the quickest first, and the first that fails decides. What takes
effect while modules are imported (constants, declarations, defaults) is changed in a fork from before that.
"""

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, TextIO

import coverage
import pytest

from tests.mutants.mutate import Mutant, mutants

ROOT = Path(__file__).parents[2]
OURS = {"domain", "protocol", "bus", "projections", "handlers", "aicore", "benchmarks", "tests", "conftest"}
SLOW_S = 1.0
"""CPU time from which on a test is left out: those are simulations, and would be run hundreds of times."""

CPU_MIN_S, CPU_TIMES, CPU_COLD_S = 5, 4, 60
"""A mutant that takes so many times what its tests do, and the minimum, is endless and so is noticed."""

MEMORY_BYTES = 2 << 30
"""What a mutant may take beyond what its parent has."""

OPTIONS = ("-q", "-s", "-x", "--assert=plain", "-p", "no:randomly", "-p", "no:cacheprovider")

CACHED = type(cache(lambda: None))

Outcome = tuple[Mutant, bool]
"""A mutant, and whether a test noticed it."""


def judge(module: str, tests: Sequence[str], jobs: int) -> Iterator[Outcome]:
    """Yield the outcome of each mutant of a module as it comes.

    Raises:
        RuntimeError: the tests fail without any mutant.
    """
    path = ROOT / module
    found = mutants(path.read_text(), str(path))
    if not found:
        return
    reading, writing = os.pipe()
    warm = _forked(lambda: _Warm(path, found, jobs, os.fdopen(writing, "w", buffering=1)).run(tests), 0)
    os.close(writing)
    with os.fdopen(reading) as lines:
        prepared = json.loads(lines.readline() or "null")
        late = []
        for number, killed in map(json.loads, lines):
            if killed is None:
                late.append(number)
            else:
                yield found[number], killed
    if os.waitpid(warm, 0)[1] or not prepared:
        raise RuntimeError(f"{module}: its tests fail, or cannot be collected, without any mutant")
    for name in prepared["imports"]:
        with suppress(Exception):
            import_module(name)
    options = [*OPTIONS, *(f"--deselect={test}" for test in prepared["slow"]), *tests]
    for number, killed in _outcomes(
        ((n, partial(_cold, path, options, found[n])) for n in late), jobs, CPU_COLD_S
    ):
        yield found[number], killed


def _cold(path: Path, options: list[str], mutant: Mutant) -> int:
    """Run the tests on a module that is imported with a mutant."""
    code, original = mutant.build(), SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, fullname: str) -> CodeType | None:
        return code if self.path == str(path) else original(self, fullname)

    setattr(SourceFileLoader, "get_code", get_code)  # noqa: B010  # mypy knows no other way
    return int(pytest.main(options) != pytest.ExitCode.OK)


class _Warm:
    """The process that has imported everything; a plugin of its pytest, whose loop it takes over."""

    def __init__(self, path: Path, found: list[Mutant], jobs: int, told: TextIO) -> None:
        self.path, self.found, self.jobs, self.told = path, found, jobs, told
        self.failed: Callable[[], None] = lambda: None
        self.live: dict[tuple[str, int], list[FunctionType]] = {}
        self.cached: list[Any] = []
        self.collecting = self._coverage()

    def _coverage(self) -> coverage.Coverage:
        return coverage.Coverage(data_file=None, include=[str(self.path)], config_file=False)

    def run(self, tests: Sequence[str]) -> int:
        self.collecting.start()
        return int(pytest.main([*OPTIONS, *tests], plugins=[self]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed()

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        self.collecting.stop()
        early = set(self.collecting.get_data().lines(str(self.path)) or ())
        if session.testsfailed:
            return None
        gc.unfreeze()  # what tests/conftest.py froze is not among the collector's objects
        self.live, self.cached = _functions(self.path), _cached(self.path)
        if not self.live:
            raise RuntimeError(f"{self.path}: no function of it lives here")
        costs = self._measured(session.items)
        imports = [name for name in sys.modules if name.partition(".")[0] not in OURS]
        slow = [item.nodeid for item in session.items if costs[item.nodeid][0] >= SLOW_S]
        self.told.write(json.dumps({"imports": imports, "slow": slow}) + "\n")
        quick = sorted((i for i in session.items if i.nodeid not in slow), key=lambda i: costs[i.nodeid][0])
        limit_s = CPU_MIN_S + CPU_TIMES * int(sum(costs[item.nodeid][0] for item in quick))
        work = []
        for n, mutant in enumerate(self.found):
            items = [item for item in quick if not set(mutant.lines).isdisjoint(costs[item.nodeid][1])]
            work.append((n, partial(self._tried, mutant, items)))
        for n, killed in _outcomes((each for each in work if self.found[each[0]].place), self.jobs, limit_s):
            # Who ran it while importing may keep what it made then.
            unclear = not killed and not early.isdisjoint(self.found[n].lines)
            self.told.write(json.dumps([n, None if unclear else killed]) + "\n")
        for n, mutant in enumerate(self.found):
            if not mutant.place:
                self.told.write(json.dumps([n, None]) + "\n")
        return True

    def _forget(self) -> None:
        for each in self.cached:
            each.cache_clear()

    def _measured(self, items: list[pytest.Item]) -> dict[str, tuple[float, list[int]]]:
        """Return each test's CPU time and the lines that it runs, from a run without mutants."""
        reading, writing = os.pipe()

        def measure() -> int:
            self.failed = partial(os._exit, 1)
            measuring, found = self._coverage(), {}
            measuring.start()
            for item in items:
                self._forget()
                measuring.switch_context(item.nodeid)
                begun = time.process_time()
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                found[item.nodeid] = (time.process_time() - begun, list[int]())
            measuring.stop()
            for line, names in measuring.get_data().contexts_by_lineno(str(self.path)).items():
                for name in names:
                    if name in found:
                        found[name][1].append(line)
            with os.fdopen(writing, "w") as out:
                json.dump(found, out)
            return 0

        child = _forked(measure, 0)
        os.close(writing)
        with os.fdopen(reading) as lines:
            text = lines.read()
        if os.waitpid(child, 0)[1]:
            os._exit(1)
        found: dict[str, tuple[float, list[int]]] = json.loads(text)
        return found

    def _tried(self, mutant: Mutant, items: Iterable[pytest.Item]) -> int:
        """Run tests with a function's code changed; the first that fails ends the process."""
        self.failed = partial(os._exit, 1)
        for code in _codes(mutant.build()):
            if code.co_qualname == mutant.place:
                for function in self.live.get((code.co_qualname, code.co_firstlineno), ()):
                    function.__code__ = code
        self._forget()
        for item in items:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return 0


def _functions(path: Path) -> dict[tuple[str, int], list[FunctionType]]:
    """Return every function that lives and was made in a file, wherever it is kept."""
    found: dict[tuple[str, int], list[FunctionType]] = {}
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename == str(path):
            found.setdefault((each.__code__.co_qualname, each.__code__.co_firstlineno), []).append(each)
    return found


def _cached(path: Path) -> list[Any]:
    """Return a file's functions that keep results: only the first test that asks would run their lines."""
    every = [each for each in gc.get_objects() if isinstance(each, CACHED)]
    codes = [getattr(getattr(each, "__wrapped__", None), "__code__", None) for each in every]
    return [each for each, code in zip(every, codes, strict=True) if code and code.co_filename == str(path)]


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)


def _outcomes(
    work: Iterable[tuple[int, Callable[[], int]]], jobs: int, cpu_s: int
) -> Iterator[tuple[int, bool]]:
    """Run each piece of work in a fork, a few at a time; yield its number and whether it ended badly."""
    running: dict[int, int] = {}
    for number, each in work:
        running[_forked(each, cpu_s)] = number
        if len(running) >= jobs:
            child, status = os.wait()
            yield running.pop(child), bool(status)
    while running:
        child, status = os.wait()
        yield running.pop(child), bool(status)


def _forked(work: Callable[[], Any], cpu_s: int) -> int:
    """Start work in a fork, silently and with limits (``cpu_s`` 0: none); return its process id."""
    if child := os.fork():
        return child
    status = 2
    try:
        silent = os.open(os.devnull, os.O_RDWR)
        if "MUTANTS_LOUD" not in os.environ:
            for stream in (0, 1, 2):
                os.dup2(silent, stream)
        if cpu_s:
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, resource.RLIM_INFINITY))
        status = work()
    finally:
        os._exit(status)
