"""What `aicore world check` prints, and how it ends."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.cli.kit import Cli
from tests.unit.definition.kit import FILES


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("AICORE_STATE_DIR", str(tmp_path / "nothing runs here"))
    return Cli(monkeypatch)


def test_the_sample_world_is_counted(cli: Cli) -> None:
    told = cli("world", "check", code=0)

    assert "nothing wrong" in told
    assert "8 factions" in told


def test_a_fault_is_told_with_its_place_and_what_is_allowed(cli: Cli, tmp_path: Path) -> None:
    written(tmp_path, {**FILES, "people.yaml": FILES["people.yaml"].replace("home: attic", "home: atic")})

    told = cli("world", "check", str(tmp_path), code=1)

    assert told.splitlines() == [
        "people.yaml:6:11 people.ada.home",
        "  found:   there is no place 'atic'",
        "  allowed: the id of a place",
        "  nearest: attic",
        "aicore: 1 fault in 1 file",
    ]


def test_programs_are_told_the_same(cli: Cli, tmp_path: Path) -> None:
    written(tmp_path, {**FILES, "places.yaml": FILES["places.yaml"].replace("twin: inn\n", "twin: lane\n")})

    told = cli("world", "check", str(tmp_path), "--json", code=1)

    found = json.loads(told.partition("\naicore: ")[0])
    assert not found["ok"]
    assert found["faults"][0] == {
        "file": "places.yaml",
        "line": 14,
        "column": 11,
        "kind": "twin_one_way",
        "path": "places.inn.twin",
        "found": "under_inn is the twin of lane",
        "allowed": "twin: inn there, too",
        "nearest": "",
        "see": "places.yaml:25:3",
    }


def test_a_folder_without_a_world_is_refused(cli: Cli, tmp_path: Path) -> None:
    assert "has no file whose name ends in .yaml" in cli("world", "check", str(tmp_path), code=2)
    assert "cannot be read: No such file" in cli("world", "check", str(tmp_path / "no"), code=2)


def written(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)


def test_a_year_of_a_world_is_one_page_that_is_the_same_again(cli: Cli, tmp_path: Path) -> None:
    pages = [tmp_path / "one.html", tmp_path / "other.html"]
    told = [json.loads(cli("world", "report", str(page), "--seed", "7", "--json", code=0)) for page in pages]

    one, other = (page.read_text("utf-8") for page in pages)
    assert one == other
    assert told[0]["days"] == 365
    assert all(
        word in one for word in ("harbour", "temperature at noon", "lamplighters", "What came of what")
    )
    assert "<script" not in one


def test_a_day_of_a_world_is_told_hour_by_hour_and_written_event_by_event(cli: Cli, tmp_path: Path) -> None:
    (folder := tmp_path / "world").mkdir()
    written(folder, FILES)
    log = tmp_path / "log.jsonl"
    asked = "world", "simulate", str(folder), "--days", "1"

    told = json.loads(cli(*asked, "--seed", "7", "--out", str(log), "--json", code=0))
    rows = [json.loads(line) for line in log.read_text("utf-8").splitlines()]

    assert [hour["number"] for hour in told["hours"]] == list(range(1, 25))
    assert told["hours"][-1]["position"] == len(rows) == sum(told["counts"].values())
    assert told["hours"][-1]["log"] == rows[-1]["hash"]
    assert (told["seed"], told["left_out"]) == (7, [])
    script = tmp_path / "script.yaml"
    script.write_text("begins: day 1, 07:00\nsteps: [{at: '07:30', say: session.open, with: {player: ann}}]")
    text = cli(*asked, "--hourly", "--script", str(script), code=0)
    assert "session.opened" in text
    assert "times real time" in text
    assert "world.version_published" in text
    assert "cannot be written" in cli(*asked, "--out", str(tmp_path / "no" / "log"), code=1)
