"""A batch is worked off whatever dies meanwhile; every item is answered once."""

import asyncio
import json
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.kit import PLAIN, STOP_TIMEOUT_S, Up
from tests.harness.wire import dial

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("batches"),
]

ITEMS = 30
DONE_S = 90
WHO = ("--operator", "test")


def file_of(folder: Path, count: int = ITEMS, *, poison: int | None = None) -> str:
    """Write a batch of questions and return the file's name."""
    lines = [
        {"id": f"q{n}", "prompt": f"Do you have work, {n}?", "npc": "gault", "context": {"weather": "fog"}}
        for n in range(count)
    ]
    if poison is not None:
        lines[poison]["prompt"] = "fog " * 2_000
    path = folder / "batch.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return str(path)


def submitted(up: Up, folder: Path, **options: Any) -> str:
    told = up.json("batch", "submit", file_of(folder, **options), "--use-case", "npc_dialogue", *WHO)
    assert told["status"] == "submitted"
    return str(told["batch_id"])


def waited(up: Up, batch_id: str, *, items: int = ITEMS, least: int | None = None) -> dict[str, Any]:
    """Return a batch once it has ended, or once ``least`` items are finished.

    To ask costs this process, and the one that works, more than an item: only a moment is waited for closely.
    """
    deadline = time.monotonic() + DONE_S
    while time.monotonic() < deadline:
        found: dict[str, Any] = up.json("batch", "status", batch_id)
        finished = found["answered"] + found["failed"]
        if found["status"] in {"completed", "cancelled"} or (least is not None and finished >= least):
            return found
        time.sleep(0.5 if least is None else 0.05)
    raise AssertionError(f"the batch did not end: {found}")


def answers(up: Up, batch_id: str) -> Counter[str]:
    """Return how often each inference of a batch was completed, as the log has it."""
    rows = map(json.loads, up.run("batch", "results", batch_id).splitlines())
    wanted = {row["inference_id"] for row in rows}
    types = ("--type", "inference.completed")
    lines = up.run("log", "tail", "--no-follow", "--after", "0", *types, "--json").splitlines()
    ended = Counter(json.loads(line)["payload"]["inference_id"] for line in lines)
    return Counter({id_: ended[id_] for id_ in wanted})


def test_a_batch_goes_on_where_a_killed_process_left_it(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    up = Up(folder, PLAIN).wait_up().with_models()
    try:
        batch_id = submitted(up, tmp_path)
        waited(up, batch_id, least=10)
        up.process.send_signal(signal.SIGKILL)
    finally:
        up.stop()

    up = Up(folder, PLAIN).wait_up()
    try:
        waited(up, batch_id, least=ITEMS // 2)
    finally:
        assert up.stop() < STOP_TIMEOUT_S, "workers that take items must end, too"

    up = Up(folder, PLAIN).wait_up()
    try:
        found = waited(up, batch_id)
        assert (found["status"], found["answered"], found["failed"]) == ("completed", ITEMS, 0)
        once = answers(up, batch_id)
        assert len(once) == ITEMS
        assert set(once.values()) == {1}, "no item was answered twice"
    finally:
        up.stop()


def test_a_batch_survives_its_queue_a_poison_item_and_can_be_cancelled(tmp_path: Path) -> None:
    up = Up(tmp_path / "state", PLAIN).wait_up().with_models()
    try:
        batch_id = submitted(up, tmp_path, poison=7)
        waited(up, batch_id, least=5)
        url = json.loads((up.folder / "run.json").read_text())["nats_components"]["owner"]
        asyncio.run(without_queue(url))
        found = waited(up, batch_id)
        assert (found["status"], found["answered"], found["failed"]) == ("completed", ITEMS - 1, 1)
        rows = [json.loads(row) for row in up.run("batch", "results", batch_id).splitlines()]
        assert [(row["id"], row["code"]) for row in rows if row["code"]] == [("q7", "prompt_too_long")]
        assert all(row["text"] for row in rows if not row["code"])
        assert set(answers(up, batch_id).values()) == {0, 1}, "only the poison has no answer"
        assert f"1 of {ITEMS} have no answer" in up.run("batch", "status", batch_id, "--wait", code=1)
        said = up.run("batch", "submit", file_of(tmp_path), "--use-case", "npc_dialogu", *WHO, code=2)
        assert "did you mean npc_dialogue?" in said
        assert len(up.json("batch", "list")) == 1, "what cannot be answered is not opened"

        second = submitted(up, tmp_path)
        up.run("batch", "cancel", second, *WHO, "--reason", "the wrong file")
        assert waited(up, second)["status"] == "cancelled"
        assert "batch_closed" in up.run("batch", "cancel", batch_id, *WHO, "--reason", "late", code=4)

        broken = tmp_path / "broken.jsonl"
        broken.write_text('{"id": "a", "prompt": "x"}\n{"id": "b"}\n')
        said = up.run("batch", "submit", str(broken), "--use-case", "npc_dialogue", *WHO, code=2)
        assert "line 2: prompt" in said
    finally:
        up.stop()


async def without_queue(url: str) -> None:
    """Delete the queue while workers take from it."""
    nc = await dial(url)
    await nc.jetstream().delete_stream("JOBS_demo")
    await nc.close()
