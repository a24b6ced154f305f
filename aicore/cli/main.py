"""The command `aicore`: its groups, and the one place where errors become a sentence and an exit code.

Exit codes: 0 done · 1 something is wrong · 2 command line or settings · 3 nothing runs or answers there ·
4 refused by the system.
"""

import sys
from importlib.metadata import version
from typing import Annotated

import asyncpg
import typer
from nats.errors import Error as NatsError
from rich.markup import escape

from aicore.cli import (
    batch,
    content,
    dead_letters,
    demo,
    deployments,
    guardrails,
    log,
    models,
    projections,
    proposals,
    relay,
    spool,
    templates,
    turns,
    up,
)
from aicore.cli.ask import ask, rate
from aicore.cli.doctor import doctor
from aicore.cli.evaluate import evaluate
from aicore.cli.events import events_app
from aicore.cli.export import export
from aicore.cli.terminal import Exit, Failure, err, out
from aicore.cli.tiers import tiers
from aicore.embedded import EmbeddedServerError
from aicore.export import ExportError
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

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"aicore {version('aicore')}")
        raise typer.Exit


@app.callback()
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

app.command("up", rich_help_panel=RUNNING)(up.up)
app.command("run", rich_help_panel=RUNNING)(up.run_components)
app.command("doctor", rich_help_panel=RUNNING)(doctor)
app.add_typer(relay.app, name="relay", rich_help_panel=RUNNING)
app.add_typer(projections.app, name="projections", rich_help_panel=RUNNING)
app.add_typer(spool.app, name="spool", rich_help_panel=RUNNING)
app.add_typer(dead_letters.app, name="dlq", rich_help_panel=RUNNING)
app.command("ask", rich_help_panel=SPEAKING)(ask)
app.command("rate", rich_help_panel=SPEAKING)(rate)
app.add_typer(batch.app, name="batch", rich_help_panel=SPEAKING)
app.add_typer(content.app, name="content", rich_help_panel=SPEAKING)
app.add_typer(templates.app, name="templates", rich_help_panel=SPEAKING)
app.add_typer(guardrails.app, name="guardrails", rich_help_panel=SPEAKING)
app.add_typer(models.app, name="models", rich_help_panel=MODELS)
app.command("tiers", rich_help_panel=MODELS)(tiers)
app.command("evaluate", rich_help_panel=MODELS)(evaluate)
app.add_typer(deployments.app, name="deployments", rich_help_panel=MODELS)
app.add_typer(proposals.app, name="proposals", rich_help_panel=MODELS)
app.add_typer(demo.app, name="demo", rich_help_panel=MODELS)
app.add_typer(log.app, name="log", rich_help_panel=RECORDS)
app.add_typer(turns.app, name="turns", rich_help_panel=RECORDS)
app.command("export", rich_help_panel=RECORDS)(export)
app.add_typer(
    events_app,
    name="events",
    rich_help_panel=RECORDS,
    help="The catalogue: every event, command, query and live message.",
)


def main() -> None:
    """Run the command line; every expected error is one sentence with its remedy, never a traceback."""
    try:
        app()
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
