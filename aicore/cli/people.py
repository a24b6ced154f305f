"""`aicore people`: who lives in the world, and what they do."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from aicore.cli.terminal import Exit, Failure, Json, Kind, Listing, out, print_json, print_rows
from aicore.cli.wire import Operator, Reason, over_wire, tell

app = typer.Typer(no_args_is_help=True, help="The world's people: who they are, what they do.")

COLUMNS = {
    "person": Kind.NAME,
    "name": Kind.SPARE,
    "does": Kind.NAME,
    "at": Kind.NAME,
    "why": Kind.NAME,
    "mood": Kind.SPARE,
}


@app.command()
def begin(operator: Operator, reason: Reason, *, json: Json = False) -> None:
    """Have people live: from now on they decide, walk, work and sleep by themselves."""
    _say("people.begin", "people live", (operator, reason), json=json)


@app.command()
def rest(operator: Operator, reason: Reason, *, json: Json = False) -> None:
    """Have nobody decide anything until `aicore people begin`."""
    _say("people.rest", "people rest", (operator, reason), json=json)


@app.command("list")
def list_people(
    place: Annotated[str | None, typer.Option(help="Only who is in this place.")] = None,
    *,
    json: Json = False,
) -> None:
    """List who lives, and what they do now."""
    found = over_wire(lambda client: client.query("people.here", {"place": place})).result
    if json:
        print_json(found)
        return
    print_rows(listing(found), "nobody is there; see `aicore people begin --help`")


@app.command()
def show(
    person: Annotated[str, typer.Argument(help="The person's id, e.g. una_pell.")], *, json: Json = False
) -> None:
    """Show how somebody is; `aicore explain npc` says why they do what they do."""
    found = over_wire(lambda client: client.query("people.person", {"person": person})).result
    if found is None:
        raise Failure(f"nobody {person!r} lives here", remedy="see `aicore people list`", code=Exit.USAGE)
    if json:
        print_json(found)
        return
    for line in lines_of(found):
        out.print(line, markup=False, soft_wrap=True)


@app.command()
def knows(
    person: Annotated[str, typer.Argument(help="The person's id, e.g. una_pell.")], *, json: Json = False
) -> None:
    """Show what somebody knows of what happened: what they saw, and who told them what."""
    found = over_wire(lambda client: client.query("people.known", {"person": person})).result
    if json:
        print_json(found)
        return
    print_rows(known_listing(found), f"{person} has seen and heard of nothing that one would tell")


KNOWN = {"of": Kind.NAME, "what": Kind.NAME, "at": Kind.NAME, "event": Kind.NAME, "by": Kind.NAME}


def known_listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of what somebody knows."""
    rows = []
    for each in found:
        by = f"told by {each['told_by']}, {each['hands']} hands" if each["hands"] else "saw it"
        rows.append([each["topic"], each["what"], each["place"], str(each["position"]), by])
    return Listing(KNOWN, rows)


def lines_of(found: Mapping[str, Any]) -> Sequence[str]:
    """Return what is shown of a person."""
    needs = ", ".join(f"{need} {level // 10} %" for need, level in found["needs"].items())
    return [
        f"{found['name']}, {found['role']}",
        f"does    {_does(found)} {'at ' if found['place'] else ''}{_where(found)}",
        f"why     {_why(found)}",
        f"needs   {needs}",
        f"mood    {found['mood'] // 10} %",
    ]


def listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of people."""
    return Listing(
        COLUMNS,
        [
            [
                each["person"],
                each["name"],
                _does(each),
                _where(each),
                _why(each),
                f"{each['mood'] // 10} %",
            ]
            for each in found
        ],
    )


def _does(found: Mapping[str, Any]) -> str:
    company = f" with {found['with_person']}" if found["with_person"] else ""
    return f"{found['doing']}{company}"


def _where(found: Mapping[str, Any]) -> str:
    return found["place"] or f"on the way to {found['bound_for']}"


def _why(found: Mapping[str, Any]) -> str:
    return f"{found['reason']}: {found['need']}" if found["need"] else str(found["reason"])


def _say(command: str, said: str, by: tuple[str, str], *, json: bool) -> None:
    payload = {"operator": by[0], "reason": by[1]}
    tell(over_wire(lambda client: client.command(command, payload)), said, json=json)
