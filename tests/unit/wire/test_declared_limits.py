"""Each field of each command and query has limits at its declaration, and nothing beyond them goes on."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from pydantic import BaseModel

from bus.catalogue import domain_catalogue
from domain.kernel.decider import Rejected
from domain.kernel.parse import parse
from tests.unit.cases import each_of

CATALOGUE = domain_catalogue()
ASKED: dict[str, type[BaseModel]] = {**CATALOGUE.commands, **CATALOGUE.queries}
INT64 = range(-(2**63), 2**63)
TEXT_MAX = 1_000_000


def unlimited(schema: Any, shared: dict[str, Any], path: str) -> Iterator[str]:
    """Yield the paths of a JSON schema's values that have no limit."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name != "JsonValue":  # its depth, keys and numbers are checked by a validator of their own
            yield from unlimited({**shared[name], **without(schema, "$ref")}, shared, path)
        return
    for key in ("anyOf", "oneOf", "allOf"):
        for part in schema.get(key, ()):
            yield from unlimited({**without(schema, key), **part}, shared, path)
    if "enum" in schema or "const" in schema:
        return
    match schema.get("type"):
        case "string":
            if longest(schema) > TEXT_MAX:
                yield f"{path}: text"
        case "integer" | "number":
            if not bounds(schema) or any(bound not in INT64 for bound in map(int, bounds(schema))):
                yield f"{path}: number"
        case "array":
            if "maxItems" not in schema:
                yield f"{path}: list"
            yield from unlimited(schema.get("items", {}), shared, f"{path}[]")
        case "object":
            yield from of_map(schema, shared, path)


def of_map(schema: Any, shared: dict[str, Any], path: str) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        yield from unlimited(field, shared, f"{path}.{name}")
    values = [schema.get("additionalProperties") or {}, *schema.get("patternProperties", {}).values()]
    if any(values):
        if "maxProperties" not in schema:
            yield f"{path}: map"
        if "patternProperties" not in schema:
            keys = {"type": "string", **schema.get("propertyNames", {})}
            yield from unlimited(keys, shared, f"{path}{{keys}}")
        for value in values:
            if isinstance(value, dict):
                yield from unlimited(value, shared, f"{path}{{}}")


def without(schema: Any, key: str) -> Any:
    return {name: value for name, value in schema.items() if name != key}


def longest(schema: Any) -> int:
    """Return how long a string can be: by its limit, or by the longest match of its pattern."""
    by_pattern = re._parser.parse(schema["pattern"]).getwidth()[1] if "pattern" in schema else TEXT_MAX + 1  # type: ignore[attr-defined]  # private, and stable since 3.11
    return int(min(schema.get("maxLength", TEXT_MAX + 1), by_pattern))


def bounds(schema: Any) -> list[float]:
    least = [schema[key] for key in ("minimum", "exclusiveMinimum") if key in schema]
    most = [schema[key] for key in ("maximum", "exclusiveMaximum") if key in schema]
    return [*least, *most] if least and most else []


@each_of("name", ASKED)
def test_each_value_of_a_command_or_a_query_has_its_limits(name: str) -> None:
    schema = ASKED[name].model_json_schema()

    assert [*unlimited(schema, schema.get("$defs", {}), name)] == []


def test_a_field_without_limits_would_be_found() -> None:
    class Loose(BaseModel):
        text: str
        number: int
        many: list[bool]
        table: dict[str, bool]

    schema = Loose.model_json_schema()

    assert [*unlimited(schema, {}, "loose")] == [
        "loose.text: text",
        "loose.number: number",
        "loose.many: list",
        "loose.table: map",
        "loose.table{keys}: text",
    ]


UNHELD: list[Any] = ["a\0b", float("nan"), float("inf"), ["a\0b"], {"a": [float("-inf")]}, {"\0": 1}]


@each_of("name", ASKED)
def test_no_field_of_any_command_or_query_takes_what_no_read_model_can_hold(name: str) -> None:
    kind = ASKED[name]
    example = dict(getattr(kind, "example", {}))

    for field, value in product(kind.model_fields, UNHELD):
        with pytest.raises(Rejected) as refusal:
            parse(kind, {**example, field: value})
        assert refusal.value.code == "invalid_field"
        assert refusal.value.field.partition(".")[0] == field
