"""A client in another language that knows only SPEC.md checks every vector and talks to a running system."""

import subprocess
from pathlib import Path

import pytest

from tests.acceptance.kit import Up
from tests.harness.node import node_folder

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

VECTORS = Path(__file__).parents[2] / "protocol" / "vectors"
CHECK_TIMEOUT_S = 60


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script with its packages."""
    return node_folder(tmp_path, "check.mjs") / "check.mjs"


def check(script: Path, *arguments: str) -> str:
    command = ["node", str(script), str(VECTORS), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CHECK_TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_vector_is_read_as_the_specification_says(script: Path) -> None:
    assert "vectors: " in check(script)


def test_a_client_that_knows_only_the_specification_hears_commands_and_is_refused(
    script: Path, tmp_path: Path
) -> None:
    up = Up(tmp_path / "state").wait_up()
    try:
        said = check(script, up.wire, "demo")
    finally:
        up.stop()

    assert "live: 2 events decoded, 1 command done, 2 refused" in said
