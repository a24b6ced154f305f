"""`aicore events`: every message of the wire, for people and tools; and new events handed to a program.

The catalogue needs nothing that runs.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from rich.markdown import Markdown

from aicore.cli.recorded import print_event, whole
from aicore.cli.terminal import (
    Exit,
    Failure,
    Json,
    Kind,
    Listing,
    json_line,
    out,
    print_json,
    run_async,
    running,
)
from aicore.following import Following, follow, handing_to
from bus.catalogue import domain_catalogue
from bus.documents import Declared, asyncapi_of, example_of, fields_of, page_of, row_of, schema_of, shows_of
from bus.nats.connection import connect
from bus.nats.consumer import Delivery
from bus.nats.feed import BehindCache
from bus.nats.inbox import NAME as INBOX
from bus.nats.wire import event_of
from protocol.envelope import Envelope

app = typer.Typer(no_args_is_help=True, help="The catalogue: every event, command, query and live message.")

Name = Annotated[str, typer.Argument(help="Name of a message, e.g. registry.model_registered.")]

FOLLOWER = re.compile(r"[A-Za-z0-9_-]{1,64}")


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


@app.command("follow")
def follow_events(  # noqa: PLR0913 - one parameter per option of the command line
    name: Annotated[str, typer.Argument(help="Name of the follower: it goes on where it stopped.")],
    program: Annotated[
        list[str] | None, typer.Argument(help="Program to run for each event, after --.", metavar="PROGRAM…")
    ] = None,
    *,
    type_: Annotated[list[str] | None, typer.Option("--type", help="Only this type; repeatable.")] = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="A new follower begins with the first event.")
    ] = False,
    attempts: Annotated[int, typer.Option(help="Tries before an event is a dead letter.", min=1)] = 8,
    limit: Annotated[float, typer.Option(help="Seconds that one run may take.", min=0.1)] = 60.0,
    at_once: Annotated[int, typer.Option(help="Runs at once, each of another stream.", min=1, max=64)] = 1,
    json: Json = False,
) -> None:
    """Hand each new event to a program, or print it, until Ctrl-C; what was handed over stays so.

    The program gets one event as a line of JSON on its standard input. Exit code 0: done. Anything else:
    again, after growing pauses, and in the end a dead letter (`aicore dlq`). An event may come twice; its id
    says so. One process per name: a second one takes over.
    """
    if not FOLLOWER.fullmatch(name) or name == INBOX:
        raise Failure(
            f"{name}: is no name of a follower",
            remedy=f"write 1 to 64 of A-Z a-z 0-9 _ -; '{INBOX}' is the inbox's",
            code=Exit.USAGE,
        )
    types = event_types(type_ or [])
    _, system = running()

    async def show(delivery: Delivery[Envelope]) -> None:
        print_event(event_of(delivery.message), json=json)

    def line(envelope: Envelope) -> bytes:
        return json_line(whole(event_of(envelope)))

    async def work() -> None:
        handler = handing_to(program, line=line, limit_s=limit) if program else show
        following = Following(name, types, from_start, attempts, at_once)
        async with connect(system.owner_url, name=f"aicore follow {name}") as nc:
            await follow(nc, system.realm, following, handler)

    try:
        run_async(work())
    except BehindCache:
        raise Failure(
            f"{name}: JetStream no longer has the events after the last one handed over",
            remedy="read them with `aicore log tail --after POSITION`, then follow under a new name",
        ) from None
    except KeyboardInterrupt:
        raise typer.Exit(Exit.OK) from None


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
