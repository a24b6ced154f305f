"""Postgres clusters for tests to which it is nothing how they are made."""

import atexit
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from aicore.embedded import EmbeddedPostgres
from aicore.embedded.place import place_for, prepare


def put_cluster(root: Path) -> None:
    """Put a copy of an empty cluster below ``root``, where a first start would make one.

    A copy takes a fifth of the time that initdb does, and a start goes on from it: it is closed, and gets its
    database. Whatever `EmbeddedPostgres` does with what it finds it does with this.
    """
    place = place_for(root.resolve())
    prepare(place)
    # Whose the files are must stay; the copies of `shutil` are ours.
    subprocess.run(["cp", "-a", str(_model()), str(place.data)], check=True)


@cache
def _model() -> Path:
    """The cluster that is copied; it has never run, and lasts as long as this process."""
    root = Path(tempfile.mkdtemp(prefix="aicore-test-"))
    root.chmod(0o755)
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    server = EmbeddedPostgres(root, fsync=False)
    prepare(server._place)
    server._initialise()
    return server.data
