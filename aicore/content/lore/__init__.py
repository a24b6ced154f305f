"""The lore as files: a folder of documents checked against a world, and the sample world's own.

The sample's are the files in `aicore/content/lore/cindermouth` and the longer texts of the definition.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from aicore.content.lore.written import LoreFile, read_folder
from aicore.content.sample_world import sample_definition
from aicore.content.yaml_source import Located
from domain.definition.definition import Definition
from domain.lore.checks import World, faults_of
from domain.lore.form import Document, Part, content_of
from domain.lore.messages import EVERYONE, Content

SAMPLE_LORE = "lore/cindermouth"


@dataclass(frozen=True, slots=True)
class CheckedLore:
    """What came of looking at documents.

    Attributes:
        contents: what they say, by their order; empty if there is a fault.
        faults: what is wrong, by files and lines.
    """

    contents: Sequence[Content]
    faults: Sequence[Located]
    files: int
    lines: int
    claims: int


def check_lore(folder: Path | None, definition: Definition | None) -> CheckedLore:
    """Return what a folder's documents say, or everything that is wrong with them.

    Args:
        folder: of documents; None: the sample world's, with the longer texts of its definition.
        definition: the world that they are about; None: of a world without one.

    Raises:
        SettingsError: the folder cannot be read, or has no document.
    """
    if folder is not None:
        return checked(read_folder(folder), definition)
    with as_file(files("aicore.content").joinpath(SAMPLE_LORE)) as sample:
        return checked(read_folder(sample), definition, texts_of(sample_definition()))


def checked(
    found: Sequence[LoreFile],
    definition: Definition | None,
    more: Sequence[tuple[str, Document]] = (),
) -> CheckedLore:
    """Return what files say together, or everything that is wrong with them.

    Args:
        found: the files.
        definition: the world that they are about.
        more: documents that come from elsewhere; what is wrong with them is shown at the first file.
    """
    read = [(file.id, file.document) for file in found if file.document is not None]
    faults = [fault for file in found for fault in file.faults]
    by_id = {file.id: file for file in reversed(found)}
    if found:
        world = World(definition)
        faults += [by_id.get(id_, found[0]).locate(fault) for id_, fault in faults_of([*more, *read], world)]
    faults.sort(key=lambda each: (each.mark.file, each.mark.line, each.mark.column))
    documents = [*more, *read]
    return CheckedLore(
        [] if faults else [content_of(id_, document) for id_, document in documents],
        faults,
        len(found),
        sum(file.lines for file in found),
        sum(len(document.claims) for _, document in documents),
    )


def texts_of(definition: Definition) -> list[tuple[str, Document]]:
    """Return the longer texts of a definition as documents that everyone may know."""
    return [
        (each.id, Document(each.title, (EVERYONE,), (Part("main", "", each.paragraphs),)))
        for each in definition.documents
    ]
