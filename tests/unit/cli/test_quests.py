"""What `aicore quests` shows."""

import json

import pytest

from aicore.cli.quests import check_quests, lines_of, offers_listing


def test_a_quest_is_shown_with_what_is_to_do_and_to_choose() -> None:
    entry = {
        "instance": "7d1f2b58-6f7e-5b60-8a33-0d3a0f6f2c11",
        "quest": "three_bells",
        "name": "Three Bells",
        "players": ["ann", "ben"],
        "stage": "dive",
        "text": "Rook Tansy wants three bells.",
        "objectives": [["collect", "wreck_bell", 3, True], ["talk", "rook_tansy", 1, False]],
        "choices": ["Keep them."],
        "over": "",
        "end": "",
    }
    assert lines_of(entry) == [
        "Three Bells (three_bells) · dive, with ben",
        "  Rook Tansy wants three bells.",
        "  [x] collect wreck_bell x 3",
        "  [ ] talk rook_tansy",
        "  0: Keep them.",
        "  7d1f2b58-6f7e-5b60-8a33-0d3a0f6f2c11",
    ]
    over = {**entry, "players": ["ann"], "over": "completed", "end": "sorted", "text": "Sorted."}
    assert lines_of(over)[:2] == ["Three Bells (three_bells) · completed: sorted", "  Sorted."]


def test_offers_tell_what_they_wait_for() -> None:
    offer = {"quest": "by_dusk", "giver": "corliss_dunn", "aim": "carry it", "why": "it is night"}
    assert offers_listing([offer]).rows == [["by_dusk", "corliss_dunn", "carry it", "it is night"]]


def test_quests_are_checked_without_anything_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    check_quests("three_bells", json=True)
    assert json.loads(capsys.readouterr().out) == {"ok": True, "quests": 1, "findings": []}
