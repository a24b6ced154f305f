"""What `aicore story corpus` prints, and how it ends."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.kit import Cli

LINES = """genre: inn
voice: host
for: host
given: a jug
habits: short

> tell dead(A)
{A} is dead.
{A} is dead, I hear.
"""


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("AICORE_STATE_DIR", str(tmp_path / "nothing runs here"))
    (tmp_path / "inn").mkdir()
    (tmp_path / "claims.txt").write_text("dead: person\n")
    (tmp_path / "inn" / "host.txt").write_text(LINES)
    return Cli(monkeypatch)


def test_a_corpus_is_counted_and_what_readers_found_is_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "reviews.txt").write_text("# who read what\ninn 2 lines: 0 bad\n")

    told = cli("story", "corpus", "check", str(tmp_path), code=0)

    assert "voice:     inn/host 2" in told
    assert "read:      inn 2 lines: 0 bad" in told
    assert told.endswith("2 pairs in 1 files, nothing wrong\n")


def test_a_fault_is_told_with_file_and_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "inn" / "host.txt").write_text(LINES.replace("dead, I", "dead, Bob and I"))

    told = cli("story", "corpus", "check", str(tmp_path), code=1)
    rows = json.loads(
        cli("story", "corpus", "check", str(tmp_path), "--json", code=1).partition("\naicore")[0]
    )

    assert told.splitlines() == [
        "inn/host.txt:9 capital",
        "  found:   the word 'Bob'",
        "  allowed: a capital where a sentence begins, I, or a placeholder",
        "aicore: 1 fault in 1 file",
    ]
    assert [(row["file"], row["line"], row["kind"]) for row in rows["faults"]] == [
        ("inn/host.txt", 9, "capital")
    ]


def test_a_file_in_the_wrong_place_and_a_kind_that_is_none_are_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "inn" / "host.txt").rename(tmp_path / "inn" / "cook.txt")
    assert "inn/cook.txt:1 misplaced" in cli("story", "corpus", "check", str(tmp_path), code=1)

    (tmp_path / "claims.txt").write_text("dead: persn\n")
    assert "claims.txt:1 unknown_kind" in cli("story", "corpus", "check", str(tmp_path), code=1)


def test_a_sample_is_the_same_for_the_same_seed(cli: Cli, tmp_path: Path) -> None:
    drawn = cli("story", "corpus", "sample", str(tmp_path), "--count", "1", "--seed", "x", code=0)

    assert drawn == cli("story", "corpus", "sample", str(tmp_path), "--count", "1", "--seed", "x", code=0)
    assert drawn.startswith("inn/host.txt:")


def test_a_plan_is_said_and_no_line_comes_twice(cli: Cli) -> None:
    told = cli(
        "story", "say", "harbour/clerk", "tell dead(A)", "--let", "A=Ada Vey, she", "--count", "2", code=0
    )

    assert len(set(told.splitlines())) == 2
    assert all(row.startswith("line    ") and "Ada Vey" in row for row in told.splitlines())
    (row,) = json.loads(cli("story", "say", "harbour/clerk", "greet", "--count", "1", "--json", code=0))
    assert row["rung"] == "line"
    assert len(row["lines"]) == 1


def test_what_is_no_plan_no_voice_and_no_name_is_told(cli: Cli) -> None:
    assert "did you mean dead?" in cli("story", "say", "harbour/clerk", "tell ded(A)", code=2)
    assert "harbour/clerk" in cli("story", "say", "harbour/clark", "greet", code=2)
    assert "write it as A=Ada Vey, she" in cli(
        "story", "say", "harbour/clerk", "greet", "--let", "Ada", code=2
    )


def test_what_somebody_would_answer_is_shown_without_anything_that_runs(cli: Cli) -> None:
    asked = ("story", "preview", "una_pell", "Who killed Bram Sallow?")
    saw = "killed(person.gault, person.bram_sallow)"
    told = cli(*asked, "--knows", saw, "--mood", "sad", code=0)
    assert f"claims     {saw} (witnessed)" in told
    row = json.loads(cli(*asked, "--json", code=0))
    assert (row["act"], row["speaker"]) == ("not_know", "person.una_pell")
    assert saw not in row["claims"]
    wrong = cli(*asked, "--weather", "fgo", "--mood", "sda", code=2)
    assert "weather: the text 'fgo'" in wrong
    assert "did you mean sad?" in wrong
