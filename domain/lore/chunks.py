"""From documents to chunks: pieces of a size that a search can weigh, each cited by sentence and version.

A chunk is a paragraph, or a part of a long one between two sentences. By rule it begins with what it would
lack when read alone: document, section, subjects, and the days in which it holds (the deterministic form of
contextual retrieval, Anthropic 2024). Search reads the prefix and the text; a reader is shown the text.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from domain.lore.messages import DAY_MAX, Content, DocumentSection

CHUNK_CHARACTERS_MAX = 700
"""Some 150 word pieces: the encoder reads 256, and its prefix must fit, too."""

UNTITLED = "main"
"""Section of what stands before the first heading."""

_ENDS = re.compile(r"""(?<=[.!?\u2026])["'\u201d\u2019)]*\s+(?=["'\u201c\u2018(]*[A-Z0-9])""")
_SHORT = re.compile(r"\b(?:Mr|Mrs|Dr|St|No)\.$")


@dataclass(frozen=True, slots=True)
class Limits:
    """To whom and when something may be shown. All must hold.

    Attributes:
        known_by: labels, of which the holder must have one in each group.
        stage: the story must have reached it.
        from_day, until_day: the days in which it is true, from the first up to the last.
        realms: where it is true; empty: everywhere.
    """

    known_by: tuple[frozenset[str], ...]
    stage: int = 0
    from_day: int = -DAY_MAX
    until_day: int = DAY_MAX + 1
    realms: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with its number in the section, from 1: what a citation names."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document.

    Attributes:
        number: of the document's version.
        at: of the chunk in the document, from 0.
        about: entities that document or section say they are about.
        prefix: what search reads before the text.
        digest: of all that search goes by, so that it names the piece wherever it is kept.
    """

    document: str
    number: int
    title: str
    section: str
    at: int
    about: tuple[str, ...]
    prefix: str
    sentences: tuple[Sentence, ...]
    limits: Limits
    digest: str

    @property
    def text(self) -> str:
        """What a reader is shown."""
        return " ".join(sentence.text for sentence in self.sentences)

    @property
    def searched(self) -> str:
        """What search reads."""
        return f"{self.prefix} {self.text}"

    @property
    def read(self) -> list[str]:
        """What an encoder reads: all that search reads, then each sentence under its headings."""
        heading = "" if self.section == UNTITLED else f" {self.section.replace('_', ' ')}."
        return [self.searched, *(f"{self.title}.{heading} {sentence.text}" for sentence in self.sentences)]

    def cite(self, sentence: int) -> str:
        """Return the citation of a sentence: document, version, section and number."""
        return f"{self.document}@{self.number}#{self.section}.{sentence}"


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a paragraph; what ends in a short form goes on."""
    found: list[str] = []
    for part in _ENDS.split(text.strip()):
        if found and _SHORT.search(found[-1]):
            found[-1] += f" {part}"
        else:
            found.append(part)
    return [part for part in found if part]


def chunks_of(content: Content, number: int, called: Mapping[str, str]) -> list[Chunk]:
    """Return the chunks of a document's version.

    Args:
        content: the document.
        number: of its version.
        called: what entities are called, by id; an id without a name is left out of prefixes.
    """
    found: list[Chunk] = []
    # What a document gives names to it is about, too: "the marsh croup" stands in its heading only.
    whole = (*content.about, *(alias.entity for alias in content.aliases))
    for section in content.sections:
        limits = limits_of(content, section)
        about = tuple(dict.fromkeys((*section.about, *whole)))
        prefix = _prefix(content, section, [called[each] for each in about if each in called], limits)
        for part in _parts(section.paragraphs):
            digest = _digest(content.document, section.section, prefix, part, limits)
            found.append(
                Chunk(
                    content.document,
                    number,
                    content.title,
                    section.section,
                    len(found),
                    about,
                    prefix,
                    part,
                    limits,
                    digest,
                )
            )
    return found


def limits_of(content: Content, section: DocumentSection) -> Limits:
    """Return the limits of a section: its document's and its own, of which all must hold."""
    from_days = [day for day in (content.from_day, section.from_day) if day is not None]
    until_days = [day for day in (content.until_day, section.until_day) if day is not None]
    groups = [frozenset(labels) for labels in (content.known_by, section.known_by) if labels]
    return Limits(
        tuple(groups),
        max(content.stage, section.stage),
        max(from_days, default=-DAY_MAX),
        min(until_days, default=DAY_MAX + 1),
        frozenset(content.realms),
    )


def _parts(paragraphs: Sequence[str]) -> list[tuple[Sentence, ...]]:
    """Return the sentences of each chunk: a paragraph's, as many as fit."""
    found: list[tuple[Sentence, ...]] = []
    number = 0
    for paragraph in paragraphs:
        part: list[Sentence] = []
        size = 0
        for text in sentences_of(paragraph):
            number += 1
            if part and size + len(text) > CHUNK_CHARACTERS_MAX:
                found.append(tuple(part))
                part, size = [], 0
            part.append(Sentence(number, text))
            size += len(text)
        found.append(tuple(part))
    return [part for part in found if part]


def _prefix(content: Content, section: DocumentSection, about: Sequence[str], limits: Limits) -> str:
    said = [content.title]
    if section.title and section.title != content.title:
        said.append(section.title)
    if about:
        said.append("About " + ", ".join(about))
    if limits.from_day > -DAY_MAX:
        said.append(f"From day {limits.from_day}")
    if limits.until_day <= DAY_MAX:
        said.append(f"Until day {limits.until_day}")
    return ". ".join(said) + "."


def _digest(document: str, section: str, prefix: str, sentences: Sequence[Sentence], limits: Limits) -> str:
    said = [
        document,
        section,
        prefix,
        [[sentence.number, sentence.text] for sentence in sentences],
        [sorted(group) for group in limits.known_by],
        [limits.stage, limits.from_day, limits.until_day, sorted(limits.realms)],
    ]
    return sha256(json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
