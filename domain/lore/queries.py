"""Questions to the lore."""

from typing import Annotated, ClassVar

from pydantic import Field

from domain.kernel.event import Query
from domain.kernel.roles import GRANTED, PEOPLE
from domain.kernel.vocabulary import Count, Text
from domain.lore.messages import DAY_MAX, STAGE_MAX, DocumentId

AUTHOR = "author"
"""A holder from whom nothing is kept: who writes the world."""

Holder = Annotated[
    str,
    Field(
        pattern=r"^(everyone|author|(person|player)\.[A-Za-z0-9_-]{1,128})$",
        description="For whom: person.una_pell, player.ann, everyone (what all know), or author (all of it).",
    ),
]


class SearchQuery(Query, name="lore.search", may=(GRANTED, *PEOPLE)):
    """Ask what a holder may know that answers a question, at a game day and a stage of the story.

    The result is a map with known (whether it is answered), reason (empty, or nothing_asked,
    nothing_visible, no_such_name, nothing_near) and why (a sentence of it), found (a list of maps, the best
    first: document, number, title, section, chunk, text, score in thousandths, names, words, meaning and
    sentence (the arms' shares, thousandths), sentences (lists of number and text), best (the sentence that
    says it), cite), cut (a list of maps with budget and count: what was left out, and by which), without (a
    list of maps with arm and why: what was away), signs (a map in thousandths: meaning, covered, unheard,
    strange, named, ahead, told, least, and likelihood, known from 500 on; empty if nothing was looked for),
    scan (none, exact, sketch, nearest), visible (chunks that the holder may know), encoder, and day.
    """

    text: Annotated[Text, Field(max_length=2_000, description="The question, in anybody's words.")]
    holder: Holder = "everyone"
    groups: Annotated[
        list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]],
        Field(max_length=50, description="Groups of the game's own that the holder is in."),
    ] = Field(default_factory=list)
    stage: Annotated[int, Field(ge=0, le=STAGE_MAX, description="Stage of the story that was reached.")] = 0
    day: Annotated[
        int | None,
        Field(
            ge=-DAY_MAX, le=DAY_MAX, description="Game day to ask as of; null: the clock's, or 0 without one."
        ),
    ] = None
    limit: Annotated[int, Field(ge=1, le=50, description="At most so many passages.")] = 5
    characters_max: Annotated[
        int, Field(ge=1, le=100_000, description="At most so many characters of text together.")
    ] = 4_000

    example: ClassVar = {"text": "Who made the new tongue of the bell?", "holder": "person.una_pell"}


class DocumentQuery(Query, name="lore.document", may=PEOPLE):
    """Ask for a document as it is written, in the version that holds or an older one.

    The result is a map as lore.document_added has it, with removed (whether it holds no more), position and
    versions (a list of the numbers there are); null if there is none.
    """

    document: DocumentId
    number: Annotated[Count | None, Field(description="Version; null: the last one.")] = None

    example: ClassVar = {"document": "the_ninth_bell"}


class DocumentsQuery(Query, name="lore.documents", may=PEOPLE):
    """Ask which documents hold, and how far they can be searched.

    The result is a map with documents (a list of maps: document, number, title, known_by, stage, from_day,
    until_day, chunks, claims), chunks, encoder (digest; empty without one), vectors (of that many chunks),
    and without (arms that are away, and why).
    """

    example: ClassVar[dict[str, str]] = {}
