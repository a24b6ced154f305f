"""`aicore world factions` and `report`: how the factions stand and why, and a simulated year as one page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from aicore.audit.world_year import as_html, lived
from aicore.cli.terminal import Failure, Json, Kind, Listing, out, print_json, print_rows
from aicore.cli.wire import over_wire
from aicore.cli.world_simulate import together
from aicore.client import Client
from aicore.content.definition import check_folder
from aicore.content.sample_world import sample_definition
from domain.definition.definition import Definition

STANDING = {
    "faction": Kind.NAME,
    "power": Kind.NAME,
    "territories": Kind.TEXT,
    "allies": Kind.TEXT,
    "feuds": Kind.TEXT,
    "crisis": Kind.NAME,
}
TOLD = {
    "no.": Kind.NAME,
    "day": Kind.NAME,
    "what": Kind.NAME,
    "who": Kind.TEXT,
    "where": Kind.TEXT,
    "matters": Kind.NAME,
    "came of": Kind.NAME,
}
NONE_YET = (
    "there are no factions yet: they need a clock (`aicore clock start`) and a world (`aicore world load`)"
)


def factions(
    *,
    told: Annotated[bool, typer.Option("--told", help="What emerged, and what it came of.")] = False,
    salience: Annotated[int, typer.Option(help="With --told: only what matters so much or more.")] = 0,
    json: Json = False,
) -> None:
    """Show how the factions stand, or what came about among them and why."""

    async def work(client: Client) -> Any:
        asked = {"limit": 50, "salience": salience, "before": None} if told else {}
        return (await client.query("factions.told" if told else "factions.now", asked)).result

    found = over_wire(work)
    if json:
        print_json(found)
    elif told:
        print_rows(telling(found), "nothing came about yet")
    elif found is None:
        out.print(NONE_YET)
    else:
        print_rows(standing(found), NONE_YET)


def standing(found: Mapping[str, Any]) -> Listing:
    """Return the table of factions."""
    return Listing(
        STANDING,
        [
            [
                each["faction"],
                f"{each['power'] / 1_000:.3f}",
                *(", ".join(each[name]) for name in ("territories", "allies", "feuds")),
                "" if each["crisis"] is None else f"since day {each['crisis']}",
            ]
            for each in found["factions"]
        ],
    )


def telling(found: list[Mapping[str, Any]]) -> Listing:
    """Return the table of what emerged."""
    return Listing(
        TOLD,
        [
            [
                str(each["number"]),
                str(each["day"]),
                each["kind"].replace("_", " "),
                " and ".join(who for who in (each["faction"], each["other"]) if who),
                each["territory"] or each["place"],
                f"{each['salience'] / 1_000:.2f}",
                ", ".join(map(str, each["chain"])),
            ]
            for each in found
        ],
    )


def report(
    page: Annotated[Path, typer.Argument(help="Where to write the page (HTML).")],
    folder: Annotated[
        Path | None, typer.Option(help="The world's folder of YAML files.", show_default="the sample world")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Other chances.", show_default="the world's", min=0)
    ] = None,
    *,
    whole: Annotated[
        bool, typer.Option("--whole", help="Have all contexts live together: prices, money and people, too.")
    ] = False,
    json: Json = False,
) -> None:
    """Simulate a year of a world without running it, and write its weather and its factions as one page.

    With --whole the factions are those of a world in which all live and players trade; it takes minutes.
    """
    definition = _definition(folder)
    chosen = definition.world.seed if seed is None else seed
    year = lived(definition, chosen)
    if whole:
        together(year, folder, chosen)
    page.write_text(as_html(definition, chosen, year), "utf-8")
    if json:
        print_json({"page": str(page), "seed": chosen, "days": year.days, "emerged": len(year.told)})
    else:
        out.print(f"wrote {page}", markup=False, soft_wrap=True)


def _definition(folder: Path | None) -> Definition:
    if folder is None:
        return sample_definition()
    checked = check_folder(folder)
    if checked.faults or checked.definition is None:
        raise Failure(f"{folder} has faults", remedy=f"see them: `aicore world check {folder}`")
    return checked.definition
