"""The child processes of a kill test, as the test sees them: start, kill, stop; has one died by itself?"""

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import roles
from tests.harness.warm import Forked

LOG_TAIL_CHARACTERS = 4_000


@dataclass
class Child:
    """One named child: what it runs and its process, None while it does not run."""

    role: str
    options: dict[str, Any]
    log: Path
    process: Forked | None = None


class Children:
    """Children by name; a context manager that kills all of them at its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: dict[str, Child] = {}

    def __enter__(self) -> "Children":
        return self

    def __exit__(self, *exc_info: object) -> None:
        for name in self._all:
            self.kill(name)

    def add(self, name: str, role: str, **options: Any) -> None:
        """Say what the child ``name`` runs; it does not run yet."""
        self._all[name] = Child(role, {"name": name, **options}, self._folder / f"{name}.log")

    def names(self, role: str = "") -> list[str]:
        """Return the names of all children, or of those of a role."""
        return [name for name, child in self._all.items() if role in ("", child.role)]

    def start(self, name: str) -> None:
        """Start a child that does not run; nothing if it does."""
        child = self._all[name]
        if child.process is None:
            child.process = Forked(_play, child.role, child.options, output=child.log)

    def kill(self, name: str) -> None:
        """Kill a child with SIGKILL and wait until it is gone."""
        child = self._all[name]
        if child.process is not None:
            child.process.kill()
            child.process.wait()
            child.process = None

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal, such as SIGSTOP and SIGCONT."""
        process = self._all[name].process
        assert process is not None, name
        os.kill(process.pid, number)

    def expect_running(self) -> None:
        """Fail with the end of its log if a child ended that nobody killed."""
        for name, child in self._all.items():
            if child.process is not None and (status := child.process.poll()) is not None:
                child.process = None
                raise AssertionError(f"{name} ended by itself ({status}):\n{self.log_tail(name)}")

    def log_tail(self, name: str) -> str:
        """Return the end of what a child said."""
        log = self._all[name].log
        return log.read_text()[-LOG_TAIL_CHARACTERS:] if log.exists() else ""


def _play(role: str, options: dict[str, Any]) -> None:
    """Be a child."""
    asyncio.run(roles.ROLES[role](options))
