"""Who watches over the servers' processes."""

import threading
from pathlib import Path

import pytest

from aicore.embedded import process
from aicore.embedded.process import watching


class Server:
    """One that cannot be started at first."""

    name, pid, tries = "vllm-gold", None, 0
    log = Path("/nowhere/vllm.log")

    def __init__(self) -> None:
        self.started = threading.Event()

    def launch(self) -> None:
        self.tries += 1
        if self.tries < 3:
            raise OSError(28, "No space left on device")
        self.started.set()


def test_a_server_that_cannot_be_started_now_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scar: the thread ended at the first error, and nothing was ever started again."""
    monkeypatch.setattr(process, "WATCH_EVERY_S", 0.001)
    server = Server()
    with watching([server]):
        assert server.started.wait(10)
