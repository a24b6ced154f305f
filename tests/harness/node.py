"""A folder with Node's packages, for clients in JavaScript."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "integration" / "node"
INSTALL_TIMEOUT_S = 120
INSTALL = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]


def node_folder(folder: Path, *scripts: str) -> Path:
    """Return ``folder`` with the packages and copies of our ``scripts``, for scripts of its own to run in.

    Skips the test where Node is not installed; CI must have it.
    """
    if shutil.which("npm") is None:
        assert os.environ.get("CI") != "true", "CI must have Node and npm; the Makefile installs them as root"
        pytest.skip("Node and npm are not installed: no client in another language is tried")
    packages = folder / "node_modules"
    if not packages.is_symlink():
        packages.symlink_to(_installed() / "node_modules")
    for name in scripts:
        shutil.copy(SOURCE / name, folder / name)
    return folder


def _installed() -> Path:
    """Return a cache folder outside the repository with the packages, installed if they are not there."""
    folder = Path(tempfile.gettempdir()) / f"aicore-node-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    wanted, done = (SOURCE / "package.json").read_bytes(), folder / "installed.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the suite's other worker may be at it
        there = done.exists() and (folder / "node_modules").exists()
        if not there or done.read_bytes() != wanted:
            done.unlink(missing_ok=True)
            (folder / "package.json").write_bytes(wanted)
            subprocess.run(
                INSTALL, cwd=folder, check=True, timeout=INSTALL_TIMEOUT_S, stdout=subprocess.DEVNULL
            )
            done.write_bytes(wanted)
    return folder
