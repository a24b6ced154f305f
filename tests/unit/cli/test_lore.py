"""`aicore lore`: documents are checked without anything that runs, and what was cut or away is said."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from aicore.cli.lore import ARMS, SIGNS, app, asides, days_of, decided, shares_of
from aicore.cli.terminal import Failure
from domain.lore import refusal

FRONT = "---\ntitle: The Key\nknown_by: [faction.talymen]\n---\nText.\n"


def test_documents_are_checked_with_each_fault_on_three_lines(tmp_path: Path) -> None:
    (tmp_path / "key.md").write_text(FRONT)
    result = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert isinstance(result.exception, Failure)
    assert result.stdout.splitlines() == [
        "key.md:3:12 document.known_by[0]",
        "  found:   there is no faction 'talymen'",
        "  allowed: the id of a faction",
        "  nearest: tallymen",
    ]
    alone = CliRunner().invoke(app, ["check", str(tmp_path), "--alone"])
    assert alone.stdout == "1 files, 6 lines, 0 claims, nothing wrong\n"


@pytest.mark.parametrize("broken", [True, False])
def test_what_was_not_found_cut_or_away_is_said(broken: bool) -> None:
    found = {
        "known": not broken,
        "why": "nothing has that name" if broken else "",
        "cut": [{"budget": "limit", "count": 3}],
        "without": [{"arm": "meaning", "why": "no such model"}] if broken else [],
    }
    told = ["3 more were cut by limit"]
    if broken:
        told = ["not known: nothing has that name", *told, "without meaning: no such model"]
    assert asides(found) == told
    assert days_of({"from_day": None, "until_day": None}) == "always true"
    assert days_of({"from_day": 2, "until_day": 9}) == "from day 2 until day 9"


def test_who_wonders_is_told_what_each_arm_gave_and_what_decided() -> None:
    assert shares_of({"names": 1_000, "words": 414, "meaning": 0, "sentence": 87}, ARMS) == (
        "names 100 %, words 41 %, meaning 0 %, sentence 9 %"
    )
    lines = decided({"signs": {**dict.fromkeys(refusal.SIGNS, 250), "strange": 400, "likelihood": 90}})
    assert lines[0] == "an answer by 9 % (known from 50 % on):"
    assert lines[-1] == "  strange    40 %  how much of it is a name that stands nowhere"
    assert set(SIGNS) == set(refusal.SIGNS), "every sign is explained"
    assert decided({"signs": {}}) == []
