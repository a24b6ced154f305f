"""The words that several contexts share: each field type with its form, limit, unit and meaning, said once.

Events and commands name these types, so that a reader of `aicore events show` sees the same sentence
wherever the same thing is meant.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue

from domain.kernel.sender import Sender

CONFIGURATION_KEYS_MAX = 64
"""Keys of one configuration: far above what a serving engine takes, and small enough to show on a page."""

CONFIGURATION_DEPTH_MAX = 8
"""Levels of lists and maps in one configuration; the wire itself allows 32."""

INT64_MAX = 2**63 - 1
COUNT_MAX = 2**53 - 1
INT32_MAX = 2**31 - 1
OPERATOR_CHARACTERS_MAX = 128


def _printable(text: str) -> str:
    """Refuse U+0000, which Postgres cannot hold in text: it would stop every projection that shows it."""
    if "\x00" in text:
        raise ValueError("must not contain the character U+0000; remove it")
    return text


def _json_safe(value: JsonValue, depth: int = CONFIGURATION_DEPTH_MAX) -> JsonValue:
    """Refuse what JSON, msgpack or Postgres cannot carry: NaN, infinity, more than 64 bits, U+0000."""
    match value:
        case str():
            _printable(value)
        case float() if not -float("inf") < value < float("inf"):
            raise ValueError("must hold finite numbers only; leave the key out instead of NaN or infinity")
        case int() if not -INT64_MAX - 1 <= value <= INT64_MAX:
            raise ValueError("must hold integers of at most 64 bits; write larger ones as strings")
        case list() | dict() if depth == 0:
            raise ValueError(f"is nested deeper than {CONFIGURATION_DEPTH_MAX} levels; flatten it")
        case list():
            for item in value:
                _json_safe(item, depth - 1)
        case dict():
            for key, item in value.items():
                _json_safe(_printable(key), depth - 1)
                _json_safe(item, depth - 1)
        case _:
            pass
    return value


UseCase = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]{0,62}$",
        description="What models are asked to do, e.g. npc_dialogue; exactly one model serves it at a time.",
    ),
]
ModelId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        description="The model's id: a UUIDv5 of use case, name and version, so that anyone can derive it.",
    ),
]
ModelName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$",
        description="Name of the model as its maker or trainer calls it, at most 128 characters.",
    ),
]
ModelVersion = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$",
        description="Version of the model, at most 64 characters; unique with the name within a use case.",
    ),
]
Provider = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]{0,62}$",
        description="Who serves the model: the name of an engine, e.g. embedded, vllm, openrouter.",
    ),
]
Tier = Annotated[
    Literal["gold", "silver", "bronze"],
    Field(
        description="Service level: gold (real time, at most 16 ms per token), silver (dialogue, at most "
        "250 ms to the first token), bronze (asynchronous)."
    ),
]
Digest = Annotated[
    str,
    Field(
        pattern=r"^sha256:[0-9a-f]{64}$",
        description="SHA-256 of a file's bytes, written sha256: and 64 hexadecimal digits.",
    ),
]
Alias = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_-]{0,62}$",
        description="A name that points to a version and can be moved, e.g. next; at most 63 characters.",
    ),
]
Operator = Annotated[
    str,
    Field(
        min_length=1,
        max_length=OPERATOR_CHARACTERS_MAX,
        description="Who answers for it: the identity that sent the command, as its connection proves it, or "
        "a component of ours. What a command says here itself is a label, at most 128 characters.",
    ),
    AfterValidator(_printable),
    Sender(),
]
Reason = Annotated[
    str,
    Field(
        min_length=1, max_length=2_000, description="Why, in words for an auditor; at most 2,000 characters."
    ),
    AfterValidator(_printable),
]
Text = Annotated[str, AfterValidator(_printable)]
"""Text that can be stored and shown anywhere; give it a limit and a description where it is used."""

Player = Annotated[
    Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")] | None,
    Field(description="Id of the player that is spoken to, if any; an id, never a name."),
]
"""Whom `Personal` values are about: a pseudonym, which stays when they are erased."""

IdPrefix = Annotated[str, Field(max_length=128), AfterValidator(_printable)]
"""How an id begins, as a person types it; "" is the beginning of all."""

Count = Annotated[int, Field(ge=0, le=COUNT_MAX)]
"""How many, or a position in the log; a double holds each."""

TimeUs = Annotated[int, Field(ge=0, le=COUNT_MAX, json_schema_extra={"unit": "µs"})]
"""A time since 1970-01-01T00:00Z."""

ConfigurationValue = Annotated[JsonValue, AfterValidator(_json_safe)]
