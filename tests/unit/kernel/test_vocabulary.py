"""The shared words: what each takes at its border and refuses a step beyond, and that it says what it is."""

import re
from typing import Any

import pytest
from pydantic import JsonValue, TypeAdapter, ValidationError

from domain.kernel import vocabulary
from domain.kernel.vocabulary import (
    CONFIGURATION_DEPTH_MAX,
    CONFIGURATION_KEYS_MAX,
    COUNT_MAX,
    INT32_MAX,
    INT64_MAX,
    Alias,
    ConfigurationValue,
    Count,
    Digest,
    IdPrefix,
    ModelId,
    ModelName,
    ModelVersion,
    Operator,
    Player,
    Provider,
    Reason,
    Text,
    Tier,
    TimeUs,
    UseCase,
)
from tests.unit.cases import each_of

HEX = "0123456789abcdef"
MODEL_ID = f"{HEX[:8]}-{HEX[8:12]}-{HEX[12:]}-0000-{HEX[4:]}"

# type: what it takes, what it refuses
WORDS: dict[str, tuple[Any, list[object], list[object]]] = {
    "UseCase": (
        UseCase,
        ["a", "npc_dialogue", "a" * 63, "a0_z9"],
        ["", "a" * 64, "Npc", "9a", "_a", "npc-dialogue", "npc\n", " npc", "aé"],
    ),
    "ModelId": (
        ModelId,
        [MODEL_ID],
        ["", MODEL_ID.upper(), MODEL_ID[:-1], MODEL_ID + "0", "0" + MODEL_ID, MODEL_ID.replace("-", "")],
    ),
    "ModelName": (
        ModelName,
        ["a", "Z", "0", "meta/Llama-3.1:8b_q", "x" * 128],
        ["", "-a", ".a", "a b", "x" * 129, "a@1", "a\n"],
    ),
    "ModelVersion": (
        ModelVersion,
        ["1", "v", "1.0.0-rc.1+build_2", "x" * 64],
        ["", "-1", "+1", "1 0", "x" * 65, "1/0", "1:0"],
    ),
    "Provider": (Provider, ["a", "vllm", "a" * 63], ["", "a" * 64, "vLLM", "9a", "open-router", "a\n"]),
    "Tier": (Tier, ["gold", "silver", "bronze"], ["", "Gold", "platinum"]),
    "Digest": (
        Digest,
        ["sha256:" + "0f" * 32],
        ["", "0f" * 32, *(f"sha256:{digits}" for digits in ("0f" * 31 + "0", "0f" * 32 + "0", "0F" * 32))],
    ),
    "Alias": (Alias, ["a", "next", "to-day_1", "a" * 63], ["", "a" * 64, "Next", "-a", "9a", "a.b"]),
    "Player": (Player, ["a", "P_1-z", "x" * 128], ["", "x" * 129, "a b", "ann@example.org", "a\n"]),
    "Operator": (Operator, ["a", "x" * 128, "Mira É."], ["", "x" * 129, "a\x00"]),
    "Reason": (Reason, ["a", "x" * 2_000], ["", "x" * 2_001, "a\x00"]),
    "Text": (Text, ["", "any\nthing", "x" * 100_000], ["\x00", "a\x00b", 5]),
    "IdPrefix": (IdPrefix, ["", "x" * 128], ["x" * 129, "\x00"]),
    "Count": (Count, [0, 2**53 - 1], [-1, 2**53, "1.5"]),
    "TimeUs": (TimeUs, [0, 2**53 - 1], [-1, 2**53]),
}  # fmt: skip


def cases(index: int) -> list[Any]:
    return [
        (f"{name}: {str(value)[:20]!r}", words[0], value)
        for name, words in WORDS.items()
        for value in words[index]
    ]


@each_of(("name", "form", "value"), cases(1))
def test_a_word_takes_what_its_form_says(name: str, form: Any, value: object) -> None:
    assert TypeAdapter(form).validate_python(value) == value


@each_of(("name", "form", "value"), cases(2))
def test_a_word_refuses_what_is_a_step_beyond(name: str, form: Any, value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(form).validate_python(value)


# What a reader of `aicore events show` must find in the description, so that the limit need not be guessed.
SAYS = {
    "UseCase": "npc_dialogue",
    "ModelId": "UUIDv5",
    "ModelName": "at most 128",
    "ModelVersion": "at most 64",
    "Provider": "engine",
    "Tier": "gold.*silver.*bronze",
    "Digest": "SHA-256",
    "Alias": "at most 63",
    "Player": "an id, never a name",
    "Operator": "at most 128",
    "Reason": "at most 2,000",
}


@pytest.mark.parametrize("name", SAYS)
def test_a_word_says_what_it_is(name: str) -> None:
    schema = TypeAdapter(getattr(vocabulary, name)).json_schema()

    assert re.search(SAYS[name], schema["description"])


def test_a_time_says_its_unit() -> None:
    assert TypeAdapter(TimeUs).json_schema()["unit"] == "µs"


def test_the_limits_are_those_of_the_stores() -> None:
    """64 and 32 bits are Postgres's and msgpack's integers, 53 the ones that a double holds exactly."""
    assert (INT64_MAX, COUNT_MAX, INT32_MAX) == (
        9_223_372_036_854_775_807,
        9_007_199_254_740_991,
        2_147_483_647,
    )
    assert (CONFIGURATION_KEYS_MAX, CONFIGURATION_DEPTH_MAX) == (64, 8)


# --- values of a configuration ---------------------------------------------------------------------------


def nested(levels: int, kind: type[list[Any]] | type[dict[str, Any]], inner: JsonValue = 1) -> JsonValue:
    """Return ``inner`` below so many lists or maps."""
    for _ in range(levels):
        inner = [inner] if kind is list else {"k": inner}
    return inner


TAKES: list[Any] = [
    None, True, "", "text", 0, 2**63 - 1, -(2**63), 1.5, -1e308, 1e308, [], {}, {"k": [1, {"m": None}]},
    nested(8, list), nested(8, dict),
]  # fmt: skip


@pytest.mark.parametrize("value", TAKES, ids=lambda value: str(value)[:30])
def test_a_configuration_takes_what_every_store_holds(value: JsonValue) -> None:
    assert TypeAdapter(ConfigurationValue).validate_python(value) == value


REFUSES: list[tuple[Any, str]] = [
    (2**63, "64 bits; write larger ones as strings"),
    (-(2**63) - 1, "64 bits"),
    (float("inf"), "finite numbers only; leave the key out"),
    (float("-inf"), "finite"),
    (float("nan"), "finite"),
    ("a\x00", r"U\+0000; remove it"),
    ({"a\x00": 1}, r"U\+0000"),
    (nested(9, list), "nested deeper than 8 levels; flatten it"),
    (nested(9, dict), "nested deeper than 8"),
]


@pytest.mark.parametrize(("value", "says"), REFUSES, ids=lambda value: str(value)[:30])
@pytest.mark.parametrize("around", [lambda v: v, lambda v: [1, v], lambda v: {"k": 1, "m": v}])
def test_a_configuration_refuses_at_any_depth_what_some_store_cannot_hold(
    around: Any, value: Any, says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        TypeAdapter(ConfigurationValue).validate_python(around(value))
