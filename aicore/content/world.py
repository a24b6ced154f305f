"""Loads the sample world and checks that everything it refers to exists."""

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

VOICES = ("exact", "blunt", "wry", "nervous", "courtly", "whisper", "hungry", "riddling")
Voice = Literal["exact", "blunt", "wry", "nervous", "courtly", "whisper", "hungry", "riddling"]
Archetype = Literal["trader", "enforcer", "clerk", "healer", "watch", "scavenger", "noble", "guide", "spirit"]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class District(_Data):
    """A part of the city; its dark twin has the same map and another owner."""

    id: str
    name: str
    word: str
    """What one sees there."""
    way: str
    """How one gets there."""
    twin: str
    """Its name in the dark city."""


class Faction(_Data):
    """Who holds together."""

    id: str
    name: str
    world: Literal["light", "dark"]


class Npc(_Data):
    """Somebody who speaks."""

    id: str
    name: str
    role: str
    faction: str
    home: str
    archetype: Archetype
    voice: Voice


class Quest(_Data):
    """A situation that a line can be about."""

    id: str
    aim: str
    word: str


class Lore(_Data):
    """A fact of this world."""

    about: str
    text: str
    """A clause without a full stop."""


class Words(_Data):
    """Values that a scene can have."""

    mood: tuple[str, ...]
    weather: tuple[str, ...]
    time: tuple[str, ...]
    good: tuple[str, ...]
    draught: tuple[str, ...]


class World(_Data):
    """Everything of `cindermouth.toml`."""

    district: tuple[District, ...]
    faction: tuple[Faction, ...]
    npc: tuple[Npc, ...]
    quest: tuple[Quest, ...]
    lore: tuple[Lore, ...]
    words: Words

    @model_validator(mode="after")
    def _refers_to_what_exists(self) -> "World":
        districts, factions = {d.id for d in self.district}, {f.id for f in self.faction}
        for npc in self.npc:
            if npc.home not in districts:
                raise ValueError(
                    f"npc {npc.id}: home {npc.home!r} is no district; there are {sorted(districts)}"
                )
            if npc.faction not in factions:
                raise ValueError(
                    f"npc {npc.id}: faction {npc.faction!r} is none; there are {sorted(factions)}"
                )
        return self

    def district_name(self, district: str) -> str:
        """Return a district's name."""
        return next(d.name for d in self.district if d.id == district)


@lru_cache(1)
def load_world() -> World:
    """Return the sample world.

    Raises:
        pydantic.ValidationError: the file is wrong, naming where.
    """
    text = files("aicore.content").joinpath("cindermouth.toml").read_text(encoding="utf-8")
    return World.model_validate(tomllib.loads(text))
