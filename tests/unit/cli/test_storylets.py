"""What `aicore story storylets` prints, and how it ends."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.kit import Cli
from tests.unit.definition.kit import FILES


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("AICORE_STATE_DIR", str(tmp_path / "nothing runs here"))
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return Cli(monkeypatch)


def test_storylets_are_checked_and_a_fault_is_told_with_file_line_and_field(cli: Cli, tmp_path: Path) -> None:
    assert cli("story", "storylets", "check", str(tmp_path), code=0) == "nothing wrong: 6 storylets, 1 arcs\n"

    (tmp_path / "story.yaml").write_text(FILES["story.yaml"].replace("beat: sought", "beat: sough"))
    told = cli("story", "storylets", "check", str(tmp_path), code=1)
    rows = json.loads(
        cli("story", "storylets", "check", str(tmp_path), "--json", code=1).partition("\naicore")[0]
    )

    assert "story.yaml:26:11 storylets.a_comb_is_sought.beat" in told
    assert [each["path"] for each in rows["faults"]] == [
        "arcs.the_comb_below.beats.sought",
        "storylets.a_comb_is_sought.beat",
    ]


def test_storylets_are_listed_and_played(cli: Cli, tmp_path: Path) -> None:
    rows = json.loads(cli("story", "storylets", "list", str(tmp_path), "--json", code=0))
    assert [each["storylet"] for each in rows if each["class"] == "evergreen"] == ["nobody"]

    told = cli("story", "storylets", "coverage", str(tmp_path), "--players", "2", "--hours", "6", code=0)
    assert "of the storylets were seen" in told
