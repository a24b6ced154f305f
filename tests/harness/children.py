"""The child processes of a kill test, as the test sees them: start, kill, stop; has one died by itself?"""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
LOG_TAIL_CHARACTERS = 4_000


@dataclass
class Child:
    """One named child: what it runs and its process id, None while it does not run."""

    role: str
    options: dict[str, Any]
    log: Path
    pid: int | None = None


class Children:
    """Children by name, forked by one warm parent; a context manager that kills all of them at its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: dict[str, Child] = {}
        self._zygote: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Children":
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.zygote"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *exc_info: object) -> None:
        assert self._zygote is not None
        for name in self._all:
            self.kill(name)
        self._zygote.communicate(timeout=10)

    def add(self, name: str, role: str, **options: Any) -> None:
        """Say what the child ``name`` runs; it does not run yet."""
        self._all[name] = Child(role, {"name": name, **options}, self._folder / f"{name}.log")

    def names(self, role: str = "") -> list[str]:
        """Return the names of all children, or of those of a role."""
        return [name for name, child in self._all.items() if role in ("", child.role)]

    def start(self, name: str) -> None:
        """Start a child that does not run; nothing if it does."""
        child = self._all[name]
        if child.pid is None:
            request = {"role": child.role, "options": child.options, "log": str(child.log)}
            child.pid = self._ask(request)["pid"]

    def kill(self, name: str) -> None:
        """Kill a child with SIGKILL and wait until it is gone."""
        child = self._all[name]
        if child.pid is not None:
            os.kill(child.pid, signal.SIGKILL)
            self._ask({"reap": child.pid})
            child.pid = None

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal, such as SIGSTOP and SIGCONT."""
        pid = self._all[name].pid
        assert pid is not None, name
        os.kill(pid, number)

    def expect_running(self) -> None:
        """Fail with the end of its log if a child ended that nobody killed."""
        for name, child in self._all.items():
            if child.pid is None:
                continue
            status = self._ask({"poll": child.pid})["status"]
            if status is not None:
                child.pid = None
                raise AssertionError(f"{name} ended by itself ({status}):\n{self.log_tail(name)}")

    def log_tail(self, name: str) -> str:
        """Return the end of what a child said."""
        log = self._all[name].log
        return log.read_text()[-LOG_TAIL_CHARACTERS:] if log.exists() else ""

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        zygote = self._zygote
        assert zygote is not None
        assert zygote.stdin is not None
        assert zygote.stdout is not None
        zygote.stdin.write(json.dumps(request) + "\n")
        zygote.stdin.flush()
        answer: dict[str, Any] = json.loads(zygote.stdout.readline())
        return answer
