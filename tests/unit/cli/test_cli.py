"""What the command line refuses before anything runs, in one sentence with the way out."""

import dataclasses
import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from rich.table import Table
from rich.text import Text
from typer.main import get_command

from aicore.cli.batch import standing
from aicore.cli.main import app_of
from aicore.cli.terminal import WIDTH_PIPED, Failure, Plain
from aicore.cli.wire import COMMANDS, advice, check_use_case, tell
from aicore.client import Refused
from aicore.content.scenes import closing_line, known_scene
from aicore.content.speech import load_speech
from aicore.content.suites import contradictions
from aicore.content.world import World, load_world
from bus.catalogue import domain_catalogue
from protocol.messages import Answer, ErrorReply, EventRef, Reply
from tests.unit.cli.kit import Cli

WHO = ("--operator", "test")


@pytest.mark.parametrize("wanted", ["npc_dialog", "Npc Dialogue"])
async def test_a_use_case_that_is_not_there_is_told_with_those_that_are(wanted: str) -> None:
    class Registry:
        async def query(self, _: str, asked: dict[str, Any] | None = None) -> Answer:
            if asked and " " in asked["use_case"]:
                raise Refused(ErrorReply("invalid_field", "it is no name"))
            return Answer([] if asked else [{"use_case": "npc_dialogue"}], 1)

    client: Any = Registry()
    with pytest.raises(Failure, match=f"no model is registered for the use case {wanted!r}") as refused:
        await check_use_case(client, wanted)
    assert refused.value.remedy == "did you mean npc_dialogue? there are npc_dialogue"


def test_what_a_player_wrote_tells_the_operators_terminal_nothing() -> None:
    """The scar: a screen was cleared by the words of a player, in the list of violations."""
    said, written = "Hello \x1b[2J\x1b]0;mine\x07 \u202ethere\x9b31m.", StringIO()
    console = Plain(file=written, force_terminal=True, width=80, color_system="standard")
    table = Table("text")
    table.add_row(Text(said, "red"))
    console.print(table)
    console.print(said, markup=False, soft_wrap=True)
    assert "[2J" in written.getvalue()
    rest = re.sub(r"\x1b\[[0-9;]*m", "", written.getvalue())  # colours are the console's own
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", rest)


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("AICORE_STATE_DIR", str(tmp_path / "nothing runs here"))
    return Cli(monkeypatch)


def test_the_help_is_for_people_and_the_version_is_told(cli: Cli) -> None:
    told = cli("--help", code=0)
    assert "aicore up --demo" in told
    assert "errors become a sentence" not in told
    assert cli("--version", code=0) == f"aicore {version('aicore')}\n"


def test_lists_are_plain_and_fit_the_terminal(cli: Cli) -> None:
    told = cli("events", "list", code=0)

    assert not set(told) & set("│┃━─")
    assert all(len(line.rstrip()) <= WIDTH_PIPED for line in told.splitlines())


def test_every_command_that_ends_takes_json() -> None:
    stays = {"up", "run", "world watch"}

    found = {
        name: {o for each in params for o in each.opts} for name, params in commands(get_command(app_of()))
    }
    assert {name for name, options in found.items() if "--json" not in options} == stays


def test_every_argument_and_option_is_explained() -> None:
    told = [
        (name, each.name, each.help) for name, params in commands(get_command(app_of())) for each in params
    ]
    assert [each for each in told if not each[2]] == []


def commands(group: Any, path: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Yield each command's name and parameters."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command.params


# --- batches ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "has no items"),
        (
            '\n{"id": "a", "prompt": "x"}\n{"id": "a", "prompt": "y"}\n',
            "line 3: id 'a' is that of line 2, too",
        ),
        ('{"id": "a", "prompt": "x"}\n{"id": "b"}\n', "line 2: prompt"),
    ],
)
def test_a_batch_that_cannot_be_submitted_is_refused_before_it_is_opened(
    cli: Cli, tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "batch.jsonl"
    file.write_text(content)

    assert said in cli("batch", "submit", str(file), "--use-case", "npc_dialogue", *WHO, code=2)


# --- files --------------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_used_is_a_fault_of_the_command_line_and_not_an_outage(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AICORE_STATE_DIR", str(tmp_path / "file" / "state"))

    said = cli("up", code=2)

    assert "/file/state" in said
    assert "not a directory" in said
    assert "doctor" not in said


# --- arguments that would be ignored ------------------------------------------------------------------------


def test_a_suite_and_recorded_turns_exclude_each_other(cli: Cli, tmp_path: Path) -> None:
    suite = tmp_path / "suite.json"
    suite.touch()
    chosen = ("--suite", str(suite), "--recorded", "5")

    said = cli("evaluate", "4b89", *WHO, "--reason", "a try", *chosen, code=2)

    assert "--recorded 5 exclude each other" in said


# --- content ------------------------------------------------------------------------------------------------

PACK = """
[[district]]
id = "quay"
name = "the Glass Quay"
[[npc]]
id = "wen"
name = "Wen"
role = "diver"
home = "quay"
archetype = "guide"
voice = "blunt"
[[lore]]
about = "the salt lamp"
text = "the salt lamp burns only at low tide"
"""
NPC = """
[[npc]]
id = "n{}"
name = "{}"
role = "r"
home = "quay"
archetype = "guide"
voice = "wry"
"""
DISTRICT_TWICE = '[[district]]\nid = "quay"\nname = "the Lamp Quay"\n[[npc]]'
MANY_PEOPLE = "".join(NPC.format(n, "x") for n in range(1_000)) + "[[lore]]"


def test_the_services_can_start_with_the_longest_content_that_the_command_takes() -> None:
    long = "q" * 128
    npc = {"name": long, "role": "r", "home": "quay", "archetype": "guide", "voice": "wry"}
    fields = {
        "district": [{"id": "quay", "name": long}],
        "npc": [{"id": f"n{n}", **npc} for n in range(1_000)],
        "lore": [{"about": long, "text": "t" * 2_000}],
        "words": {"good": [long] * 500, "draught": [long] * 500},
    }

    found_in = contradictions(World.model_validate(fields), load_speech())

    assert found_in("A line.", "Hello.") is None


def test_the_content_is_that_of_the_file_that_the_settings_name(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Gault" in cli("content", "list", code=0)
    file = tmp_path / "pack.toml"
    file.write_text(PACK)
    monkeypatch.setenv("AICORE_CONTENT_FILE", str(file))

    found = json.loads(cli("content", "list", "--json", code=0))

    (wen,) = found["characters"]
    assert (wen["id"], wen["voice"], wen["home"]) == ("wen", "blunt", "the Glass Quay")
    assert found["facts"] == [{"about": "the salt lamp", "text": "the salt lamp burns only at low tide"}]
    scene = known_scene(load_world(file), "wen", "Who lights the salt lamp?")
    assert scene["lore"] == ["the salt lamp burns only at low tide"]
    assert closing_line(load_world(file), load_speech(), "wen") == "No. Ask something else."
    found_in = contradictions(load_world(file), load_speech())
    assert found_in("Wen says the salt lamp is mine.", "Hello.") is None


def test_a_content_file_has_the_lines_that_are_said_when_a_subject_is_closed(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pack.toml"
    file.write_text(
        'closed = "Niemand spricht."' + PACK.replace("[[lore]]", 'closed = "Nicht das."\n[[lore]]')
    )
    monkeypatch.setenv("AICORE_CONTENT_FILE", str(file))

    (wen,) = json.loads(cli("content", "list", "--json", code=0))["characters"]

    assert wen["closed"] == "Nicht das."
    assert closing_line(load_world(file), load_speech(), "wen") == "Nicht das."
    assert closing_line(load_world(file), load_speech(), "gault") == "Niemand spricht."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("blunt", "loud"), "npc.0.voice: Input should be 'exact'"),
        (("blunt", "loud"), "it is 'loud'"),
        (('home = "quay"', 'home = "sea"'), "npc wen: home 'sea' is no district"),
        (('role = "diver"', ""), "npc.0.role: Field required"),
        (("[[npc]]", "[[npc"), "is no TOML"),
        (('name = "the Glass Quay"', 'name = ""'), "district.0.name: Value should have at least 1"),
        (("the Glass Quay", "q" * 129), "district.0.name: Value should have at most 128"),
        (("[[npc]]", DISTRICT_TWICE), "district quay: the id is there twice"),
        (('about = "the salt lamp"', 'about = ""'), "lore.0.about: Value should have at least 1"),
        (("[[lore]]", MANY_PEOPLE), "npc: Tuple should have at most 1000 items"),
    ],
)
def test_a_content_file_that_is_wrong_is_refused_by_file_and_field(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], said: str
) -> None:
    file = tmp_path / "pack.toml"
    file.write_text(PACK.replace(*change))
    monkeypatch.setenv("AICORE_CONTENT_FILE", str(file))

    told = cli("content", "list", code=2)

    assert f"AICORE_CONTENT_FILE: {file}" in told
    assert said in told


# --- refusals -----------------------------------------------------------------------------------------------


def test_when_to_send_again_is_said_once() -> None:
    told = ErrorReply("code", "message", remedy="send it in 50 ms again", retry="later", retry_after_ms=50)
    assert advice(told) == "send it in 50 ms again"
    assert advice(dataclasses.replace(told, remedy="")) == "send it again after 50 ms"


@pytest.mark.parametrize(
    ("remedy", "told"),
    [
        ("promote a model first (registry.promote_model)", "promote a model first (`aicore models promote`)"),
        ("ask the query registry.models for the ids", "ask `aicore models list` for the ids"),
        ("`aicore events show registry.models` tells", "`aicore events show registry.models` tells"),
        ("record it with evaluation.finish", "record it with evaluation.finish"),
    ],
)
def test_a_remedy_speaks_of_commands_where_there_is_one(remedy: str, told: str) -> None:
    assert advice(ErrorReply("code", "message", remedy=remedy)) == told


def test_every_command_that_a_remedy_may_name_is_there() -> None:
    there = {name for name, _ in commands(get_command(app_of()))}

    assert set(COMMANDS.values()) <= there
    assert set(COMMANDS) <= {*domain_catalogue().commands, *domain_catalogue().queries}


# --- what was found, what came of it ------------------------------------------------------------------------


def test_every_command_tells_its_events_as_text_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    event = EventRef(UUID(int=1), "registry.model_promoted", "registry-lore", 2, 7)

    tell(Reply({"status": "current"}, [event]), "model 4b89 is current", json=False)
    assert capsys.readouterr().out == "model 4b89 is current\n  event 7: registry.model_promoted\n"
    tell(Reply({"status": "current"}, [event]), json=True)
    assert json.loads(capsys.readouterr().out)["events"] == [
        {"type": "registry.model_promoted", "position": 7}
    ]
    tell(Reply({}), json=False)
    assert "No change: already in that state." in capsys.readouterr().out


# --- batches ------------------------------------------------------------------------------------------------


def _bronze(*engines: dict[str, Any]) -> list[dict[str, Any]]:
    well = {"ok": True, "reason": "", "circuit": "closed", "active": 0, "capacity": 4}
    return [{"tier": "bronze", "engines": [{"name": f"e{n}", **well, **e} for n, e in enumerate(engines)]}]


@pytest.mark.parametrize(
    ("tiers", "says"),
    [
        (_bronze({}), ""),
        (_bronze({"active": 4}, {"active": 2}), ""),
        (_bronze({"active": 4}, {"active": 3}), "players come first"),
        (
            _bronze({"ok": False, "reason": "HTTP 503"}),
            "no engine of the tier bronze can be asked (e0: HTTP 503)",
        ),
        (_bronze({"circuit": "open"}), "(e0: open)"),
        (_bronze({"ok": False}, {"active": 3}), "e1 has 3 of 4"),
        (_bronze(), "no engine serves the tier bronze"),
    ],
)
def test_a_batch_that_stands_still_says_why(tiers: list[dict[str, Any]], says: str) -> None:
    told = standing(tiers)
    assert says in told
    assert bool(says) == bool(told)
