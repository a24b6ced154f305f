"""What a declaration's core schema (pydantic_core.core_schema) is made of."""

from collections.abc import Mapping, Sequence
from typing import Any

CONTAINERS = frozenset(
    {"default", "list", "model", "model-field", "model-fields", "nullable", "tagged-union", "union"}
)
"""Kinds of schema that add no value to those of `inner_schemas`."""


def inner_schemas(schema: Mapping[str, Any]) -> Sequence[Any]:
    """Return the schemas right below one; none of a list of anything, say."""
    found = [schema[key] for key in ("schema", "items_schema") if key in schema]
    for key in ("fields", "choices"):
        below = schema.get(key, ())
        found += below.values() if isinstance(below, dict) else below
    return [each[0] if isinstance(each, tuple) else each for each in found]  # choices may have labels
