"""Identities that may connect to the NATS of a state directory: what each was given, and its keys.

``identities/`` holds one seed a file, for its owner alone, and ``granted.json``, which names the clients. A
key is an Ed25519 nkey: the server knows its public half only, and who connects signs what the server asks.
"""

import fcntl
import getpass
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path

import nkeys
from pydantic import TypeAdapter

from aicore.settings import Settings
from bus.permissions import COMPONENTS, EVERYTHING, Grants
from domain.kernel.roles import PEOPLE, Role
from protocol.identity import NAME, Identity

FOLDER = "identities"
DEMO = Identity("service", "demo")
"""The service that a fresh state directory has, for the clients of README.md."""

NAME_MAX = 31
SEED_BYTES = 32
_GRANTED = TypeAdapter(tuple[Grants, ...])


class Keyring:
    """The identities in a folder. Safe for use by several processes."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is made before a key is asked for."""
        self.folder = folder.resolve()
        self._granted = self.folder / "granted.json"
        self._by_actor: tuple[tuple[int, int], Mapping[str, Grants]] | None = None

    @property
    def clients(self) -> tuple[Grants, ...]:
        """Services and operators, by name."""
        return tuple(sorted(self._kept(), key=lambda each: each.identity))

    def client(self, identity: Identity) -> Grants | None:
        """Return what a service or an operator was given; None if there is none of that name."""
        return next((each for each in self.clients if each.identity == identity), None)

    def first(self, kind: str) -> Identity | None:
        """Return the client of a kind that is there longest; None: there is none."""
        return next((each.identity for each in self._kept() if each.identity.kind == kind), None)

    def roles_of(self, actor: str) -> tuple[Role, ...] | None:
        """Return the roles of an operator, by what it is in events; None: it is none of this folder's."""
        known = self._known(actor)
        return known.roles if known else None

    def person_of(self, actor: str) -> str:
        """Return who has an operator's key: several may be one person's. Who is not known here is himself."""
        known = self._known(actor)
        return (known.person or known.identity.name) if known else actor

    def _known(self, actor: str) -> Grants | None:
        """Return a client by what it is in events.

        The file is read again only when it changed: every command of an operator asks.
        """
        try:
            found = self._granted.stat()
            version = (found.st_mtime_ns, found.st_ino)
            if self._by_actor is None or self._by_actor[0] != version:
                self._by_actor = version, {each.identity.actor: each for each in self._kept()}
        except OSError:  # there are no keys here: the server is one's own
            return None
        return self._by_actor[1].get(actor)

    def give(self, grants: Grants) -> None:
        """Keep a client, with a key of its own; what it was given before is replaced."""
        with self._alone():
            self.seed(grants.identity)
            others = [each for each in self._kept() if each.identity != grants.identity]
            place = next(free for free in count(1) if all(each.place != free for each in others))
            self._write([*others, replace(grants, place=place)])

    def revoke(self, identity: Identity) -> None:
        """Forget a client; its key is no key any more."""
        with self._alone():
            self._write([each for each in self._kept() if each.identity != identity])
        self.seed_file(identity).unlink(missing_ok=True)

    def seed_file(self, identity: Identity) -> Path:
        """Return where an identity's seed lies."""
        return self.folder / f"{Identity.parse(str(identity))}.nk"

    def seed(self, identity: Identity) -> str:
        """Return an identity's seed; it is made if there is none."""
        path = self.seed_file(identity)
        try:
            return path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            self._make_folder()
        made = nkeys.encode_seed(secrets.token_bytes(SEED_BYTES), nkeys.PREFIX_BYTE_USER)
        draft = path.with_suffix(f".{os.getpid()}.new")
        _write_secret(draft, made.decode("ascii"))
        try:
            os.link(draft, path)  # of two that make it at once, one wins
        except FileExistsError:
            return path.read_text(encoding="ascii").strip()
        finally:
            draft.unlink(missing_ok=True)
        return str(made, "ascii")

    def public_keys(self) -> Mapping[Identity, str]:
        """Return the public keys of AI Core's components and of every client; missing ones are made."""
        known = [Identity("component", name) for name in COMPONENTS]
        known += [each.identity for each in self.clients]
        return {identity: public_of(self.seed(identity)) for identity in known}

    def _kept(self) -> tuple[Grants, ...]:
        return _GRANTED.validate_json(self._granted.read_bytes()) if self._granted.exists() else ()

    def _write(self, clients: list[Grants]) -> None:
        draft = self._granted.with_suffix(".new")
        _write_secret(draft, json.dumps([asdict(each) for each in clients], indent=1))
        draft.replace(self._granted)

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process change the folder at a time."""
        self._make_folder()
        with (self.folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def keyring_of(state_dir: Path) -> Keyring:
    """Return the identities of a state directory."""
    return Keyring(state_dir / FOLDER)


def keyring_for(settings: Settings, state_dir: Path) -> Keyring:
    """Return the identities that the settings name, or those of the state directory."""
    return Keyring(settings.nats_keys) if settings.nats_keys else keyring_of(state_dir)


def welcome(keyring: Keyring) -> Identity:
    """Return the first operator; a state directory that has none gets one, and a service to begin with.

    The operator is whoever is logged in, with every role: the directory is theirs. The service may follow
    every event, as a game's own backend does.
    """
    first = keyring.first("operator")
    if first is not None:
        return first
    first = Identity("operator", login())
    keyring.give(Grants(first, roles=PEOPLE))
    if keyring.first("service") is None:
        keyring.give(Grants(DEMO, follow=(EVERYTHING,)))
    return first


def login() -> str:
    """Return the name that one is logged in with, as far as it can be one of an identity."""
    try:
        name = re.sub("[^a-z0-9_]", "_", getpass.getuser().lower())[:NAME_MAX]
    except (OSError, KeyError):
        name = ""
    return name if re.fullmatch(NAME, name) else "operator"


def public_of(seed: str) -> str:
    """Return the public nkey of a seed."""
    pair = nkeys.from_seed(bytearray(seed.encode("ascii")))
    key: bytes = pair.public_key
    return key.decode("ascii")


def _write_secret(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="ascii")
