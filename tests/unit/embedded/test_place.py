"""Folders below /var/tmp are told as abandoned only to whom they belong."""

import os
from pathlib import Path

import pytest

from aicore.doctor.machine import left_behind
from aicore.embedded import EmbeddedServerError, place


def test_only_our_own_folders_without_their_state_directory_are_abandoned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "SHARED", tmp_path)
    for name, root in (("aicore-gone", tmp_path / "gone"), ("aicore-here", tmp_path)):
        (tmp_path / name).mkdir()
        (tmp_path / name / place.OWNER).write_text(str(root))

    assert place.abandoned() == [tmp_path / "aicore-gone"]
    somebody_else = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody_else)
    assert place.abandoned() == [], "not ours to remove"


def test_a_user_without_a_name_is_told_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's made-up number: initdb would end with words of its own."""
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)

    with pytest.raises(EmbeddedServerError, match="54321 has no name") as told:
        place.place_for(tmp_path)
    assert "AICORE_POSTGRES_DSN" in told.value.remedy


def test_doctor_names_as_many_folders_as_one_can_read() -> None:
    [check] = left_behind([Path(f"/var/tmp/aicore-{number}") for number in range(73)])

    assert check.fact.startswith("73 folders")
    assert check.mend.endswith("aicore-0 /var/tmp/aicore-1 /var/tmp/aicore-2 (then look again: 70 more)")
    assert left_behind([]) == []
