"""The embedded servers live and die with their parent, in any folder, and keep their port."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from aicore.embedded.passwords import FILE as PASSWORDS
from aicore.embedded.place import abandoned, place_for
from aicore.embedded.postgres import CLOSED_MARK, SUPERUSER
from aicore.running import AlreadyRunning, find, serving
from aicore.settings import Settings
from tests.harness.clusters import put_cluster
from tests.harness.serving import serve_until_killed
from tests.harness.warm import Forked

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("processes")]

GONE_TIMEOUT_S = 15.0
AGAIN_TIMEOUT_S = 60.0
POLL_S = 0.05

# Is told to stop in the middle of the fork of its first server, in a hook of Python's.
STOPPED_IN_FORK = """
import logging, os, signal, sys
from pathlib import Path
from aicore.cli.up import Stopper
from aicore.embedded import EmbeddedNats
os.register_at_fork(before=lambda: os.kill(os.getpid(), signal.SIGTERM))
with Stopper():
    try:
        EmbeddedNats(Path(sys.argv[1])).start()
    except KeyboardInterrupt:
        sys.exit(7)
"""


def wait_gone(pids: list[int]) -> None:
    """Wait until none of the processes runs."""
    gone, alive = psutil.wait_procs(
        [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], GONE_TIMEOUT_S
    )
    assert not alive, gone


def parent(folder: Path) -> tuple[Forked, list[int]]:
    """Start a process that has both servers; return it and their process ids."""
    output, until = folder.parent / "said", time.monotonic() + AGAIN_TIMEOUT_S
    output.touch()
    process = Forked(serve_until_killed, folder, output=output)
    while not (said := output.read_text()).endswith("\n") and time.monotonic() < until:
        time.sleep(POLL_S)
    return process, [int(word) for word in said.split()]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A place with blanks, closed to others, and too long for a unix socket."""
    place = tmp_path / "a folder with blanks" / ("long-" * 20)
    place.mkdir(parents=True)
    place.parent.chmod(0o700)
    put_cluster(place)
    yield place
    remove_elsewhere(place)


def remove_elsewhere(root: Path) -> None:
    """Remove what root's Postgres keeps of a closed folder in /var/tmp."""
    home = place_for(root).data.parent
    if home != root:
        shutil.rmtree(home)


def test_a_folder_that_nobody_may_enter_leaves_its_name_where_its_data_lies(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root keeps data elsewhere")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    home = place_for(closed).data.parent
    try:
        assert home != closed
        assert home not in abandoned()

        closed.rmdir()

        assert home in abandoned()
        assert place_for(tmp_path).data.parent == tmp_path
    finally:
        shutil.rmtree(home)


def test_servers_of_a_killed_parent_end_and_the_next_start_goes_on(folder: Path) -> None:
    process, pids = parent(folder)
    assert len(pids) == 2

    process.kill()
    process.wait()

    wait_gone(pids)
    with serving(Settings(state_dir=folder)) as system:
        assert find(Settings(state_dir=folder)).postgres_dsn == system.postgres_dsn


def test_a_second_system_on_the_same_folder_is_refused(folder: Path) -> None:
    process, pids = parent(folder)
    try:
        with pytest.raises(AlreadyRunning, match=str(process.pid)), serving(Settings(state_dir=folder)):
            pass
        assert all(psutil.pid_exists(pid) for pid in pids)
    finally:
        process.kill()
        process.wait()
        wait_gone(pids)


def test_a_leftover_that_the_kernel_did_not_end_is_ended_at_the_next_start(tmp_path: Path) -> None:
    first = EmbeddedNats(tmp_path)
    first.start()
    try:
        again = EmbeddedNats(tmp_path)
        again.start()
        again.stop()

        assert first.pid is None
        assert again.port == first.port
    finally:
        first.stop()


def test_a_killed_server_that_is_still_in_the_table_of_processes_is_waited_for(tmp_path: Path) -> None:
    """The scar: killed with its parent, it was a zombie for 2 s, and Postgres took its lock for held."""
    put_cluster(tmp_path)
    server = EmbeddedPostgres(tmp_path, fsync=False)
    server.start()
    server.stop()
    user = server._place.user
    killed = subprocess.Popen(["sleep", "100"], cwd="/", user=user.pw_uid if user else None)
    killed.kill()
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)  # dead, and not buried
    (server.data / "postmaster.pid").write_text(f"{killed.pid}\n{server.data}\n")
    burial = threading.Timer(1.0, killed.wait)
    burial.start()
    try:
        server.start()
        assert not burial.is_alive()
    finally:
        server.stop()
        burial.join()


def test_nats_takes_another_port_if_its_own_is_taken(tmp_path: Path) -> None:
    first = EmbeddedNats(tmp_path)
    first.start()
    first.stop()

    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", first.port))
        squatter.listen()
        second = EmbeddedNats(tmp_path)

    assert second.port != first.port


def test_both_servers_stop_in_order_and_are_not_killed(folder: Path) -> None:
    with serving(Settings(state_dir=folder)) as system:
        pids = list(system.server_pids.values())

    assert "database system is shut down" in place_for(folder).log.read_text()
    assert "Server Exiting" in EmbeddedNats(folder).log.read_text()
    wait_gone(pids)
    assert not (folder / "run.json").exists()


def test_a_server_that_is_killed_is_started_again_and_still_dies_with_its_parent(folder: Path) -> None:
    process, pids = parent(folder)
    postgres, again = EmbeddedPostgres(folder), set[int]()
    until = time.monotonic() + AGAIN_TIMEOUT_S
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    while not (len(again) == len(pids) and postgres._answers()) and time.monotonic() < until:
        time.sleep(POLL_S)
        again = {child.pid for child in psutil.Process(process.pid).children()} - set(pids)
    process.kill()
    process.wait()
    assert len(again) == len(pids), again
    wait_gone([*pids, *again])


def test_a_cluster_from_before_there_were_passwords_is_closed_and_keeps_its_data(tmp_path: Path) -> None:
    put_cluster(tmp_path)
    before = EmbeddedPostgres(tmp_path, fsync=False)
    before.start()
    assert before._psql("aicore", "CREATE TABLE kept (a int)").returncode == 0
    password = before.password_of(SUPERUSER)
    before.stop()
    (before.data / "pg_hba.conf").write_text("local all all trust\n")
    (before.data / CLOSED_MARK).unlink()
    (tmp_path / PASSWORDS).unlink()

    after = EmbeddedPostgres(tmp_path, fsync=False)
    after.start()
    try:
        assert after.password_of(SUPERUSER) != password
        assert after._psql("aicore", "SELECT count(*) FROM kept").stdout == b"0\n"
        with pytest.raises(asyncpg.InvalidPasswordError):
            asyncio.run(asyncpg.connect(after.dsn, password=password))
    finally:
        after.stop()


def test_a_stop_in_the_middle_of_a_fork_is_not_lost(tmp_path: Path) -> None:
    """The scar: the hook swallowed the interrupt, a lock with it, and nothing could stop the start again."""
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_IN_FORK, str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (7, "")
