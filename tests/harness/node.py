"""A folder with Node's packages, for clients in JavaScript."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "integration" / "node"
INSTALL_TIMEOUT_S = 120


def node_folder(*scripts: str) -> Path:
    """Return a cache folder outside the repository with the packages and copies of our ``scripts``.

    Skips the test where Node is not installed; CI must have it.
    """
    if shutil.which("npm") is None:
        assert os.environ.get("CI") != "true", "CI must have Node and npm; the Makefile installs them as root"
        pytest.skip("Node and npm are not installed: no client in another language is tried")
    folder = Path(tempfile.gettempdir()) / f"aicore-node-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in ("package.json", *scripts):
        shutil.copy(SOURCE / name, folder / name)
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
    subprocess.run(install, cwd=folder, check=True, timeout=INSTALL_TIMEOUT_S, stdout=subprocess.DEVNULL)
    return folder
