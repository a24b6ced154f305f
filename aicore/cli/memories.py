"""`aicore story remembers|promises`: what somebody remembers, and who promised whom what."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from aicore.cli.beliefs import AsOf, when
from aicore.cli.called import holder_of, named
from aicore.cli.terminal import Json, Kind, Listing, out, print_json, print_rows
from aicore.cli.wire import over_wire

MEMORIES = {"when": Kind.NAME, "memory": Kind.NAME, "by": Kind.NAME, "score": Kind.NAME, "event": Kind.NAME}
PROMISES = {"made": Kind.NAME, "promise": Kind.NAME, "due": Kind.NAME, "is": Kind.NAME, "event": Kind.NAME}


def remembers(  # noqa: PLR0913 - one parameter per option of the command line
    holder: Annotated[str, typer.Argument(help="Who: una_pell, player-0, or player.ann.")],
    *,
    about: Annotated[
        list[str] | None, typer.Option(help="What of: player.ann, place.tally_house; up to eight.")
    ] = None,
    summary: Annotated[
        bool, typer.Option(help="In short sentences, with their events; of the first --about.")
    ] = False,
    newest: Annotated[bool, typer.Option(help="The newest first, and not what matters most.")] = False,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=200)] = 20,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Show what somebody remembers, what matters most first; "nothing" where there is nothing."""
    asked: dict[str, Any] = {"holder": holder_of(holder), "as_of": as_of}
    if summary and about:
        found = over_wire(
            lambda client: client.query("memories.summary", {**asked, "of": named(about[0])})
        ).result
    else:
        asked |= {"about": [named(each) for each in about or ()], "limit": limit, "newest": newest}
        found = over_wire(lambda client: client.query("memories.recall", asked)).result
    if json:
        print_json(found)
        return
    if "sentences" in found:
        for line in sentences_of(found) or [_nothing(holder)]:
            out.print(line, markup=False, soft_wrap=True)
    else:
        print_rows(memory_listing(found["memories"]), _nothing(holder))
    _more(found)


def promises(
    of: Annotated[str, typer.Option(help="Only what they promised or were promised: player.ann.")] = "",
    *,
    open_: Annotated[bool, typer.Option("--open", help="Only those that wait.")] = False,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=200)] = 50,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Show who promised whom what, and what became of it: kept, broken, expired, released, by which event."""
    asked = {"of": holder_of(of) if of else None, "open": open_, "limit": limit, "as_of": as_of}
    found = over_wire(lambda client: client.query("memories.promises", asked)).result
    if json:
        print_json(found)
        return
    print_rows(promise_listing(found["promises"]), "nobody has promised anything")
    _more(found)


def memory_listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of memories."""
    rows = []
    for each in found:
        told = f"told by {each['teller']}, {each['hands']} hands" if each["teller"] else each["evidence"]
        says = f"no more: {each['says']}" if each["over"] else each["says"]
        pinned = ", pinned" if each["pinned"] else ""
        rows.append([when(each["at_ms"]), says, told, f"{each['score']}{pinned}", str(each["position"])])
    return Listing(MEMORIES, rows)


def sentences_of(found: Mapping[str, Any]) -> Sequence[str]:
    """Return the sentences of a summary, each with the events that say so."""
    return [f"{each['text']} [{', '.join(each['events'])}]" for each in found["sentences"]]


def promise_listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of promises."""
    rows = []
    for each in found:
        due = "" if each["due_ms"] is None else when(each["due_ms"])
        why = f" ({each['why']})" if each["why"] else ""
        rows.append(
            [when(each["made_ms"]), each["says"], due, f"{each['state']}{why}", str(each["position"])]
        )
    return Listing(PROMISES, rows)


def _nothing(holder: str) -> str:
    who = holder_of(holder)
    hint = "" if "." in holder or who.startswith("player.") else f"; a player is written player.{holder}"
    return f"{who} remembers nothing of it{hint}"


def _more(found: Mapping[str, Any]) -> None:
    if found["left_off"]:
        out.print(f"and {found['left_off']} more", markup=False)
