"""Reads documents of the lore: Markdown with a front matter, each fault with its file, line and column.

    ---
    title: The Ninth Bell
    known_by: [everyone]
    ---
    What stands before the first heading.

    ## A heading
    {known_by: [faction.lamplighters], stage: 2}

    Paragraphs, with empty lines between them.

A document's id is the name of its file. The map in braces below a heading narrows who may know the section.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aicore.content.yaml_source import Located, Mark, Source, read_yaml
from aicore.settings import SettingsError
from domain.definition.faults import Fault
from domain.lore.form import ROOT, Document, read_document

SUFFIX = ".md"
FILES_MAX = 2_000
FENCE = "---"
_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(slots=True)
class LoreFile:
    """A file and what came of reading it.

    Attributes:
        file: its name, as faults show it.
        id: the document's.
        document: None if there is a fault.
        marks: where what stands, by path.
    """

    file: str
    id: str
    document: Document | None = None
    faults: list[Located] = field(default_factory=list)
    values: dict[str, Mark] = field(default_factory=dict)
    keys: dict[str, Mark] = field(default_factory=dict)
    lines: int = 0

    def locate(self, fault: Fault) -> Located:
        """Return a fault with its place: that of its path, or of the nearest one around it that has any."""
        marks = (self.keys, self.values) if fault.at_key else (self.values, self.keys)
        path = fault.path
        while path:
            for each in marks:
                if path in each:
                    return Located(fault, each[path])
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return Located(fault, Mark(self.file, 1, 1))


@dataclass(slots=True)
class _Section:
    title: str
    line: int
    fields: dict[str, object] = field(default_factory=dict)
    paragraphs: list[str] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    """Lines of the paragraphs."""


def lore_paths(folder: Path) -> list[Path]:
    """Return the documents' files of a folder and those below it, in the order of their names.

    Raises:
        SettingsError: it cannot be read, or has none.
    """
    try:
        if folder.is_file():
            return [folder]
        paths = sorted(path for path in folder.rglob(f"*{SUFFIX}") if path.is_file())
    except OSError as error:
        raise SettingsError(f"{error.filename or folder} cannot be read: {error.strerror}") from None
    if not paths:
        raise SettingsError(f"{folder} has no file whose name ends in {SUFFIX}; a document is such a file")
    if len(paths) > FILES_MAX:
        raise SettingsError(f"{folder} has {len(paths)} documents; at most {FILES_MAX} are read at once")
    return paths


def read_folder(folder: Path) -> list[LoreFile]:
    """Return the documents of a folder.

    Raises:
        SettingsError: as `lore_paths`.
    """
    found = []
    for path in lore_paths(folder):
        try:
            name = path.relative_to(folder).as_posix() if folder.is_dir() else path.name
            found.append(read_file(name, path.read_bytes()))
        except OSError as error:
            raise SettingsError(f"{error.filename or path} cannot be read: {error.strerror}") from None
    return found


def read_file(name: str, content: bytes) -> LoreFile:
    """Return what a file says; never raises."""
    file = LoreFile(name, Path(name).stem)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fault = Fault("encoding", ROOT, "a byte stands here that is no UTF-8", "a file saved as UTF-8")
        file.faults.append(Located(fault, Mark(name, line, 1)))
        return file
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    file.lines = len(lines)
    end = _front_end(file, lines)
    if end is None:
        return file
    front = _yaml(file, "\n".join(lines[1:end]), 1, ROOT, "the front matter")
    sections = list(_sections(file, lines, end + 1))
    whole = not file.faults
    data = {**front, "sections": [_plain(section, number, file) for number, section in enumerate(sections)]}
    document, faults = read_document(file.id, data)
    known = {located.fault.path for located in file.faults}
    file.faults += [file.locate(fault) for fault in faults if fault.path not in known]
    file.document = document if whole and not file.faults else None
    file.faults.sort(key=lambda each: (each.mark.line, each.mark.column))
    return file


def _front_end(file: LoreFile, lines: Sequence[str]) -> int | None:
    """Return the line, from 0, that ends the front matter; None and a fault without one."""
    if lines[0].strip() != FENCE:
        allowed = "a first line of three dashes, then fields, then three dashes: title, known_by"
        fault = Fault("no_front_matter", ROOT, "the document begins without a front matter", allowed)
        file.faults.append(Located(fault, Mark(file.file, 1, 1)))
        return None
    for number, line in enumerate(lines[1:], 1):
        if line.strip() == FENCE:
            return number
    fault = Fault("front_not_closed", ROOT, "the front matter is never closed", "a line of three dashes")
    file.faults.append(Located(fault, Mark(file.file, 1, 1)))
    return None


def _yaml(file: LoreFile, text: str, before: int, path: str, what: str) -> dict[str, object]:
    """Return the map that stands behind so many lines, and note where what of it stands, below a path."""
    source: Source = read_yaml(file.file, ("\n" * before + text + "\n").encode())
    for fault in source.faults:
        if fault.fault.kind == "empty_file":
            plain = Fault("empty_front", path, f"{what} has no fields", "title: and known_by: at least")
            file.faults.append(Located(plain, Mark(file.file, before + 1, 1)))
        else:
            file.faults.append(fault)
    for marks, found in ((file.values, source.values), (file.keys, source.keys)):
        marks.update({f"{path}.{each}": mark for each, mark in found.items()})
    return source.data


def _sections(file: LoreFile, lines: Sequence[str], begin: int) -> Iterator[_Section]:
    """Yield the sections of the text; what stands before the first heading is one without a title."""
    section = _Section("", begin + 1)
    number = 0
    paragraph: list[str] = []
    for at, line in enumerate([*lines[begin:], ""], begin + 1):
        bare = line.strip()
        if bare.startswith("#") or not bare:
            if paragraph:
                section.paragraphs.append(" ".join(paragraph))
                section.at.append(at - len(paragraph))
                paragraph = []
            if not bare:
                continue
            if section.title or section.paragraphs or section.fields:
                yield section
                number += 1
            section = _Section(_heading(file, bare, at), at)
        elif bare.startswith("{") and not paragraph and not section.paragraphs and not section.fields:
            path = f"{ROOT}.sections[{number}]"
            section.fields = _yaml(file, line, at - 1, path, "the map below a heading")
        else:
            paragraph.append(bare)
    yield section


def _heading(file: LoreFile, line: str, at: int) -> str:
    marks, _, title = line.partition(" ")
    if marks != "##" or not title.strip():
        fault = Fault("bad_heading", ROOT, f"the heading {line[:40]!r} stands here", "## and a title")
        file.faults.append(Located(fault, Mark(file.file, at, 1)))
    return title.strip() or marks


def _plain(section: _Section, number: int, file: LoreFile) -> dict[str, object]:
    """Return a section as plain data, and note where it stands."""
    path = f"{ROOT}.sections[{number}]"
    file.values[path] = Mark(file.file, section.line, 1)
    file.keys[f"{path}.paragraphs"] = Mark(file.file, section.line, 1)
    for at, line in enumerate(section.at):
        file.values[f"{path}.paragraphs[{at}]"] = Mark(file.file, line, 1)
    slug = _SLUG.sub("_", section.title.lower()).strip("_")[:64] or "main"
    for reserved in ("section", "title", "paragraphs"):
        if reserved in section.fields:
            fault = Fault(
                "reserved_field",
                f"{path}.{reserved}",
                f"the field {reserved!r} stands here",
                "about, known_by, stage, days",
                at_key=True,
            )
            file.faults.append(file.locate(fault))
    return {**section.fields, "section": slug, "title": section.title, "paragraphs": section.paragraphs}
