"""One command starts, serves and stops everything, and goes on from its state."""

import asyncio
import json
import re
import signal
import time
import urllib.request
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.acceptance.kit import POLL_S, STOP_TIMEOUT_S, ColdUp, Up
from tests.harness.wire import dial

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
    first = ColdUp(tmp_path, "--demo", "--world").wait_up()
    head = first.json("relay", "status")["log_head"]
    took = first.stop()

    for said in (
        "the world of Cindermouth is loaded: version 1, ",
        " documents of its lore are added: ",
        "registered ember-gold",
        "ember-silver 0.3.0 on silver",
        "the clock shows 07:0",
        "registry.model_registered",
        "registry.model_promoted",
        "inference.requested",
        "inference.completed",
        "duplicate=True",
        "forbidden",
        "invalid_field",
        "too_large",
        "malformed_message",
        "version_conflict",
        "retry=reload",
        "as of position",
        "its people live",
        "Where to look",
        "stopped in order",
    ):
        assert said in first.output, first.output
    assert "Traceback" not in first.output
    assert "ledger.unit_opened" not in first.output, "what the world does meanwhile is told as a sum"
    assert first.process.returncode == 0
    assert took < STOP_TIMEOUT_S

    pack = tmp_path / "pack.toml"
    pack.write_text(PACK)
    second = ColdUp(tmp_path, content_file=str(pack)).wait_up()
    try:
        asked = second.json("ask", "Who are you?", "--npc", "wen")["inference_id"]
        assert "was registered before" in second.output
        # Leaders and people, who live since the first demo's end, have written meanwhile.
        assert any(int(position) > head for position in re.findall(r"event (\d+) ", second.output))
        assert second.json("log", "verify")["ok"]
        assert second.json("relay", "status")["rebuilds"] == 1  # the very first start found no stream
        told = TOLD.findall(second.output)
        assert len(told) >= 3
        for command in told:
            second.run(*command.split())
        assert "the Glass Quay" in prompt_of(second, asked), "what is known is the content file's"
        assert talked(second), "nobody who is at work answers a player who comes to them"
    finally:
        assert second.stop(signal.SIGINT) < STOP_TIMEOUT_S


def talked(up: Up) -> bool:
    """Say whether somebody at work answers who comes to them; who has just left is left alone."""
    working = [each["person"] for each in up.json("people", "list") if each["action"] == "work"]
    for person in working[:5]:
        said = up.run("talk", person, "Hello!", "Who are you?", "--json", code=(0, 1, 3, 4))
        if not said:
            continue
        lines = json.loads(said)
        assert len(lines) == 2
        assert lines[1]["text"] in " ".join(up.run("explain", "line", lines[1]["line"]).split())
        return True
    return False


def prompt_of(up: Up, inference_id: str) -> str:
    """Return the prompt of an inference once its record has reached the log."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        time.sleep(POLL_S)
        tail = up.run("log", "tail", "--no-follow", "--after", "0", "--type", "inference.requested", "--json")
        for event in map(json.loads, tail.splitlines()):
            if event["payload"]["inference_id"] == inference_id:
                return str(event["payload"]["rendered_prompt"])
    raise AssertionError("the record did not reach the log")


def test_two_systems_run_side_by_side(tmp_path: Path) -> None:
    both = [begun(tmp_path / begun.__name__) for begun in (ColdUp, Up)]
    try:
        for up in both:
            up.wait_up()
        for seen in (events_of, broker_of, door_of, database_of):
            one, two = (seen(up) for up in both)
            assert one, seen
            assert two, seen
            assert not one & two, seen
        first, second = both
        first.json("models", "alias", "only-here", current_of(first), "--operator", "o", "--reason", "r")
        assert "only-here" in first.run("log", "tail", "--no-follow", "--last", "1", "--json")
        assert "only-here" not in second.run("log", "tail", "--no-follow", "--after", "0", "--json")
    finally:
        for up in both:
            up.stop()


def events_of(up: Up) -> set[str]:
    """Return the ids of what its log holds, but for those that anybody derives of the realm's name."""
    lines = up.run("log", "tail", "--no-follow", "--after", "0", "--json").splitlines()
    return {found["id"] for found in map(json.loads, lines) if found["type"] != "clock.led"}


def broker_of(up: Up) -> set[str]:
    """Return the id that its NATS server gave itself, and its address."""

    async def asked() -> set[str]:
        nc = await dial(place_of(up)["nats_url"])
        found = {str(nc._server_info["server_id"]), str(nc.connected_url)}
        await nc.close()
        return found

    return asyncio.run(asked())


def door_of(up: Up) -> set[str]:
    """Return where its HTTP door is, and its key; it answers there."""
    told = up.json("env")
    address = f"{told['OPENAI_BASE_URL']}/models"
    bearer = {"Authorization": f"Bearer {told['OPENAI_API_KEY']}"}
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(urllib.request.Request(address, headers=bearer), timeout=10) as answer:
        assert json.load(answer)["data"]
    assert told["OPENAI_API_KEY"] in up.output
    return {address, told["OPENAI_API_KEY"]}


def database_of(up: Up) -> set[str]:
    """Return the identifier that its PostgreSQL cluster was initialised with, and where it listens."""

    async def asked() -> set[str]:
        session = await asyncpg.connect(place_of(up)["postgres_dsn"])
        try:
            known = await session.fetchval("SELECT system_identifier FROM pg_control_system()")
        finally:
            await session.close()
        return {str(known), str(place_of(up)["postgres_dsn"])}

    return asyncio.run(asked())


def place_of(up: Up) -> Any:
    return json.loads((up.folder / "run.json").read_text())


def current_of(up: Up) -> str:
    rows = up.json("models", "list", "--use-case", "npc_dialogue")
    return next(str(row["model_id"]) for row in rows if row["status"] == "current")


def test_a_stop_during_the_start_leaves_nothing(tmp_path: Path) -> None:
    up = ColdUp(tmp_path)
    with up._moved:
        up._moved.wait_for(lambda: "starting" in up.output, 30)

    assert up.stop() < STOP_TIMEOUT_S
    assert "Traceback" not in up.output
    assert not (tmp_path / "run.json").exists()
