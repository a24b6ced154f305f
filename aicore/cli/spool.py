"""`aicore spool`: records on this machine that wait for the log, and those that it refused for good.

Reads the files, so it works whether their process runs or not, and asks the log where it answers; a redrive
is taken up by the process that has the spool, or by the next one.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from aicore.cli.terminal import (
    Exit,
    Failure,
    Json,
    Kind,
    Listing,
    out,
    print_json,
    print_rows,
    run_async,
    running,
)
from aicore.cli.wire import Operator, Reason
from aicore.running import NotRunning, System
from aicore.settings import load_settings
from aicore.spools import LogSays, TooBusy, ask_log, spools_in, state_of
from bus.postgres.connect import AWAY, connect
from bus.spool.disk import DISMISSED, LOCK, Directory, NoSuchLetter
from bus.spool.records import Letter

app = typer.Typer(no_args_is_help=True, help="The spool: records on this disk that wait for the log.")

Name = Annotated[str, typer.Argument(help="Name of the letter, from `aicore spool letters`.")]
Folder = Annotated[
    Path | None, typer.Option("--directory", help="Folder of a spool; default: those of the state directory.")
]


@app.command()
def status(*, directory: Folder = None, json: Json = False) -> None:
    """Show backlog, age, dead letters and damage."""
    try:
        folders = _spools(directory)
        said = _log_says(folders)
        found = [state_of(folder, says) for folder, says in zip(folders, said, strict=True)]
    except TooBusy as error:
        raise Failure(str(error), remedy="try again") from None
    if json:
        print_json(found)
        return
    print_rows(listing(found), "no spool here yet")
    for one in found:
        for alert in one["alerts"]:
            out.print(f"[bold red]{alert['code']}[/bold red] {one['directory']}: {alert['message']}")


def _log_says(folders: Sequence[Directory]) -> list[LogSays | None]:
    """Return what the log says of each spool; None where it does not answer, or nothing runs."""
    try:
        _, system = running()
    except NotRunning:
        return [None] * len(folders)
    return run_async(_ask(system, folders))


async def _ask(system: System, folders: Sequence[Directory]) -> list[LogSays | None]:
    try:
        connection = await connect(system.postgres_dsn, system.realm, role="aicore_reader")
    except AWAY:
        return [None] * len(folders)
    try:
        return [await ask_log(folder, connection) for folder in folders]
    except AWAY:
        return [None] * len(folders)
    finally:
        connection.terminate()


COLUMNS = {
    "spool": Kind.NAME, "in use": Kind.NAME, "records": Kind.NAME, "bytes": Kind.SPARE, "oldest": Kind.NAME,
    "letters": Kind.NAME, "damaged": Kind.NAME, "missing": Kind.NAME, "lacking": Kind.NAME,
}  # fmt: skip
LETTER_COLUMNS = {
    "letter": Kind.NAME, "stream": Kind.NAME, "events": Kind.TEXT, "error": Kind.NAME, "reason": Kind.TEXT
}  # fmt: skip


def listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of spools."""
    rows = []
    for one in found:
        numbers = (f"{one[k]:,}" for k in ("backlog_records", "backlog_bytes"))
        rest = (str(one[k]) for k in ("dead_letters", "damaged", "missing"))
        lacking = str(one["lacking"]) if one["log_asked"] else "?"
        used = "yes" if one["in_use"] else "no"
        rows.append([one["directory"], used, *numbers, f"{one['oldest_s']:.0f} s", *rest, lacking])
    return Listing(COLUMNS, rows)


@app.command()
def letters(*, directory: Folder = None, json: Json = False) -> None:
    """List dead letters: appends that the log refused for good, with the reason."""
    found = [_plain(folder, letter) for folder in _spools(directory) for letter in folder.letters()]
    if json:
        print_json(found)
        return
    print_rows(letter_listing(found), "no dead letters")


def letter_listing(letters: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of letters."""
    return Listing(
        LETTER_COLUMNS,
        [
            [one["name"], one["stream"], ", ".join(one["types"]), one["error"], one["reason"]]
            for one in letters
        ],
    )


@app.command()
def redrive(
    name: Name,
    *,
    anyhow: Annotated[
        bool, typer.Option("--anyhow", help="Ignore the expected version of the stream.")
    ] = False,
    directory: Folder = None,
    json: Json = False,
) -> None:
    """Redrive a dead letter: its append is tried again. Fix the cause first."""
    path = _where(directory, name, lambda folder: folder.redrive(name, anyhow=anyhow))
    if json:
        print_json({"name": name, "directory": str(path), "anyhow": anyhow})
    else:
        out.print(
            f"{name} is queued again; the process that owns {path} appends it, or the next one to open it"
        )


@app.command()
def dismiss(
    name: Name, operator: Operator, reason: Reason, *, directory: Folder = None, json: Json = False
) -> None:
    """Dismiss a dead letter that needs nothing, such as a second record of a turn; its file is kept."""
    path = _where(directory, name, lambda folder: folder.dismiss(name, f"{operator}: {reason}\n"))
    if json:
        print_json({"name": name, "directory": str(path)})
    else:
        out.print(f"{name} is dismissed; it is kept in {path / DISMISSED}")


def _where(directory: Path | None, name: str, do: Callable[[Directory], None]) -> Path:
    """Do something to a letter in whichever spool has it, and return that spool's folder."""
    for folder in _spools(directory):
        try:
            do(folder)
        except NoSuchLetter:
            continue
        return folder.path
    shown = "`aicore spool letters` shows those there are"
    raise Failure(f"there is no dead letter {name!r}", remedy=shown, code=Exit.USAGE)


def _spools(directory: Path | None) -> list[Directory]:
    """Return the spools asked for."""
    if directory is None:
        return spools_in(load_settings().state_dir)
    if not (directory / LOCK).exists():
        raise Failure(f"{directory} is no spool", code=Exit.USAGE)
    return [Directory(directory)]


def _plain(folder: Directory, letter: Letter) -> dict[str, Any]:
    return {
        "name": letter.name,
        "directory": str(folder.path),
        "stream": letter.write.stream,
        "expected": letter.write.expected,
        "types": [event.type for event in letter.write.events],
        "ids": [str(event.id) for event in letter.write.events],
        "error": letter.error,
        "reason": letter.reason,
        "put_us": letter.put_us,
        "refused_us": letter.refused_us,
    }
