"""Ten things that people notice in a living world: the demo that shows them, on real parts."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aicore.client import Refused
from aicore.content.definition import check_folder
from aicore.demos.ten_things import world
from aicore.demos.ten_things.showing import THINGS, show, told_by
from aicore.demos.ten_things.stage import NotSo, Stage, world_in
from protocol.messages import ErrorReply
from tests.acceptance.kit import ROOT

RUN_S = 1_200
"""A busy machine needs minutes for two and a half game days, three starts and two crashes."""


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(RUN_S + 60)
def test_all_ten_are_so_on_a_system_that_is_killed_twice() -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AICORE_")}
    done = subprocess.run(
        [sys.executable, "-m", "aicore", "demo", "ten-things", "--json"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)) == (0, {"ok": True, "failed": {}}), done.stderr


async def test_each_is_shown_and_what_is_not_so_is_told_and_counted() -> None:
    async def one(_: Stage) -> str:
        """1: the sun rises."""
        return "it rose"

    async def two(_: Stage) -> str:
        """2: the sun sets."""
        raise NotSo("it stands still")

    async def three(_: Stage) -> str:
        """3: somebody asks."""
        raise Refused(ErrorReply("no_clock", "the realm has no clock yet"))

    said: list[str] = []
    stage: Any = None
    failed = await show([one, two, three], stage, said.append)
    assert said == [
        "1. the sun rises.",
        "   ok: it rose",
        "2. the sun sets.",
        "   FAILED: NotSo: it stands still",
        "3. somebody asks.",
        "   FAILED: Refused: no_clock: the realm has no clock yet",
    ]
    assert failed.keys() == {2, 3}


def test_all_ten_are_shown_once_in_a_world_without_a_fault(tmp_path: Path) -> None:
    assert sorted(told_by(thing)[0] for thing in THINGS) == list(range(1, 11))
    folder = world_in(tmp_path)
    assert check_folder(folder).faults == ()
    assert (folder / "people_light.yaml").read_text().count(world.RIGHT) == 1
    assert (folder / "quests.yaml").read_text().count(world.WORDS) == 1
