"""A running `aicore up` as a user has it: a process, what it printed, and the commands beside it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import psutil
import pytest

from aicore.cli import main
from aicore.client import connect
from aicore.content.models import DEMO_MODELS
from aicore.content.templates import TEMPLATES
from aicore.settings import Settings
from bus.nats.address import parse_address
from bus.retry import until_seen
from tests.harness.clusters import put_cluster
from tests.harness.warm import Warm

ROOT = Path(__file__).parents[2]
UP_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 30.0
POLL_S = 0.05
"""Between two looks at something that comes: a look costs both sides some 20 ms of a core."""

UP = "Ctrl-C stops everything in order."
PLAIN = "--verbose"
"""`aicore up` without the demo; `Up.with_models` has its models."""


class Up:
    """`aicore up --demo` on a state directory. Leave it stopped: `stop` or `kill`.

    Forked from a warm process, on a cluster that was made before; `ColdUp` is begun as a user does it.
    """

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self.folder = folder
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("AICORE_")},
            "AICORE_STATE_DIR": str(folder),
            **{f"AICORE_{name.upper()}": value for name, value in settings.items()},
        }
        self._lines: list[str] = []
        self._moved = threading.Condition()
        self.process = self._begin("up", *(arguments or ("--demo",)))
        # One that a failed test left behind does not keep us from our end, which is its own.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return "".join(self._lines)

    @property
    def wire(self) -> str:
        """Where NATS is, with the key of the first operator."""
        return str(json.loads((self.folder / "run.json").read_text())["nats_url"])

    @property
    def owned_wire(self) -> str:
        """Where NATS is, for whoever has the state directory."""
        return str(json.loads((self.folder / "run.json").read_text())["nats_components"]["owner"])

    @property
    def operator(self) -> str:
        """Identity of the first operator."""
        return str(parse_address(self.wire).identity)

    def wait_up(self) -> "Up":
        """Wait until it says that it stays up."""
        with self._moved:
            self._moved.wait_for(lambda: UP in self.output or self.process.poll() is not None, UP_TIMEOUT_S)
        assert UP in self.output, self.output
        return self

    def with_models(self) -> "Up":
        """Register what the demo registers, for whom the rest of it is nothing: it is a Python more."""

        async def register() -> None:
            async with connect(self.wire, "demo") as client:
                for template in TEMPLATES:
                    await client.command("prompts.register_template", template)
                for facts in DEMO_MODELS:
                    await client.command("registry.register_model", facts)

                async def shown() -> bool | None:
                    return len((await client.query("registry.models")).result) == len(DEMO_MODELS) or None

                assert await until_seen(shown, every_s=POLL_S, within_s=COMMAND_TIMEOUT_S)

        asyncio.run(register())
        return self

    def run(self, *arguments: str, code: int | tuple[int, ...] = 0, **settings: str) -> str:
        """Run a command of the CLI beside it, in this process, and return its stdout.

        ``code``: how it is to end, or how it may.

        Of the system's settings it has the state directory only, and those that are given.

        A process of its own for each of some fifty commands would cost a minute; `test_errors_…` starts real
        ones.
        """
        out, err = StringIO(), StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(sys, "argv", ["aicore", *arguments])
            for name in Settings.model_fields:
                patch.delenv(f"AICORE_{name.upper()}", raising=False)
            patch.setenv("AICORE_STATE_DIR", str(self.folder))
            for name, value in settings.items():
                patch.setenv(f"AICORE_{name.upper()}", value)
            with pytest.raises(SystemExit) as ended:
                main()
        said = out.getvalue() if code == 0 else out.getvalue() + err.getvalue()
        codes = code if isinstance(code, tuple) else (code,)
        assert int(ended.value.code or 0) in codes, (
            arguments,
            ended.value.code,
            out.getvalue(),
            err.getvalue(),
        )
        return said

    def json(self, *arguments: str, **settings: str) -> Any:
        """Run a command with ``--json`` and return its value."""
        return json.loads(self.run(*arguments, "--json", code=0, **settings))

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> float:
        """Stop it in order and return how long that took, in seconds."""
        pids = self.pids()
        started = time.monotonic()
        self.process.send_signal(sign)
        self.process.wait(STOP_TIMEOUT_S)
        took = time.monotonic() - started
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert _alive_after(pids, STOP_TIMEOUT_S - took) == [], self.output
        return took

    def pids(self) -> list[int]:
        """Return the process ids of everything that it started."""
        try:
            return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _begin(self, *command: str) -> Warm | subprocess.Popen[str]:
        if not (self.folder / "postgres").exists() and "AICORE_POSTGRES_DSN" not in self.environment:
            put_cluster(self.folder)
        return Warm(command, self.environment)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._moved:
                self._lines.append(line)
                self._moved.notify_all()
        with self._moved:
            self._moved.notify_all()


class ColdUp(Up):
    """The same, by the command line that a user types: it imports everything, and makes its cluster."""

    def _begin(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "aicore", *command],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def _alive_after(pids: list[int], seconds: float) -> list[int]:
    """Return which processes still run when the time for stopping is over; an unreaped one does not run.

    What a stop interrupts (an initdb, say) gets its signal with the parent's end and dies a moment after it.
    """
    left: list[int] = []
    deadline = time.monotonic() + max(seconds, 0.1)
    while time.monotonic() < deadline:
        left = [pid for pid in pids if _runs(pid)]
        if not left:
            break
        time.sleep(POLL_S)
    return left


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
