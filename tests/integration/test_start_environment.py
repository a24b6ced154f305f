"""The embedded servers start in any surroundings, and what answers is what was started."""

import http.server
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest

from aicore.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedServerError, place, vllm
from aicore.embedded.ports import PortUnusable, check_port, free_port, listens
from aicore.embedded.vllm import EmbeddedVllm
from tests.harness.clusters import put_cluster
from tests.integration.test_embedded_servers import remove_elsewhere

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("processes"), pytest.mark.timeout(60)]

HOSTILE = {
    "PGSSLMODE": "require",
    "PGSERVICE": "nosuch",
    "PGHOSTADDR": "10.0.0.1",
    "PGHOST": "10.0.0.1",
    "PGTARGETSESSIONATTRS": "standby",
    "PGPORT": "6543",
    "PGOPTIONS": "-c nosuch=1",
    "PGUSER": "nobody_knows",
    "PGDATABASE": "nosuch",
    "PGPASSWORD": "wrong",
    "PGPASSFILE": "/nosuch/passfile",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGCHANNELBINDING": "require",
    "PGDATA": "/nosuch",
    "PGTZ": "Mars/Olympus",
    "PGCLIENTENCODING": "nosuch",
}
STRANGE = {"characters": "a,b\"c'd\\s 100%20 ünï-código $HOME;`x`{y}#z", "length": "x" * 120}
KILLED_AFTER_S = (pytest.param(0.0, marks=pytest.mark.slow), 0.3)

# Starts a Postgres with its data synced, as `aicore up` does.
FIRST_START = """
import sys
import tempfile
from pathlib import Path
from aicore.embedded import EmbeddedPostgres
EmbeddedPostgres(Path(sys.argv[1])).start()
"""


@contextmanager
def both(root: Path) -> Iterator[tuple[EmbeddedPostgres, EmbeddedNats]]:
    """Start both servers below ``root`` and stop them."""
    postgres, nats = EmbeddedPostgres(root, fsync=False), EmbeddedNats(root)
    try:
        postgres.start()
        nats.start()
        yield postgres, nats
    finally:
        nats.stop()
        postgres.stop()
        remove_elsewhere(root)


async def answered(dsn: str) -> int:
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        found: int = await connection.fetchval("SELECT 1")
        return found
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(STRANGE["characters"], id="characters"),
        pytest.param(STRANGE["length"], id="length", marks=pytest.mark.slow),
    ],
)
async def test_a_state_directory_may_have_any_name(tmp_path: Path, name: str) -> None:
    with both(tmp_path / name) as (postgres, nats):
        assert await answered(postgres.dsn) == 1
        assert nats.pid
        assert (tmp_path / name / "nats" / "store").is_dir()


@pytest.mark.parametrize("mask", [0o077, pytest.param(0o027, marks=pytest.mark.slow)])
async def test_the_umask_decides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask: int) -> None:
    """As root the server is another user: what a private umask makes it must be able to enter."""
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setattr(place, "SHARED", shared)
    closed = tmp_path / "installed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(
        place, "_reachable", lambda path, are=place._reachable: "pginstall" not in str(path) and are(path)
    )
    before = os.umask(mask)
    try:
        with both(tmp_path / "state") as (postgres, _):
            assert await answered(postgres.dsn) == 1
    finally:
        os.umask(before)


async def test_variables_of_libpq_and_of_the_locale_decide_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**HOSTILE, "LC_ALL": "xx_XX.UTF-8", "LANG": "nosuch", "TZ": "Mars/Olympus"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HOME", raising=False)
    with both(tmp_path / "state") as (postgres, _):
        assert await answered(postgres.dsn) == 1


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_shell_with_a_variable_of_libpq_reaches_a_server_started_without(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, HOSTILE[name])

    assert await answered(postgres.dsn) == 1


@pytest.mark.parametrize(
    "private", [pytest.param(True, id="private"), pytest.param(False, id="long", marks=pytest.mark.slow)]
)
async def test_the_temporary_folder_may_be_private_or_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, private: bool
) -> None:
    temporary = tmp_path / ("t" if private else "t" * 120)
    temporary.mkdir(mode=0o700 if private else 0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with both(tmp_path / ("long" * 30)) as (postgres, _):
        assert await answered(postgres.dsn) == 1


@pytest.mark.parametrize("seconds", KILLED_AFTER_S)
def test_a_first_start_that_is_killed_in_its_middle_is_followed_by_one_that_works(
    tmp_path: Path, seconds: float
) -> None:
    process = subprocess.Popen([sys.executable, "-c", FIRST_START, str(tmp_path)])
    until = time.monotonic() + 20
    while not list(tmp_path.glob("postgres*/PG_VERSION")) and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(seconds)  # the moment is what is tested
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for each in family:
        with_it = each.pid
        try:
            os.kill(with_it, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()
    psutil.wait_procs(family, 10)

    again = EmbeddedPostgres(tmp_path)
    again.start()
    again.stop()
    assert not list(tmp_path.glob(f"{again.data.name}.new-*")), "what was left is removed"


# --- is it ours? --------------------------------------------------------------------------------------------


def test_another_nats_on_the_port_is_not_ours(tmp_path: Path, nats_server: EmbeddedNats) -> None:
    """The scar: the stranger's greeting was taken for our server's, and two systems shared their commands."""
    ours = EmbeddedNats(tmp_path, port=nats_server.port)

    with pytest.raises(PortUnusable, match=rf"process {nats_server.pid} \(nats-server\).*AICORE_NATS_PORT"):
        ours.start()
    assert ours.pid is None
    assert not ours._answers()
    assert nats_server._answers()


def test_a_nats_that_is_started_again_beside_a_stranger_is_not_taken_for_ours(tmp_path: Path) -> None:
    ours = EmbeddedNats(tmp_path / "ours")
    ours.start()
    ours.kill()
    stranger = EmbeddedNats(tmp_path / "stranger", port=ours.port)
    stranger.start()
    try:
        with pytest.raises(PortUnusable):
            ours.launch()
    finally:
        stranger.stop()


def test_another_postgres_behind_the_socket_is_not_ours(tmp_path: Path) -> None:
    first, second = (EmbeddedPostgres(tmp_path / name, fsync=False) for name in ("one", "two"))
    second.socket_dir = first.socket_dir
    for name in ("one", "two"):
        put_cluster(tmp_path / name)
    first.start()
    try:
        with pytest.raises(EmbeddedServerError, match="lock file"):
            second.start()
        assert first._answers()
        assert not second._answers()
    finally:
        first.stop()


class _Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_another_server_on_the_port_of_vllm_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm, "START_TIMEOUT_S", 1.0)
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    ours = EmbeddedVllm(tmp_path, slow, tmp_path)
    with http.server.HTTPServer(("127.0.0.1", ours.port), _Healthy) as stranger:
        thread = threading.Thread(target=stranger.serve_forever)
        thread.start()
        try:
            with pytest.raises(EmbeddedServerError):
                ours.start()
            assert listens(os.getpid(), ours.port)
        finally:
            stranger.shutdown()
            thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "0.0.0.0"])
def test_a_taken_port_is_told_with_its_process_and_variable(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        if host == "::1":
            check_port(host, port, "AICORE_HTTP_PORT")  # another address: free
            return
        with pytest.raises(PortUnusable, match=f"{port} of .* process {os.getpid()} .*AICORE_HTTP_PORT"):
            check_port(host, port, "AICORE_HTTP_PORT")


@pytest.mark.parametrize(
    ("host", "said"), [("10.255.255.1", "cannot listen"), ("no such host", "no such host")]
)
def test_a_host_that_is_not_ours_is_told_with_its_variable(host: str, said: str) -> None:
    for check in (lambda: check_port(host, 8080, "AICORE_HTTP_PORT"), lambda: free_port(host)):
        with pytest.raises(PortUnusable, match=said) as told:
            check()
        assert "AICORE_HTTP_HOST" in told.value.remedy
