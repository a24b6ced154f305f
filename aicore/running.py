"""Which system runs on a state directory: the lock that keeps it the only one, and the file that names it.

`serving` starts the embedded servers that the settings do not replace, and writes ``run.json``; `find` reads
it, so that every other command of the CLI reaches the running system without being told where it is.
"""

import asyncio
import fcntl
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from aicore.clock import now_us
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from aicore.embedded.keyring import Keyring, welcome
from aicore.embedded.nats import address_of
from aicore.embedded.ports import LOOPBACK, check_port, free_port
from aicore.embedded.process import Watched, watching
from aicore.embedded.vllm import EmbeddedVllm
from aicore.keys import OWN_FILE, named_keys, own_key
from aicore.settings import Settings, SettingsError
from bus.nats.address import parse_address
from bus.permissions import COMPONENTS
from bus.postgres.logins import LOGINS, secure
from bus.postgres.migrate import migrate
from protocol.identity import Identity

READER = "aicore_reader"
RUN_FILE = "run.json"
LOCK_FILE = "lock"
FAILURE_FILE = "last_failure"
LOG_FILE = "aicore.log"


class AlreadyRunning(RuntimeError):
    """Another process serves this state directory."""


class NotRunning(RuntimeError):
    """No system was found; the message says how to start or name one."""


class System(BaseModel):
    """Addresses of a running system. Their file is readable by its owner only: a DSN may hold a password."""

    model_config = ConfigDict(frozen=True)

    realm: str
    postgres_dsn: str
    """As somebody who may read, at least; `dsn_of` says where each role logs in."""
    postgres_logins: dict[str, str] = {}
    """Connection strings by role, of those that have a login of their own."""
    nats_url: str
    """For the command line: of the embedded server with the key of its first operator."""
    nats_components: dict[str, str] = {}
    """Of the embedded server, with the key of each of `bus.permissions.COMPONENTS`; {}: ``nats_url`` does."""
    pid: int = 0
    """The process that serves the state directory; 0: addresses come from the settings alone."""
    vllm_urls: dict[str, str] = {}
    """Of our own vLLM servers, by tier."""
    http_port: int = 0
    """Of the OpenAI-compatible door; 0: there is none."""
    http_host: str = LOOPBACK
    http_key_kept: bool = False
    """True if the door takes the key that the state directory keeps (`aicore.keys.own_key`)."""
    server_pids: dict[str, int] = {}
    """Of the servers as they were started first."""
    state_dir: Path = Path(".state")
    started_us: int = 0
    given: dict[str, Any] = {}
    """Settings that it was started with, without secrets; commands beside it need the same."""

    def dsn_of(self, role: str) -> str:
        """Return where a role logs in to Postgres."""
        return self.postgres_logins.get(role, self.postgres_dsn)

    @property
    def owner_url(self) -> str:
        """Address of NATS for the owner of the state directory, who may do everything."""
        return self.nats_components.get("owner", self.nats_url)

    @property
    def relay_url(self) -> str:
        """Address of NATS for the relay: it publishes events, and makes and removes their stream."""
        return self.nats_components.get("relay", self.nats_url)

    def url_for(self, components: Collection[str]) -> str:
        """Return where a process of these components connects to NATS: as what it is, and no more."""
        apart = set(components) - {"relay"}
        name = apart.pop() if len(apart) == 1 else "services"
        return self.nats_components.get(name, self.nats_url)


NO_VLLM: Mapping[str, EmbeddedVllm] = {}


@contextmanager
def serving(settings: Settings, vllms: Mapping[str, EmbeddedVllm] = NO_VLLM) -> Iterator[System]:
    """Hold the state directory, run the embedded servers in it, and yield where everything is.

    ``vllms``: our own vLLM servers by tier, not started. A server of ours that ends is started again.

    Enter and leave in the main thread and outside the event loop: the servers are the first to start and
    the last to stop.

    Raises:
        AlreadyRunning: another process holds the state directory.
        SettingsError: there can be no state directory there.
        PortUnusable: the door's port is taken; said before any server is started.
        EmbeddedServerError: a server did not start.
    """
    folder = _made(settings.state_dir.resolve())
    with ExitStack() as stack:
        stack.enter_context(_locked(folder))
        check_port(settings.http_host, settings.http_port, "AICORE_HTTP_PORT")
        pids: dict[str, int] = {}
        watched: list[Watched] = [*vllms.values()]
        dsn, nats_url, components = settings.postgres_dsn, settings.nats_address, dict[str, str]()
        logins = settings.logins
        if dsn is None:
            postgres = EmbeddedPostgres(folder)
            stack.callback(postgres.stop)
            postgres.start()
            logins = asyncio.run(prepared(postgres, settings.realm))
            dsn, pids["postgres"] = logins[READER], postgres.pid or 0
            watched.append(postgres)
        if nats_url is not None:
            nats_url, components = with_keys(nats_url, settings.nats_keys)
        else:
            nats = EmbeddedNats(folder, port=settings.nats_port or None, realm=settings.realm)
            first = welcome(nats.keyring)
            stack.callback(nats.stop)
            nats.start()
            nats_url, pids["nats"] = nats.url_of(first), nats.pid or 0
            components = {name: nats.url_of(Identity("component", name)) for name in COMPONENTS}
            watched.append(nats)
        for vllm in vllms.values():
            stack.callback(vllm.stop)
            vllm.launch()
            pids[vllm.name] = vllm.pid or 0
        for vllm in vllms.values():
            vllm.await_answer(_progress)
        if watched:
            stack.enter_context(watching(watched))
        system = System(
            vllm_urls={tier: vllm.url for tier, vllm in vllms.items()},
            realm=settings.realm,
            postgres_dsn=dsn,
            postgres_logins=logins,
            nats_url=nats_url,
            nats_components=components,
            http_port=settings.http_port or free_port(settings.http_host),
            http_host=settings.http_host,
            http_key_kept=_key_kept(settings, folder),
            pid=os.getpid(),
            server_pids=pids,
            state_dir=folder,
            started_us=now_us(),
            given=settings.given(),
        )
        stack.enter_context(_announced(folder / RUN_FILE, system))
        yield system


async def prepared(postgres: EmbeddedPostgres, realm: str) -> dict[str, str]:
    """Bring the embedded server's schema and logins up to date; return the connection string of each role.

    Raises:
        MigrationError: the database's schema was made by other files than ours.
    """
    await migrate(postgres.dsn, realm)
    await secure(postgres.dsn, {each.name: postgres.password_of(each.name) for each in LOGINS})
    return {each.role: postgres.dsn_of(each.name) for each in LOGINS}


def find(settings: Settings) -> System:
    """Return where the system is: from the settings, or from the run file for what they leave open.

    Raises:
        NotRunning: neither says it.
    """
    folder = settings.state_dir.resolve()
    announced = _read(folder / RUN_FILE)
    dsn = settings.postgres_dsn or (announced.postgres_dsn if announced else None)
    nats_url = settings.nats_address or (announced.nats_url if announced else None)
    if dsn is None or nats_url is None:
        raise NotRunning(
            f"nothing runs on {folder}; start it with `aicore up`, or name a running one with "
            "AICORE_STATE_DIR, or your own servers with AICORE_POSTGRES_DSN and AICORE_NATS_URL"
            f"{_last_failure(folder)}"
        )
    realm = announced.realm if announced and "realm" not in settings.model_fields_set else settings.realm
    base = announced or System(realm=realm, postgres_dsn=dsn, nats_url=nats_url, state_dir=folder)
    components = announced.nats_components if announced else {}
    if settings.nats_address:
        nats_url, components = with_keys(settings.nats_address, settings.nats_keys)
    found: dict[str, Any] = {"realm": realm, "postgres_dsn": dsn}
    found |= {"nats_url": nats_url, "nats_components": components}
    if (dsn, nats_url) != (base.postgres_dsn, base.nats_url):  # another system, started in another way
        found |= {"given": {}}
    if dsn != base.postgres_dsn or settings.logins:  # another server, or another's logins
        found |= {"postgres_logins": settings.logins}
    return base.model_copy(update=found)


def with_keys(url: str, folder: Path | None) -> tuple[str, dict[str, str]]:
    """Return the address of one's own NATS with the first operator's key, and with each component's.

    Without a folder, or without a key in it, the address says itself who connects.
    """
    if folder is None:
        return url, {}
    keyring, address = Keyring(folder), parse_address(url)

    def keyed(identity: Identity) -> str:
        seed = keyring.seed(identity)
        return ",".join(address_of(server, identity, seed) for server in address.servers) + address.query

    there = [name for name in COMPONENTS if keyring.seed_file(Identity("component", name)).exists()]
    first = keyring.first("operator")
    known = first is not None and keyring.seed_file(first).exists()
    return keyed(first) if first and known else url, {n: keyed(Identity("component", n)) for n in there}


def remember_failure(state_dir: Path, reason: str) -> None:
    """Keep why a start failed, for whoever asks where nothing runs; without a folder nothing is kept."""
    with suppress(OSError):
        (state_dir / FAILURE_FILE).write_text(reason, encoding="utf-8")


def _last_failure(folder: Path) -> str:
    """Return when and why the last start failed, or "" if it did not."""
    path = folder / FAILURE_FILE
    with suppress(OSError):
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        reason = path.read_text(encoding="utf-8", errors="replace")
        return f". The last start failed at {at:%Y-%m-%d %H:%M:%S} UTC: {reason}"
    return ""


def _made(folder: Path) -> Path:
    """Return the state directory, made if it was not there.

    Raises:
        SettingsError: it cannot be made, or nothing in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LOCK_FILE).touch()
    except OSError as error:
        said = (error.strerror or type(error).__name__).lower()
        raise SettingsError(f"AICORE_STATE_DIR: {error.filename or folder}: {said}") from error
    return folder


def _key_kept(settings: Settings, folder: Path) -> bool:
    """Make the door's key, where the settings give none; return whether that one holds.

    Raises:
        SettingsError: it cannot be kept.
    """
    if named_keys(settings.http_key.get_secret_value()):
        return False
    try:
        own_key(folder)
    except OSError as error:
        raise SettingsError(f"AICORE_STATE_DIR: {folder / OWN_FILE}: {error.strerror}") from error
    return True


def _progress(seconds: float) -> None:
    """Show on a terminal that something is still starting."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\rvLLM starts: {seconds:3.0f} s (usually 40) ")
        sys.stderr.flush()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock file; the kernel frees it when we die, however we die."""
    with (folder / LOCK_FILE).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = _read(folder / RUN_FILE)
            who = f" (process {other.pid})" if other else ""
            raise AlreadyRunning(
                f"{folder} is in use by a running system{who}; stop that one, or use another directory with "
                "AICORE_STATE_DIR"
            ) from None
        yield


@contextmanager
def _announced(path: Path, system: System) -> Iterator[None]:
    """Keep the run file while the system runs; it appears whole or not at all."""
    (path.parent / FAILURE_FILE).unlink(missing_ok=True)
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(system.model_dump_json(indent=2) + "\n")
    draft.rename(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _read(path: Path) -> System | None:
    """Return what a run file says, or None: no file, half a file, or its process is gone."""
    with suppress(OSError, ValidationError):
        system = System.model_validate_json(path.read_text())
        if psutil.pid_exists(system.pid):
            return system
    return None
