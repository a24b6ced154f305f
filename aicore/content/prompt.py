"""The one form of a prompt for the demo models: training and serving render it here.

``<kind> bark <npc> name, role; archetype, voice <lore> fact <memory> … <mood> … <place> …
<weather> … <time> … <quest> … <history> … <said> player's words <line>``; what is not known is left
out, and a bare text is a prompt with only ``<said>``. What changes least stands first, so that an engine's
prefix cache serves a character's next turn. The tags are single tokens.
"""

from dataclasses import dataclass, fields

TAGS = (
    "<kind>", "<npc>", "<lore>", "<memory>", "<mood>", "<place>", "<weather>", "<time>", "<quest>",
    "<history>", "<said>", "<line>", "<end>", "<pad>",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a text is written for, in the order of the prompt; "" is unknown."""

    kind: str = ""
    """bark, place or summary; "" is a line that answers a player."""
    npc: str = ""
    """The speaker, as `npc_text` makes it."""
    lore: str = ""
    """A fact that the line states."""
    memory: str = ""
    """What the speaker remembers of the player, as said to them."""
    mood: str = ""
    place: str = ""
    weather: str = ""
    time: str = ""
    quest: str = ""
    history: str = ""
    """Earlier happenings, a sentence each."""
    said: str = ""


def npc_text(name: str, role: str, archetype: str, voice: str) -> str:
    """Return how a prompt names a speaker."""
    return f"{name}, {role}; {archetype}, {voice}"


def render(scene: Scene) -> str:
    """Return the prompt of a scene."""
    parts = [
        f"<{field.name}> {value}" for field in fields(scene) if (value := getattr(scene, field.name).strip())
    ]
    return " ".join([*parts, "<line>"])


def as_prompt(text: str) -> str:
    """Return ``text`` as a prompt: as it is if it carries tags, else as the words of a player."""
    return text if "<line>" in text else render(Scene(said=" ".join(text.split())))
