"""`aicore story traces`: what is to be seen at a place of what happened there, and by what."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from aicore.cli.beliefs import AsOf, when
from aicore.cli.called import id_of
from aicore.cli.terminal import Json, Kind, Listing, out, print_json, print_rows
from aicore.cli.wire import over_wire
from aicore.client import Client

TRACES = {
    "left": Kind.NAME,
    "plain": Kind.NAME,
    "trace": Kind.NAME,
    "sure": Kind.NAME,
    "concludes": Kind.SPARE,
    "event": Kind.NAME,
}


def traces(
    place: Annotated[str, typer.Argument(help="Which: lamp_yard.")],
    at_ms: Annotated[int | None, typer.Option("--at", help="At this game time, in ms.")] = None,
    as_of: AsOf = None,
    player: Annotated[str, typer.Option(help="Mark what this player has found.")] = "",
    *,
    json: Json = False,
) -> None:
    """Show what is to be seen at a place of what happened there: described, then each trace and its cause."""
    asked = {"place": id_of(place, "place"), "at_ms": at_ms, "as_of": as_of}

    async def work(client: Client) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        found = (
            await client.query("traces.at", {**asked, "player": id_of(player, "player") if player else None})
        ).result
        then = {**asked, "at_ms": found["at_ms"]}
        return found, (await client.query("traces.describe", then)).result

    found, described = over_wire(work)
    if json:
        print_json({**found, "text": described["text"], "parts": described["parts"]})
        return
    for part in described["parts"]:
        out.print(part["says"], markup=False, soft_wrap=True)
    print_rows(listing(found["traces"]), f"nothing at {place} tells of what happened there")


def listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of traces."""
    rows = []
    for each in found:
        infers = each["infers"]
        sure = f"{infers['certainty'] // 10} %" if infers["says"] else ""
        concludes = infers["claim"] or infers["says"]
        plain = f"{each['strength'] // 10} %{', found' if each['found'] else ''}"
        rows.append([when(each["left_ms"]), plain, each["trace"], sure, concludes, str(each["position"])])
    return Listing(TRACES, rows)
