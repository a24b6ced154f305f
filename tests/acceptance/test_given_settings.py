"""Commands in a shell that knows only where the system runs do what its settings mean."""

import json
from pathlib import Path

import pytest

from tests.acceptance.kit import PLAIN, Up

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180), pytest.mark.xdist_group("settings")]

ENGINES = """
[engines.shipped]
kind = "embedded"

[engines.mine]
kind = "embedded"
provider = "mine"

[engines.keyed]
kind = "openai"
url = "http://127.0.0.1:9"
model = "x"
provider = "keyed"
api_key_env = "NO_SUCH_KEY"

[tiers.gold]
engines = ["shipped", "mine", "keyed"]

[tiers.silver]
engines = ["shipped"]
"""
PACK = """
district = [{id = "quay", name = "the Glass Quay"}]
npc = [{id = "wen", name = "Wen", role = "diver", home = "quay", archetype = "guide", voice = "blunt"}]
"""
WHO = ("--operator", "mira", "--reason", "a test")


def test_commands_in_another_shell_have_the_system_s_engines_and_content(tmp_path: Path) -> None:
    for name, text in (("engines.toml", ENGINES), ("pack.toml", PACK)):
        (tmp_path / name).write_text(text)
    files = {"engines_file": str(tmp_path / "engines.toml"), "content_file": str(tmp_path / "pack.toml")}
    up = Up(tmp_path / "state", PLAIN, **files).wait_up().with_models()
    try:
        assert "Wen" in up.run("content", "list")

        ids = [registered(up, tmp_path, provider) for provider in ("mine", "keyed")]
        shown = up.run("evaluate", ids[0], *WHO, "--pairs", "8", "--json", code=1)
        assert '"verdict":"undecided"' in shown, "eight pairs are few"

        told = up.run("evaluate", ids[1], *WHO, "--pairs", "8", code=1)
        assert "the engine keyed wants a key" in told
        assert "set NO_SUCH_KEY" in told
        told = up.run("evaluate", ids[0], *WHO, "--pairs", "8", code=1, engines_file="")
        assert "no engine here serves mine 1" in told
        assert "AICORE_ENGINES_FILE" in told
        assert "doctor" not in told
    finally:
        up.stop()


def registered(up: Up, folder: Path, provider: str) -> str:
    """Register a model of a provider, named like it, and return its id."""
    file = folder / "model.json"
    model = {
        "use_case": "npc_dialogue",
        "name": provider,
        "version": "1",
        "provider": provider,
        "model_type": "self_hosted",
        "tier": "gold",
        "configuration": {"template": "cindermouth-line@1"},
    }
    file.write_text(json.dumps(model))
    return str(up.json("models", "register", str(file))["model_id"])
