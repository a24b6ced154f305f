"""A client in another language that knows only SPEC.md checks every vector and talks to a running system."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.acceptance.kit import Up

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

HERE = Path(__file__).parent / "node"
VECTORS = Path(__file__).parents[2] / "protocol" / "vectors"
INSTALL_TIMEOUT_S = 120
CHECK_TIMEOUT_S = 60


@pytest.fixture(scope="module")
def script() -> Path:
    """The script with its packages, in a cache folder outside the repository."""
    if shutil.which("npm") is None:
        assert os.environ.get("CI") != "true", "CI must have Node and npm; the Makefile installs them as root"
        pytest.skip("Node and npm are not installed: no client in another language is tried")
    folder = Path(tempfile.gettempdir()) / f"aicore-node-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in ("package.json", "check.mjs"):
        shutil.copy(HERE / name, folder / name)
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
    subprocess.run(install, cwd=folder, check=True, timeout=INSTALL_TIMEOUT_S, stdout=subprocess.DEVNULL)
    return folder / "check.mjs"


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
        said = check(script, _address(up), "demo")
    finally:
        up.stop()

    assert "live: 2 events decoded, 1 command done, 2 refused" in said


def _address(up: Up) -> str:
    """Return the NATS address that `aicore up` printed."""
    return next(word for word in up.output.split() if word.startswith("nats://"))
