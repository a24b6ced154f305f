"""A command sent to several inference processes at once: one effect and one result, the log away or not."""

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from aicore.client import Client, connect
from aicore.clock import new_id
from protocol.messages import Reply
from tests.acceptance.kit import PLAIN, POLL_S, Up
from tests.harness.warm import Warm

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("repeats"),
]

IDS, TIMES = 10, 12
READY_S, SHIPPED_S = 30, 60


@contextmanager
def inference(up: Up) -> Iterator[None]:
    """Run one more inference process beside ``aicore up``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    said = up.folder / f"inference-{port}"
    said.touch()
    process = Warm(("run", "inference"), {**up.environment, "AICORE_HTTP_PORT": str(port)}, output=said)
    try:
        deadline = time.monotonic() + READY_S
        while "inference ready" not in said.read_text():
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(POLL_S)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


async def sent(client: Client, words: str) -> list[Reply]:
    """Send one command many times at once; the engine may answer each time in another way."""
    payload = {"use_case": "npc_dialogue", "prompt": words, "max_tokens": 20, "temperature": 1.0}
    id_ = new_id()
    return await asyncio.gather(
        *(client.command("inference.generate", payload, id=id_) for _ in range(TIMES))
    )


async def sent_all(url: str, words: str) -> set[str]:
    """Send `IDS` commands and return the inferences that they had; each had one effect and one result."""
    inferences = set[str]()
    async with connect(url, "demo") as client:
        for number in range(IDS):
            replies = await sent(client, f"{words} {number}?")
            assert [reply.duplicate for reply in replies].count(False) == 1
            results: set[str] = {json.dumps(reply.result, sort_keys=True) for reply in replies}
            assert len(results) == 1, "one text, one meter"
            inferences.add(replies[0].result["inference_id"])
    return inferences


@pytest.mark.parametrize("number", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_a_repeat_has_one_effect_whichever_process_gets_it(tmp_path: Path, number: int) -> None:
    up = Up(tmp_path, PLAIN).wait_up().with_models()
    try:
        with ExitStack() as stack:
            for _ in range(number - 1):
                stack.enter_context(inference(up))
            run = json.loads((tmp_path / "run.json").read_text())
            asked = asyncio.run(sent_all(run["nats_url"], "Who rings the bells"))
            postgres = run["server_pids"]["postgres"]
            stopped = [
                postgres,
                *map(int, Path(f"/proc/{postgres}/task/{postgres}/children").read_text().split()),
            ]
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                asked |= asyncio.run(sent_all(run["nats_url"], "Who keeps the lamp"))
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
            answers = shipped(up, asked)
            assert sorted(answers) == sorted(asked), "each once"
            assert sum(spool["dead_letters"] for spool in spools(up)) == 0
    finally:
        up.stop()


def shipped(up: Up, wanted: set[str]) -> list[str]:
    """Return the inferences with an answer in the log, once all wanted have one and no record waits."""
    deadline = time.monotonic() + SHIPPED_S
    while time.monotonic() < deadline:
        time.sleep(POLL_S)
        lines = up.run("log", "tail", "--no-follow", "--after", "0", "--json").splitlines()
        events = [json.loads(line) for line in lines]
        found = [e["payload"]["inference_id"] for e in events if e["type"] == "inference.completed"]
        if wanted <= set(found) and not any(spool["backlog_records"] for spool in spools(up)):
            return [each for each in found if each in wanted]
    raise AssertionError("not within a minute")


def spools(up: Up) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = up.json("spool", "status")
    return found
