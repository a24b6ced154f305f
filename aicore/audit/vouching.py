"""Verification of the log before a page says what somebody said or decided.

The whole chain is hashed again, from the genesis to the end, and compared with every head that is known from
elsewhere: JetStream's newest event, and the end that was verified here the last time. A page that looked at
its own events alone would not notice one that was taken out of its sight (docs/decisions.md).
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nats.errors import Error as NatsError
from pydantic import BaseModel, ConfigDict, ValidationError

from aicore.running import System
from bus.nats.api import JetStreamError
from bus.nats.connection import connect as nats_connect
from bus.ports import Head
from bus.postgres.connect import connect
from bus.postgres.verify import Progress, Verdict, verify
from bus.relay.comparison import newest
from domain.relay.confirmation import STREAM as CONFIRMATIONS

NATS_TIMEOUT_S = 3.0
JETSTREAM, WRITTEN_DOWN, REMEMBERED = "JetStream", "--head", "the last verification here"
"""Source of a known head."""

RESTORED = "; was it one older than JetStream, on purpose: `aicore relay confirm-log`"

# Purpose: the newest word of an operator about the log. Index: event_stream_version. Lock: none.
CONFIRMED = "SELECT hash FROM event WHERE stream = $1 ORDER BY version DESC LIMIT 1"


class Tampered(Exception):
    """The log is not what was recorded; the message names the first bad position.

    Attributes:
        remedy: what to do about it.
    """

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class _Memory(BaseModel):
    """The end of the log as it was verified here the last time."""

    model_config = ConfigDict(frozen=True)

    position: int
    hash: str
    """Hexadecimal, of the event there."""
    confirmed: str = ""
    """Hash of the newest confirmation of the log then (`relay.log_confirmed`); "": there was none."""

    @property
    def head(self) -> Head:
        return Head(self.position, bytes.fromhex(self.hash))


@dataclass(frozen=True, slots=True)
class Vouched:
    """Result of verifying the log."""

    verdict: Verdict
    known: Mapping[str, Head]
    """Heads that it was compared with, by their source."""
    jetstream_answered: bool
    memory: Path

    def check(self) -> None:
        """Let nobody build on a log that is not as it was recorded.

        Raises:
            Tampered: it is not.
        """
        verdict = self.verdict
        if verdict.ok:
            return
        witnesses = self.known if verdict.elsewhere else {}
        remedy = (
            f"restore it from a backup that verifies{RESTORED if JETSTREAM in witnesses else ''}; "
            "docs/operations.md, section The log itself"
        )
        if REMEMBERED in witnesses:
            remedy += f"; is it another log, begun anew on purpose: remove {self.memory}"
        said = f"the log is not as it was recorded: first bad position {verdict.first_bad}: {verdict.reason}"
        raise Tampered(said, remedy)


async def vouch(  # noqa: PLR0913 - each bounds or tells of the verification
    system: System,
    *,
    after: int = 0,
    head: Head | None = None,
    progress: Progress | None = None,
    budget_s: float = math.inf,
    jetstream: bool = True,
) -> Vouched:
    """Verify the log of a system, and remember its end if all of it is as it was recorded.

    Args:
        system: whose log.
        after: begin after this position, trusting its event; then nothing is remembered.
        head: an end that somebody wrote down, at ``after`` or later.
        progress: called with (events verified, position of the log's end).
        budget_s: stop after so long; see `Verdict.whole`.
        jetstream: whether to compare with JetStream's newest event, if it answers.

    Raises:
        Unverifiable: there is no event at ``after``.
        One of `bus.postgres.connect.AWAY`: Postgres is away.
    """
    path = memory_of(system)
    before = _remembered(path)
    # Before the log is read, which therefore must contain it.
    answered, copied = await _copied(system) if jetstream else (False, None)
    elsewhere = {JETSTREAM: copied, REMEMBERED: before.head if before else None}
    known = {where: at for where, at in elsewhere.items() if at and at.position >= after}
    known |= {WRITTEN_DOWN: head} if head else {}

    async def verdict() -> Verdict:
        of = (system.postgres_dsn, system.realm)
        expected = list(known.values())
        return await verify(*of, after=after, expected=expected, progress=progress, budget_s=budget_s)

    found = await verdict()
    if not found.ok and before and REMEMBERED in known and await _given_up(system, before):
        del known[REMEMBERED]
        found = await verdict()
    if found.ok and found.whole and not after:
        _remember(path, found.head, await _confirmed(system))
    return Vouched(found, known, answered, path)


def memory_of(system: System) -> Path:
    """Return the file that keeps the end of the log as it was verified last."""
    return system.state_dir / f"verified-{system.realm}.json"


def _remembered(path: Path) -> _Memory | None:
    try:
        return _Memory.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _remember(path: Path, head: Head, confirmed: str) -> None:
    """Keep the end of the log, whole or not at all; where nothing can be written, nothing is kept."""
    memory = _Memory(position=head.position, hash=head.hash.hex(), confirmed=confirmed)
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        draft.touch(mode=0o600)
        draft.write_text(memory.model_dump_json())
        draft.rename(path)
    except OSError:
        draft.unlink(missing_ok=True)


async def _given_up(system: System, before: _Memory) -> bool:
    """Say whether an operator has confirmed the log without what was remembered, since then."""
    return await _confirmed(system) not in ("", before.confirmed)


async def _confirmed(system: System) -> str:
    session = await connect(system.postgres_dsn, system.realm, role="aicore_reader")
    try:
        digest: bytes | None = await session.fetchval(CONFIRMED, CONFIRMATIONS)
        return digest.hex() if digest else ""
    finally:
        session.terminate()


async def _copied(system: System) -> tuple[bool, Head | None]:
    """Return whether JetStream answers, and its last event if there is one."""
    try:
        async with nats_connect(system.owner_url, name="aicore cli", timeout_s=NATS_TIMEOUT_S) as nc:
            return True, await newest(nc, system.realm)
    except (OSError, NatsError, JetStreamError):
        return False, None
