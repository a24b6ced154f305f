"""What happens to the lore: a document is added, in a new version each time it is other, or removed.

One stream for each document, ``lore-{document}``. A version supersedes the one before, which stays readable:
a line that was said by it cites it. Names of events are storage format.
"""

from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, JsonValue

from domain.kernel.declared import Declared
from domain.kernel.event import Command, Event
from domain.kernel.roles import WRITING
from domain.kernel.visibility import Discreet, Private
from domain.kernel.vocabulary import ConfigurationValue, Count, Digest, Operator, Reason, Text

SECTIONS_MAX = 100
PARAGRAPHS_MAX = 100
PARAGRAPH_CHARACTERS_MAX = 4_000
CHARACTERS_MAX = 100_000
"""Of one document, so that its event fits into a message: some 60 pages."""

ABOUT_MAX = 50
NAMES_MAX = 200
KNOWN_BY_MAX = 200
CLAIMS_MAX = 500
STAGE_MAX = 100
DAY_MAX = 10_000_000
EVERYONE = "everyone"

DocumentId = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="Id of the document: its file's name."),
]
SectionId = Annotated[
    str, Field(pattern=r"^[a-z0-9_]{1,64}$", description="Id of a section within its document.")
]
Entity = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]{0,63}$",
        description="Id of somebody or something of the world's definition, or of what a document names.",
    ),
]
Entities = Annotated[list[Entity], Field(max_length=ABOUT_MAX, description="What it is about.")]
Title = Annotated[Text, Field(min_length=1, max_length=200, description="Title, as readers see it.")]
Label = Annotated[
    str,
    Field(
        pattern=r"^(everyone|(person|faction|side|district|archetype|player|group)\.[A-Za-z0-9_-]{1,128})$",
        description="Who may know: everyone, or those of a kind: person.una_pell, faction.tallymen, "
        "side.dark, district.ropewalk, archetype.clerk, player.ann, group.choir.",
    ),
]
Labels = Annotated[
    list[Label], Field(max_length=KNOWN_BY_MAX, description="Who may know it; one of them is enough.")
]
Stage = Annotated[
    int,
    Field(
        ge=0, le=STAGE_MAX, description="From which stage of the story on it may be shown; 0: from the first."
    ),
]
Day = Annotated[
    int, Field(ge=-DAY_MAX, le=DAY_MAX, json_schema_extra={"unit": "game days"}, description="A game day.")
]
Paragraph = Annotated[Text, Field(min_length=1, max_length=PARAGRAPH_CHARACTERS_MAX)]
Claims = Annotated[
    list[Annotated[dict[Annotated[str, Field(max_length=64)], ConfigurationValue], Field(max_length=16)]],
    Private(),
    Field(
        max_length=CLAIMS_MAX,
        description="Claims of the text, as they are written: predicate, subject, object, value, days.",
    ),
]


class DocumentSection(Discreet):
    """A part of a document. Who may know it is narrowed by what the document says: both must hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    section: SectionId
    title: Annotated[Text, Field(max_length=200, description="Title; empty: the document's.")] = ""
    about: Annotated[list[Entity], Field(max_length=ABOUT_MAX, description="What it is about.")] = Field(
        default_factory=list
    )
    known_by: Labels = Field(default_factory=list)
    stage: Stage = 0
    from_day: Annotated[Day | None, Field(description="Valid from this day on; null: always was.")] = None
    until_day: Annotated[Day | None, Field(description="Valid before this day; null: always.")] = None
    paragraphs: Annotated[
        list[Paragraph],
        Private(),
        Field(min_length=1, max_length=PARAGRAPHS_MAX, description="Its text."),
    ]


class LoreAlias(Declared):
    """Further names of an entity, or all names of one that only the lore has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entity: Entity
    names: Annotated[
        list[Annotated[Text, Field(min_length=1, max_length=128)]],
        Field(min_length=1, max_length=NAMES_MAX, description="Names, as people say them."),
    ]


class Content(Discreet):
    """What a document says, and to whom."""

    document: DocumentId
    title: Title
    about: Annotated[list[Entity], Field(max_length=ABOUT_MAX, description="What it is about.")] = Field(
        default_factory=list
    )
    aliases: Annotated[
        list[LoreAlias], Field(max_length=NAMES_MAX, description="Names that the definition has not.")
    ] = Field(default_factory=list)
    known_by: Annotated[Labels, Field(min_length=1)]
    stage: Stage = 0
    from_day: Annotated[Day | None, Field(description="Valid from this day on; null: always was.")] = None
    until_day: Annotated[Day | None, Field(description="Valid before this day; null: always.")] = None
    realms: Annotated[
        list[Annotated[str, Field(max_length=64)]],
        Field(max_length=100, description="Realms where it is true; empty: all."),
    ] = Field(default_factory=list)
    claims: Claims = Field(default_factory=list)
    sections: Annotated[
        list[DocumentSection],
        Private(),
        Field(min_length=1, max_length=SECTIONS_MAX, description="Its parts, in their order."),
    ]


EXAMPLE: dict[str, JsonValue] = {
    "document": "the_ninth_bell",
    "title": "The Ninth Bell",
    "about": ["leaning_church"],
    "aliases": [{"entity": "ninth_bell", "names": ["the ninth bell", "Old Tongueless"]}],
    "known_by": ["everyone"],
    "stage": 0,
    "from_day": None,
    "until_day": None,
    "realms": [],
    "claims": [{"predicate": "made", "subject": "person.ambrose_marl", "object": "text.the new tongue"}],
    "sections": [
        {
            "section": "main",
            "title": "",
            "about": [],
            "known_by": [],
            "stage": 0,
            "from_day": None,
            "until_day": None,
            "paragraphs": ["The ninth bell lost its tongue on the night of the water."],
        }
    ],
}


class DocumentAdded(Content, Event, name="lore.document_added", version=1):
    """A document is there, or is there in a new version, which supersedes the one before."""

    number: Annotated[Count, Field(ge=1, description="Version of the document, from 1.")]
    digest: Annotated[Digest, Field(description="Digest of what it says.")]
    operator: Operator
    reason: Reason

    example: ClassVar = {
        **EXAMPLE,
        "number": 2,
        "digest": "sha256:5d41402abc4b2a76b9719d911017c592ae2f1c9a3b7c54a3ef5e0e6b0d7e3c11",
        "operator": "mira",
        "reason": "the tongue was found",
    }


class DocumentRemoved(Event, name="lore.document_removed", version=1):
    """A document is not true any more, or not told. Its versions stay readable."""

    document: DocumentId
    number: Annotated[Count, Field(ge=1, description="Version that was removed.")]
    operator: Operator
    reason: Reason

    example: ClassVar = {"document": "the_ninth_bell", "number": 2, "operator": "mira", "reason": "untrue"}


class AddDocument(Content, Command, name="lore.add_document", may=WRITING):
    """Add a document, or a new version of one. What says the same as the version that holds changes nothing.

    Refused with ``document_too_long`` beyond 100,000 characters, and with ``section_twice`` if two of its
    sections have one id.
    """

    operator: Operator
    reason: Reason

    example: ClassVar = {**EXAMPLE, "operator": "mira", "reason": "the tongue was found"}


class RemoveDocument(Command, name="lore.remove_document", may=WRITING):
    """Remove a document; its versions stay readable.

    Refused with ``document_not_found`` if there never was one.
    """

    document: DocumentId
    operator: Operator
    reason: Reason

    example: ClassVar = {"document": "the_ninth_bell", "operator": "mira", "reason": "untrue"}


def stream_of(document: str) -> str:
    """Return the stream of a document."""
    return f"lore-{document}"
