"""A start that fails says why at once: the reason, its process or file, its variable, and the exit code."""

import os
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from aicore.embedded.ports import free_port
from bus.postgres.connect import schema_of
from bus.postgres.migrate import migrate
from tests.acceptance.kit import ROOT, Up
from tests.harness.warm import run_warm

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]

TOLD_S = 20.0
"""For a whole start that fails, on a busy machine; the old silence was 60 s."""

SECRET = "hunter2"


@dataclass(frozen=True)
class Place:
    """What a case may use: servers that run, and a folder of its own."""

    postgres: EmbeddedPostgres
    nats: EmbeddedNats
    realm: str
    folder: Path

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)


Case = Callable[[Place], Mapping[str, str]]


def away(_: Place) -> Mapping[str, str]:
    return {"POSTGRES_DSN": f"postgresql://u:{SECRET}@127.0.0.1:{free_port()}/x"}


def no_such_role(place: Place) -> Mapping[str, str]:
    return {"POSTGRES_DSN": re.sub("//[^@]+@", f"//stranger:{SECRET}@", place.postgres.dsn)}


def no_such_database(place: Place) -> Mapping[str, str]:
    return {"POSTGRES_DSN": place.postgres.dsn.replace("/aicore?", "/elsewhere?")}


def no_such_host(_: Place) -> Mapping[str, str]:
    return {"POSTGRES_DSN": f"postgresql://u:{SECRET}@nosuch.invalid/x"}


def nats_away(_: Place) -> Mapping[str, str]:
    return {
        "NATS_URL": f"nats://u:{SECRET}@127.0.0.1:{free_port()},nats://u:{SECRET}@127.0.0.1:{free_port()}"
    }


def nats_port(place: Place) -> Mapping[str, str]:
    return {"NATS_PORT": str(place.nats.port), "NATS_URL": ""}


def http_port(place: Place) -> Mapping[str, str]:
    return {"HTTP_PORT": str(place.nats.port)}


def http_host(_: Place) -> Mapping[str, str]:
    return {"HTTP_HOST": "10.255.255.1"}


def no_engines_file(_: Place) -> Mapping[str, str]:
    return {"ENGINES_FILE": "/nosuch/engines.toml"}


def bad_engines_file(place: Place) -> Mapping[str, str]:
    return {"ENGINES_FILE": place.file("engines.toml", '[engines.a]\nkind = "vllm"\n')}


def no_content_file(_: Place) -> Mapping[str, str]:
    return {"CONTENT_FILE": "/nosuch/content.toml"}


def no_weights(place: Place) -> Mapping[str, str]:
    return {"MODEL_DIR": str(place.folder)}


def no_scorer(_: Place) -> Mapping[str, str]:
    return {"SCORERS": "nosuch.module:score"}


def no_guard(_: Place) -> Mapping[str, str]:
    return {"GUARD_CLASSIFIER": "tier:gold"}


def state_below_a_file(place: Place) -> Mapping[str, str]:
    return {"STATE_DIR": place.file("file", "") + "/state"}


CASES: list[tuple[Case, int, str]] = [
    (away, 3, r"no Postgres for us at postgresql://u:\*\*\*@127.*AICORE_POSTGRES_DSN"),
    (no_such_role, 3, r'no Postgres for us at .*password .* failed for user "stranger".*AICORE_POSTGRES_DSN'),
    (no_such_database, 3, r'no Postgres for us at .*"elsewhere" does not exist.*AICORE_POSTGRES_DSN'),
    (no_such_host, 3, r"no Postgres for us at .*nosuch\.invalid.*AICORE_POSTGRES_DSN"),
    (nats_away, 3, r"no NATS server at nats://127.*AICORE_NATS_URL"),
    (nats_port, 2, r"port \d+ of 127\.0\.0\.1 belongs to process \d+ \(nats-server\).*AICORE_NATS_PORT"),
    (http_port, 2, r"port \d+ of 127\.0\.0\.1 belongs to process \d+ \(nats-server\).*AICORE_HTTP_PORT"),
    (http_host, 2, r"10\.255\.255\.1.*AICORE_HTTP_HOST"),
    (no_engines_file, 2, r"AICORE_ENGINES_FILE: /nosuch/engines\.toml cannot be read"),
    (bad_engines_file, 2, r"AICORE_ENGINES_FILE: .*engines\.a\.url: Field required"),
    (no_content_file, 2, r"AICORE_CONTENT_FILE: /nosuch/content\.toml"),
    (no_weights, 2, r"AICORE_MODEL_DIR: .* has no manifest\.json"),
    (no_scorer, 2, r"AICORE_SCORERS: .*nosuch"),
    (no_guard, 2, r"AICORE_GUARD_CLASSIFIER"),
    (state_below_a_file, 2, r"AICORE_STATE_DIR: .*/file/state: not a directory"),
]


def ended(
    arguments: tuple[str, ...], settings: Mapping[str, str], before: Callable[[], object] | None = None
) -> tuple[int, str]:
    """Run a start that is to fail; return its exit code and all that it said, on one line."""
    began = time.monotonic()
    code, said = run_warm(arguments, environment_of(settings), TOLD_S * 3, before=before)
    return code, told(said, began)


def environment_of(settings: Mapping[str, str]) -> dict[str, str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AICORE_")}
    return environment | {f"AICORE_{name}": value for name, value in settings.items() if value}


def told(words: str, began: float) -> str:
    """Return what was said on one line, after a look at it."""
    said = " ".join(words.split())
    assert time.monotonic() - began < TOLD_S, said
    assert not re.search(r"Traceback|ExceptionGroup", said), words
    assert SECRET not in said
    return said


@pytest.fixture
def place(postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str, tmp_path: Path) -> Place:
    return Place(postgres, nats_server, realm, tmp_path)


def settings_of(place: Place) -> dict[str, str]:
    servers = {"POSTGRES_DSN": place.postgres.dsn, "NATS_URL": place.nats.url}
    return {**servers, "REALM": place.realm, "STATE_DIR": str(place.folder / "state")}


@pytest.mark.parametrize(("case", "code", "said"), CASES, ids=[case[0].__name__ for case in CASES])
def test_why_a_start_fails_is_told_at_once(place: Place, case: Case, code: int, said: str) -> None:
    found = ended(("up",), {**settings_of(place), **case(place)})

    assert re.search(said, found[1]), found
    assert found[0] == code, found


def test_a_file_that_may_not_grow_is_told_as_such(place: Place) -> None:
    """As a full disk would be: initdb cannot write its first segment of 16 MB."""
    limit = 4 * 1024 * 1024
    code, said = ended(
        ("up",),
        {**settings_of(place), "POSTGRES_DSN": ""},
        before=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)),
    )

    assert code == 1, said
    assert "initdb failed" in said
    assert "File too large" in said


def test_too_few_open_files_are_told_as_such(place: Place) -> None:
    code, said = ended(
        ("up",),
        settings_of(place),
        before=partial(resource.setrlimit, resource.RLIMIT_NOFILE, (100, 100)),
    )

    assert code == 2, said
    assert "only 100 files may be open" in said
    assert "ulimit -n" in said


def test_a_working_directory_that_is_gone_is_told_as_such(place: Place) -> None:
    gone = place.folder / "gone"
    gone.mkdir()

    def leave_none() -> None:
        os.chdir(gone)
        gone.rmdir()

    done = subprocess.run(  # imports in it, too, which one that is forked has behind it
        [sys.executable, "-m", "aicore", "up"],
        cwd=ROOT,
        env=environment_of(settings_of(place)),
        capture_output=True,
        text=True,
        timeout=TOLD_S * 3,
        check=False,
        preexec_fn=leave_none,
    )

    said = f"{done.stdout} {done.stderr}"
    assert done.returncode == 2, said
    assert "the working directory is gone" in said


async def test_changed_migrations_are_told_with_the_file(place: Place) -> None:
    await migrate(place.postgres.dsn, place.realm)
    admin = await asyncpg.connect(place.postgres.dsn)
    await admin.execute(
        f"UPDATE {schema_of(place.realm)}.schema_migration SET checksum = 'x' WHERE name = '0002_event.sql'"
    )
    await admin.close()

    code, said = ended(("up",), settings_of(place))

    assert code == 1, said
    assert re.search(r"0002_event\.sql: changed or removed.*restore the released file", said)


def test_a_failed_start_is_what_the_doctor_tells_where_nothing_runs(place: Place) -> None:
    """The scar: `up` named the doctor, and the doctor named `up`, for ever."""
    embedded = {"STATE_DIR": str(place.folder / "state")}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert ended(("up",), {**embedded, "HTTP_PORT": port})[0] == 2

        code, said = ended(("doctor",), embedded)

    assert code == 3, said
    assert re.search(
        rf"The last start failed.*port {port} of 127\.0\.0\.1 belongs to process {os.getpid()}", said
    )


# --- two logs of one realm on one NATS ----------------------------------------------------------------------


@asynccontextmanager
async def another_database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """Yield the address of a second database: another log, whatever its rows are."""
    admin = await asyncpg.connect(postgres.dsn)
    await admin.execute("DROP DATABASE IF EXISTS another WITH (FORCE)")
    await admin.execute("CREATE DATABASE another")
    try:
        yield postgres.dsn.replace("/aicore?", "/another?")
    finally:
        await admin.execute("DROP DATABASE another WITH (FORCE)")
        await admin.close()


async def test_a_second_log_of_the_realm_on_the_same_nats_is_refused(place: Place) -> None:
    """The scar: of 20 acknowledged registrations 11 landed in one log and 9 in the other."""
    settings = settings_of(place)
    lower = {name.lower(): value for name, value in settings.items() if name != "STATE_DIR"}
    first = Up(place.folder / "first", "--verbose", **lower)
    try:
        first.wait_up()
        async with another_database(place.postgres) as dsn:
            for arguments in (("up",), ("run", "relay"), ("run", "commands", "queries")):
                code, said = ended(arguments, {**settings, "POSTGRES_DSN": dsn})

                assert code == 4, said
                assert f"another system serves the realm {place.realm}" in said
                assert f"process {first.process.pid} on {socket.gethostname()}" in said
                assert "AICORE_REALM" in said
        assert first.process.poll() is None, "who was there goes on; it may have seen them come and go"
    finally:
        first.stop()
