"""The manual's worked example: a context in six files and two lines, through the gates and over NATS."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import msgpack
import pytest

from aicore.client import Client
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from bus.nats.connection import connect
from tests.harness.folders import open_folder

pytestmark = pytest.mark.xdist_group("adding a context")

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "docs" / "adding-a-context.md"
BIN = Path(sys.executable).parent
FILES_MAX, LINES_MAX = 6, 2
FENCE = re.compile(r"^```(\w+) file=(\S+)(?: after=([^\n]*))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """What the manual creates, and what it adds to files that are there."""

    created: dict[str, str]
    added: dict[str, tuple[str, list[str]]]
    """By file: the line that it goes behind, and the new lines."""


def read_manual() -> Example:
    created: dict[str, str] = {}
    added: dict[str, tuple[str, list[str]]] = {}
    for language, name, after, body in FENCE.findall(MANUAL.read_text()):
        if language == "diff":
            added[name] = (after, [line.removeprefix("+") for line in body.splitlines()])
        else:
            created[name] = body
    return Example(created, added)


def put(example: Example, tree: Path) -> None:
    for name, text in example.created.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    for name, (after, lines) in example.added.items():
        before = (tree / name).read_text().split("\n")
        assert before.count(after) == 1, f"{name}: {after!r} is where the new line goes"
        at = before.index(after) + 1
        (tree / name).write_text("\n".join([*before[:at], *lines, *before[at:]]))


@pytest.fixture(scope="module")
def tree() -> Iterator[Path]:
    """A copy of what git tracks, with the example in it, and the tools' caches to be quick."""
    with open_folder() as folder:
        copy = folder / "tree"
        tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
        for name in tracked.stdout.splitlines():
            if (ROOT / name).exists():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        if (ROOT / ".mypy_cache").exists():
            shutil.copytree(ROOT / ".mypy_cache", copy / ".mypy_cache")
        put(read_manual(), copy)
        yield copy


def run(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run in the copy, so that its packages are found before those of this checkout."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    return subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_it_is_as_small_as_it_says() -> None:
    example = read_manual()

    added = sum(len(lines) for _, lines in example.added.values())
    print(f"{len(example.created)} files created, {added} lines added elsewhere")
    assert 0 < len(example.created) <= FILES_MAX
    assert 0 < added <= LINES_MAX
    assert not [name for name in example.created if (ROOT / name).exists()]


def touched() -> list[str]:
    """Return the Python files that the manual creates or adds to."""
    example = read_manual()
    return [name for name in (*example.created, *example.added) if name.endswith(".py")]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "gate",
    [
        ("ruff", "format", "--check", "."),
        ("ruff", "check", "."),
        # Who uses the files is checked by the gates themselves.
        pytest.param(("mypy", "--follow-imports=silent", *touched()), marks=pytest.mark.slow),
        ("lint-imports", "--no-cache"),
    ],
    ids=lambda gate: gate[0],
)
def test_it_passes_the_gates(tree: Path, gate: tuple[str, ...]) -> None:
    done = run(tree, str(BIN / gate[0]), *gate[1:])

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_folder_that_is_not_placed_fails_the_gate(tree: Path) -> None:
    """The negative control of the exhaustive contracts."""
    contracts = tree / "pyproject.toml"
    placed = contracts.read_text()
    try:
        contracts.write_text(placed.replace('    "contexts",\n    "bounty",\n', '    "contexts",\n'))
        done = run(tree, str(BIN / "lint-imports"), "--no-cache")
    finally:
        contracts.write_text(placed)

    assert done.returncode != 0
    assert "bounty" in done.stdout


@pytest.mark.timeout(120)
def test_its_own_test_and_every_declarations_checks_pass(tree: Path) -> None:
    checks = ("tests/unit/bounty", "tests/unit/kernel/test_catalogue.py")
    done = run(tree, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *checks)

    assert done.returncode == 0, done.stdout[-3_000:]
    assert "passed" in done.stdout


PROGRAM = """
import asyncio, os, sys
from pathlib import Path
import domain.bounty
from aicore.running import System
from aicore.settings import Settings
from aicore.supervisor import Start
from aicore.wiring.components import run

async def main():
    dsn, nats, realm, folder = sys.argv[1:]
    system = System(realm=realm, postgres_dsn=dsn, nats_url=nats, pid=os.getpid(), state_dir=Path(folder))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(15, stop.set)
    components = ["commands", "queries", "relay", "projections"]
    await run(Settings(), system, components, stop=stop, start=Start(lambda: print("ready", flush=True)))

asyncio.run(main())
"""


@pytest.mark.timeout(120)
async def test_it_runs_over_nats(
    tree: Path, postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str, tmp_path: Path
) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, postgres.dsn, nats_server.url, realm, str(tmp_path),
        cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert program.stdout is not None
    try:
        while await program.stdout.readline() != b"ready\n":
            assert program.returncode is None
        async with connect(nats_server.url, name="test") as nc:
            events = await nc.subscribe(f"{realm}.evt.bounty.>")
            client = Client(nc, realm)
            shown = {"bounty_id": "rat_king", "target": "The Rat King", "reward": 30}
            post = {**shown, "player": "ann", "note": "It ate my lute."}
            reply = await client.command("bounty.post", post, id=uuid4())
            event = msgpack.unpackb((await events.next_msg(timeout=20)).data)
            answer = await client.query("bounty.open", {"at_least": 10})
            while answer.position < event["position"]:  # the projection may be a moment behind the stream
                answer = await client.query("bounty.open", {"at_least": 10})
        assert reply.result == {"bounty_id": "rat_king"}
        assert (event["type"], msgpack.unpackb(event["payload"])) == ("bounty.posted", post)
        assert answer.result == [shown]
        assert answer.position >= event["position"]
    finally:
        program.terminate()
        await program.wait()
