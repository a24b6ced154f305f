"""How a document of the lore is written: from plain data to its content, with every fault at once.

The fields of the front matter and those below a section's heading go through the small readers of
`domain.definition.reading`, so that what is said of a fault, and how, is the same as in a world's files.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from domain.definition.faults import Fault, shown
from domain.definition.reading import (
    Reader,
    Reading,
    Unreadable,
    identifier,
    keyed,
    listed,
    maybe,
    needed,
    record,
    text,
    whole,
)
from domain.lore.messages import (
    ABOUT_MAX,
    CHARACTERS_MAX,
    CLAIMS_MAX,
    DAY_MAX,
    EVERYONE,
    KNOWN_BY_MAX,
    NAMES_MAX,
    PARAGRAPH_CHARACTERS_MAX,
    PARAGRAPHS_MAX,
    SECTIONS_MAX,
    STAGE_MAX,
    Content,
    DocumentSection,
    LoreAlias,
)

ROOT = "document"
"""Beginning of every path."""

LABEL_KINDS = ("person", "faction", "side", "district", "archetype", "player", "group")
ARGUMENT_MAX = 200


@dataclass(frozen=True, slots=True)
class Days:
    """The days in which something holds, from the first up to the last; None: always did, always will."""

    from_: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A claim as it is written in a front matter."""

    predicate: str
    subject: str
    object: str = ""
    value: str = ""
    days: Days = Days()
    lie: bool = False


def _days(value: object, path: str, to: Reading) -> Days:
    found = _DAYS(value, path, to)
    if found.from_ is not None and found.until is not None and found.until <= found.from_:
        what = f"it ends on day {found.until}, and begins on day {found.from_}"
        raise to.fail(Fault("days_backwards", path, what, "until after from: the day on which it is over"))
    return found


_DAY = whole(-DAY_MAX, DAY_MAX)
_DAYS: Reader[Days] = record(Days, from_=maybe(_DAY), until=maybe(_DAY))


def label(value: object, path: str, to: Reading) -> str:
    """Read who may know: everyone, or a kind and an id."""
    kinds = ", ".join(f"{kind}.ID" for kind in LABEL_KINDS)
    if not isinstance(value, str):
        raise to.fail(Fault("wrong_type", path, f"{shown(value)} stands here", f"{EVERYONE}, or {kinds}"))
    kind, point, id_ = value.partition(".")
    if value == EVERYONE or (point and id_ and kind in LABEL_KINDS and " " not in id_):
        return value
    raise to.fail(Fault("bad_label", path, f"{shown(value)} names nobody", f"{EVERYONE}, or {kinds}"))


def argument(value: object, path: str, to: Reading) -> str:
    """Read an argument of a claim: a kind, a point, and an id, a number or words."""
    if isinstance(value, str) and (found := " ".join(value.split())):
        kind, point, rest = found.partition(".")
        if point and rest and kind.isalpha() and len(found) <= ARGUMENT_MAX:
            return found
    allowed = "a kind and what it is: person.una_pell, place.tide_hall, number.9, text.a new roof"
    raise to.fail(Fault("bad_argument", path, f"{shown(value)} stands here", allowed))


def _flag(value: object, path: str, to: Reading) -> bool:
    if isinstance(value, bool):
        return value
    raise to.fail(Fault("wrong_type", path, f"{shown(value)} stands here", "true or false"))


_LABELS = listed(label, least=1, most=KNOWN_BY_MAX)
_ABOUT = listed(identifier, most=ABOUT_MAX)
_STAGE = whole(0, STAGE_MAX)
_TITLE = text(most=200)

CLAIM: Reader[Written] = record(
    Written,
    predicate=needed(identifier),
    subject=needed(argument),
    object=maybe(argument, ""),
    value=maybe(argument, ""),
    days=maybe(_days, Days()),
    lie=maybe(_flag, False),
)


@dataclass(frozen=True, slots=True)
class Part:
    """A section as it is written."""

    section: str
    title: str
    paragraphs: tuple[str, ...]
    about: tuple[str, ...] = ()
    known_by: tuple[str, ...] = ()
    stage: int = 0
    days: Days = Days()


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it is written."""

    title: str
    known_by: tuple[str, ...]
    sections: tuple[Part, ...]
    about: tuple[str, ...] = ()
    names: tuple[tuple[str, tuple[str, ...]], ...] = ()
    stage: int = 0
    days: Days = Days()
    realms: tuple[str, ...] = ()
    claims: tuple[Written, ...] = ()


_PART: Reader[Part] = record(
    Part,
    section=needed(text(most=64)),
    title=needed(text(most=200, least=0)),
    paragraphs=needed(
        listed(text(most=PARAGRAPH_CHARACTERS_MAX), least=1, most=PARAGRAPHS_MAX, distinct=False)
    ),
    about=maybe(_ABOUT, ()),
    known_by=maybe(_LABELS, ()),
    stage=maybe(_STAGE, 0),
    days=maybe(_days, Days()),
)

_DOCUMENT: Reader[Document] = record(
    Document,
    title=needed(_TITLE),
    about=maybe(_ABOUT, ()),
    names=maybe(keyed(identifier, listed(text(most=128), least=1, most=NAMES_MAX), most=NAMES_MAX), ()),
    known_by=needed(_LABELS),
    stage=maybe(_STAGE, 0),
    days=maybe(_days, Days()),
    realms=maybe(listed(text(most=64), most=100), ()),
    claims=maybe(listed(CLAIM, most=CLAIMS_MAX), ()),
    sections=needed(listed(_PART, least=1, most=SECTIONS_MAX)),
)


def read_document(id_: str, data: Mapping[str, object]) -> tuple[Document | None, list[Fault]]:
    """Return a document, or everything that is wrong with it. Paths begin with `ROOT`.

    Args:
        id_: of the document: the name of its file.
        data: its front matter, and ``sections``: maps with section, title, paragraphs and their own fields.
    """
    to = Reading()
    found: Document | None = None
    try:
        identifier(id_, ROOT, to)
        found = _DOCUMENT(data, ROOT, to)
        _sized(found, to)
    except Unreadable:
        found = None
    return (None, to.faults) if to.faults else (found, [])


def _sized(document: Document, to: Reading) -> None:
    size = sum(len(paragraph) for part in document.sections for paragraph in part.paragraphs)
    if size > CHARACTERS_MAX:
        allowed = f"at most {CHARACTERS_MAX:,} characters; split it into documents"
        raise to.fail(Fault("too_long", ROOT, f"the document has {size:,} characters", allowed))


def content_of(id_: str, document: Document) -> Content:
    """Return what a document says, as the log keeps it."""
    return Content(
        document=id_,
        title=document.title,
        about=[*document.about],
        aliases=[LoreAlias(entity=entity, names=[*names]) for entity, names in document.names],
        known_by=[*document.known_by],
        stage=document.stage,
        from_day=document.days.from_,
        until_day=document.days.until,
        realms=[*document.realms],
        claims=[_claim(each) for each in document.claims],
        sections=[
            DocumentSection(
                section=part.section,
                title=part.title,
                about=[*part.about],
                known_by=[*part.known_by],
                stage=part.stage,
                from_day=part.days.from_,
                until_day=part.days.until,
                paragraphs=[*part.paragraphs],
            )
            for part in document.sections
        ],
    )


def _claim(claim: Written) -> dict[str, JsonValue]:
    """Return a claim as an event carries it: what was left out is left out."""
    found: dict[str, JsonValue] = {
        "predicate": claim.predicate,
        "subject": claim.subject,
        "object": claim.object,
        "value": claim.value,
        "from_day": claim.days.from_,
        "until_day": claim.days.until,
        "lie": claim.lie,
    }
    return {name: value for name, value in found.items() if value not in ("", None, False)}
