"""A running `aicore up` as a user has it: a process, what it printed, and the commands beside it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
UP_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 30.0
UP = "Ctrl-C stops everything in order."


class Up:
    """`aicore up --demo` on a state directory. Leave it stopped: `stop` or `kill`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("AICORE_")},
            "AICORE_STATE_DIR": str(folder),
        }
        self._lines: list[str] = []
        self._moved = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aicore", "up", *(arguments or ("--demo",))],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return "".join(self._lines)

    def wait_up(self) -> "Up":
        """Wait until it says that it stays up."""
        with self._moved:
            self._moved.wait_for(lambda: UP in self.output or self.process.poll() is not None, UP_TIMEOUT_S)
        assert UP in self.output, self.output
        return self

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command of the CLI beside it and return its stdout."""
        done = subprocess.run(
            [sys.executable, "-m", "aicore", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def json(self, *arguments: str) -> Any:
        """Run a command with ``--json`` and return its value."""
        return json.loads(self.run(*arguments, "--json"))

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> float:
        """Stop it in order and return how long that took, in seconds."""
        pids = self.pids()
        started = time.monotonic()
        self.process.send_signal(sign)
        self.process.wait(2 * STOP_TIMEOUT_S)
        took = time.monotonic() - started
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert [pid for pid in pids if psutil.pid_exists(pid)] == [], self.output
        return took

    def pids(self) -> list[int]:
        """Return the process ids of everything that it started."""
        try:
            return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._moved:
                self._lines.append(line)
                self._moved.notify_all()
        with self._moved:
            self._moved.notify_all()
