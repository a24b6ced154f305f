"""From the text of a YAML file to plain data, with the line and column of everything in it.

YAML 1.2's core schema, and of it what a designer can read: no anchors, aliases, merge keys, tags or second
documents, and no number that other readers take for another. `no` and `18:00` are texts. Every fault is
reported; one of grammar ends its file, as nobody knows what was meant behind it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from aicore.content.yaml_faults import grammar_fault
from domain.definition.faults import Fault

FILE_BYTES_MAX = 4 * 1024 * 1024
"""Of one file: some 100,000 lines; a definition is split long before."""

DEPTH_MAX = 16
"""Maps and lists within each other; a definition needs eight."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE, _FALSE = frozenset({"true", "True", "TRUE"}), frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+")
_DIGITS_MAX = 30
_ODD = re.compile(
    r"[-+]?(0[0-9]+(\.[0-9]*)?|0o[0-7]+|0x[0-9a-fA-F]+|(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|\.(inf|Inf|INF))"
    r"|\.(nan|NaN|NAN)"
)
_HIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_NAMES = re.compile(r"^\s*([a-z][a-z0-9_]*):", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mark:
    """Where something stands: a file's name, and line and column from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Located:
    """A fault and where it is; ``other`` is where the second place is that it is about."""

    fault: Fault
    mark: Mark
    other: Mark | None = None


@dataclass(slots=True)
class Source:
    """What one file says.

    Attributes:
        file: its name, as faults show it.
        data: its map; {} if it has none.
        values: the marks of values by path.
        keys: the marks of keys by the path of their value.
        faults: what is wrong with it as YAML.
        broken: whether it could not be read to its end.
        maybe: names that may be defined in what could not be read.
        lines: how many it has.
    """

    file: str
    data: dict[str, object] = field(default_factory=dict)
    values: dict[str, Mark] = field(default_factory=dict)
    keys: dict[str, Mark] = field(default_factory=dict)
    faults: list[Located] = field(default_factory=list)
    broken: bool = False
    maybe: frozenset[str] = frozenset()
    lines: int = 0


def read_yaml(file: str, content: bytes) -> Source:
    """Return what a file says; never raises."""
    source = Source(file)
    text = _text(source, content)
    if text is None:
        return source
    source.lines = text.count("\n") + (not text.endswith("\n"))
    builder = _Builder(source)
    try:
        for event in _events(text):
            if not builder.take(event):
                _break(source, text, builder)
                break
    except MarkedYAMLError as error:
        source.faults.append(_of_grammar(source, error, text))
        _break(source, text, builder)
    except (YAMLError, RecursionError, ValueError) as error:
        clause = f"the file is no YAML: {error}"
        source.faults.append(Located(Fault("grammar", "", clause, "YAML 1.2"), Mark(file, 1, 1)))
        _break(source, text, builder)
    source.data = builder.root if isinstance(builder.root, dict) else {}
    if not source.faults and not isinstance(builder.root, dict):
        clause = "the file is empty" if builder.root is None else "the file is no map"
        allowed = "sections with their entries, places: and so on"
        source.faults.append(Located(Fault("empty_file", "", clause, allowed), Mark(file, 1, 1)))
    return source


def _events(text: str) -> Iterator[Event]:
    yield from YAML(typ="safe", pure=True).parse(text)


def _text(source: Source, content: bytes) -> str | None:
    """Return the text of a file, or None if it has none, and a fault why."""
    if len(content) > FILE_BYTES_MAX:
        clause = f"the file has {len(content):,} bytes"
        _refuse(source, Fault("too_large", "", clause, f"at most {FILE_BYTES_MAX:,}; split it"), 1, 1)
        return None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        clause = f"the byte 0x{content[error.start]:02x} is not UTF-8"
        _refuse(source, Fault("encoding", "", clause, "text in UTF-8; save the file so"), line, column)
        return None
    text = text.removeprefix("\ufeff")
    for at, letter in enumerate(text):
        if (letter < " " and letter not in "\t\n\r") or letter == "\x7f":
            line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
            clause = f"the unprintable character U+{ord(letter):04X} stands here"
            _refuse(
                source,
                Fault("unprintable", "", clause, "characters that one can see; remove it"),
                line,
                column,
            )
            return None
    return text


def _refuse(source: Source, fault: Fault, line: int, column: int) -> None:
    source.faults.append(Located(fault, Mark(source.file, line, column)))
    source.broken = True


def _of_grammar(source: Source, error: MarkedYAMLError, text: str) -> Located:
    """Return a fault of grammar; what is never closed is shown where it begins."""
    marks = [
        Mark(source.file, mark.line + 1, mark.column + 1)
        for mark in (error.problem_mark, error.context_mark)
        if mark is not None
    ] or [Mark(source.file, 1, 1)]
    fault = grammar_fault(error, text, marks[0].line)
    if fault.kind in ("quotes", "brackets", "colon"):
        return Located(fault, marks[-1], marks[0] if marks[0] != marks[-1] else None)
    return Located(fault, marks[0])


def _break(source: Source, text: str, builder: "_Builder") -> None:
    """Note that the rest of a file is unknown, and with it the entry that was being read."""
    builder.drop()
    source.broken = True
    source.maybe = frozenset(_NAMES.findall(text))


@dataclass(slots=True)
class _Open:
    """A map or a list that is being read."""

    path: str
    value: dict[str, object] | list[object]
    key: str | None = None
    """Of a map: the key whose value comes next."""
    spare: bool = False
    """Whether the next value is of a key that cannot be used."""


class _Builder:
    """Builds plain data of events, without recursion."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._open: list[_Open] = []
        self._documents = 0
        self.root: object = None

    def drop(self) -> None:
        """Take back the entry that is being read: its other half is unknown."""
        for holder in self._open[1:2] if len(self._open) > 2 else self._open[:1]:
            if isinstance(holder.value, dict) and holder.value:
                holder.value.popitem()

    def take(self, event: Event) -> bool:
        """Take one event; return whether to go on."""
        match event:
            case DocumentStartEvent():
                return self._document(event)
            case AliasEvent():
                self._fail(event, "alias", f"the alias *{event.anchor} stands here", "the value itself")
                self._put(None, event)
            case ScalarEvent():
                self._plain(event)
                self._scalar(event)
            case MappingStartEvent() | SequenceStartEvent():
                return self._begin(event)
            case MappingEndEvent() | SequenceEndEvent():
                self._open.pop()
        return True

    def _document(self, event: DocumentStartEvent) -> bool:
        self._documents += 1
        if self._documents > 1:
            self._fail(event, "second_document", "a second document begins here", "one per file; remove ---")
            return False
        if event.version or event.tags:
            self._fail(event, "directive", "a directive (%) stands here", "YAML 1.2 without directives")
        return True

    def _plain(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent) -> None:
        """Note anchors and tags, which no definition has."""
        if event.anchor:
            self._fail(event, "anchor", f"the anchor &{event.anchor} stands here", "the value without it")
        if event.tag and str(event.tag) != "!":
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            self._fail(event, "tag", f"the tag {tag} stands here", "the value without it")

    def _begin(self, event: MappingStartEvent | SequenceStartEvent) -> bool:
        self._plain(event)
        if len(self._open) >= DEPTH_MAX:
            clause = "maps and lists stand too deep within each other here"
            self._fail(event, "too_deep", clause, f"{DEPTH_MAX} levels")
            return False
        holder = self._open[-1] if self._open else None
        if holder and isinstance(holder.value, dict) and holder.key is None and not holder.spare:
            self._fail(event, "bad_key", "a map or a list stands where a key should", "a word and a colon")
            return False
        value: dict[str, object] | list[object] = {} if isinstance(event, MappingStartEvent) else []
        path = self._put(value, event)
        self._open.append(_Open(path, value))
        return True

    def _scalar(self, event: ScalarEvent) -> None:
        holder = self._open[-1] if self._open else None
        if holder and isinstance(holder.value, dict) and holder.key is None and not holder.spare:
            self._key(holder, event)
        else:
            self._put(self._meaning(event), event)

    def _key(self, holder: _Open, event: ScalarEvent) -> None:
        key: str = event.value
        path = f"{holder.path}.{key}" if holder.path else key
        mark = self._mark(event)
        if key == "<<":
            self._fail(event, "merge_key", "the merge key << stands here", "the fields themselves")
            holder.spare = True
        elif not key:
            self._fail(event, "bad_key", "a key is empty", "a word and a colon")
            holder.spare = True
        elif key in holder.value:
            fault = Fault("duplicate_key", path, f"{key!r} stands here again", "each key once", at_key=True)
            self._source.faults.append(Located(fault, mark, self._source.keys.get(path)))
            holder.spare = True
        else:
            holder.key = key
            self._source.keys[path] = mark

    def _put(self, value: object, event: Event) -> str:
        """Put a value where it belongs, and return its path; a spare one goes nowhere."""
        if not self._open:
            self.root = value
            return ""
        holder = self._open[-1]
        if isinstance(holder.value, list):
            path = f"{holder.path}[{len(holder.value)}]"
            holder.value.append(value)
        elif holder.spare:
            holder.spare = False
            return f"{holder.path}.\x00"
        else:
            key = holder.key or ""
            path = f"{holder.path}.{key}" if holder.path else key
            holder.value[key] = value
            holder.key = None
        self._source.values[path] = self._mark(event)
        return path

    def _meaning(self, event: ScalarEvent) -> object:
        """Return what a scalar means; in quotes or as a block it is a text."""
        text: str = event.value
        if event.style:
            return text
        if text in _NULL:
            return None
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        if len(text) <= _DIGITS_MAX and _INTEGER.fullmatch(text):
            return int(text)
        if len(text) <= _DIGITS_MAX and _DECIMAL.fullmatch(text):
            return Decimal(text)
        if _ODD.fullmatch(text):
            clause = f"the number {text} stands here, which not everybody reads alike"
            self._fail(event, "odd_number", clause, "plain digits: 8, -40, 0.25; or in quotes, as a text")
            return None
        return text

    def _mark(self, event: Event) -> Mark:
        return Mark(self._source.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _fail(self, event: Event, kind: str, clause: str, allowed: str) -> None:
        holder = self._open[-1] if self._open else None
        path = ""
        if holder:
            path = f"{holder.path}.{holder.key}" if holder.key and holder.path else holder.key or holder.path
        self._source.faults.append(Located(Fault(kind, path, clause, allowed), self._mark(event)))
