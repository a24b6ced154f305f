"""`aicore events`: every message of the wire, for people and tools. Needs nothing that runs."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from rich.markdown import Markdown

from aicore.cli.terminal import Exit, Failure, Json, Kind, Listing, out, print_json
from bus.catalogue import domain_catalogue
from bus.documents import Declared, asyncapi_of, example_of, fields_of, page_of, row_of, schema_of, shows_of

app = typer.Typer(no_args_is_help=True, help="The catalogue: every event, command, query and live message.")

Name = Annotated[str, typer.Argument(help="Name of a message, e.g. registry.model_registered.")]


GROUPS = {
    "event": "events, on {realm}.evt.{name}.{stream id}",
    "command": "commands, on {realm}.cmd.{name}",
    "query": "queries, on {realm}.qry.{name}",
    "live": "live messages, on subjects of their own (`aicore events show NAME`)",
}
"""Heading of each kind of message in the list."""


@app.command("list")
def list_all(*, json: Json = False) -> None:
    """List every event, command, query and live message with its subject and meaning."""
    rows = [row_of(kind) for kind in _known().values()]
    if json:
        print_json(rows)
        return
    for kind, heading in GROUPS.items():
        out.print(heading, style="bold")
        out.print(listing([row for row in rows if row["kind"] == kind]), crop=False)


def listing(rows: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of messages of one kind."""
    columns = {"name": Kind.NAME, "version": Kind.SPARE, "meaning": Kind.TEXT}
    return Listing(
        columns, [[row["name"], f"v{row['version']}", str(row["meaning"])] for row in rows], heads=False
    )


@app.command("show")
def show(name: Name, *, json: Json = False) -> None:
    """Show one declaration: meaning, subject, fields with units and limits, an example."""
    kind = _find(name)
    if json:
        print_json(
            {**row_of(kind), "fields": fields_of(kind), "shows": shows_of(kind), "example": example_of(kind)}
        )
    else:
        out.print(Markdown(page_of(kind)))


@app.command("schema")
def schema(name: Name, *, json: Json = False) -> None:
    """Print the JSON Schema of a payload."""
    found = schema_of(_find(name))
    print_json(found) if json else out.print_json(data=found)


@app.command("asyncapi")
def asyncapi(*, json: Json = False) -> None:
    """Print the AsyncAPI 3 document of all messages."""
    document = asyncapi_of(domain_catalogue(), version=version("aicore"))
    print_json(document) if json else out.print_json(data=document)


def event_types(names: list[str]) -> list[str]:
    """Return names of events, each of which the catalogue knows. Raises `Failure`."""
    events = domain_catalogue().events
    for name in names:
        if name not in events:
            raise _unknown("event", name, events)
    return names


def _known() -> dict[str, Declared]:
    catalogue = domain_catalogue()
    return {**catalogue.events, **catalogue.commands, **catalogue.queries, **catalogue.live}


def _find(name: str) -> Declared:
    known = _known()
    if kind := known.get(name):
        return kind
    raise _unknown("message", name, known)


def _unknown(what: str, name: str, known: Iterable[str]) -> Failure:
    near = difflib.get_close_matches(name, known, n=1)
    remedy = f"did you mean {near[0]}?" if near else "`aicore events list` shows all"
    return Failure(f"there is no {what} {name!r}", remedy=remedy, code=Exit.USAGE)
