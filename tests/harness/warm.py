"""Programs of ours in processes of their own, forked from a warm one: no second of imports."""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PRELOADED = [
    "aicore.cli.main",
    "aicore.cli.up",
    "aicore.cli.doctor",
    "aicore.wiring.components",
    "aicore.wiring.tiers",
    "aicore.http.openai.door",
    "tests.harness.roles",
]
PR_SET_PDEATHSIG = 1


class Forked:
    """A function that runs in a process of its own, forked; as much of `subprocess.Popen` as tests use.

    ``target``: a function of a module, and whatever it is given can be pickled. What it says on both of its
    streams goes into the file ``output``, if there is one. It ends with us at the latest.
    """

    def __init__(self, target: Callable[..., object], *given: object, output: Path | None = None) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        self._process = context.Process(target=_run, args=(target, given, output), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended: its exit code, minus the signal that killed it, None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return `returncode`."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended and return how.

        Raises:
            subprocess.TimeoutExpired: it still runs after ``timeout`` seconds.
        """
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, as `subprocess.Popen.kill` does."""
        self.send_signal(signal.SIGKILL)


class Warm(Forked):
    """``aicore`` in this repository.

    ``stdout`` is all that it says on both of its streams, unless that goes into the file ``output``.
    ``before``: a function of a module, which it calls first.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path = ROOT,
        *,
        output: Path | None = None,
        before: Callable[[], object] | None = None,
    ) -> None:
        reader, writer = multiprocessing.get_context("forkserver").Pipe(duplex=False)
        with reader, writer:
            said = None if output else writer
            super().__init__(_main, [*arguments], dict(environment), folder, before, said, output=output)
            self.stdout = os.fdopen(os.dup(reader.fileno()))
        if output:
            self.stdout.close()


class Ended(NamedTuple):
    """How a command ended, and what it said on both of its streams."""

    code: int
    said: str


def run_warm(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    timeout_s: float,
    *,
    before: Callable[[], object] | None = None,
) -> Ended:
    """Run ``aicore`` to its end; ``before``: see `Warm`.

    Raises:
        TimeoutError: it did not end; it is killed.
    """
    process = Warm(arguments, environment, before=before)
    late = threading.Timer(timeout_s, process.send_signal, (signal.SIGKILL,))
    late.start()
    with process.stdout:
        said = process.stdout.read()
    process.wait(timeout_s)
    late.cancel()
    if process.returncode == -signal.SIGKILL:
        raise TimeoutError(said)
    return Ended(process.wait(0), said)


def _run(target: Callable[..., object], given: Sequence[object], output: Path | None) -> None:
    """Be a child.

    The fork server ends when nobody holds a pipe of its any more, and the children with it. To them it gives
    that pipe as well, in case they start some of their own: then it would live as long as any of them.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.close(vars(forkserver._forkserver)["_forkserver_alive_fd"])
    if output is not None:
        with output.open("ab") as said:
            _say_into(said.fileno())
    target(*given)


def _say_into(file: int) -> None:
    os.dup2(file, 1)
    os.dup2(file, 2)


def _main(
    arguments: list[str],
    environment: dict[str, str],
    folder: Path,
    before: Callable[[], object] | None,
    output: Connection | None,
) -> None:
    """Be ``aicore``, in a child."""
    if output is not None:
        with output:
            _say_into(output.fileno())
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    if before is not None:
        before()
    sys.argv = ["aicore", *arguments]
    from aicore.cli import main  # noqa: PLC0415 - imported before the fork

    main()
