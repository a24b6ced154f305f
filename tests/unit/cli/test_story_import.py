"""What `aicore story import` prints and writes, and how it ends."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.kit import Cli
from tests.unit.content.test_imports import CARD, bytes_of, png, text_chunk


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("AICORE_STATE_DIR", str(tmp_path / "nothing runs here"))
    return Cli(monkeypatch)


def test_a_card_is_written_checked_and_never_written_over(cli: Cli, tmp_path: Path) -> None:
    card, out = tmp_path / "wren.png", tmp_path / "out"
    card.write_bytes(png(text_chunk(b"chara", CARD)))

    shown = cli("story", "import", str(card), code=0)
    assert not out.exists()
    assert "would write lore/ninth_step.md" in shown
    assert "2 documents and Wren Holloway of card; 9 things were not taken over" in shown

    wrote = cli("story", "import", str(card), "--out", str(out), code=0)
    assert "wrote people/wren_holloway.yaml" in wrote
    assert "nothing wrong" in cli("lore", "check", str(out / "lore"), "--alone", code=0)
    cli("story", "import", str(card), "--out", str(out), code=0)
    mine = out / "lore" / "ninth_step.md"
    mine.write_text(mine.read_text() + "\nMine.\n")
    assert "is there already" in cli("story", "import", str(card), "--out", str(out), code=1)
    assert mine.read_text().endswith("Mine.\n")


def test_a_program_gets_files_and_what_was_not_taken_over(cli: Cli, tmp_path: Path) -> None:
    card = tmp_path / "wren.json"
    card.write_bytes(bytes_of(CARD))

    found = json.loads(cli("story", "import", str(card), "--json", code=0))

    assert (found["kind"], found["faults"], len(found["files"])) == ("card", [], 4)
    assert {"path", "entry", "value", "why"} == set(found["not_taken_over"][0])


def test_a_broken_file_is_told_of_with_its_place(cli: Cli, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"entries": {\n  "0": }')

    told = cli("story", "import", str(broken), "--out", str(tmp_path / "out"), code=1)

    assert told.splitlines()[0] == "broken.json:2:8 file"
    assert told.splitlines()[-1] == "aicore: 1 fault in broken.json; nothing is written"
    assert not (tmp_path / "out").exists()
    assert "cannot be read" in cli("story", "import", str(tmp_path / "none.json"), code=1)
