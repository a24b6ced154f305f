"""The weather's vectors are read alike by ours and by a reader in another language, bit for bit."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from domain.clock.almanac import Almanac
from domain.clock.calendar import Calendar
from domain.kernel.chance import chance
from domain.weather.law import Law
from domain.weather.sky import Climate, Nature, Override, Sky

ROOT = Path(__file__).parents[3]
READER = ROOT / "docs" / "weather.mjs"
VECTORS = ROOT / "protocol" / "vectors"
CASES = json.loads((VECTORS / "weather.json").read_text("utf-8"))


def test_every_moment_of_the_vectors_is_as_they_say() -> None:
    for case in CASES:
        if case["kind"] == "hash":
            for look in case["looks"]:
                assert f"{chance(*map(int, look['words'])):016x}" == look["hex"]
            continue
        climates = [
            Climate(each["from_day"], Law.model_validate(each["law"]), int(each["seed"]))
            for each in case["climates"]
        ]
        over = [Override("", frozenset(each.pop("zones")), **each) for each in map(dict, case["overrides"])]
        sky = Sky(Nature(Almanac(Calendar.model_validate(case["calendar"])), climates), over)
        for look in reversed(case["looks"]):
            seen = dict(look)
            zone, ms = seen.pop("zone"), seen.pop("game_ms")
            piece = sky.piece(zone, ms)._asdict()
            del piece["handle"]
            assert {**piece, **sky.air(zone, ms)._asdict()} == seen


def test_a_reader_in_javascript_recomputes_them_all() -> None:
    if shutil.which("node") is None:
        assert os.environ.get("CI") != "true", "CI must have Node; the Makefile installs it as root"
        pytest.skip("Node is not installed")
    script = ROOT / "tests/integration/node/weather.mjs"
    command = ["node", str(script), str(READER), str(VECTORS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"{sum(len(case['looks']) for case in CASES)} moments read alike\n"


def test_clock_and_weather_together_stay_short_enough_to_be_copied() -> None:
    readers = READER, READER.with_name("clock.mjs")
    assert sum(len(reader.read_text("utf-8").splitlines()) for reader in readers) <= 150
