"""`aicore quests`: what players may take, how their quests stand, and what the world has lost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from aicore.cli.called import id_of
from aicore.cli.terminal import Failure, Json, Kind, Listing, out, print_json, print_rows
from aicore.cli.wire import over_wire, tell
from aicore.content.definition import check_folder, check_sample
from domain.definition.entries import entries_of
from domain.places.city import city_of
from domain.quests.checker.search import across, checked, told
from domain.quests.checker.world import World, world_of
from domain.quests.quests import Offer, offers_of

app = typer.Typer(no_args_is_help=True, help="Quests: who may take which, and how they stand.")

Player = Annotated[str, typer.Argument(help="The player's id.")]


@app.command("offers")
def show_offers(player: Player, *, json: Json = False) -> None:
    """Show the quests that a player may take, and what some of them wait for."""
    found = over_wire(
        lambda client: client.query("quests.offers", {"player": id_of(player, "player")})
    ).result
    if json:
        print_json(found)
        return
    print_rows(
        offers_listing(found), f"there is nothing left for {player}; see `aicore quests journal {player}`"
    )


OFFERS = {"quest": Kind.NAME, "giver": Kind.NAME, "aim": Kind.TEXT, "waits for": Kind.SPARE}


def offers_listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of what a player may take."""
    return Listing(OFFERS, [[each["quest"], each["giver"], each["aim"], each["why"]] for each in found])


@app.command("journal")
def show_journal(
    player: Player,
    *,
    running: Annotated[bool, typer.Option("--running", help="Only those that are under way.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 50,
    json: Json = False,
) -> None:
    """Show a player's quests, the newest first: what is to do, what was done, how they ended."""
    asked = {"player": id_of(player, "player"), "running": running, "limit": limit}
    found = over_wire(lambda client: client.query("quests.journal", asked)).result
    if json:
        print_json(found)
        return
    if not found:
        out.print(f"{player} has taken no quest; see `aicore quests offers {player}`", markup=False)
    for entry in found:
        for line in lines_of(entry):
            out.print(line, markup=False, soft_wrap=True)


def lines_of(entry: Mapping[str, Any]) -> Sequence[str]:
    """Return what is shown of a quest."""
    stands = (
        f"{entry['over']}{': ' if entry['end'] else ''}{entry['end']}" if entry["over"] else entry["stage"]
    )
    others = f", with {', '.join(entry['players'][1:])}" if len(entry["players"]) > 1 else ""
    lines = [f"{entry['name']} ({entry['quest']}) · {stands}{others}", f"  {entry['text']}"]
    if not entry["over"]:
        for kind, about, count, done in entry["objectives"]:
            times = f" x {count}" if count > 1 else ""
            lines.append(f"  [{'x' if done else ' '}] {kind} {about}{times}")
        lines += [f"  {number}: {choice}" for number, choice in enumerate(entry["choices"])]
    return [*lines, f"  {entry['instance']}"]


@app.command("check")
def check_quests(
    quest: Annotated[str | None, typer.Argument(help="Only this quest.")] = None,
    *,
    world: Annotated[
        Path | None, typer.Option(help="The world's folder of YAML files.", show_default="the sample world")
    ] = None,
    json: Json = False,
) -> None:
    """Try everything that players and the world may do to a quest: can it stick? Exit code 1 if one can."""
    offers, possible = _read(world)
    if quest is not None and quest not in offers:
        raise Failure(f"there is no quest {quest}", remedy="`aicore world check` counts what there is")
    chosen = list(offers.values()) if quest is None else [offers[quest]]
    found = [finding for offer in chosen for finding in checked(offer, possible)]
    found += across(chosen, possible)
    if json:
        rows = [
            {"kind": each.kind, "path": each.path, "found": each.says, "trace": each.words} for each in found
        ]
        print_json({"ok": not found, "quests": len(chosen), "findings": rows})
    for each in () if json else found:
        for line in told(each):
            out.print(line, markup=False, soft_wrap=True)
    if found:
        raise Failure(f"{len({each.path.split('.')[1] for each in found})} of {len(chosen)} quests can stick")
    if not json:
        out.print(f"{len(chosen)} quests: whatever happens, an end can be reached, and all of it can be met")


def _read(folder: Path | None) -> tuple[Mapping[str, Offer], World]:
    """Return the quests of a world without a fault, and what it makes possible."""
    read = check_sample() if folder is None else check_folder(folder)
    if read.definition is None:
        raise Failure("the world has faults", remedy="`aicore world check` tells them all")
    written = {key.id: entry for key, entry in entries_of(read.data).items() if key.section == "quests"}
    return offers_of(read.definition, written), world_of(read.definition, city_of(read.definition).arrivals)


@app.command("gone")
def tell_gone(
    kind: Annotated[Literal["person", "place", "good"], typer.Argument(help="Kind of what is gone.")],
    thing: Annotated[str, typer.Argument(help="Its id in the world's definition.")],
    *,
    json: Json = False,
) -> None:
    """Say that a person, place or good is gone; every quest that needs it hears it."""
    payload = {"kind": kind, "thing": thing}
    reply = over_wire(lambda client: client.command("quests.tell_gone", payload))
    tell(reply, f"{thing} is gone", json=json)
