"""Players are answered while the log is away, and nothing of it is missing afterwards."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.acceptance.kit import PLAIN, POLL_S, Up

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("outage"),
]

LOG_BACK_S = 60
ANSWERED_S = 25
"""For three turns and a refused batch; the log's own time-out is 30 s, and no turn may wait for it."""


def test_routing_goes_on_from_the_last_known_state_while_postgres_stands_still(tmp_path: Path) -> None:
    up = Up(tmp_path, PLAIN).wait_up().with_models()
    try:
        postgres = json.loads((tmp_path / "run.json").read_text())["server_pids"]["postgres"]
        stopped = [postgres, *children(postgres)]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            asked = [up.json("ask", f"Is it {n} o'clock?", "--npc", "bram_sallow") for n in range(3)]
            batch = tmp_path / "batch.jsonl"
            batch.write_text('{"id": "a", "prompt": "Hello."}')
            who = ("--use-case", "nope", "--operator", "test")
            unread = up.run("batch", "submit", str(batch), *who, code=3)
            took = time.monotonic() - began
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        assert all(reply["text"] for reply in asked)
        assert all(reply["recorded"] for reply in asked), "safe on this machine's disk"
        assert "the log cannot be read" in unread
        assert took < ANSWERED_S

        wanted = {reply["inference_id"] for reply in asked}
        deadline = time.monotonic() + LOG_BACK_S
        while wanted and time.monotonic() < deadline:
            time.sleep(POLL_S)
            types = ("--type", "inference.completed")
            lines = up.run("log", "tail", "--no-follow", "--after", "0", *types, "--json").splitlines()
            wanted -= {json.loads(line)["payload"]["inference_id"] for line in lines}
        assert not wanted
        assert up.json("log", "verify")["ok"]
    finally:
        up.stop()


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]
