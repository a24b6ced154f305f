"""Declared visibility: a field says at its declaration whose words it holds, or that it stays on the server.

``Annotated[Prompt | Erased, Personal(of="player")]``: about the person whom the field ``player`` names, and
in an event it may be gone. ``Annotated[Text, Private()]``: for operators and handlers, for no client of a
player. Documents show both, logs print neither; an id is no such value: a pseudonym says nothing by itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import GenericAlias
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from domain.kernel.declared import Declared

Path = tuple[str | int, ...]
"""Place in a payload: keys and indices of lists."""

GONE = "(erased)"
"""What pages and rows of text show where a personal value is gone."""


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a field that holds what a person said, or what was said of them or to them.

    Attributes:
        of: the field of the same declaration that identifies the person, a dotted path below it. Null there:
            nobody is named, and the value cannot be erased. In a command on something that is recorded, it
            is the id of that, whose events name the person.
    """

    of: str

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Show the mark in the JSON Schema."""
        return {**handler(schema), "x-personal": self.of}


@dataclass(frozen=True, slots=True)
class Private:
    """Marks a field that only the server's side sees: no player's client is sent it."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Show the mark in the JSON Schema."""
        return {**handler(schema), "x-private": True}


class Erased(Declared):
    """Stands where a personal value was, once the person's data are erased; the map {erased: true}."""

    model_config = ConfigDict(frozen=True)

    erased: Literal[True] = Field(description="Always true.")

    def __str__(self) -> str:
        """Return what a person reads in its place."""
        return GONE


ERASED = Erased(erased=True)


@dataclass(frozen=True, slots=True)
class _StandIn:
    """What a representation shows instead of a value."""

    word: str

    def __repr__(self) -> str:
        return f"<{self.word}>"


class Discreet(Declared):
    """A model whose representations, in logs, tracebacks and errors, show no personal or private value."""

    model_config = ConfigDict(hide_input_in_errors=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Yield the fields with a stand-in for what is marked."""
        marks = _own_marks(type(self))
        for name, value in super().__repr_args__():
            words = marks.get(name or "")
            yield name, _StandIn(words) if words and value is not None else value


# --- what is declared ---------------------------------------------------------------------------------------


@cache
def personal_of(kind: type[BaseModel]) -> Mapping[str, str]:
    """Return the personal fields of a declaration: by dotted path, the path of who it is about."""
    return {path: mark.of for path, mark in _marks(kind) if isinstance(mark, Personal)}


@cache
def private_of(kind: type[BaseModel]) -> frozenset[str]:
    """Return the dotted paths of a declaration's private fields."""
    return frozenset(path for path, mark in _marks(kind) if isinstance(mark, Private))


def hides(kind: type[BaseModel], path: Path) -> bool:
    """Say whether what stands at a path of a payload is personal or private, or lies within such a value."""
    return _depth(kind, path) < len(path) + 1


def public_path(kind: type[BaseModel], path: Path) -> Path:
    """Return a path of a payload up to the first key within a marked value that no declaration knows."""
    depth, known = _depth(kind, path), _field_names(kind)
    unknown = (n for n, step in enumerate(path) if n >= depth and isinstance(step, str) and step not in known)
    return path[: next(unknown, len(path))]


def _depth(kind: type[BaseModel], path: Path) -> int:
    """Return how many steps lead to the marked value that a path goes into; more than it has if to none."""
    marked, at = {*personal_of(kind), *private_of(kind)}, ""
    for depth, step in enumerate(path, 1):
        if isinstance(step, str):
            at = f"{at}.{step}" if at else step
            if at in marked:
                return depth
    return len(path) + 1


@cache
def _field_names(kind: type[BaseModel]) -> frozenset[str]:
    """Return the names of all fields of a declaration and of the models within it."""
    names, todo, seen = set[str](), [kind], set[type[BaseModel]]()
    while todo:
        model = todo.pop()
        seen.add(model)
        for name, field in model.model_fields.items():
            names.add(name)
            todo += [part for part in _models(field.annotation) if part not in seen]
    return frozenset(names)


def hidden_names(kinds: Iterable[type[BaseModel]]) -> frozenset[str]:
    """Return the names of all marked fields, of whatever declaration and at any depth."""
    paths = (path for kind in kinds for path in (*personal_of(kind), *private_of(kind)))
    return frozenset(path.rpartition(".")[2] for path in paths)


@cache
def _own_marks(kind: type[BaseModel]) -> Mapping[str, str]:
    """Return what is shown instead of each marked field of the declaration itself."""
    return {
        name: " and ".join(sorted({type(mark).__name__.lower() for mark in found}))
        for name, found in ((name, list(_marks_on(field))) for name, field in kind.model_fields.items())
        if found
    }


def _marks(kind: type[BaseModel], within: tuple[type, ...] = ()) -> Iterator[tuple[str, Personal | Private]]:
    """Yield every mark of a declaration with its dotted path; subjects are paths from there, too."""
    for name, field in kind.model_fields.items():
        yield from ((name, mark) for mark in _marks_on(field))
        for inner in _models(field.annotation):
            if inner not in within:
                for path, mark in _marks(inner, (*within, kind)):
                    moved = Personal(f"{name}.{mark.of}") if isinstance(mark, Personal) else mark
                    yield f"{name}.{path}", moved


def _marks_on(field: Any) -> Iterator[Personal | Private]:
    yield from (each for each in field.metadata if isinstance(each, Personal | Private))
    yield from (each for each in _parts(field.annotation) if isinstance(each, Personal | Private))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    parts = (each for each in _parts(annotation) if isinstance(each, type))
    return (each for each in parts if issubclass(each, BaseModel))


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield a type and all that it is made of, markers among it."""
    if isinstance(annotation, type | Personal | Private) and not isinstance(annotation, GenericAlias):
        yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


# --- what may be gone ---------------------------------------------------------------------------------------

V = TypeVar("V")
M = TypeVar("M", bound=BaseModel)


def shown(value: V | Erased, instead: Any = GONE) -> V | Any:
    """Return a value as a person reads it, or what stands there once it is gone."""
    return instead if isinstance(value, Erased) else value


def alike(one: object, other: object) -> bool:
    """Say whether two values may be the same: what is gone contradicts nothing."""
    return one == other or isinstance(one, Erased) or isinstance(other, Erased)


def erased(message: M, subject: str | None = None) -> M:
    """Return a message without the personal values of a subject; None: of all who are named or not."""
    changes: dict[str, Any] = {}
    for name, field in type(message).model_fields.items():
        value = getattr(message, name)
        of = next((mark.of for mark in _marks_on(field) if isinstance(mark, Personal)), None)
        if of is None:
            inner = _erased_within(value, subject)
            if inner is not value:
                changes[name] = inner
        elif value is not None and (subject is None or _at(message, of) == subject):
            changes[name] = ERASED
    return message.model_copy(update=changes) if changes else message


def _erased_within(value: Any, subject: str | None) -> Any:
    match value:
        case BaseModel():
            return erased(value, subject)
        case list():
            return [_erased_within(each, subject) for each in value]
        case dict():
            return {key: _erased_within(each, subject) for key, each in value.items()}
        case _:
            return value


def _at(message: BaseModel, path: str) -> Any:
    """Return what stands at a dotted path; None where a step is null."""
    value: Any = message
    for step in path.split("."):
        value = getattr(value, step, None)
    return value
