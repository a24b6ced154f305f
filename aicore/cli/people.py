"""`aicore people`: who lives in the world, and what they do."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from aicore.cli.called import holder_of, id_of
from aicore.cli.terminal import Exit, Failure, Json, Kind, Listing, out, print_json, print_rows
from aicore.cli.wire import Operator, Reason, over_wire, tell
from domain.people.harm_messages import WHOLE
from domain.people.rules import HOUR_MS

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
    asked = {"person": id_of(person, "person")}
    found = over_wire(lambda client: client.query("people.person", asked)).result
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
    found = over_wire(lambda client: client.query("people.known", {"person": id_of(person, "person")})).result
    if json:
        print_json(found)
        return
    print_rows(known_listing(found), f"{person} has seen and heard of nothing that one would tell")


@app.command()
def harm(
    who: Annotated[str, typer.Argument(help="Whom: person.una_pell or player.ann.")],
    how: Annotated[str, typer.Option(help="By what: 'the sea'; they die of it if nothing is left.")],
    amount: Annotated[
        int, typer.Option(min=1, max=WHOLE, help="What it costs of their health, in thousandths.")
    ] = WHOLE,
    *,
    json: Json = False,
) -> None:
    """Have somebody come to harm by no player's hand; who has no health left is dead."""
    payload = {"who": holder_of(who), "amount": amount, "how": how}
    reply = over_wire(lambda client: client.command("people.afflict", payload))
    tell(reply, f"{who} {_state(reply.result)}", json=json)


@app.command()
def health(
    who: Annotated[str, typer.Argument(help="Who: person.una_pell or player.ann.")], *, json: Json = False
) -> None:
    """Show how hurt somebody is, when they are whole again, or of what they died."""
    found = over_wire(lambda client: client.query("people.health", {"who": holder_of(who)})).result
    if json:
        print_json(found)
        return
    out.print(health_line(found), markup=False, soft_wrap=True)


def health_line(found: Mapping[str, Any]) -> str:
    """Return how somebody is, in a line."""
    if dead := found["dead"]:
        return f"{found['who']} died of {dead['cause']} at {dead['place']}"
    left_h = -(-(found["whole_ms"] - found["game_ms"]) // HOUR_MS)
    heals = f", whole in {left_h} game hours" if left_h else ""
    return f"{found['who']} {_state(found)}{heals}"


def _state(found: Mapping[str, Any]) -> str:
    return "is dead" if found["dead"] else f"has {found['health'] / 10:g} % of their health"


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
        *_purse(found.get("purse")),
    ]


def money(coins: int, currency: str) -> str:
    """Return an amount as one writes it: the smallest coin is a hundredth."""
    return f"{coins // 100}.{coins % 100:02} {currency}"


def _purse(purse: Mapping[str, Any] | None) -> Sequence[str]:
    if purse is None:
        return []
    owed = f", {money(purse['owed'], purse['currency'])} earned and not paid yet" if purse["owed"] else ""
    lines = [f"purse   {money(purse['coins'], purse['currency'])}{owed}"]
    if bought := purse["bought"]:
        cost = money(bought["coins"], purse["currency"])
        lines.append(f"bought  {bought['quantity']} {bought['good']} at {bought['market']} for {cost}")
    carries = [f"enough to {act} {count} times" for act, count in purse["carries"].items() if count]
    if carries:
        lines.append(f"carries {', '.join(carries)}")
    return lines


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
