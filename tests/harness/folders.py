"""Folders for servers."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_folder() -> Iterator[Path]:
    """Make a folder that the user `nobody` may pass, and remove it at the end.

    pytest's own folders are closed, and behind a closed one root's Postgres keeps its data in /var/tmp.
    """
    with tempfile.TemporaryDirectory(prefix="aicore-test-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        yield folder
