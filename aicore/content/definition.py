"""Reads the definition of a world from a folder of YAML files, with all faults of all files at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path

from aicore.content.sample_files import SAMPLE, SUFFIXES
from aicore.content.yaml_source import Located, Mark, Source, read_yaml
from aicore.settings import SettingsError
from domain.definition.definition import Definition
from domain.definition.faults import Fault
from domain.definition.read import read

FILES_MAX = 200


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of looking at a folder.

    Attributes:
        definition: the world; None if there is a fault.
        data: its sections as they are written, with those of all files put together.
        faults: what is wrong, in the order of files and lines.
        files: how many files there were.
        lines: how many lines they have.
    """

    definition: Definition | None
    data: Mapping[str, object]
    faults: tuple[Located, ...]
    files: int
    lines: int


@dataclass(slots=True)
class _Merged:
    """The sections of all files."""

    data: dict[str, object] = field(default_factory=dict)
    values: dict[str, Mark] = field(default_factory=dict)
    keys: dict[str, Mark] = field(default_factory=dict)
    faults: list[Located] = field(default_factory=list)

    def add(self, source: Source) -> None:
        """Add what a file says; an entry that another file has is a fault, and the first one stays."""
        self.faults.extend(source.faults)
        for name, section in source.data.items():
            mine = self.data.setdefault(name, section)
            if mine is section:
                continue
            if not isinstance(mine, dict) or not isinstance(section, dict):
                clause = f"the section {name!r} stands in another file, and not both are maps"
                self._fail("wrong_type", name, clause, "maps, whose entries are put together", source)
                continue
            for id_, entry in section.items():
                if id_ in mine:
                    clause = f"{id_!r} stands in another file already"
                    self._fail("duplicate_key", f"{name}.{id_}", clause, "each id once", source)
                else:
                    mine[id_] = entry
        for path, mark in source.values.items():
            self.values.setdefault(path, mark)
        for path, mark in source.keys.items():
            self.keys.setdefault(path, mark)

    def _fail(self, kind: str, path: str, clause: str, allowed: str, source: Source) -> None:
        fault = Fault(kind, path, clause, allowed, at_key=True)
        self.faults.append(Located(fault, source.keys[path], self.keys.get(path)))

    def locate(self, fault: Fault, default: Mark) -> Located:
        """Return a fault with its place: that of its path, or of the nearest one around it that has any."""
        first, second = (self.keys, self.values) if fault.at_key else (self.values, self.keys)
        other = self._at(fault.other, self.keys, self.values) if fault.other else None
        return Located(fault, self._at(fault.path, first, second) or default, other)

    @staticmethod
    def _at(path: str, *marks: dict[str, Mark]) -> Mark | None:
        while path:
            for each in marks:
                if path in each:
                    return each[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return None


def check_folder(folder: Path) -> Checked:
    """Return what the files of a folder define, or everything that is wrong with them.

    Raises:
        SettingsError: the folder or a file in it cannot be read, or there is no file of YAML in it.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())
        if not paths:
            raise SettingsError(f"{folder} has no file whose name ends in .yaml; a world is a folder of them")
        if len(paths) > FILES_MAX:
            raise SettingsError(f"{folder} has {len(paths)} files of YAML; at most {FILES_MAX} make a world")
        return check_sources([read_yaml(path.name, path.read_bytes()) for path in paths])
    except OSError as error:
        raise SettingsError(f"{error.filename or folder} cannot be read: {error.strerror}") from None


def check_sources(sources: Sequence[Source]) -> Checked:
    """Return what files define together, or everything that is wrong with them."""
    merged = _Merged()
    for source in sources:
        merged.add(source)
    unread = frozenset(name for source in sources for name in source.maybe)
    whole = not any(source.broken for source in sources)
    result = read(merged.data, unread, whole=whole)
    start = Mark(sources[0].file, 1, 1) if sources else Mark("", 1, 1)
    known = {located.fault.path for located in merged.faults if located.fault.path}
    more = (merged.locate(fault, start) for fault in result.faults if fault.path not in known)
    faults = [*merged.faults, *more]
    faults.sort(key=lambda each: (each.mark.file, each.mark.line, each.mark.column))
    lines = sum(source.lines for source in sources)
    definition = None if faults else result.definition
    return Checked(definition, merged.data, tuple(faults), len(sources), lines)


def check_sample() -> Checked:
    """Return what the files of the sample world define, or what is wrong with them."""
    with as_file(files("aicore.content").joinpath(SAMPLE)) as folder:
        return check_folder(folder)
