"""One command starts, serves and stops everything, and goes on from its state."""

import json
import re
import signal
import time
from pathlib import Path

import pytest

from tests.acceptance.kit import STOP_TIMEOUT_S, Up

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("up"),
]

TOLD = re.compile(r"^  python -m aicore ((?:models|events|log verify|doctor)\S*(?: list)?)", re.MULTILINE)

PACK = """
district = [{id = "quay", name = "the Glass Quay"}]
npc = [{id = "wen", name = "Wen", role = "diver", home = "quay", archetype = "guide", voice = "blunt"}]
"""


def test_the_demo_shows_the_real_flow_and_a_second_start_goes_on(tmp_path: Path) -> None:
    first = Up(tmp_path).wait_up()
    head = first.json("relay", "status")["log_head"]
    took = first.stop()

    for said in (
        "registered ember-gold",
        "ember-silver 0.3.0 on silver",
        "registry.model_registered",
        "registry.model_promoted",
        "inference.requested",
        "inference.completed",
        "duplicate=True",
        "unknown_command",
        "invalid_field",
        "too_large",
        "malformed_message",
        "version_conflict",
        "retry=reload",
        "as of position",
        "Where to look",
        "stopped in order",
    ):
        assert said in first.output, first.output
    assert "Traceback" not in first.output
    assert first.process.returncode == 0
    assert took < STOP_TIMEOUT_S

    pack = tmp_path / "pack.toml"
    pack.write_text(PACK)
    second = Up(tmp_path, content_file=str(pack)).wait_up()
    try:
        asked = second.json("ask", "Who are you?", "--npc", "wen")["inference_id"]
        assert "was registered before" in second.output
        assert f"event {head + 1} " in second.output
        assert second.json("log", "verify")["ok"]
        assert second.json("relay", "status")["rebuilds"] == 1  # the very first start found no stream
        told = TOLD.findall(second.output)
        assert len(told) >= 3
        for command in told:
            second.run(*command.split())
        assert "the Glass Quay" in prompt_of(second, asked), "what is known is the content file's"
    finally:
        assert second.stop(signal.SIGINT) < STOP_TIMEOUT_S


def prompt_of(up: Up, inference_id: str) -> str:
    """Return the prompt of an inference once its record has reached the log."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        tail = up.run("log", "tail", "--no-follow", "--after", "0", "--type", "inference.requested", "--json")
        for event in map(json.loads, tail.splitlines()):
            if event["payload"]["inference_id"] == inference_id:
                return str(event["payload"]["rendered_prompt"])
    raise AssertionError("the record did not reach the log")


def test_two_systems_run_side_by_side(tmp_path: Path) -> None:
    both = [Up(tmp_path / name) for name in ("one", "two")]
    try:
        for up in both:
            up.wait_up()
        heads = [up.json("log", "stats")["types"] for up in both]
        assert heads[0]
        assert len(heads[0]) == len(heads[1])
    finally:
        for up in both:
            up.stop()


def test_a_stop_during_the_start_leaves_nothing(tmp_path: Path) -> None:
    up = Up(tmp_path)
    with up._moved:
        up._moved.wait_for(lambda: "starting" in up.output, 30)

    assert up.stop() < STOP_TIMEOUT_S
    assert "Traceback" not in up.output
    assert not (tmp_path / "run.json").exists()
