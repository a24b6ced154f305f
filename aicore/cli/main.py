"""The command `aicore`: its groups, and the one place where errors become a sentence and an exit code.

Exit codes: 0 done · 1 something is wrong · 2 command line or settings · 3 nothing runs or answers there ·
4 refused by the system.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, NamedTuple

import asyncpg
import typer
from nats.errors import Error as NatsError
from rich.markup import escape

from aicore.audit.export import ExportError
from aicore.cli.terminal import Exit, Failure, err, out
from aicore.embedded import EmbeddedServerError
from aicore.logs import set_up
from aicore.running import AlreadyRunning, NotRunning
from aicore.settings import SettingsError
from bus.ports import LogError
from bus.postgres.migrate import MigrationError
from handlers.engines.port import EngineError

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
    Part("doctor", RUNNING, "doctor", "doctor"),
    Part("relay", RUNNING, "relay"),
    Part("projections", RUNNING, "projections"),
    Part("spool", RUNNING, "spool"),
    Part("dlq", RUNNING, "dead_letters"),
    Part("ask", SPEAKING, "ask", "ask"),
    Part("rate", SPEAKING, "ask", "rate"),
    Part("batch", SPEAKING, "batch"),
    Part("content", SPEAKING, "content"),
    Part("templates", SPEAKING, "templates"),
    Part("guardrails", SPEAKING, "guardrails"),
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
            raise
        err.print(f"[bold red]aicore:[/bold red] {escape(str(failure))}", soft_wrap=True)
        if failure.remedy:
            err.print(f"  {failure.remedy}", markup=False, soft_wrap=True)
        sys.exit(failure.code)


def _explained(error: BaseException) -> Failure | None:
    """Return what to tell; None for what nobody expected, which keeps its traceback."""
    match error:
        case Failure():
            return error
        case BaseExceptionGroup(exceptions=[only]):
            return _explained(only)
        case SettingsError() | ExportError():
            return Failure(str(error), code=Exit.USAGE)
        case NotRunning():
            return Failure(str(error), code=Exit.UNREACHABLE)
        case AlreadyRunning():
            return Failure(str(error), code=Exit.REFUSED)
        case EmbeddedServerError() | MigrationError() | EngineError() | LogError(retriable=False):
            return Failure(str(error), remedy=DOCTOR_KNOWS)
        case asyncpg.PostgresError() | asyncpg.InterfaceError():
            return Failure(f"Postgres: {error}", remedy=DOCTOR_KNOWS, code=Exit.UNREACHABLE)
        case FileNotFoundError() | PermissionError() | IsADirectoryError() | NotADirectoryError() if (
            error.filename is not None  # a server's socket that is not there has none
        ):
            said = f"{error.filename}: {(error.strerror or type(error).__name__).lower()}"
            return Failure(said, remedy="name another file or folder", code=Exit.USAGE)
        case NatsError() | LogError() | OSError():
            said = str(error) or f"{type(error).__name__}: no answer in time"
            return Failure(said, remedy=DOCTOR_KNOWS, code=Exit.UNREACHABLE)
        case _:
            return None
