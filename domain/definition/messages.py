"""What happens to the definition of a world: entries are defined and retired, and a version is published.

One stream for each realm, ``world-definition``. What is defined is a draft until a version is published with
it: nobody sees half of a change. What is removed from the files is retired, never deleted: whoever is in the
middle of something with it can still read what it was. Names of events are storage format.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, JsonValue

from domain.definition.places import Id
from domain.kernel.declared import Declared
from domain.kernel.event import Command, Event
from domain.kernel.roles import OPERATOR
from domain.kernel.visibility import Discreet, Private
from domain.kernel.vocabulary import ConfigurationValue, Count, Digest, Operator, Reason

STREAM = "world-definition"

CHANGES_MAX = 5_000
"""Entries of one command; those of one append and its version must fit into 10,000 events."""

Section = Annotated[
    Literal[
        "world",
        "calendar",
        "zones",
        "districts",
        "territories",
        "means",
        "needs",
        "activities",
        "kinds",
        "places",
        "ways",
        "factions",
        "currencies",
        "archetypes",
        "people",
        "trades",
        "goods",
        "quests",
        "facts",
        "documents",
        "predicates",
        "traces",
        "arcs",
        "storylets",
        "speech",
        "trained",
    ],
    Field(description="Section of the definition."),
]
EntryId = Annotated[
    Id, Field(description="Id within the section; a section that is one entry has its own name as id.")
]
Version = Annotated[Count, Field(description="Version of the definition, from 1; 0: none was published.")]
WRITTEN_FIELDS_MAX = 200

Written = Annotated[
    dict[Annotated[str, Field(max_length=64)], ConfigurationValue],
    Private(),
    Field(max_length=WRITTEN_FIELDS_MAX, description="What is written there, as in the files."),
]

PLACE: dict[str, JsonValue] = {
    "name": "the old mill",
    "kind": "shop",
    "side": "light",
    "district": "saltings",
    "at": [120, -40],
}


class Entry(Discreet):
    """Something that is defined."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    section: Section
    entry_id: EntryId
    written: Written


class Name(Declared):
    """Something by its section and id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    section: Section
    entry_id: EntryId


class EntryDefined(Event, name="world.entry_defined", version=1):
    """Something is defined, or defined anew; it holds from the next version on."""

    section: Section
    entry_id: EntryId
    written: Written
    digest: Digest

    example: ClassVar = {
        "section": "places",
        "entry_id": "old_mill",
        "written": PLACE,
        "digest": "sha256:0cce4a05df0b7e2e0a1c67bf2b61ba0c3e4b73ee31ab2c0f59a2d8fd22e6e5d1",
    }


class EntryRetired(Event, name="world.entry_retired", version=1):
    """Something is not in the definition any more, from the next version on.

    What it was stays readable. Nothing new may begin with it; what is under way with it ends.
    """

    section: Section
    entry_id: EntryId

    example: ClassVar = {"section": "places", "entry_id": "old_mill"}


class VersionPublished(Event, name="world.version_published", version=1):
    """What was defined and retired since the last version holds from here on. It is without a fault."""

    number: Version
    digest: Annotated[Digest, Field(description="Digest of all entries: of their sections, ids, digests.")]
    entries: Annotated[Count, Field(description="Entries that the definition has.")]
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "number": 2,
        "digest": "sha256:5d41402abc4b2a76b9719d911017c592ae2f1c9a3b7c54a3ef5e0e6b0d7e3c11",
        "entries": 412,
        "operator": "mira",
        "reason": "the mill is a shop now",
    }


class ChangeWorld(Command, name="world.change", may=(OPERATOR,)):
    """Define and retire entries, and publish a version with them.

    A change that is too big for one message is sent in parts, of which the last has ``publish``. What is so
    already is passed over. Refused with ``stale_version`` if another version was published since ``base``,
    with ``faulty_definition`` if something would be wrong with the whole (its first faults are told, and
    ``aicore world check`` tells all), with ``other_digest`` if the whole would not be what was meant.
    """

    base: Annotated[Version, Field(description="Version that the change was made for.")]
    define: list[Entry] = Field(
        default_factory=list, max_length=CHANGES_MAX, description="Entries, new or anew."
    )
    retire: list[Name] = Field(default_factory=list, max_length=CHANGES_MAX, description="Entries to retire.")
    publish: Annotated[
        Digest | None,
        Field(description="Digest of the whole definition that is meant; null: more follows."),
    ] = None
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "base": 1,
        "define": [{"section": "places", "entry_id": "old_mill", "written": PLACE}],
        "retire": [],
        "publish": "sha256:5d41402abc4b2a76b9719d911017c592ae2f1c9a3b7c54a3ef5e0e6b0d7e3c11",
        "operator": "mira",
        "reason": "the mill is a shop now",
    }
