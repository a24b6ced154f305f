"""`aicore content`: the characters, places and facts that the services know. Needs nothing that runs."""

from collections.abc import Mapping, Sequence

import typer

from aicore.cli.terminal import Json, Kind, Listing, known_settings, out, print_json
from aicore.content.characters import load_characters
from aicore.content.scenes import closing_line
from aicore.content.speech import load_speech
from aicore.content.world import VOICES, World

app = typer.Typer(no_args_is_help=True, help="Content: characters, places and facts.")


@app.callback()
def group() -> None:
    """Keep `list` a command of its own, though it is the only one so far."""


@app.command("list")
def list_content(*, json: Json = False) -> None:
    """List characters, places and facts; checks the file of AICORE_CONTENT_FILE."""
    file = known_settings().content_file
    world = load_characters(file)
    if json:
        print_json({"file": file, **_shown(world), "voices": VOICES})
        return
    source = f"of {file}" if file else "of the sample world; AICORE_CONTENT_FILE names one of your own"
    for heading, rows in _shown(world).items():
        out.print(f"{heading} {source}", style="bold", markup=False)
        out.print(listing(rows), crop=False)


FREE_TEXT, SPARE = {"role", "closed", "text"}, {"archetype", "voice", "home"}
"""Keys of the rows that are free text, and those that are left out first."""


def listing(rows: Sequence[Mapping[str, str]]) -> Listing:
    """Return the table of characters, places or facts."""
    heads = rows[0] if rows else {}
    kinds = {
        key: Kind.TEXT if key in FREE_TEXT else Kind.SPARE if key in SPARE else Kind.NAME for key in heads
    }
    return Listing(kinds, [list(row.values()) for row in rows])


def _shown(world: World) -> dict[str, list[dict[str, str]]]:
    """Return characters, places and facts, each as rows."""
    return {
        "characters": [
            {
                **npc.model_dump(include={"id", "name", "role", "archetype", "voice"}),
                "home": world.district_name(npc.home),
                "closed": closing_line(world, load_speech(), npc.id),
            }
            for npc in world.npc
        ],
        "places": [district.model_dump(include={"id", "name"}) for district in world.district],
        "facts": [fact.model_dump() for fact in world.lore],
    }
