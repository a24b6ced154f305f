"""Readers compiled per declaration: from a payload's bytes to its event in one pass, checked on the way.

msgspec decodes straight into a struct made from the declaration and checks types while it does; the event is
then made of the struct's fields. A compiled reader takes what a program of ours writes, and answers as the
validator of `bus.reading` would; what it refuses (a number in quotes, an unknown or a missing field, broken
bytes) goes to that validator, which reads it or names the fault. So the quick way decides nothing, and a
declaration with a shape that it does not know goes without.

Measured on 2026-11-30, one example of each of 49 types, pages of 2,000: 2.0 µs an event, against 3.5 for a
dict that is validated.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial, reduce
from operator import or_
from typing import Any, Literal

import msgspec
import ormsgpack
from pydantic import BaseModel

from bus.reading import reading_schema
from domain.kernel.event import Event
from domain.kernel.visibility import Erased

REFUSALS = (msgspec.MsgspecError, ValueError, RecursionError)
"""What a compiled reader raises for a payload that it does not take."""

Finish = Callable[[Any], Any]

SCALARS = {"str": str, "int": int, "float": float, "bool": bool, "none": None}
SAYS_NOTHING = {"type", "metadata", "ref", "serialization"}
"""Keys of a core schema that do not change what is read."""

PLAIN = {"title", "extra_fields_behavior", "hide_input_in_errors"}
"""What a model's configuration may say: nothing else leaves values as they are."""

# How pydantic fills an instance (`BaseModel.model_construct`), each slot's setter looked up once.
_set_values = BaseModel.__dict__["__dict__"].__set__
_set_named = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_set_extra = BaseModel.__dict__["__pydantic_extra__"].__set__
_set_private = BaseModel.__dict__["__pydantic_private__"].__set__


class _UnknownShape(Exception):
    """The declaration has something that no struct of msgspec reads as pydantic does."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """The type that msgspec decodes to, and what is to be done with the value then, if anything."""

    type: Any
    finish: Finish | None = None


def quick_reader(kind: type[Event]) -> Callable[[bytes], Event] | None:
    """Return a function from a payload's bytes to an event of ``kind``, or None if it has an unknown shape.

    The function raises one of `REFUSALS` for what it does not take. All fields of its events count as set.
    """
    try:
        return _Compiler().model(reading_schema(kind)).finish
    except (_UnknownShape, TypeError, RecursionError):
        # TypeError: a union whose members msgspec cannot tell apart. RecursionError: a model within itself.
        return None


@dataclass(slots=True)
class _Compiler:
    """Goes through one declaration's core schema (pydantic_core.core_schema)."""

    definitions: dict[str, Any] = field(default_factory=dict)
    models: dict[type, _Shape] = field(default_factory=dict)

    def model(self, schema: Mapping[str, Any]) -> _Shape:
        """Return a model's struct, and what makes the model of it."""
        if schema["type"] == "definitions":
            self.definitions |= {each["ref"]: each for each in schema["definitions"]}
            schema = schema["schema"]
        schema = self._resolved(schema)
        if schema["type"] != "model" or schema["schema"]["type"] != "model-fields":
            raise _UnknownShape(schema["type"])
        kind = schema["cls"]
        _only(schema, "cls", "schema", "config", "custom_init", "root_model")
        _only(schema["schema"], "fields", "model_name", "computed_fields", "extra_behavior")
        config = schema.get("config") or {}
        unusual = schema.get("custom_init") or schema.get("root_model") or kind.__private_attributes__
        if unusual or config.keys() - PLAIN or config.get("extra_fields_behavior") == "allow":
            raise _UnknownShape(kind.__name__)
        if kind not in self.models:
            struct, finishes = self._struct(kind, schema["schema"]["fields"])
            self.models[kind] = _Shape(struct, _maker(kind, struct, finishes))
        return self.models[kind]

    def _struct(
        self, kind: type[BaseModel], fields: Mapping[str, Any]
    ) -> tuple[Any, list[tuple[str, Finish]]]:
        """Return a struct of these fields, and which of them are finished how."""
        declared: list[Any] = []
        finishes: list[tuple[str, Finish]] = []
        for name, wanted in fields.items():
            _only(wanted, "schema")
            inner, default = wanted["schema"], None
            if inner["type"] == "default":
                inner, default = inner["schema"], _default(inner)
            shape = self.shape(inner)
            declared.append((name, shape.type) if default is None else (name, shape.type, default))
            if shape.finish:
                finishes.append((name, shape.finish))
        # An unknown field would be skipped unread, broken or not: the validator's way reads it.
        title = kind.__name__
        struct = msgspec.defstruct(title, declared, kw_only=True, gc=False, forbid_unknown_fields=True)
        return struct, finishes

    def shape(self, schema: Mapping[str, Any]) -> _Shape:
        """Return how values of a core schema are read."""
        schema = self._resolved(schema)
        match schema["type"]:
            case "str" | "int" | "float" | "bool" | "none" as scalar:
                _only(schema)
                return _Shape(SCALARS[scalar])
            case "literal":
                return _literal(schema)
            case "any":
                _only(schema)
                return _Shape(msgspec.Raw, _unpacked)
            case "model":
                return self.model(schema)
            case "chain":
                return self._chain(schema)
            case _:
                return self._container(schema)

    def _container(self, schema: Mapping[str, Any]) -> _Shape:
        match schema["type"]:
            case "nullable":
                _only(schema, "schema")
                inner = self.shape(schema["schema"])
                return _Shape(inner.type | None, inner.finish)
            case "list":
                _only(schema, "items_schema")
                inner = self.shape(schema["items_schema"])
                return _Shape(list.__class_getitem__(inner.type), inner.finish and _each(inner.finish))
            case "dict":
                _only(schema, "keys_schema", "values_schema")
                if self.shape(schema["keys_schema"]).type is not str:
                    raise _UnknownShape("keys")
                inner = self.shape(schema["values_schema"])
                return _Shape(
                    dict.__class_getitem__((str, inner.type)), inner.finish and _each_value(inner.finish)
                )
            case "union":
                _only(schema, "choices")
                # What is gone goes the validator's way: whoever is still there is read no slower for it.
                choices = map(self._resolved, schema["choices"])
                there = [choice for choice in choices if choice.get("cls") is not Erased]
                if len(there) == 1:
                    return self.shape(there[0])
                shapes = [self.shape(choice) for choice in there]
                if any(shape.finish for shape in shapes):
                    raise _UnknownShape("union")
                return _Shape(reduce(or_, (shape.type for shape in shapes)))
        raise _UnknownShape(schema["type"])

    def _chain(self, schema: Mapping[str, Any]) -> _Shape:
        """Take steps that all read the same: what is left of a field's limits without the limits."""
        _only(schema, "steps")
        first, *others = [self.shape(step) for step in schema["steps"]]
        if any(other != first for other in others):
            raise _UnknownShape("chain")
        return first

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while schema["type"] == "definition-ref":
            schema = self.definitions[schema["schema_ref"]]
        return schema


def _only(schema: Mapping[str, Any], *known: str) -> None:
    """Raise `_UnknownShape` if a schema says more than its type and ``known``."""
    if unknown := {key for key, value in schema.items() if value is not None} - SAYS_NOTHING - {*known}:
        raise _UnknownShape(f"{schema['type']}: {unknown}")


def _literal(schema: Mapping[str, Any]) -> _Shape:
    expected = tuple(schema["expected"])
    if {type(value) for value in expected} not in ({str}, {int}):
        raise _UnknownShape("literal")
    return _Shape(Literal[expected])


def _default(schema: Mapping[str, Any]) -> Any:
    """Return a field's default for msgspec: a value that nobody can change, or a factory."""
    _only(schema, "schema", "default", "default_factory", "default_factory_takes_data")
    if schema.get("default_factory_takes_data"):
        raise _UnknownShape("default")
    if factory := schema.get("default_factory"):
        return msgspec.field(default_factory=factory)
    value = schema.get("default")
    if isinstance(value, str | int | float | bool | None):
        return msgspec.field(default=value)
    return msgspec.field(default_factory=partial(deepcopy, value))


def _maker(kind: type[BaseModel], struct: type[msgspec.Struct], finishes: list[tuple[str, Finish]]) -> Finish:
    """Return the function that makes a ``kind`` of its payload or struct; a default is a ``kind`` already."""
    decode, as_dict = msgspec.msgpack.Decoder(struct).decode, msgspec.structs.asdict
    new, named = object.__new__, set(kind.model_fields)

    def make(value: Any) -> Any:
        if type(value) is bytes:
            value = decode(value)
        elif type(value) is not struct:
            return value
        values = as_dict(value)
        for name, finish in finishes:
            if found := values[name]:  # what is empty or null has nothing to finish
                values[name] = finish(found)
        model = new(kind)
        _set_values(model, values)
        _set_named(model, named)
        _set_extra(model, None)
        _set_private(model, None)
        return model

    return make


def _each(finish: Finish) -> Finish:
    return lambda values: list(map(finish, values))


def _each_value(finish: Finish) -> Finish:
    return lambda values: {key: finish(value) for key, value in values.items()}


def _unpacked(value: Any) -> Any:
    """Decode a free JSON value as the careful way does; a default is no `Raw`."""
    return ormsgpack.unpackb(memoryview(value)) if type(value) is msgspec.Raw else value
