"""`aicore story facts|knows|why`: what is true in the world, who knows it, and by what evidence."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from aicore.cli.called import holder_of, named
from aicore.cli.terminal import Exit, Failure, Json, Kind, Listing, out, print_json, print_rows
from aicore.cli.wire import over_wire

FACTS = {"since": Kind.NAME, "fact": Kind.NAME, "claim": Kind.SPARE, "event": Kind.NAME}
KNOWN = {"of": Kind.NAME, "belief": Kind.NAME, "sure": Kind.NAME, "by": Kind.NAME, "claim": Kind.SPARE}
DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000

AsOf = Annotated[int | None, typer.Option(help="As the log was up to this position.")]


def facts(
    about: Annotated[str, typer.Argument(help="What of: person.una_pell, place.lamp_yard.")] = "",
    predicate: Annotated[str, typer.Option(help="Only by this predicate, e.g. at.")] = "",
    at_ms: Annotated[int | None, typer.Option(help="What was so at this game time, in ms.")] = None,
    as_of: AsOf = None,
    *,
    json: Json = False,
) -> None:
    """Show what is true: of something, by a predicate; now, at a game time, as of a position of the log."""
    asked = {
        "about": named(about) if about else None,
        "predicate": predicate or None,
        "at_ms": at_ms,
        "as_of": as_of,
    }
    found = over_wire(lambda client: client.query("beliefs.facts", asked)).result
    if json:
        print_json(found)
        return
    print_rows(fact_listing(found["facts"]), "nothing is known to be so")
    _more(found)


def knows(
    holder: Annotated[str, typer.Argument(help="Who: una_pell, or player.ann.")],
    about: Annotated[str, typer.Argument(help="What of: player.ann; with it, what all know, too.")] = "",
    thinks_of: Annotated[
        list[str] | None, typer.Option("--of", help="What they think that this one believes; up to three.")
    ] = None,
    as_of: AsOf = None,
    *,
    json: Json = False,
) -> None:
    """Show what somebody believes, and how they came to; or what they think that others believe."""
    others = [holder_of(each) for each in thinks_of or ()]
    asked: dict[str, Any] = {"holder": holder_of(holder), "thinks_of": others, "as_of": as_of}
    asked["about"] = named(about) if about else None
    found = over_wire(lambda client: client.query("beliefs.known", asked)).result
    if json:
        print_json(found)
        return
    print_rows(known_listing(found["beliefs"]), f"{holder_of(holder)} knows of nothing")
    _more(found)


def why(
    holder: Annotated[str, typer.Argument(help="Who: una_pell, or player.ann.")],
    claim: Annotated[str, typer.Argument(help="What: 'at(player.ann, place.tally_house)'.")],
    as_of: AsOf = None,
    *,
    json: Json = False,
) -> None:
    """Show by what evidence somebody believes a claim, back to who saw it or made it up."""
    asked = {"holder": holder_of(holder), "claim": claim, "as_of": as_of}
    found = over_wire(lambda client: client.query("beliefs.why", asked)).result
    if found is None:
        raise Failure(
            f"{holder} does not believe {claim}", remedy="see `aicore story knows`", code=Exit.USAGE
        )
    if json:
        print_json(found)
        return
    for line in lines_of(found):
        out.print(line, markup=False, soft_wrap=True)


def fact_listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of facts."""
    rows = [[when(each["from_ms"]), each["says"], each["claim"], str(each["begun"])] for each in found]
    return Listing(FACTS, rows)


def known_listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of what somebody believes."""
    rows = []
    for each in found:
        sure = f"{each['confidence'] // 10} %{', doubted' if each['doubted'] else ''}"
        at = "" if each["at_ms"] is None else when(each["at_ms"])
        rows.append([at, each["says"], sure, _by(each), each["claim"]])
    return Listing(KNOWN, rows)


def lines_of(found: Mapping[str, Any]) -> Sequence[str]:
    """Return what is shown of the evidence for a belief."""
    words = {
        "saw": "saw it",
        "said": "said so without knowing it" if found["basis"] == "unfounded" else "knew better, and said so",
        "inferred": "concluded it",
        "lives_there": "knows it as everybody does who lives there",
    }
    doubted = ", doubted" if found["doubted"] else ""
    lines = [f"{found['says']} ({found['confidence'] // 10} %{doubted})"]
    for each, after in zip(found["chain"], [*found["chain"][1:], None], strict=True):
        by = f"was told by {after['who']}" if after else words[each["by"]]
        event = f" (event {each['position']})" if each["position"] is not None else ""
        lines.append(f"  {each['who']} {by}{event}")
    return lines


def when(game_ms: int) -> str:
    """Return a game time as day and time of the day."""
    day, rest = divmod(game_ms, DAY_MS)
    return f"day {day} {rest // HOUR_MS:02d}:{rest % HOUR_MS // MINUTE_MS:02d}"


def _by(each: Mapping[str, Any]) -> str:
    match each["evidence"]:
        case "witnessed":
            return f"saw it ({each['position']})"
        case "common":
            return "as all do"
        case "inferred":
            return f"concluded it ({each['position']})"
        case _:
            return f"told by {each['teller']}, {each['hands']} hands ({each['position']})"


def _more(found: Mapping[str, Any]) -> None:
    if found["left_off"]:
        out.print(f"and {found['left_off']} more", markup=False)
