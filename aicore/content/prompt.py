"""The one form of a prompt for the demo models: training and serving render it here.

``<npc> name, role; voice <mood> … <place> … <weather> … <time> … <quest> … <said> player's words <line>``;
what is not known is left out, and a bare text is a prompt with only ``<said>``. The tags are single tokens.
"""

from dataclasses import dataclass

TAGS = ("<npc>", "<mood>", "<place>", "<weather>", "<time>", "<quest>", "<said>", "<line>", "<end>", "<pad>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a line is spoken in; "" is unknown."""

    npc: str = ""
    """Name, role and voice, as `npc_text` makes it."""
    mood: str = ""
    place: str = ""
    weather: str = ""
    time: str = ""
    quest: str = ""
    said: str = ""


def npc_text(name: str, role: str, voice: str) -> str:
    """Return how a prompt names a speaker."""
    return f"{name}, {role}; {voice}"


def render(scene: Scene) -> str:
    """Return the prompt of a scene."""
    fields = ("npc", "mood", "place", "weather", "time", "quest", "said")
    parts = [f"<{field}> {value}" for field in fields if (value := getattr(scene, field).strip())]
    return " ".join([*parts, "<line>"])


def as_prompt(text: str) -> str:
    """Return ``text`` as a prompt: as it is if it carries tags, else as the words of a player."""
    return text if "<line>" in text else render(Scene(said=" ".join(text.split())))
