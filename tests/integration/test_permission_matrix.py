"""Every identity tries every verb on every subject: what is declared works, and nothing else does.

The same on the embedded server and on one that was configured by what `aicore nats permissions` prints.
"""

import base64
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nkeys
import pytest

from aicore.cli.identities import rights_of
from aicore.embedded import EmbeddedNats
from aicore.embedded.keyring import keyring_of, public_of
from aicore.embedded.nats import _binary
from aicore.embedded.ports import LOOPBACK, free_port
from bus.permissions import Grants, Rights, may
from domain.kernel.roles import PEOPLE
from protocol.identity import Identity
from tests.harness.folders import open_folder

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

CLIENTS = (
    *(Grants(Identity("operator", role), roles=(role,)) for role in PEOPLE),
    Grants(Identity("operator", "all"), roles=PEOPLE),
    Grants(Identity("service", "plain")),
    Grants(
        Identity("service", "market"), may=("batch.open", "batch.list"), follow=("registry", "deployment")
    ),
    Grants(Identity("service", "scribe"), follow=("all",)),
    Grants(Identity("service", "world"), may=("session.open", "places.snapshot")),
)
STRANGE = [
    "demo",
    "demo.evt.x",
    "demo.cmd.registry.promote_model",
    "demo.in.registry.promote_model",
    "demo.qry.x",
    "demo.dlq.in",
    "demo.dlq.in.redrive.1",
    "demo.claim.x",
    "demo.peer.x",
    "demo.job.x",
    "other.cmd.a.b.c",
    "demo.live.x",
    "demo.live.place.light.ropewalk.quay.0",
    "demo.live.at.light.ropewalk.quay.0",
    "_INBOX.x",
    "_INBOX.service-plain",
    "$SYS.REQ.SERVER.PING",
    "$SRV.INFO.aicore",
    "a.games.own.subject",
    "$JS.API.INFO",
    "$JS.API.STREAM.INFO.EVT_demo",
    "$JS.API.STREAM.DELETE.EVT_demo",
    "$JS.API.STREAM.PURGE.EVT_demo",
    "$JS.API.STREAM.UPDATE.EVT_demo",
    "$JS.API.STREAM.MSG.GET.EVT_demo",
    "$JS.API.STREAM.CREATE.SQUAT",
    "$JS.API.DIRECT.GET.EVT_demo",
    "$JS.API.CONSUMER.CREATE.EVT_demo.x",
    "$JS.API.CONSUMER.DELETE.EVT_demo.x",
    "$JS.API.CONSUMER.DURABLE.CREATE.EVT_demo.x",
    "$JS.API.CONSUMER.MSG.NEXT.EVT_demo.x",
    "$JS.API.CONSUMER.MSG.NEXT.IN_demo.aicore_inbox",
    "$JS.ACK.IN_demo.aicore_inbox.1.1.1.1.0",
    "demo.js.CONSUMER.CREATE.EVT_demo.x",
]
"""What nobody declared, or somebody else."""

WIDE = [
    ">",
    "*.>",
    "demo.>",
    "demo.cmd.>",
    "demo.qry.>",
    "demo.in.>",
    "demo.evt.>",
    "demo.live.>",
    "demo.live.place.light.>",
    "demo.live.at.light.>",
    "demo.dlq.>",
    "_INBOX.>",
]
GROUPS = ("", "demo-aicore", "demo-aicore-unknown", "mine")


class Server(NamedTuple):
    """A server, and the keys that it knows."""

    port: int
    state_dir: Path


@pytest.fixture(scope="module")
def keys() -> Iterator[Path]:
    with open_folder() as folder:
        for grants in CLIENTS:
            keyring_of(folder).give(grants)
        yield folder


@pytest.fixture(scope="module", params=["embedded", "printed"])
def server(request: pytest.FixtureRequest, keys: Path) -> Iterator[Server]:
    if request.param == "embedded":
        ours = EmbeddedNats(keys, port=free_port())
        ours.start()
        yield Server(ours.port, keys)
        ours.stop()
        return
    with open_folder() as folder:
        yield from _own(folder, keys)


def _own(folder: Path, keys: Path) -> Iterator[Server]:
    """Run a server of one's own with the file that the command prints."""
    command = [sys.executable, "-m", "aicore", "nats", "permissions"]
    environment = {**os.environ, "AICORE_STATE_DIR": str(keys)}
    printed = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, check=True, timeout=30
    )
    (folder / "permissions.conf").write_bytes(printed.stdout)
    port = free_port()
    (folder / "server.conf").write_text(
        f'listen: {LOOPBACK}:{port}\njetstream {{store_dir: "store"}}\ninclude "permissions.conf"\n'
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([_binary(), "-c", "server.conf"], cwd=folder, stdout=log, stderr=log)
    try:
        while "Server is ready" not in (folder / "log").read_text():
            assert process.poll() is None, (folder / "log").read_text()
        yield Server(port, keys)
    finally:
        process.terminate()
        process.wait(10)


def denied(server: Server, who: Identity, lines: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """Send each (verb, subject) and return those that the server refused."""
    seed = keyring_of(server.state_dir).seed(who)
    with socket.create_connection((LOOPBACK, server.port), 10) as link, link.makefile("rb") as heard:
        link.settimeout(20)
        nonce = json.loads(heard.readline().partition(b" ")[2])["nonce"]
        signature = nkeys.from_seed(bytearray(seed.encode())).sign(nonce.encode())
        told = {"nkey": public_of(seed), "sig": base64.b64encode(signature).decode(), "verbose": False}
        told |= {"lang": "test", "version": "1", "protocol": 1, "headers": True, "pedantic": False}
        sent = [f"CONNECT {json.dumps(told)}"]
        for number, (verb, subject) in enumerate(lines):
            # A subscription is ended at once, or it would hear what is published after it.
            sent += (
                [f"PUB {subject} 0\r\n"]
                if verb == "publish"
                else [f"SUB {subject} {number}", f"UNSUB {number}"]
            )
        link.sendall("\r\n".join([*sent, "PING", ""]).encode())
        found = set()
        while (line := heard.readline()) and not line.startswith(b"PONG"):
            if line.startswith(b"-ERR"):
                found.add(_refused(line.decode()))
        assert line, "the server ended the connection"
    return found


def _refused(error: str) -> tuple[str, str]:
    """Return verb and subject of a Permissions Violation."""
    _, subject, rest = error.split('"', 2)
    if "Publish" in error:
        return "publish", subject
    return "subscribe", f"{subject} {rest.split(chr(34))[1]}" if "queue" in rest else subject


def subjects(rights: dict[Identity, Rights]) -> list[tuple[str, str]]:
    """Return every verb and subject that somebody may, made whole, and what nobody may."""
    patterns = {pattern for each in rights.values() for pattern in (*each.publish, *each.publish_not)}
    heard = {pattern for each in rights.values() for pattern in each.subscribe}
    whole = {_whole(pattern.partition(" ")[0]) for pattern in patterns | heard} | {*STRANGE}
    asked = whole | {pattern.partition(" ")[0] for pattern in heard} | {*WIDE}
    in_groups = {subject for subject in asked if subject.startswith(("demo.cmd", "demo.qry"))} | {*WIDE}
    return sorted(
        {("publish", subject) for subject in whole}
        | {("subscribe", subject) for subject in asked}
        | {("subscribe", f"{subject} {group}".rstrip()) for subject in in_groups for group in GROUPS}
    )


def _whole(pattern: str) -> str:
    return pattern.replace("*", "some").replace(">", "some.where")


def test_what_is_declared_works_and_nothing_else(server: Server) -> None:
    rights = rights_of("demo", keyring_of(server.state_dir))
    tried = subjects(rights)
    assert len(tried) > 500
    wrong = []
    for who, its in rights.items():
        expected = {(verb, subject) for verb, subject in tried if not may(its, verb, subject)}
        found = denied(server, who, tried)
        wrong += [(str(who), *pair, "works") for pair in sorted(expected - found)]
        wrong += [(str(who), *pair, "is denied") for pair in sorted(found - expected)]
        assert who.name == "owner" or expected, "there is something that each may not"

    assert wrong == []


def test_a_client_may_no_more_than_its_own(server: Server) -> None:
    """What the declarations come to, said once more by hand."""
    rights = rights_of("demo", keyring_of(server.state_dir))
    for who, its in rights.items():
        if who.kind == "component":
            continue
        other = "_INBOX.service-plain.x" if who.name != "plain" else "_INBOX.service-market.x"
        for subject in (
            ">",
            "demo.cmd.>",
            "demo.cmd.inference.generate.service-plain",
            other,
            "demo.claim.x",
        ):
            assert not may(its, "subscribe", subject), (who, subject)
        for subject in ("demo.evt.a.b.c", "$JS.API.STREAM.PURGE.EVT_demo", "demo.claim.x", "demo.dlq.in"):
            assert not may(its, "publish", subject), (who, subject)
        spoken = [subject for subject in its.publish if not subject.startswith(("$JS.ACK.", "demo.js."))]
        assert all(subject.endswith(f".{who}") for subject in spoken)
    promote = "demo.cmd.registry.promote_model"
    assert [who.name for who, its in rights.items() if may(its, "publish", f"{promote}.{who}")] == [
        "owner", "all", "operator",
    ]  # fmt: skip
    assert not may(rights[Identity("service", "plain")], "subscribe", "demo.evt.inference.completed.x")
