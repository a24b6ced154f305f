"""What ends a start at once, what is waited for, and that the reason is always told."""

import asyncio
import errno
from collections.abc import Callable

import pytest

from aicore import supervisor
from aicore.embedded.ports import PortUnusable
from aicore.supervisor import Component, Start, described, leaves, run_components
from bus.ports import LogUnavailable

PASS = [
    ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
    TimeoutError(),
    LogUnavailable("away"),
    FileNotFoundError(errno.ENOENT, "no socket yet"),
    RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed"),
]
LAST = [
    PortUnusable("taken", remedy="", errno=errno.EADDRINUSE),
    OSError(errno.EADDRINUSE, "taken"),
    FileNotFoundError(errno.ENOENT, "nowhere", "content.toml"),
    PermissionError(errno.EACCES, "no", "spool"),
    OSError(errno.ENOSPC, "full"),
    OSError(errno.EMFILE, "too many open files"),
]


class Failing:
    """A component that fails with ``errors`` in turn and serves then; ``serve_first``: before them once."""

    def __init__(self, *errors: Exception, serve_first: bool = False) -> None:
        self.errors = list(errors)
        self.serve_first = serve_first
        self.serving = asyncio.Event()

    async def run(self, ready: Callable[[], None], stop: asyncio.Event) -> None:
        if self.serve_first:
            ready()
        if self.errors:
            error = self.errors.pop(0)
            raise ExceptionGroup("outer", [ExceptionGroup("inner", [error])])
        ready()
        self.serving.set()
        await stop.wait()


async def served(part: Failing) -> list[str]:
    """Run until all is ready; return what was told of trouble."""
    stop, told = asyncio.Event(), list[str]()
    start = Start(stop.set, lambda name, reason: told.append(f"{name}: {reason}"))
    async with asyncio.timeout(5):
        await run_components([Component("services", part.run)], stop=stop, start=start)
    return told


@pytest.mark.parametrize("error", PASS, ids=repr)
async def test_what_passes_is_waited_for_and_told(error: Exception) -> None:
    assert await served(Failing(error)) == [f"services: {described(error)}"]


async def test_the_same_trouble_is_told_once() -> None:
    assert len(await served(Failing(*[ConnectionResetError("gone") for _ in range(2)]))) == 1


@pytest.mark.parametrize("error", LAST, ids=repr)
async def test_what_does_not_pass_ends_a_start_at_once(error: Exception) -> None:
    """The scar: a taken port was asked for again for 60 s, in silence."""
    with pytest.raises(ExceptionGroup) as ended:
        await served(Failing(error))

    assert list(leaves(ended.value)) == [error]


async def test_a_bug_ends_everything_also_after_it_has_served() -> None:
    with pytest.raises(ExceptionGroup, match="unhandled"):
        await served(Failing(RuntimeError("deque mutated during iteration"), serve_first=True))


@pytest.mark.parametrize("error", LAST, ids=repr)
async def test_whoever_has_served_once_tries_again(error: Exception) -> None:
    part = Failing(error, serve_first=True)
    stop = asyncio.Event()

    async def until_it_serves_again() -> None:
        await part.serving.wait()
        stop.set()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(until_it_serves_again())
        await run_components([Component("services", part.run)], stop=stop, start=Start(lambda: None))
    assert part.errors == []


async def test_whoever_is_late_is_named_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "READY_TIMEOUT_S", 0.05)
    with pytest.raises(ExceptionGroup) as ended:
        await served(Failing(*[ConnectionResetError("by peer") for _ in range(9)]))

    (late,) = leaves(ended.value)
    assert "services (ConnectionResetError: by peer)" in str(late)
