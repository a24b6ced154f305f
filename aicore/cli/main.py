"""The command `aicore`: its groups, and the one place where errors become a sentence and an exit code.

Exit codes: 0 done · 1 something is wrong · 2 command line or settings · 3 nothing runs or answers there ·
4 refused by the system.
"""

import asyncio
import errno
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NamedTuple

import asyncpg
import typer
from nats.errors import Error as NatsError
from rich.markup import escape

from aicore.audit.export import ExportError
from aicore.cli.terminal import Exit, Failure, err, out
from aicore.embedded import EmbeddedServerError
from aicore.embedded.ports import PortUnusable
from aicore.logs import set_up
from aicore.running import LOG_FILE, AlreadyRunning, NotRunning, remember_failure
from aicore.settings import SettingsError, load_settings
from aicore.supervisor import leaves
from bus.nats.presence import AnotherLog
from bus.ports import LogError
from bus.postgres.migrate import MigrationError
from handlers.engines.port import EngineError

MACHINE = {
    errno.ENOSPC: "free some space, or name a directory on another disk with AICORE_STATE_DIR",
    errno.EDQUOT: "free some of your quota, or name a directory on another disk with AICORE_STATE_DIR",
    errno.EFBIG: "raise the limit of a file's size (`ulimit -f unlimited`)",
    errno.EROFS: "name a directory that can be written to with AICORE_STATE_DIR",
    errno.EMFILE: "raise the limit of open files (`ulimit -n 4096`)",
    errno.ENFILE: "close programs: the machine has no open files left",
}
"""Remedies for errors of the machine, by errno."""

FILES = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)

DOCTOR_KNOWS = "`aicore doctor` finds the cause and says how to mend it"

HELP = (
    "AI Core, the brain of a live game: models that speak for its characters, and the log of all they said."
    "\n\n`aicore up --demo` starts everything and stays; then, in another terminal, "
    "`aicore ask 'Who are you?' --npc gault`. `aicore doctor` says what is wrong and how to mend it."
    "\n\nExit codes: 0 done, 1 something is wrong, 2 command line or settings, 3 nothing runs or answers, "
    "4 refused by the system."
)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"aicore {version('aicore')}")
        raise typer.Exit


def quiet(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Say only what somebody may have to act on; `up` and `run` set up their own log."""
    set_up("warning", "console")


RUNNING, SPEAKING = "The system", "Lines and prompts"
WORLD = "The world"
MODELS, RECORDS = "Models", "What was recorded"


class Part(NamedTuple):
    """One command, or one group of them, below `aicore`."""

    name: str
    panel: str
    module: str
    """In this package."""
    attribute: str = "app"
    """A group's `typer.Typer`, or a command's function."""


PARTS = (
    Part("up", RUNNING, "up", "up"),
    Part("run", RUNNING, "up", "run_components"),
    Part("migrate", RUNNING, "migrate", "migrate"),
    Part("doctor", RUNNING, "doctor", "doctor"),
    Part("env", RUNNING, "env", "env"),
    Part("relay", RUNNING, "relay"),
    Part("projections", RUNNING, "projections"),
    Part("spool", RUNNING, "spool"),
    Part("dlq", RUNNING, "dead_letters"),
    Part("services", RUNNING, "identities", "services"),
    Part("operators", RUNNING, "identities", "operators"),
    Part("nats", RUNNING, "identities", "nats"),
    Part("four-eyes", RUNNING, "four_eyes"),
    Part("ask", SPEAKING, "ask", "ask"),
    Part("rate", SPEAKING, "ask", "rate"),
    Part("batch", SPEAKING, "batch"),
    Part("world", SPEAKING, "world"),
    Part("lore", SPEAKING, "lore"),
    Part("content", SPEAKING, "content"),
    Part("talk", SPEAKING, "talk", "talk"),
    Part("story", SPEAKING, "story"),
    Part("templates", SPEAKING, "templates"),
    Part("guardrails", SPEAKING, "guardrails"),
    Part("clock", WORLD, "clock"),
    Part("ledger", WORLD, "ledger"),
    Part("quests", WORLD, "quests"),
    Part("people", WORLD, "people"),
    Part("explain", WORLD, "explain"),
    Part("market", WORLD, "market"),
    Part("models", MODELS, "models"),
    Part("tiers", MODELS, "tiers", "tiers"),
    Part("evaluate", MODELS, "evaluate", "evaluate"),
    Part("deployments", MODELS, "deployments"),
    Part("proposals", MODELS, "proposals"),
    Part("demo", MODELS, "demo"),
    Part("log", RECORDS, "log"),
    Part("turns", RECORDS, "turns"),
    Part("export", RECORDS, "export", "export"),
    Part("events", RECORDS, "events"),
)


def app_of(parts: Sequence[Part] = PARTS) -> typer.Typer:
    """Return the command line with these parts; importing all of them takes a second."""
    app = typer.Typer(
        help=HELP,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(quiet)
    for name, panel, module, attribute in parts:
        found = getattr(import_module(f"aicore.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel)(found)
    return app


def main() -> None:
    """Run the command line; every expected error is one sentence with its remedy, never a traceback."""
    try:
        app_of([part for part in PARTS if part.name in sys.argv[1:2]] or PARTS)()
    except BaseException as error:
        failure = _explained(error)
        if failure is None:
            raise _flat(error) from None
        if sys.argv[1:2] in (["up"], ["run"]):
            failure = _of_the_start(error, failure)
        err.print(f"[bold red]aicore:[/bold red] {escape(str(failure))}", soft_wrap=True)
        if failure.remedy:
            err.print(f"  {failure.remedy}", markup=False, soft_wrap=True)
        sys.exit(failure.code)


def _of_the_start(error: BaseException, failure: Failure) -> Failure:
    """Return what to tell of a start that failed: no doctor finds more, and who asks one later is told."""
    folder = Path(".")
    with suppress(SettingsError):
        folder = load_settings().state_dir.resolve()
        if not isinstance(error, AlreadyRunning) and sys.argv[1] == "up":
            remember_failure(folder, str(failure))
    remedy = failure.remedy.replace(
        DOCTOR_KNOWS, f"mend that and start again; {folder / LOG_FILE} may tell more"
    )
    return Failure(str(failure), remedy=remedy, code=failure.code)


def _flat(error: BaseException) -> BaseException:
    """Return what failed out of the groups that carried it: Python shows ten levels, and no more."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    found = [each for each in leaves(error) if not isinstance(each, asyncio.CancelledError)]
    return found[0] if len(found) == 1 else BaseExceptionGroup("several parts failed", found or [error])


def _explained(error: BaseException) -> Failure | None:
    """Return what to tell; None for what nobody expected, which keeps its traceback."""
    if isinstance(error, BaseExceptionGroup):
        # One expected error among others ends several parts at once; one unexpected keeps its traceback.
        found = [_explained(each) for each in leaves(error) if not isinstance(each, asyncio.CancelledError)]
        return found[0] if found and all(found) else None
    match error:
        case Failure():
            return error
        case SettingsError() | ExportError():
            return Failure(str(error), code=Exit.USAGE)
        case MigrationError() | EngineError() | LogError(retriable=False):
            return Failure(str(error), remedy=getattr(error, "remedy", DOCTOR_KNOWS))
        case asyncpg.PostgresError() | asyncpg.InterfaceError():
            return Failure(f"Postgres: {error}", remedy=DOCTOR_KNOWS, code=Exit.UNREACHABLE)
        case _:
            return _of_a_start(error) or _of_files(error) or _of_servers(error)


def _of_a_start(error: BaseException) -> Failure | None:
    """Return what to tell of a start that failed, or was not wanted."""
    match error:
        case NotRunning():
            return Failure(str(error), code=Exit.UNREACHABLE)
        case AlreadyRunning():
            return Failure(str(error), code=Exit.REFUSED)
        case AnotherLog():
            return Failure(str(error), remedy=error.remedy, code=Exit.REFUSED)
        case EmbeddedServerError():
            code = Exit.USAGE if isinstance(error, PortUnusable) else Exit.FAULT
            return Failure(str(error), remedy=error.remedy, code=code)
        case _:
            return None


def _of_files(error: BaseException) -> Failure | None:
    """Return what to tell of a file, a folder or a disk."""
    if not isinstance(error, OSError):
        return None
    named = error.filename is not None  # a server's socket that is not there has none
    said = f"{error.filename}: " * named + (error.strerror or type(error).__name__).lower()
    if error.errno in MACHINE:
        return Failure(said, remedy=MACHINE[error.errno])
    if named and isinstance(
        error, FileNotFoundError | PermissionError | IsADirectoryError | NotADirectoryError
    ):
        return Failure(said, remedy="name another file or folder", code=Exit.USAGE)
    return None


def _of_servers(error: BaseException) -> Failure | None:
    """Return what to tell of a server that does not answer, or not us."""
    if not isinstance(error, NatsError | LogError | OSError):
        return None
    said = str(error) or f"{type(error).__name__}: no answer in time"
    return Failure(said, remedy=getattr(error, "remedy", DOCTOR_KNOWS), code=Exit.UNREACHABLE)
