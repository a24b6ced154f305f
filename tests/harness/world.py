"""The system under the kill tests: two real servers, its components as processes, and what befalls them."""

import asyncio
import os
import random
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from tests.harness.children import Children
from tests.harness.clusters import put_cluster
from tests.harness.folders import open_folder
from tests.harness.journal import JournalReader

REALM = "kill"
WRITERS = ("alpha", "beta")
RELAYS = ("relay_a", "relay_b")
SUBSCRIBERS = ("steady", "restless")
TASKS = 3
DOWN_MAX_S = 0.25
"""Longest time between a kill and the restart; short against a converging round, long against a reconnect."""


NOTICE_TIMEOUT_S = 30.0

OTHER_SESSIONS = """
SELECT pid FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid
"""


@dataclass
class World:
    """Servers and children; ``draws`` decides instants and victims."""

    folder: Path
    seed: int
    postgres: EmbeddedPostgres
    nats: EmbeddedNats
    children: Children
    pace: float
    """How many times longer the writers pause than usual: less load where it is nothing to the test."""
    draws: random.Random = field(init=False)
    journals: dict[str, JournalReader] = field(init=False)
    """What the writers and the subscribers were told, by name."""
    checked_jetstream: tuple[object, int] = (None, 0)
    """Which life of server and stream was compared with the log, and up to which sequence."""

    def __post_init__(self) -> None:
        self.draws = random.Random(self.seed)
        common = {"dsn": self.postgres.dsn, "nats": self.nats.url, "realm": REALM, "seed": self.seed}
        writing = {**common, "tasks": TASKS, "pace": self.pace}
        for name in WRITERS:
            self.children.add(name, "writer", journal=str(self._journal(name)), **writing)
        for name in RELAYS:
            self.children.add(name, "relay", **common)
        self.children.add("projector", "projection", **common)
        for name in SUBSCRIBERS:
            self.children.add(name, "subscriber", journal=str(self._journal(name)), **common)
        self.journals = {name: JournalReader(self._journal(name)) for name in WRITERS + SUBSCRIBERS}

    def _journal(self, name: str) -> Path:
        return self.folder / f"{name}.journal"

    @property
    def copy(self) -> Path:
        """Where an older copy of the JetStream directory lies."""
        return self.folder / "jetstream-older"

    def start_children(self) -> None:
        """Start every child that does not run."""
        for name in self.children.names():
            self.children.start(name)

    async def moment(self, longest_s: float) -> None:
        """Let the system run for a random time."""
        await asyncio.sleep(self.draws.uniform(0.0, longest_s))

    # --- faults: each leaves something dead; `mend` starts it again ---------------------------------------

    async def kill_writer(self) -> None:
        """Kill one writer."""
        self.children.kill(self.draws.choice(WRITERS))

    async def kill_relay(self) -> None:
        """Kill both relays, or one, which may be the leader."""
        for name in self.draws.choice((RELAYS, RELAYS[:1], RELAYS[1:])):
            self.children.kill(name)

    async def kill_projection(self) -> None:
        """Kill the projection."""
        self.children.kill("projector")

    async def kill_subscriber(self) -> None:
        """Kill the subscriber that may be killed."""
        self.children.kill("restless")

    async def kill_nats(self) -> None:
        """Kill the NATS server; what lies in its directory stays."""
        self.nats.kill()

    async def kill_postgres(self) -> None:
        """Kill the postmaster; its backends notice and end."""
        self.postgres.kill()

    async def kill_backend(self) -> None:
        """Kill one session's process; Postgres then ends all sessions and recovers from its WAL."""
        try:
            admin = await asyncpg.connect(self.postgres.dsn)
        except (OSError, asyncpg.PostgresError):
            return  # it recovers from the fault before
        try:
            ended = asyncio.Event()
            admin.add_termination_listener(lambda _: ended.set())
            pids = [row["pid"] for row in await admin.fetch(OTHER_SESSIONS)]
            if pids:
                os.kill(self.draws.choice(pids), signal.SIGKILL)
                async with asyncio.timeout(NOTICE_TIMEOUT_S):
                    await ended.wait()  # only then has the crash begun for everyone
        finally:
            admin.terminate()

    async def wipe_jetstream(self) -> None:
        """Kill NATS and delete the JetStream directory."""
        self.nats.kill()
        shutil.rmtree(self.nats.store)

    async def restore_jetstream(self) -> None:
        """Kill NATS and put an older copy of the JetStream directory in the place of the present one."""
        self.nats.kill()
        if not self.copy.exists():
            shutil.copytree(self.nats.store, self.copy)
            self.nats.start()
            await self.moment(1.0)
            self.nats.kill()
        present = self.folder / "jetstream-present"
        self.nats.store.rename(present)
        shutil.copytree(self.copy, self.nats.store)
        shutil.rmtree(self.copy)
        present.rename(self.copy)

    async def tear_jetstream(self) -> None:
        """Kill NATS and cut the end off its last block, as a power failure does before its fsync."""
        self.nats.kill()
        if block := self._newest_block():
            os.truncate(block, self.draws.randrange(block.stat().st_size + 1))

    async def rot_jetstream(self) -> None:
        """Kill NATS and turn one bit of its last block around, as a bad disk does."""
        self.nats.kill()
        if block := self._newest_block():
            body = bytearray(block.read_bytes())
            body[self.draws.randrange(len(body))] ^= 1 << self.draws.randrange(8)
            block.write_bytes(body)

    def _newest_block(self) -> Path | None:
        """Return the file that the event stream's last messages are in."""
        blocks = [path for path in self.nats.store.glob(f"**/EVT_{REALM}/msgs/*.blk") if path.stat().st_size]
        return max(blocks, key=lambda path: path.stat().st_mtime, default=None)

    async def kill_everything(self) -> None:
        """Kill every process of the system but the steady subscriber."""
        victims = [name for name in self.children.names() if name != "steady"]
        self.draws.shuffle(victims)
        for name in victims:
            self.children.kill(name)
        self.nats.kill()
        self.postgres.kill()

    async def kill_both_servers(self) -> None:
        """Kill Postgres and NATS at almost the same time."""
        self.postgres.kill()
        await self.moment(0.02)
        self.nats.kill()

    async def freeze_relay(self) -> None:
        """Stop a relay for a while (SIGSTOP); it goes on as if no time had passed."""
        name = self.draws.choice(RELAYS)
        self.children.signal(name, signal.SIGSTOP)
        await self.moment(0.5)
        self.children.signal(name, signal.SIGCONT)

    async def freeze_writer(self) -> None:
        """Stop a writer for a while (SIGSTOP), perhaps between reservation and commit."""
        name = self.draws.choice(WRITERS)
        self.children.signal(name, signal.SIGSTOP)
        await self.moment(0.5)
        self.children.signal(name, signal.SIGCONT)

    async def freeze_nats(self) -> None:
        """Stop the NATS server for a while (SIGSTOP): connections stay, answers come late."""
        assert self.nats.pid is not None
        os.kill(self.nats.pid, signal.SIGSTOP)
        await self.moment(0.8)
        os.kill(self.nats.pid, signal.SIGCONT)

    async def mend(self) -> None:
        """Start again whatever a fault has ended, in random order of servers."""
        await self.moment(DOWN_MAX_S)
        servers: list[EmbeddedPostgres | EmbeddedNats] = [self.postgres, self.nats]
        self.draws.shuffle(servers)
        for server in servers:
            if server.pid is None:
                server.start()
        self.start_children()


FAULTS = (
    "kill_writer",
    "kill_relay",
    "kill_projection",
    "kill_subscriber",
    "kill_nats",
    "kill_postgres",
    "kill_backend",
    "wipe_jetstream",
    "restore_jetstream",
    "tear_jetstream",
    "rot_jetstream",
    "kill_everything",
    "kill_both_servers",
    "freeze_relay",
    "freeze_writer",
    "freeze_nats",
)

SECOND_FAULTS = (
    "kill_writer",
    "kill_relay",
    "kill_projection",
    "kill_subscriber",
    "kill_nats",
    "kill_backend",
)
"""What may happen on top, while the system recovers from a first fault."""

SECOND_SHARE = 0.4


@contextmanager
def open_world(seed: int, *, pace: float = 1.0) -> Iterator[World]:
    """Start both servers in a new folder, and the children's warm parent; the end leaves nothing."""
    with open_folder() as folder:
        put_cluster(folder)
        postgres = EmbeddedPostgres(folder, fsync=True)
        nats = EmbeddedNats(folder)
        try:
            postgres.start()
            nats.start()
            with Children(folder) as children:
                yield World(folder, seed, postgres, nats, children, pace)
        finally:
            nats.stop()
            postgres.stop()
