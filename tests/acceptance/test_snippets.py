"""Every block of code in README, SPEC and the manuals works: programs and commands run, files are read.

A block that none of these tests takes fails, and so does a line of a shell block that is neither run nor
parsed: what cannot be run is listed with its reason.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest

from aicore.content.definition import check_sources
from aicore.content.guardrails import load_policy
from aicore.content.lore import checked
from aicore.content.lore.written import read_file as lore_file
from aicore.content.sample_world import sample_definition
from aicore.content.world import load_world
from aicore.content.yaml_source import read_yaml
from aicore.wiring.engines_file import read_file
from aicore.wiring.tiers import build
from domain.guardrails.topics import with_topics
from domain.kernel.parse import parse
from domain.optimisation.messages import SetPolicy
from domain.registry.messages import RegisterModel
from tests.acceptance.kit import COMMAND_TIMEOUT_S, ROOT, Up
from tests.harness.folders import open_folder
from tests.harness.node import node_folder

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180), pytest.mark.xdist_group("snippets")]

SAMPLE_WORLD = ROOT / "aicore" / "content" / "cindermouth"

OWN_TESTS = ("docs/adding-a-context.md",)
"""Pages with a test of their own."""

PAGES = (
    "README.md",
    "protocol/SPEC.md",
    *(
        page
        for path in sorted((ROOT / "docs").glob("*.md"))
        if (page := f"docs/{path.name}") not in OWN_TESTS
    ),
)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SHOWN = {
    "AI Core is up": "what `make run` prints; test_up.py holds the demo to it",
    "  not ours to send": "the same",
    "ember-gold-early 0.3.0 is compared": "what `aicore demo rollback` prints; test_governance.py runs it",
    "flowchart LR": "a picture",
    "genre: harbour": "a file of lines; tests/unit/story/test_corpus.py reads those that there are",
}
"""Blocks that are no code, by their beginning: what they are instead."""

ELSEWHERE = {
    "make ": "the suite itself, and what it starts",
    "aicore up": "the system of these tests",
    "aicore run": "test_given_settings.py runs components",
    "aicore demo": "test_governance.py plays them",
    "aicore events follow": "it goes on until Ctrl-C; test_cli.py follows",
    "export AICORE_": "servers of nobody",
}
"""Lines of shell blocks that are not run here, by their beginning: why."""

PLACEHOLDER = re.compile(
    r"\b(ID|MODEL|INFERENCE|DEPLOYMENT|POSITION|01a1fca7)\b|…|\w\|\w|[a-z] \w+\.(json|jsonl|toml)\b"
)
"""What a reader fills in; such a line is parsed, not run."""

COMPILE = ("g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-DMSGPACK_NO_BOOST")


class Block(NamedTuple):
    """A block of a page."""

    place: str
    language: str
    text: str


class Shell(NamedTuple):
    """What a reader has: a running system, and the variables that lead to it."""

    up: Up
    environment: dict[str, str]


def blocks() -> Iterator[Block]:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        assert text.count("\n```") == 2 * len(BLOCK.findall(text)), f"{page} has a block of another form"
        for found in BLOCK.finditer(text):
            yield Block(f"{page}:{text[: found.start()].count(chr(10)) + 1}", found[1], found[2])


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    with open_folder() as folder:
        running = Up(folder).wait_up()
        yield running
        running.stop()


@pytest.fixture(scope="module")
def shell(up: Up) -> Shell:
    """A shell after `eval "$(aicore env)"`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return Shell(up, {**up.environment, "PATH": path, **up.json("env")})


FOLLOWS = "goes on after"
"""A client that follows events says it."""


def as_meant(text: str, shell: Shell, folder: Path) -> Shell:
    """Return the shell of who runs a program.

    What is an operator's to send is sent by one, and who follows events has a consumer of its own.
    """
    if FOLLOWS in text:
        name = f"of_{sha256(bytes(folder)).hexdigest()[:12]}"
        shell.up.json("services", "add", name, "--follow", "all")
        identity = f"service-{name}"
    elif "people.harm" in text:
        granted = [word for name in ("session", "places", "people") for word in ("--may", f"{name}.*")]
        shell.up.json("services", "add", "duel", *granted)
        identity = "service-duel"
    elif "registry.register_model" in text:
        identity = shell.up.operator
    else:
        return shell
    return shell._replace(environment={**shell.environment, **shell.up.json("env", "--identity", identity)})


def of_use(said: str) -> bool:
    """Say whether a client has done anything; who follows shows events."""
    return (
        bool(re.search(r"^[1-9]\d* [a-z_]+\.[a-z_]+$", said, re.MULTILINE))
        if FOLLOWS in said
        else len(said) > 10
    )


def run(command: list[str], shell: Shell, folder: Path, *codes: int) -> str:
    """Run a program and return what it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=shell.environment,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    assert done.returncode in (codes or (0,)), (command, done.stdout, done.stderr)
    return done.stdout


def python(text: str, shell: Shell, folder: Path) -> None:
    said = run([sys.executable, "-c", text], as_meant(text, shell, folder), folder)

    assert of_use(said), said
    assert "inference.generate" not in text or "inference.completed" in said


def js(text: str, shell: Shell, folder: Path) -> None:
    script = node_folder(folder) / "snippet.mjs"
    script.write_text(text)

    said = run(["node", str(script)], as_meant(text, shell, folder), folder)

    assert of_use(said), said


def cpp(text: str, shell: Shell, folder: Path) -> None:
    headers = [Path("/usr/include") / name for name in ("nats/nats.h", "msgpack.hpp")]
    if shutil.which("g++") is None or not all(header.exists() for header in headers):
        assert os.environ.get("CI") != "true", "CI must have them; the Makefile installs them as root"
        pytest.skip(
            "g++, libnats-dev and libmsgpack-cxx-dev are not installed: the client in C++ is not tried"
        )
    (folder / "client.cpp").write_text(text)
    run([*COMPILE, "client.cpp", "-o", "client", "-lnats"], shell, folder)

    assert '"result":{' in run(["./client"], shell, folder).replace(" ", "")


def toml(text: str, shell: Shell, folder: Path) -> None:
    file = folder / "file.toml"
    file.write_text(text)

    if "[engines." in text:
        tiers, engines = build(read_file(file))
        assert tiers
        assert engines
    elif "[[topics]]" in text:
        assert with_topics(load_policy(), tomllib.loads(text)).name
    else:
        assert load_world(file).npc


def markdown(text: str, shell: Shell, folder: Path) -> None:
    """Check a document of the lore against the sample world."""
    assert checked([lore_file("the_document.md", text.encode())], sample_definition()).faults == []


def yaml(text: str, shell: Shell, folder: Path) -> None:
    """Check the entries in place of those of the sample world that have their names."""
    block = read_yaml("block.yaml", text.encode())
    sources = [read_yaml(file.name, file.read_bytes()) for file in sorted(SAMPLE_WORLD.glob("*.yaml"))]
    for section, entries in block.data.items():
        assert isinstance(entries, dict)
        for source in sources:
            mine = source.data.get(section, {})
            assert isinstance(mine, dict)
            source.data[section] = {id_: entry for id_, entry in mine.items() if id_ not in entries}

    assert block.data
    assert check_sources([*sources, block]).faults == ()


def json_text(text: str, shell: Shell, folder: Path) -> None:
    read = json.loads(
        text.replace('"sha256:…"', f'"sha256:{"0" * 64}"').replace('"…": "…"', f'"a": "sha256:{"1" * 64}"')
    )

    if "automatic" in read:
        parse(SetPolicy, {**SetPolicy.example, "policy": read})
    else:
        parse(RegisterModel, read)


def sh(text: str, shell: Shell, folder: Path) -> None:
    if not (folder / "aicore").exists():
        (folder / "aicore").symlink_to(ROOT / "aicore")
    for line in text.splitlines():
        if any(line.startswith(beginning) for beginning in ELSEWHERE):
            continue
        if PLACEHOLDER.search(line.partition("  #")[0]):
            parsed(line, shell)
        else:
            typed(line, shell, folder)


def typed(line: str, shell: Shell, folder: Path) -> None:
    """Run a line as a reader types it; a command of ours alone in this process, which is quicker.

    It may end with 1: `guardrails check` found something.
    """
    command = line.partition("  #")[0]
    if command.startswith("aicore ") and not re.search("[|>$&;]", command):
        shell.up.run(*shlex.split(command)[1:], code=(0, 1))
    else:
        run(["bash", "-euc", line], shell, folder, 0, 1)


def parsed(line: str, shell: Shell) -> None:
    """See that each command of a line is there with its options: asked for its help, it would do nothing."""
    for command in line.partition("  #")[0].split("&&"):
        words = command.split(" > ")[0].strip()
        assert words.startswith("aicore "), words
        found = re.search(r"(\w+(?:\|\w+)+)", words)
        for word in found[1].split("|") if found else [""]:
            one = words.replace(found[1], word) if found else words
            shell.up.run(*shlex.split(one.replace("…", "x"))[1:], "--help")


def shown(text: str, shell: Shell, folder: Path) -> None:
    """Run the commands whose output is shown, if any."""
    commands = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    assert commands or any(text.startswith(beginning) for beginning in SHOWN), "neither run nor listed"
    for command in commands:
        typed(command, shell, folder)


TAKEN: dict[str, Callable[[str, Shell, Path], None]] = {
    "python": python,
    "js": js,
    "cpp": cpp,
    "toml": toml,
    "yaml": yaml,
    "json": json_text,
    "markdown": markdown,
    "sh": sh,
    "text": shown,
    "mermaid": shown,
}


@pytest.mark.parametrize("block", [*blocks()], ids=lambda block: f"{block.place} {block.language}")
def test_a_block_of_the_documents_works(block: Block, shell: Shell, tmp_path: Path) -> None:
    TAKEN[block.language](block.text, shell, tmp_path)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", "import os; os.environ['NO_SUCH_VARIABLE']"),
        ("toml", "[engines.a]\nkind = 'nobody'"),
        ("toml", "[[topics]]\nid = 'rivals'"),
        ("yaml", "people: {gault: {name: Gault}}"),
        ("sh", "aicore models lost"),
        ("sh", "aicore models promote ID --no-such-option x"),
        ("sh", "aicore guardrails check --no-such-option"),
        ("text", "what nobody listed"),
        ("json", '{"automatic": ["fly"]}'),
    ],
)
def test_a_block_that_does_not_work_is_found(language: str, text: str, shell: Shell, tmp_path: Path) -> None:
    with pytest.raises(Exception):  # noqa: B017 - whatever tells it
        TAKEN[language](text, shell, tmp_path)


def test_no_reason_is_left_over() -> None:
    texts = [block.text for block in blocks()]
    lines = [line for block in blocks() if block.language == "sh" for line in block.text.splitlines()]

    assert [beginning for beginning in SHOWN if not any(text.startswith(beginning) for text in texts)] == []
    assert [
        beginning for beginning in ELSEWHERE if not any(line.startswith(beginning) for line in lines)
    ] == []
