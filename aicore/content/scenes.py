"""Facts of the sample world about a character, for the prompt: person, home, what is true."""

from collections.abc import Mapping, Sequence

from aicore.content.prompt import npc_text
from aicore.content.speech import Speech
from aicore.content.world import World

SILENCE = "They look at you for a while, and say nothing."

FACTS_MAX = 1
"""The demo models were trained with one fact per prompt."""


def known_scene(world: World, npc_id: str, said: str) -> Mapping[str, str | Sequence[str]]:
    """Return the context of a character by section; {} if the world does not know them.

    Facts are those about something that the player's words name. A template takes what it has sections for:
    those of the demo models have none for who somebody is in many words (``persona``), nor for how they
    speak (``examples``).
    """
    npc = next((npc for npc in world.npc if npc.id == npc_id), None)
    if npc is None:
        return {}
    words = said.lower()
    lore = [fact.text for fact in world.lore if _plain(fact.about) in words]
    more = {"persona": npc.persona, "examples": npc.examples}
    return {
        "npc": npc_text(npc.name, npc.role, npc.archetype, npc.voice),
        "place": world.district_name(npc.home),
        "lore": lore[:FACTS_MAX],
        **{section: value for section, value in more.items() if value},
    }


def closing_line(world: World, speech: Speech, npc_id: str | None) -> str:
    """Return what a character says when a subject is closed; a silence for who the world does not know."""
    npc = next((npc for npc in world.npc if npc.id == npc_id), None)
    if npc is None:
        return world.closed or SILENCE
    return npc.closed or speech.closed[npc.voice][0]


def _plain(name: str) -> str:
    """Return a name without its article, in small letters, as it stands in a question."""
    return name.lower().removeprefix("the ").removeprefix("a ")
