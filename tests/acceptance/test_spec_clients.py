"""SPEC.md's clients, run more than once: a durable consumer resumes, drops what it has, and notices a gap."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from aicore.running import System
from bus.nats.api import JetStreamError, js_publish, js_request
from bus.nats.connection import connect
from bus.nats.topology import events_stream
from bus.retry import until_done
from protocol.identity import UNNAMED
from protocol.messages import CommandMessage, encode_command
from tests.acceptance.kit import COMMAND_TIMEOUT_S, POLL_S, ROOT, Up
from tests.harness.folders import open_folder
from tests.harness.node import node_folder

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180), pytest.mark.xdist_group("spec_clients")]

BLOCK = re.compile(r"^```(python|js)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAMES = {"python": "market", "js": "bazaar"}
"""Of the service that runs each language's example."""

IDLE = {"python": ("timeout=2", "timeout=1"), "js": ("expires: 2000", "expires: 1000")}
"""How long each of them waits for more before it ends, and how long here."""

VIEW_S = 20.0
"""For the read model to have what the client heard of."""


def example(language: str, containing: str) -> str:
    """Return the block of SPEC.md in a language that has a text in it."""
    found = [
        text
        for of, text in BLOCK.findall((ROOT / "protocol" / "SPEC.md").read_text())
        if (of, containing in text) == (language, True)
    ]
    assert len(found) == 1, (language, containing)
    return str(found[0])


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    with open_folder() as folder:
        running = Up(folder).wait_up()
        yield running
        running.stop()


class Client:
    """A client of SPEC.md in a folder of its own."""

    def __init__(self, up: Up, language: str, folder: Path) -> None:
        self.up, self.language, self.folder = up, language, folder
        self.name = NAMES[language]
        self.use_case = f"u{uuid4().hex[:8]}"
        """Of its own: what another test has registered would be no change, and no event."""
        up.run("services", "add", self.name, "--follow", "all")
        self.identity = f"service-{self.name}"

    def run(self, containing: str, code: int = 0, *, identity: str) -> str:
        """Run an example as somebody and return what it said."""
        text = example(self.language, containing).replace(f"{self.name}_dialogue", self.use_case)
        text = text.replace(*IDLE[self.language])
        if self.language == "python":
            command = [sys.executable, "-c", text]
        else:
            script = node_folder(self.folder) / "client.mjs"
            script.write_text(text)
            command = ["node", str(script)]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **self.up.json("env", "--identity", identity)},
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    @contextmanager
    def recorded(self, number: int = 2) -> Iterator[None]:
        """Wait, at the end, until so many events more are in the log and in JetStream."""
        before = self.up.json("relay", "status")["log_head"]
        yield
        deadline = time.monotonic() + COMMAND_TIMEOUT_S
        while (now := self.up.json("relay", "status"))["stream_last"] < before + number:
            assert time.monotonic() < deadline, now
            time.sleep(POLL_S)

    def consume(self, code: int = 0) -> str:
        return self.run("goes on after", code, identity=self.identity)

    def put_in(self) -> str:
        """Put a command in, as an operator."""
        return self.run("Nats-Msg-Id", identity=self.up.operator)

    def heard(self) -> list[int]:
        """Consume, and return the positions of what was new."""
        return [int(line.split()[0]) for line in self.consume().splitlines() if line[0].isdigit()]

    def ask(self, *subjects_and_bodies: tuple[str, bytes]) -> None:
        """Send requests to JetStream as an operator would, or commands into the inbox."""
        system = System.model_validate_json((self.up.folder / "run.json").read_text())

        async def send() -> None:
            async with connect(system.owner_url, name="test") as nc:
                for subject, body in subjects_and_bodies:
                    if subject.startswith("demo."):
                        await js_publish(nc, subject, body, {})
                    else:
                        await js_request(nc, subject, json.loads(body or b"null"))

        asyncio.run(send())

    def wait_for_consumer(self) -> None:
        """Wait until the relay has made it again."""
        system = System.model_validate_json((self.up.folder / "run.json").read_text())

        async def look() -> None:
            async with connect(system.owner_url, name="test") as nc, asyncio.timeout(COMMAND_TIMEOUT_S):
                await until_done(
                    lambda: js_request(nc, f"CONSUMER.INFO.{events_stream('demo')}.{self.identity}"),
                    on=JetStreamError,
                    pause=0.1,
                )

        asyncio.run(look())

    def something_happens(self) -> None:
        """Have two events recorded that are about a use case of their own."""
        payload = {
            "use_case": f"u{uuid4().hex[:8]}",
            "name": "ember-gold",
            "version": "0.3.0",
            "provider": "embedded",
            "model_type": "self_hosted",
            "tier": "gold",
        }
        message = CommandMessage(uuid4(), "registry.register_model", payload)
        with self.recorded():
            self.ask((f"demo.in.registry.register_model.{UNNAMED}", encode_command(message)))


@pytest.mark.parametrize("language", [pytest.param("python", marks=pytest.mark.slow), "js"])
def test_a_durable_consumer_resumes_drops_what_it_has_and_notices_a_gap(
    up: Up, language: str, tmp_path: Path
) -> None:
    client = Client(up, language, tmp_path)
    client.something_happens()
    first = client.heard()
    assert first == list(range(1, len(first) + 1)) != []

    with client.recorded():
        assert client.put_in().startswith("JetStream has it")
    more = client.heard()
    assert more[:2] == [len(first) + 1, len(first) + 2], "it goes on where it was"

    stream = events_stream("demo")
    config = {"durable_name": client.identity, "ack_policy": "explicit", "filter_subject": "demo.evt.>"}
    client.ask(
        (f"CONSUMER.DELETE.{stream}.{client.identity}", b""),
        (
            f"CONSUMER.DURABLE.CREATE.{stream}.{client.identity}",
            json.dumps({"stream_name": stream, "config": config}).encode(),
        ),
    )
    assert client.heard() == [], "everything came again, as after a crash before its acknowledgements"
    up.run("relay", "refill")
    client.wait_for_consumer()
    client.something_happens()
    after = client.heard()
    assert after[:2] == [(more or first)[-1] + 1, (more or first)[-1] + 2], "a stream made anew is no gap"

    for file in tmp_path.iterdir():
        file.unlink()
    client.something_happens()
    assert "events 1 to" in client.consume(code=1)


def registered(up: Up, use_case: str) -> list[str]:
    """Return the names of a use case's models."""
    return [model["name"] for model in up.json("models", "list") if model["use_case"] == use_case]


@pytest.mark.parametrize("language", ["python", "js"])
def test_a_command_that_is_put_in_takes_effect(up: Up, language: str, tmp_path: Path) -> None:
    client, letters = Client(up, language, tmp_path), up.json("dlq", "list")

    client.put_in()

    until = time.monotonic() + VIEW_S
    while not (names := registered(up, client.use_case)) and time.monotonic() < until:
        time.sleep(POLL_S)  # the read model may be a moment behind the event that the client waited for
    assert names == ["ember-gold"]
    assert up.json("dlq", "list") == letters


def test_a_refused_command_is_seen_given_back_and_dismissed(up: Up, tmp_path: Path) -> None:
    client = Client(up, "python", tmp_path)
    body = encode_command(CommandMessage(uuid4(), "registry.retire_model", {"model_id": "nobody"}))
    before = len(up.json("dlq", "list"))
    client.ask((f"demo.in.registry.retire_model.{UNNAMED}", body))

    letter = _letters(up, before + 1)[-1]
    assert (letter["code"], letter["command"]) == ("invalid_field", "registry.retire_model")
    number = str(letter["sequence"])
    assert up.json("dlq", "show", number)["payload"] == {"model_id": "nobody"}
    assert "invalid_field" in up.run("dlq", "list")
    assert "is with its consumer" in up.run("dlq", "redrive", number)
    assert "was redriven before" in up.run("dlq", "redrive", number)
    again = _letters(up, before + 2)[-1]
    assert again["redrive_of"] == letter["sequence"]
    assert "1 wait" in up.run("doctor")
    assert "is dismissed" in up.run("dlq", "dismiss", str(again["sequence"]), "--reason", "a test")
    assert all(check["name"] != "dead letters" or check["verdict"] == "ok" for check in up.json("doctor"))


def _letters(up: Up, number: int) -> list[dict[str, Any]]:
    """Wait for so many letters."""
    deadline = time.monotonic() + COMMAND_TIMEOUT_S
    while len(found := up.json("dlq", "list")) < number:
        assert time.monotonic() < deadline, "no letter came"
        time.sleep(POLL_S)
    return list(found)
