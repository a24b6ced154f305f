"""Validators for reading history: types must be right, today's limits do not apply.

A limit that is tightened later must not make recorded facts unreadable (an `evolve` never rejects history),
so patterns, lengths, ranges and custom checks are taken out of a declaration's schema for reading. Unknown
fields are ignored at every depth, also in a model in which a command refuses them: a newer writer may add
optional ones. Free JSON values are taken as they are: what msgpack decodes within the limits of the wire is
nothing else.
"""

from collections.abc import Callable
from typing import Any

from pydantic_core import SchemaValidator
from pydantic_core.core_schema import CoreConfig

from domain.kernel.event import Event

LIMITS = (
    "pattern", "min_length", "max_length", "gt", "ge", "lt", "le", "multiple_of", "allow_inf_nan", "strict",
)  # fmt: skip
EXTRAS = ("extra_behavior", "extra_fields_behavior")
CHECKS = ("function-after", "function-before", "function-wrap")


def reading_validator(kind: type[Event]) -> Callable[[Any], Any]:
    """Return a function from a decoded payload to an event of ``kind``.

    It raises `pydantic.ValidationError` where a field is missing or of another type.
    """
    # With prebuilt validators pydantic-core would take the model's own, limits and all, for a model's schema.
    quiet = CoreConfig(hide_input_in_errors=True)
    return SchemaValidator(reading_schema(kind), quiet, _use_prebuilt=False).validate_python


def reading_schema(kind: type[Event]) -> Any:
    """Return the core schema by which history is read: the declaration's types, without its limits."""
    return _without_limits(kind.__pydantic_core_schema__)


def _without_limits(schema: Any) -> Any:
    """Return a core schema without limits and checks; models themselves stay what they are."""
    if isinstance(schema, list):
        return [_without_limits(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") in CHECKS:
        return _without_limits(schema["schema"])
    if str(schema.get("ref", "")).startswith("pydantic.types.JsonValue"):
        return {"type": "any", "ref": schema["ref"]}
    if schema.get("type") == "model-fields":  # below "fields" the keys are names: one may be called "pattern"
        fields = {name: _without_limits(field) for name, field in schema["fields"].items()}
        return _open(schema) | {"fields": fields}
    return _open({key: _without_limits(value) for key, value in schema.items() if key not in LIMITS})


def _open(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that ignores unknown fields where it refused them."""
    return schema | {key: "ignore" for key in EXTRAS if schema.get(key) == "forbid"}
