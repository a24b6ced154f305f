"""`aicore env`: where the running system is, and the key that it made."""

import os
from pathlib import Path

import pytest

from aicore.cli.env import env
from aicore.keys import own_key
from aicore.running import RUN_FILE, System
from aicore.settings import Settings


def told(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **facts: object
) -> list[str]:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"AICORE_{name.upper()}", raising=False)
    monkeypatch.setenv("AICORE_STATE_DIR", str(state))
    system = System(
        realm="demo", postgres_dsn="postgresql://x", nats_url="nats://x", pid=os.getpid(), state_dir=state,
        **facts,
    )  # fmt: skip
    (state / RUN_FILE).write_text(system.model_dump_json())
    env()
    return capsys.readouterr().out.splitlines()


def test_it_gives_openais_clients_address_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = own_key(tmp_path)

    said = told(tmp_path, monkeypatch, capsys, http_port=8080, http_key_kept=True)
    assert said[1:] == ["export OPENAI_BASE_URL=http://127.0.0.1:8080/v1", f"export OPENAI_API_KEY={key}"]

    given = told(tmp_path, monkeypatch, capsys, http_port=8080, http_host="10.0.0.7")
    assert given[1:] == ["export OPENAI_BASE_URL=http://10.0.0.7:8080/v1"], "its keys are of somebody else"

    assert len(told(tmp_path, monkeypatch, capsys)) == 1
