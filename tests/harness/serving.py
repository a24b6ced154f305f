"""A program that has both embedded servers, and does nothing else until it is killed."""

import signal
from pathlib import Path

from aicore.running import serving
from aicore.settings import Settings


def serve_until_killed(folder: Path) -> None:
    """Start both servers in a state directory and say their process ids on a line."""
    with serving(Settings(state_dir=folder)) as system:
        print(*system.server_pids.values(), flush=True)
        signal.pause()
