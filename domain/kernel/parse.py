"""Data from outside into a typed command or query, or a refusal that names the field."""

import re
from collections.abc import Mapping
from functools import cache
from itertools import chain
from math import isfinite
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from domain.kernel.decider import Rejected
from domain.kernel.event import Command, Query
from domain.kernel.schema import CONTAINERS, inner_schemas
from domain.kernel.visibility import Path, hides, public_path

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

_REMEDIES = {
    "extra_forbidden": "remove the field",
    "missing": "add the field",
}

_WORD = re.compile(r"[\w.-]{1,32}")
"""What is shown of a text, where one of a few words is expected; anything else may be private."""


def parse(model: type[M], data: Mapping[str, object]) -> M:
    """Return ``data`` as a ``model``, strictly: no string is taken for a number, no unknown field is dropped.

    Raises:
        Rejected: code ``invalid_field``; ``field`` is the dotted path of the first field at fault, the
            message names every one, and the value where it cannot be private.
    """
    # What such a model takes needs no look; what it refuses is told as of any other.
    if not _within_json(model):
        _see_json(model, data)
    try:
        return model.model_validate(data, strict=True)
    except ValidationError as error:
        _see_json(model, data)
        faults = error.errors(include_url=False, include_context=False)
        raise Rejected(
            "invalid_field",
            "; ".join(_told(model, fault) for fault in faults[:8]),
            field=_path(model, faults[0]["loc"]),
            remedy=_REMEDIES.get(faults[0]["type"], _form(model)),
        ) from None


def _see_json(model: type[BaseModel], data: Mapping[str, object]) -> None:
    if found := _beyond_json(data):
        at, message, remedy = found
        path = _path(model, at)
        raise Rejected("invalid_field", f"{path}: {message}", field=path, remedy=remedy)


_SCALARS = frozenset({"bool", "int", "literal", "none"})
_NAME = re.compile(r"\^(?:[\w\[\](){},.?+*:-]|\\\.)+\$")
"""Patterns from the first character to the last whose characters are named, none by leaving some out."""

_ANY_CHARACTER = re.compile(r"(?<!\\)\.")


@cache
def _within_json(model: type[BaseModel]) -> bool:
    """Say whether whatever a model takes can be held by JSON texts and read models.

    So it is where texts are held to a pattern without U+0000, and numbers are whole: `_beyond_json` has
    nothing to find in what was taken, and costs more than all other checks of a small command.
    """
    return _schema_within_json(model.__pydantic_core_schema__)


def _schema_within_json(schema: Any) -> bool:
    match schema["type"]:
        case "str":
            pattern = schema.get("pattern", "")
            return bool(_NAME.fullmatch(pattern)) and not _ANY_CHARACTER.search(pattern)
        case kind if kind in _SCALARS:
            return True
        case "model" if (schema.get("config") or {}).get("extra_fields_behavior") != "forbid":
            return False
        case kind:
            inner = inner_schemas(schema)
            return kind in CONTAINERS and bool(inner) and all(map(_schema_within_json, inner))


def _beyond_json(data: Mapping[str, object]) -> tuple[Path, str, str] | None:
    """Return path, fact and remedy of the first value that no read model or JSON text could hold, if any.

    Postgres has no U+0000 in text, and JSON no NaN: a declaration that forgot to say so would end in
    ``internal``. Level by level: depth costs no stack.
    """
    if not _may_be_beyond(data):
        return None
    level: list[tuple[Path, object]] = [((), data)]
    while level:
        below: list[tuple[Path, object]] = []
        for path, value in level:
            match value:
                case str() if "\x00" in value:
                    return path, "must not contain the character U+0000", "remove it"
                case float() if not isfinite(value):
                    return path, "must be a finite number", "leave it out, or send a number"
                case Mapping():
                    if any("\x00" in key for key in value if isinstance(key, str)):
                        return path, "a key must not contain the character U+0000", "remove it"
                    below += [((*path, str(key)), item) for key, item in value.items()]
                case list():
                    below += [((*path, n), item) for n, item in enumerate(value)]
                case _:
                    pass
        level = below
    return None


_FLAT = frozenset({str, float, int, bool, bytes, type(None)})
_NESTED = frozenset({dict, list})


def _may_be_beyond(data: Mapping[str, object]) -> bool:
    """Say whether `_beyond_json` has to look for the place; 60,000 texts cost 4 ms, and the look 40 ms.

    A whole level at a time, by what Python does for many values at once.
    """
    holders: list[Any] = [data]
    while holders:
        if set(map(type, holders)) - _NESTED:
            return True
        maps = [holder for holder in holders if type(holder) is dict]
        lists = [holder for holder in holders if type(holder) is list]
        values = [*chain.from_iterable(map(dict.values, maps)), *chain.from_iterable(lists)]
        keys = [*chain.from_iterable(maps)]
        kinds = set(map(type, values))
        if (kinds - _FLAT - _NESTED) or set(map(type, keys)) - {str}:
            return True
        if "\x00" in "".join(keys) or "\x00" in "".join(_of(str, values, kinds)):
            return True
        if not all(map(isfinite, _of(float, values, kinds))):
            return True
        holders = [value for value in values if type(value) in _NESTED] if kinds & _NESTED else []
    return False


def _of(kind: type[T], values: list[Any], kinds: set[type]) -> list[T]:
    """Return the values of a kind; ``kinds``: those that there are."""
    if kind not in kinds:
        return []
    return values if len(kinds) == 1 else [value for value in values if type(value) is kind]


def _told(model: type[BaseModel], fault: ErrorDetails) -> str:
    path, value = _path(model, fault["loc"]), fault["input"]
    message = fault["msg"].removeprefix("Value error, ")
    word = isinstance(value, str) and fault["type"] == "literal_error" and _WORD.fullmatch(value)
    # A number where a text belongs may be one that somebody typed.
    number = isinstance(value, bool | int | float) and fault["type"] != "string_type"
    shown = f"; it is {value!r}" if (word or number) and not hides(model, fault["loc"]) else ""
    return f"{path}: {message}{shown}" if path else message


def _path(model: type[BaseModel], path: Path) -> str:
    """Return a dotted path; within a personal or private value it shows no key that the caller made up."""
    return ".".join(map(str, public_path(model, path)))


def _form(model: type[BaseModel]) -> str:
    """Return where the form of a message's fields is told."""
    if issubclass(model, Command):
        return f"`aicore events show {model.command_name}` tells what each field takes"
    if issubclass(model, Query):
        return f"`aicore events show {model.query_name}` tells what each field takes"
    return "send a value of the form that the schema gives"
