"""Log files: bounded in size and number, no line torn or written twice, whoever writes at once."""

import logging
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from io import StringIO
from pathlib import Path
from typing import Literal

import pytest
import structlog

from aicore.embedded.process import watching
from aicore.logfiles import LOG_BYTES_MAX, LogFile, numbered, trim
from aicore.logs import set_up
from tests.unit.program.test_server_watch import Server

BYTES_MAX = 20_000
EARLIER_MAX = 3


def files_of(path: Path) -> list[Path]:
    """Return a log's files, the oldest first."""
    return [each for number in range(EARLIER_MAX + 5, 0, -1) if (each := numbered(path, number)).exists()] + [
        path
    ]


def test_lines_of_many_threads_are_whole_and_the_files_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with closing(LogFile(path, bytes_max=BYTES_MAX, earlier_max=EARLIER_MAX)) as log:

        def write(thread: int) -> None:
            for number in range(500):
                log.write(f"{thread} {number} {'ü' * (number % 40)} end\n")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(8)))

    files = files_of(path)
    assert len(files) == EARLIER_MAX + 1
    assert all(each.stat().st_size <= BYTES_MAX and each.stat().st_mode & 0o077 == 0 for each in files)
    assert all(each.stat().st_size > BYTES_MAX - 200 for each in files[:-1]), "none is begun before it must"
    lines = [line for each in files for line in each.read_text().splitlines()]
    assert all(line.endswith(" end") for line in lines)
    for thread in range(8):
        numbers = [int(line.split()[1]) for line in lines if line.startswith(f"{thread} ")]
        assert numbers == list(range(500 - len(numbers), 500)), "in order, each once, the newest"


@pytest.mark.parametrize("form", ["console", "json"])
def test_the_programs_log_with_tracebacks_from_two_ways_is_whole(
    tmp_path: Path, form: Literal["console", "json"]
) -> None:
    path = tmp_path / "a.log"
    with closing(LogFile(path, bytes_max=BYTES_MAX, earlier_max=EARLIER_MAX)) as log:
        set_up("info", form, log)

        def write(number: int) -> None:
            structlog.get_logger("test").info("happened", number=number)
            try:
                raise RuntimeError(f"trouble {number}")
            except RuntimeError:
                logging.getLogger("test").exception("by a library %d", number)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(100)))
        set_up("info", form, StringIO())

    said = "".join(each.read_text() for each in files_of(path))
    for number in range(100):
        assert said.count(f"by a library {number}\n") == said.count(f"RuntimeError: trouble {number}\n") == 1
    assert said.count("happened") == 100


def test_a_file_that_is_moved_or_removed_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with closing(LogFile(path)) as log:
        log.write("one\n")
        path.rename(tmp_path / "kept")
        log.write("two\n")
        path.unlink()
        log.write("three\n")

    assert ((tmp_path / "kept").read_text(), path.read_text()) == ("one\n", "three\n")


def test_where_nothing_can_be_renamed_the_file_is_written_on(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    numbered(path, 1).mkdir()
    (numbered(path, 1) / "x").touch()
    with closing(LogFile(path, bytes_max=10, earlier_max=1)) as log:
        for number in range(5):
            log.write(f"line {number}\n")

    assert path.read_text() == "".join(f"line {number}\n" for number in range(5))


def test_a_disk_without_room_takes_the_whole_line_or_none_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(LogFile(path)) as log:
        log.write("one\n")
        resource.setrlimit(resource.RLIMIT_FSIZE, (7, limits[1]))
        try:
            with pytest.raises(OSError, match=r"."):
                log.write("a longer one\n")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        log.write("two\n")

    assert path.read_text() == "one\ntwo\n"


WRITER = """
import itertools, os, sys
file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for number in itertools.count():
    os.write(file, b"%d the server says something of some length end\\n" % number)
"""


def test_the_log_of_a_running_server_is_bounded_and_its_lines_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    trims = 0
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)]) as server:
        try:
            while trims < 3 * EARLIER_MAX:
                with suppress(FileNotFoundError):
                    trims += trim(path, bytes_max=BYTES_MAX, earlier_max=EARLIER_MAX)
        finally:
            server.kill()
    trim(path, bytes_max=BYTES_MAX, earlier_max=EARLIER_MAX)

    files = files_of(path)
    assert len(files) == EARLIER_MAX + 1
    lines = [line for each in files for line in each.read_text().splitlines()]
    assert all(line.endswith(" end") for line in lines)
    numbers = [int(line.split()[0]) for line in lines]
    assert numbers == sorted(set(numbers)), "in order, none twice"
    assert path.stat().st_size <= BYTES_MAX


def test_a_log_that_was_never_bounded_keeps_its_end(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_text("".join(f"line {number}\n" for number in range(10_000)))

    assert trim(path, bytes_max=1_000)
    kept = numbered(path, 1).read_text().splitlines()
    assert (path.read_text(), kept[-1]) == ("", "line 9999")
    assert kept[0].startswith("line 9")
    assert 900 < numbered(path, 1).stat().st_size <= 1_000
    assert not trim(path, bytes_max=1_000)


def test_who_watches_the_servers_bounds_their_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aicore.embedded.process.WATCH_EVERY_S", 0.001)
    server = Server()
    server.log = tmp_path / "server.log"
    server.log.write_text("a line\n" * (LOG_BYTES_MAX // 7 + 1))
    with watching([server]):
        assert server.started.wait(10)

    assert server.log.stat().st_size == 0
    assert numbered(server.log, 1).stat().st_size > 0
