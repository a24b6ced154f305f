"""What a file is imported as: documents of the lore, and a person; and the texts of their files. Pure."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.lore.messages import CHARACTERS_MAX, PARAGRAPH_CHARACTERS_MAX, PARAGRAPHS_MAX

ID_MAX = 64
TITLE_MAX = 200
STORY_MAX = 4_000
NAME_MAX = 128

_OTHER = re.compile(r"[^a-z0-9]+")
_END = re.compile(r"(?<=[.!?])\s")
_MARKS = re.compile(r"^#+\s*")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a document; without a title it is the beginning."""

    title: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentDraft:
    """A document of the lore.

    Attributes:
        about: ids that it is about.
        names: by id that the world has no name for, how people call it.
    """

    id: str
    title: str
    known_by: tuple[str, ...]
    sections: tuple[Section, ...]
    about: tuple[str, ...] = ()
    names: tuple[tuple[str, str], ...] = ()

    def text(self) -> str:
        """Return the document's file, as `aicore lore check` reads it."""
        front = [f"title: {_quoted(self.title)}"]
        if self.about:
            front.append(f"about: [{', '.join(self.about)}]")
        if self.names:
            front += ["names:", *(f"  {id_}: [{_quoted(name)}]" for id_, name in self.names)]
        front.append(f"known_by: [{', '.join(self.known_by)}]")
        body = [
            "\n\n".join(([f"## {part.title}"] if part.title else []) + list(part.paragraphs))
            for part in self.sections
        ]
        return "\n".join(["---", *front, "---", "\n\n".join(body), ""])


@dataclass(frozen=True, slots=True)
class PersonDraft:
    """A person, as far as a card tells: what the world has to say of them is for who writes it.

    Attributes:
        story: who they are, for the definition.
        origin: where the card is from, as comments.
        examples: headings and what is said under each, as it is written in the card.
        lines: what of it they say themselves, to anybody, one by one.
    """

    id: str
    name: str
    story: str
    origin: tuple[str, ...] = ()
    examples: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the draft of their entry in a world's files."""
        comments = [f"# {line}" for line in self.origin]
        lines = ["    examples:", *(f"      - {_quoted(line)}" for line in self.lines)] if self.lines else []
        return "\n".join(
            [
                *comments,
                "# `aicore world check` asks for what no card tells: role, archetype, voice, home, schedule.",
                "people:",
                f"  {self.id}:",
                f"    name: {_quoted(self.name)}",
                f"    story: {_quoted(self.story)}",
                *lines,
                "",
            ]
        )

    def all_lines(self) -> str:
        """Return how they speak, as the card's examples have it."""
        head = f"# How {self.name} speaks; {{{{user}}}} is whom they speak with."
        return "\n\n".join([head, *(f"> {what}\n{said}" for what, said in self.examples)]) + "\n"


class Ids:
    """Gives each thing an id of its own."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def give(self, *wished: str) -> str:
        """Return an id made of the first text that makes one."""
        base = next(filter(None, map(slug, wished)), "imported")
        found, number = base, 1
        while found in self._taken:
            number += 1
            found = f"{base[: ID_MAX - len(str(number)) - 1]}_{number}"
        self._taken.add(found)
        return found


def slug(text: str) -> str:
    """Return an id made of a text; "" if it has no letter that an id may have."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    found = _OTHER.sub("_", plain).strip("_").lstrip("0123456789_")
    return found[:ID_MAX].rstrip("_")


def paragraphs(text: str) -> list[str]:
    """Return a text's paragraphs, each as one line that is neither a heading nor a map."""
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        bare = _MARKS.sub("", line.strip())
        if not bare or line.lstrip().startswith("#"):
            blocks += [[bare], []]
        else:
            blocks[-1].append(bare)
    found = (" ".join(block).strip() for block in blocks)
    return [piece for each in found if each for piece in _pieces(f"- {each}" if each[0] == "{" else each)]


def _pieces(text: str) -> list[str]:
    """Return a paragraph in pieces that are not too long, cut at the ends of sentences or words."""
    pieces = list[str]()
    while len(text) > PARAGRAPH_CHARACTERS_MAX:
        cut = shortened(text, PARAGRAPH_CHARACTERS_MAX)
        pieces.append(cut)
        text = text[len(cut) :].strip()
    return [*pieces, text] if text else pieces


def shortened(text: str, most: int) -> str:
    """Return the beginning of a text, to the end of a sentence, or of a word."""
    if len(text) <= most:
        return text
    ends = [found.start() for found in _END.finditer(text, 0, most)]
    if ends and ends[-1] > most // 2:
        return text[: ends[-1]]
    space = text.rfind(" ", 0, most)
    return text[: space if space > most // 2 else most]


def sections_of(texts: Mapping[str, str]) -> tuple[Section, ...]:
    """Return the sections of texts by title; of more paragraphs than one may have there are several."""
    found = list[Section]()
    for title, text in texts.items():
        parts = paragraphs(text)
        for number, start in enumerate(range(0, len(parts), PARAGRAPHS_MAX), 1):
            heading = title if number == 1 else f"{title or 'Part'} {number}"
            found.append(Section(heading, tuple(parts[start : start + PARAGRAPHS_MAX])))
    return tuple(found)


def too_long(sections: Sequence[Section]) -> bool:
    """Return whether a document would be longer than one may be."""
    return sum(len(each) for part in sections for each in part.paragraphs) > CHARACTERS_MAX


def _quoted(text: str) -> str:
    return json.dumps(" ".join(text.split()), ensure_ascii=False)
