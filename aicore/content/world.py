"""A content pack: what the models speak with, of the sample world or of a file of your own.

The sample world's is made of its definition (`aicore/content/cindermouth/`); one of your own is TOML.
"""

import tomllib
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from aicore.content.compiled import sample
from aicore.settings import SettingsError
from domain.kernel.vocabulary import Text

VOICES = ("exact", "blunt", "wry", "nervous", "courtly", "whisper", "hungry", "riddling")
Voice = Literal["exact", "blunt", "wry", "nervous", "courtly", "whisper", "hungry", "riddling"]
Archetype = Literal["trader", "enforcer", "clerk", "healer", "watch", "scavenger", "noble", "guide", "spirit"]

# The limits are those of `domain.evaluation.suite.Lexicon`, which is made of these names: what the command
# `content list` takes, the services must start with.
NAMES_MAX = 1_000
Name = Annotated[Text, Field(min_length=1, max_length=128)]
Clause = Annotated[Text, Field(min_length=1, max_length=2_000)]


ClosedLine = Annotated[Text, Field(max_length=2_000)]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class District(_Data):
    """A part of the city; its dark twin has the same map and another owner."""

    id: Name
    name: Name
    word: str = ""
    """The view there."""
    way: str = ""
    """The way there."""
    twin: str = ""
    """Its name in the dark city."""


class Faction(_Data):
    """Characters that hold together."""

    id: Name
    name: Name
    world: Literal["light", "dark"]


class Npc(_Data):
    """Somebody who speaks."""

    id: Name
    name: Name
    role: Name
    faction: str = ""
    """Empty: none."""
    home: str
    archetype: Archetype
    voice: Voice
    closed: ClosedLine = ""
    """What they say when a subject is closed; empty: what their voice says."""
    persona: Annotated[Text, Field(max_length=4_000, exclude=True)] = ""
    """Who they are, in anybody's words, for templates with a section of that name; no part of what models
    learn, and so of no dump that is compared with it."""
    examples: Annotated[
        tuple[Annotated[Text, Field(min_length=1, max_length=400)], ...], Field(max_length=32, exclude=True)
    ] = ()
    """Lines as they say them; likewise."""


class Quest(_Data):
    """A situation that a line can be about."""

    id: Name
    aim: str
    word: str


class Lore(_Data):
    """A fact of this world."""

    about: Name
    text: Clause
    """A clause without a full stop."""


class Words(_Data):
    """Values that a scene can have."""

    mood: tuple[str, ...] = ()
    weather: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    good: Annotated[tuple[Name, ...], Field(max_length=NAMES_MAX // 2)] = ()
    draught: Annotated[tuple[Name, ...], Field(max_length=NAMES_MAX // 2)] = ()
    """Goods and draughts are things, of which there may be `NAMES_MAX`."""


class World(_Data):
    """A content pack. What has a default is for training; serving can do without it."""

    district: Annotated[tuple[District, ...], Field(max_length=NAMES_MAX)]
    faction: Annotated[tuple[Faction, ...], Field(max_length=NAMES_MAX)] = ()
    npc: Annotated[tuple[Npc, ...], Field(max_length=NAMES_MAX)]
    quest: tuple[Quest, ...] = ()
    lore: tuple[Lore, ...] = ()
    words: Words = Words()
    closed: ClosedLine = ""
    """What who is no character of this file says when a subject is closed; empty: a line of ours."""

    @model_validator(mode="after")
    def _refers_to_what_exists(self) -> "World":
        districts, factions = {d.id for d in self.district}, {f.id for f in self.faction}
        for kind in ("district", "faction", "npc", "quest"):
            met = Counter(entry.id for entry in getattr(self, kind))
            if twice := sorted(id_ for id_, times in met.items() if times > 1):
                raise ValueError(f"{kind} {twice[0]}: the id is there twice; give every {kind} its own")
        for npc in self.npc:
            if npc.home not in districts:
                raise ValueError(
                    f"npc {npc.id}: home {npc.home!r} is no district; there are {sorted(districts)}"
                )
            if npc.faction and npc.faction not in factions:
                raise ValueError(
                    f"npc {npc.id}: faction {npc.faction!r} is none; there are {sorted(factions)}"
                )
        return self

    def district_name(self, district: str) -> str:
        """Return a district's name."""
        return next(d.name for d in self.district if d.id == district)


@lru_cache(4)
def load_world(file: Path | None = None) -> World:
    """Return the content pack of a TOML file; without one the sample world's.

    Raises:
        SettingsError: ``file`` cannot be read or is wrong, naming file and field.
        pydantic.ValidationError: the sample world is wrong, naming where.
    """
    if file is None:
        return World.model_validate(sample()["world"])
    try:
        return World.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"AICORE_CONTENT_FILE: {file} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"AICORE_CONTENT_FILE: {file} is no TOML: {error}") from None
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field, message = ".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, ")
        value = f"; it is {fault['input']!r}" if isinstance(fault["input"], str | int | float) else ""
        told = f"{field}: {message}{value}" if field else message
        raise SettingsError(f"AICORE_CONTENT_FILE: {file}: {told}") from None
