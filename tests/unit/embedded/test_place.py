"""Folders below /var/tmp are told as abandoned only to whom they belong."""

import os
from pathlib import Path

import pytest

from aicore.embedded import place


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
