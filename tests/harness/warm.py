"""Commands of the CLI in processes of their own, forked from a warm one: no second of imports."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
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
]


class Warm:
    """``aicore`` in this repository, forked; as much of `subprocess.Popen` as tests use.

    ``stdout`` is all that it says on both of its streams, unless that goes into the file ``output``.
    ``before``: a function of a module, which it calls first. It ends with us at the latest.
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
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        reader, writer = context.Pipe(duplex=False)
        with reader, writer:
            options = ([*arguments], dict(environment), str(folder), before, output or writer)
            self._process = context.Process(target=_main, args=options, daemon=True)
            self._process.start()
            self.stdout = os.fdopen(os.dup(reader.fileno()))
        if output:
            self.stdout.close()

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

    def wait(self, timeout: float) -> int:
        """Wait until it has ended and return how.

        Raises:
            subprocess.TimeoutExpired: it still runs after ``timeout`` seconds.
        """
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("aicore", timeout)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self.returncode is None:
            os.kill(self.pid, number)


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


def _main(
    arguments: list[str],
    environment: dict[str, str],
    folder: str,
    before: Callable[[], object] | None,
    output: Connection | Path,
) -> None:
    """Be ``aicore``, in a child."""
    with output.open("ab") if isinstance(output, Path) else output as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    if before is not None:
        before()
    sys.argv = ["aicore", *arguments]
    from aicore.cli import main  # noqa: PLC0415 - imported before the fork

    main()
