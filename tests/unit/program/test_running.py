"""What commands beside a running system know of how it was started."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from aicore.cli.terminal import known_settings, running
from aicore.running import RUN_FILE, NotRunning, System, find, remember_failure
from aicore.settings import DSNS, SECRET, Settings, load_settings

NATS = "nats://127.0.0.1:4222"
DSN = "postgresql://postgres@/aicore?host=/x"


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A shell that knows the state directory only."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"AICORE_{name.upper()}", raising=False)
    monkeypatch.setenv("AICORE_STATE_DIR", str(tmp_path))
    return tmp_path


def started_with(state: Path, monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, str]) -> None:
    """Write the run file of a system that was started with ``settings``, in a shell of its own."""
    with monkeypatch.context() as shell:
        for name, value in settings.items():
            shell.setenv(f"AICORE_{name.upper()}", value)
        given = load_settings().given()
    system = System(
        realm="demo", postgres_dsn=DSN, nats_url=NATS, pid=os.getpid(), state_dir=state, given=given
    )
    (state / RUN_FILE).write_text(system.model_dump_json())


def test_a_command_has_the_settings_that_the_system_was_started_with(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scar: `evaluate` in another shell found no engine, and the doctor found all well."""
    monkeypatch.chdir(state)
    began = {"engines_file": "mine.toml", "content_file": "", "inference_concurrent": "7", "scorers": "a:b"}
    started_with(state, monkeypatch, began)
    monkeypatch.chdir("/")
    monkeypatch.setenv("AICORE_SCORERS", "c:d")

    settings, _ = running()

    assert settings.engines_file == state / "mine.toml", "relative to where the system was started"
    assert settings.content_file is None
    assert settings.inference_concurrent == 7
    assert settings.scorers == "c:d", "this shell's own word counts"
    assert known_settings() == settings


def test_an_empty_value_of_this_shell_is_its_own_word(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started_with(state, monkeypatch, {"engines_file": "/mine.toml"})
    monkeypatch.setenv("AICORE_ENGINES_FILE", "")

    assert running()[0].engines_file is None


def test_neither_secrets_nor_what_is_the_process_own_are_passed_on(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        **dict.fromkeys(DSNS, "postgresql://u:hunter2@h/db"),
        "nats_url": "nats://u:hunter2@h",
        "http_key": "hunter2-and-more-of-it",
        "personal_key": "ab" * 64,
    }
    assert set(secrets) == SECRET
    started_with(state, monkeypatch, {**secrets, "http_port": "8080", "log_level": "debug", "realm": "other"})

    assert find(load_settings()).given == {}
    assert "hunter2" not in (state / RUN_FILE).read_text()


@pytest.mark.parametrize("name", ["nats_url", "postgres_dsn"])
def test_a_system_elsewhere_was_started_in_another_way(
    state: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    started_with(state, monkeypatch, {"engines_file": "/mine.toml"})
    elsewhere = {"nats_url": "nats://elsewhere", "postgres_dsn": "postgresql://elsewhere/db"}
    monkeypatch.setenv(f"AICORE_{name.upper()}", elsewhere[name])

    assert running()[0].engines_file is None


def test_where_nothing_runs_the_last_failure_is_told_and_the_shell_s_settings_hold(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AICORE_CONTENT_FILE", "/x.toml")
    remember_failure(state, "port 1 is taken")

    with pytest.raises(NotRunning, match=r"The last start failed at .* UTC: port 1 is taken"):
        running()
    assert known_settings().content_file == Path("/x.toml")
