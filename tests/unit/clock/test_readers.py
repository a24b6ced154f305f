"""The clock's vectors are read alike by ours and by a reader in another language, bit for bit."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from domain.clock.almanac import Almanac
from domain.clock.calendar import Calendar
from domain.clock.messages import ClockDilated, ClockScaled
from domain.clock.units import GameTime, RealTime
from handlers.clock import view
from tests.unit.clock.kit import BY, clock_after
from tests.vectors_clock import shown

ROOT = Path(__file__).parents[3]
READER = ROOT / "docs" / "clock.mjs"
VECTORS = ROOT / "protocol" / "vectors"
CASES = json.loads((VECTORS / "clock.json").read_text("utf-8"))


def test_every_calendar_of_the_vectors_shows_what_they_say() -> None:
    for case in CASES:
        if case["kind"] == "calendar":
            almanac = Almanac(Calendar.model_validate(case["calendar"]))
            for look in case["looks"]:
                assert {"game_ms": look["game_ms"], **shown(almanac.read(GameTime(look["game_ms"])))} == look


def test_a_reader_in_javascript_recomputes_them_all() -> None:
    if shutil.which("node") is None:
        assert os.environ.get("CI") != "true", "CI must have Node; the Makefile installs it as root"
        pytest.skip("Node is not installed")
    script = ROOT / "tests/integration/node/clock.mjs"
    slowed = ClockDilated(num=1, den=4, late_us=0)
    clock = clock_after((ClockScaled(scale_num=7, scale_den=3, **BY), 1_000), (slowed, 2_000))
    answer = json.dumps(view.shown(clock, RealTime(123_456_789_012)))
    command = ["node", str(script), str(READER), str(VECTORS), answer]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"{sum(len(case['looks']) for case in CASES)} moments read alike\n"


def test_the_reader_stays_short_enough_to_be_copied() -> None:
    assert len(READER.read_text("utf-8").splitlines()) <= 80
