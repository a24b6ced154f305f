"""`aicore story import`: World Info and character cards of SillyTavern, as lore and a person of ours."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from aicore.cli.lore import WorldFolder
from aicore.cli.lore import definition_of as world_of
from aicore.cli.terminal import Failure, Json, Kind, Listing, out, print_json, print_rows
from aicore.cli.world import told
from aicore.content.imports import Imported, import_file
from aicore.content.imports.fields import Left
from aicore.content.lore import checked
from aicore.content.lore.written import read_file
from aicore.content.yaml_source import Located, Mark
from domain.definition.definition import Definition

LEFT = {"where": Kind.NAME, "stands there": Kind.SPARE, "not taken over, as": Kind.SPARE}


def import_(
    file: Annotated[Path, typer.Argument(help="World Info (JSON), or a card (JSON, PNG).")],
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder to write to; without it nothing is written.")
    ] = None,
    world: WorldFolder = None,
    *,
    json: Json = False,
) -> None:
    """Import World Info, or a character card (V2, V3), as lore and a person; list what is not taken over.

    Documents are as `aicore lore check` reads them; a person is a draft of their entry in a world, with lines
    that they say. Files that are there already are not written over. Exit code 1 if the file has a fault.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}") from None
    definition = world_of(world) if world else None
    found = import_file(content, definition)
    texts, faults = found.files(), _faults(found, file.name, definition)
    if not faults and folder:
        _write(folder, texts)
    if json:
        _print_json(found, texts, faults)
    else:
        _print(found, texts, faults, folder)
    if faults:
        raise Failure(f"{len(faults)} fault{'s' * (len(faults) > 1)} in {file.name}; nothing is written")


def _faults(found: Imported, name: str, definition: Definition | None) -> Sequence[Located]:
    """Return what is wrong with the file, or with the lore that it makes in a world."""
    if found.faults:
        return [Located(fault, Mark(name, *found.at)) for fault in found.faults]
    files = [read_file(f"{each.id}.md", each.text().encode()) for each in found.documents]
    own = f"person.{found.person.id}" if found.person else ""
    return [each for each in checked(files, definition).faults if not (own and _of_draft(each, own))]


def _of_draft(located: Located, own: str) -> bool:
    """Return whether a fault is only that the person of the card is in no world yet."""
    return located.fault.kind == "unknown_label" and repr(own.partition(".")[2]) in located.fault.found


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files that are not there; those that say the same may be."""
    there = [name for name, text in texts.items() if _other(folder / name, text)]
    if there:
        raise Failure(f"{folder / there[0]} is there already", remedy="another folder, or move it away")
    try:
        for name, text in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{error.filename or folder} cannot be written: {error.strerror}") from None


def _other(path: Path, text: str) -> bool:
    return path.exists() and (not path.is_file() or path.read_bytes() != text.encode())


def _print_json(found: Imported, texts: Mapping[str, str], faults: Sequence[Located]) -> None:
    rows: Sequence[Mapping[str, Any]] = [
        {"path": each.fault.path, "found": each.fault.found, "allowed": each.fault.allowed} for each in faults
    ]
    left = [each._asdict() for each in found.left]
    print_json({"kind": found.kind, "files": texts, "not_taken_over": left, "faults": rows})


def _print(found: Imported, texts: Mapping[str, str], faults: Sequence[Located], folder: Path | None) -> None:
    for each in faults:
        out.print(told(each), markup=False, soft_wrap=True)
    if faults:
        return
    for name in texts:
        out.print(f"{'wrote' if folder else 'would write'} {name}", markup=False)
    print_rows(listing(found.left), "everything was taken over")
    count = len(found.documents)
    counted = f"{count} document{'s' * (count != 1)}" + (f" and {found.person.name}" if found.person else "")
    out.print(f"{counted} of {found.kind}; {len(found.left)} things were not taken over", markup=False)


def listing(left: Sequence[Left]) -> Listing:
    """Return the table of what was not taken over."""
    rows = [
        [f"{each.path} ({each.entry})" if each.entry else each.path, each.value, each.why] for each in left
    ]
    return Listing(LEFT, rows)
