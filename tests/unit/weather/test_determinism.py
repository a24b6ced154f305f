"""A year of weather and factions is the same bytes, whatever Python hashes with and numpy can use."""

import os
import subprocess
import sys

import pytest

YEAR = """
from hashlib import sha256
from aicore.audit.world_year import as_html, lived
from aicore.content.sample_world import sample_definition
world = sample_definition()
print(sha256(as_html(world, 5, lived(world, 5)).encode()).hexdigest())
"""


def year(**environment: str) -> str:
    command = [sys.executable, "-c", YEAR]
    environ = {**os.environ, **environment}
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=300, check=True
    ).stdout


@pytest.mark.slow
def test_a_year_is_the_same_under_every_hash_seed() -> None:
    found = {year(PYTHONHASHSEED=str(seed)) for seed in range(10)}
    found.add(year(NPY_DISABLE_CPU_FEATURES="AVX2 FMA3", PYTHONHASHSEED="0"))
    assert len(found) == 1
