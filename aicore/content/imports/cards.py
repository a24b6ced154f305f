"""Character cards: a person as far as a card tells, what they know of themselves, how they speak. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aicore.content.imports.drafts import (
    NAME_MAX,
    STORY_MAX,
    DocumentDraft,
    Ids,
    PersonDraft,
    sections_of,
    shortened,
    too_long,
)
from aicore.content.imports.entries import Book
from aicore.content.imports.fields import Fields, Told
from aicore.content.imports.macros import plain
from domain.definition.faults import Fault
from domain.definition.schema import EXAMPLE_MAX, EXAMPLES_MAX
from domain.lore.terms import folded

MODEL = "an instruction to a model; here templates are"
READER = "for who uses the card, and no part of the person"
LOOKS = "pictures, sounds and the like; a game has its own"

LEFT: Mapping[str, tuple[str, Sequence[object]]] = {
    "systemprompt": (MODEL, ()),
    "posthistoryinstructions": (MODEL, ()),
    "creatornotes": (READER, ()),
    "creatornotesmultilingual": (READER, ()),
    "creationdate": (READER, (0,)),
    "modificationdate": (READER, (0,)),
    "assets": (LOOKS, ()),
    "avatar": (LOOKS, ("none",)),
    "nickname": ("a person has one name; write it under names: of a document about them", ()),
    "chat": (READER, ()),
    "createdate": (READER, ()),
    "fav": (READER, (False, "false")),
    "depthprompt": (MODEL, ()),
    "world": ("World Info of its own: import that file, too", ()),
    "talkativeness": ("how often they speak is theirs to decide: sociability among the traits", ("0.5", 0.5)),
}
ORIGIN = (("creator", "by"), ("character_version", "version"), ("tags", "tags"), ("source", "from"))
_START = re.compile(r"<START>", re.IGNORECASE)
_SPEAKER = re.compile(r"\s*(\{\{user\}\}|[^:{}]{1,60}):\s")


@dataclass(frozen=True, slots=True)
class Card:
    """What came of a card."""

    person: PersonDraft | None
    documents: Sequence[DocumentDraft]


def read_card(data: Fields, told: Told, known: Mapping[str, str]) -> Card:
    """Return the person and the documents of a card's data."""
    name = " ".join(data.text("name", "char_name").split())
    if not name:
        told.faults.append(Fault("missing_field", data.at("name"), "the card names nobody", "a name"))
        return Card(None, ())
    if len(name) > NAME_MAX:
        data.tell("name", name, f"a name has at most {NAME_MAX} characters; it is cut")
        name = name[:NAME_MAX]
    data.entry, ids = name, Ids()
    person = ids.give(name)
    texts = _texts(data, name)
    story = " ".join("\n".join(texts.values()).split())
    if len(story) > STORY_MAX:
        data.tell(
            "description",
            story,
            f"a story has at most {STORY_MAX:,} characters; all is in the document {person}",
        )
    origin = [f"{word} {value}" for field, word in ORIGIN if (value := _plainly(data, field))]
    examples = _examples(data, name)
    documents = _own(data, person, name, texts)
    book = data.map("character_book")
    if book:
        whole = Book(told, ids, {**known, folded(name): person}, name)
        documents += whole.documents(book)
    extensions = data.map("extensions")
    if extensions:
        extensions.leave_rest(LEFT)
    data.leave_rest(LEFT)
    heading = f"{name}, of a character card" + (f" ({', '.join(origin)})" if origin else "")
    lines = _lines(examples, name)
    drafted = PersonDraft(person, name, shortened(story, STORY_MAX), (heading,), examples, lines)
    return Card(drafted, documents)


def _texts(data: Fields, name: str) -> dict[str, str]:
    """Return what the card tells of the person, by what it is called in their document."""
    fields = (
        (f"Who {name} is", ("description", "char_persona")),
        (f"How {name} is", ("personality",)),
        ("Where it begins", ("scenario", "world_scenario")),
    )
    found = {title: plain(data.text(*names), data, name, names[0]) for title, names in fields}
    return {title: text for title, text in found.items() if text.strip()}


def _own(data: Fields, person: str, name: str, texts: Mapping[str, str]) -> list[DocumentDraft]:
    """Return what only the person knows of themselves: a card is written for who plays them."""
    sections = sections_of(texts)
    if not sections:
        return []
    if too_long(sections):
        data.tell("description", "\n".join(texts.values()), "longer than a document may be: split it")
        return []
    title = f"{name}, as they know themselves"
    known_by = (f"person.{person}",)
    return [DocumentDraft(person, title, known_by, sections, (person,), ((person, name),))]


def _examples(data: Fields, name: str) -> tuple[tuple[str, str], ...]:
    """Return how they speak: greetings and examples, with whom they speak left as {{user}}."""
    found = [("greeting", data.text("first_mes", "char_greeting"))]
    found += [("another greeting", each) for each in data.texts("alternate_greetings")]
    found += [("greeting of a group", each) for each in data.texts("group_only_greetings")]
    found += [("example", each) for each in _START.split(data.text("mes_example", "example_dialogue"))]
    said = (
        (what, re.sub(r"\{\{char\}\}|<bot>", name, each, flags=re.IGNORECASE).strip()) for what, each in found
    )
    return tuple((what, each) for what, each in said if each)


def _lines(examples: Sequence[tuple[str, str]], name: str) -> tuple[str, ...]:
    """Return what the person says themselves, where nothing in it is filled in while a talk goes on."""
    found = list[str]()
    for what, text in examples:
        speaks = what != "example"
        for line in text.splitlines():
            if speaker := _SPEAKER.match(line):
                speaks, line = speaker[1] == name, line[speaker.end() :]  # noqa: PLW2901 - its words
            plainly = " ".join(line.split())
            if speaks and plainly and "{{" not in plainly and len(plainly) <= EXAMPLE_MAX:
                found.append(plainly)
    return tuple(dict.fromkeys(found))[:EXAMPLES_MAX]


def _plainly(data: Fields, field: str) -> str:
    """Return what stands in a field, in one line."""
    value = data.anything(field)
    words = value if isinstance(value, list) else [value or ""]
    return " ".join(" ".join(map(str, words)).split())[:200]
