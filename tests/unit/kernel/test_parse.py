"""Data from outside: what passes, and what a refusal tells: field, fact, way out, and no private words."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, create_model

from domain.kernel.decider import Rejected
from domain.kernel.event import Command, Query
from domain.kernel.parse import _may_be_beyond, _within_json, parse


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("must be even")
    return value


class Lamp(BaseModel):
    colour: Literal["red", "green"] = "red"


class Light(Command, name="lamp.light"):
    minutes: Annotated[int, Field(ge=1, le=90), AfterValidator(_even)] = 2
    keeper: str = "wen"
    bright: float = 1.0
    on: bool = True
    lamps: list[Lamp] = Field(default_factory=list)
    notes: dict[str, JsonValue] = Field(default_factory=dict)

    example: ClassVar = {}


class Lit(Query, name="lamp.lit"):
    minutes: int


def refused(data: Mapping[Any, Any], model: type[BaseModel] = Light) -> Rejected:
    with pytest.raises(Rejected) as found:
        parse(model, data)
    assert found.value.code == "invalid_field"
    return found.value


COLOURS = "lamps.0.colour: Input should be 'red' or 'green'"
FORM = "`aicore events show lamp.light` tells what each field takes"


def test_data_of_the_right_form_pass() -> None:
    assert parse(Light, {}) == Light()
    data = {"minutes": 90, "bright": 0.5, "lamps": [{"colour": "green"}], "notes": {"a": [1.5, None, "x"]}}
    assert parse(Light, data).model_dump(exclude_unset=True) == data


@pytest.mark.parametrize(
    ("data", "field", "message", "remedy"),
    [
        ({"minutes": 91 + 1}, "minutes", "minutes: Input should be less than or equal to 90; it is 92", FORM),
        ({"minutes": 3}, "minutes", "minutes: must be even; it is 3", FORM),
        ({"minutes": "4"}, "minutes", "minutes: Input should be a valid integer", FORM),
        ({"minutes": True}, "minutes", "minutes: Input should be a valid integer; it is True", FORM),
        ({"keeper": 5550123}, "keeper", "keeper: Input should be a valid string", FORM),
        ({"keeper": None}, "keeper", "keeper: Input should be a valid string", FORM),
        ({"on": 1.5}, "on", "on: Input should be a valid boolean; it is 1.5", FORM),
        ({"nmae": "wen"}, "nmae", "nmae: Extra inputs are not permitted", "remove the field"),
        (
            {"lamps": [{}, {"colour": "blue"}]},
            "lamps.1.colour",
            "lamps.1.colour: Input should be 'red' or 'green'; it is 'blue'",
            FORM,
        ),
        ({"lamps": [{"colour": "my own"}]}, "lamps.0.colour", COLOURS, FORM),
        ({"lamps": [{"colour": "x" * 33}]}, "lamps.0.colour", COLOURS, FORM),
        (
            {"lamps": [{"colour": "x" * 32}]},
            "lamps.0.colour",
            f"{COLOURS}; it is '{'x' * 32}'",
            FORM,
        ),
        ({"lamps": [{"colour": "a.b-c_d"}]}, "lamps.0.colour", f"{COLOURS}; it is 'a.b-c_d'", FORM),
    ],
)  # fmt: skip
def test_a_refusal_names_the_field_the_fact_and_the_way_out(
    data: dict[str, Any], field: str, message: str, remedy: str
) -> None:
    refusal = refused(data)

    told = refusal.message.replace(", unable to parse string as an integer", "")
    assert (refusal.field, told, refusal.remedy) == (field, message, remedy)


def test_the_way_out_is_where_the_message_is_described() -> None:
    assert refused({}, Lit).remedy == "add the field"
    assert (
        refused({"minutes": "x"}, Lit).remedy == "`aicore events show lamp.lit` tells what each field takes"
    )
    assert refused({"colour": "x"}, Lamp).remedy == "send a value of the form that the schema gives"


def test_the_message_names_every_field_at_fault_up_to_eight_and_the_first_is_the_field() -> None:
    refusal = refused({"minutes": 0, "keeper": 1, "extra": 1})

    assert (refusal.field, refusal.remedy) == ("minutes", FORM)
    assert [part.partition(":")[0] for part in refusal.message.split("; ")] == [
        "minutes", "it is 0", "keeper", "extra", "it is 1",
    ]  # fmt: skip
    assert refused({f"x{n}": "" for n in range(12)}).message.count("Extra inputs") == 8


def test_data_that_are_no_map_have_no_field() -> None:
    refusal = refused([], Lamp)  # type: ignore[arg-type]  # what a caller may send

    assert refusal.field == ""
    assert refusal.message.startswith("Input should be")


# --- what no store could hold ----------------------------------------------------------------------------

NUL = "must not contain the character U+0000"
KEY = "a key must not contain the character U+0000"
FINITE = "must be a finite number"
LEFT_OUT = "leave it out, or send a number"


@pytest.mark.parametrize(
    ("data", "field", "fact", "remedy"),
    [
        ({"keeper": "a\x00"}, "keeper", NUL, "remove it"),
        ({"bright": math.nan}, "bright", FINITE, LEFT_OUT),
        ({"bright": math.inf}, "bright", FINITE, LEFT_OUT),
        ({"bright": -math.inf}, "bright", FINITE, LEFT_OUT),
        ({"notes": {"k\x00": 1}}, "notes", KEY, "remove it"),
        ({"notes": {"a": {"b": [1, {"c": "\x00"}]}}}, "notes.a.b.1.c", NUL, "remove it"),
        ({"lamps": [{}, {"colour": "\x00"}]}, "lamps.1.colour", NUL, "remove it"),
        ({"notes": {"a": [[1.0, math.nan]]}}, "notes.a.0.1", FINITE, LEFT_OUT),
        ({"notes": {5: {"a": "\x00"}}}, "notes.5.a", NUL, "remove it"),
        ({"notes": {5: 1, "k\x00": 1}}, "notes", KEY, "remove it"),
    ],
)
def test_what_no_read_model_holds_is_refused_wherever_it_is(
    data: dict[str, Any], field: str, fact: str, remedy: str
) -> None:
    refusal = refused(data)

    assert (refusal.field, refusal.message, refusal.remedy) == (field, f"{field}: {fact}", remedy)


def test_of_several_the_outermost_is_named() -> None:
    assert refused({"notes": {"a": {"b": "\x00"}}, "keeper": "\x00"}).field == "keeper"


def test_depth_costs_no_stack() -> None:
    deep: dict[str, Any] = {"end": math.nan}
    for _ in range(5_000):
        deep = {"a": deep}

    assert refused({"notes": deep}).field.endswith("a.end")


class Anything(Query, name="lamp.anything"):
    held: dict[str, Any]


texts = st.text("ab\x00", max_size=3)
plain = st.one_of(texts, st.floats(), st.integers(-5, 5), st.booleans(), st.none())
held = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)


def _is_beyond(value: object) -> bool:
    match value:
        case str():
            return "\x00" in value
        case float():
            return not math.isfinite(value)
        case list():
            return any(map(_is_beyond, value))
        case dict():
            return any(_is_beyond(part) for pair in value.items() for part in pair)
        case _:
            return False


@given(st.dictionaries(texts, held, max_size=4))
def test_what_no_json_text_could_hold_is_refused_wherever_it_is(found: dict[str, Any]) -> None:
    if not _is_beyond(found):
        assert parse(Anything, {"held": found}).held == found
        return
    told = refused({"held": found}, Anything).message
    assert "U+0000" in told or "finite" in told


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}(\.[A-Z-]{1,3})?$")]


class Wick(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    left: Annotated[int, Field(ge=0)] = 0


class Trim(Command, name="lamp.trim"):
    """All that it takes can be held: texts by a pattern, whole numbers, choices, and lists of such."""

    name: Name
    wicks: list[Wick] = Field(default_factory=list)
    how: Literal["short", "long"] | None = None

    example: ClassVar = {}


def test_what_can_take_nothing_beyond_json_is_not_searched_but_refuses_it_as_any_other() -> None:
    assert _within_json(Trim)
    assert parse(Trim, {"name": "a", "wicks": [{"name": "b"}]}).wicks == [Wick(name="b")]
    for data, field in (
        ({"name": "a\x00"}, "name"),
        ({"name": "a", "wicks": [{"name": "b"}, {"name": "\x00"}]}, "wicks.1.name"),
        ({"name": "a", "wicks": [{"name": "b", "left": math.nan}]}, "wicks.0.left"),
        ({"name": 3, "wicks": [{"na\x00me": "b"}]}, "wicks.0"),
    ):
        assert refused(data, Trim).field == field
        assert "Input" not in refused(data, Trim).message


@pytest.mark.parametrize("kind", [bool, int, None, Literal["a"], list[Name], Wick])
def test_what_can_hold_nothing_beyond_json_is_known(kind: Any) -> None:
    model = create_model("Trim", __config__=ConfigDict(extra="forbid"), name=(kind, ...))
    assert _within_json(model)


def test_of_plain_data_no_value_is_looked_at_by_itself() -> None:
    assert _may_be_beyond({"a": [1, "x", {"b": [2.5, None, [True]]}], "c": b"y"}) is False


def test_a_map_of_another_kind_is_searched_as_well() -> None:
    assert refused(MappingProxyType({"keeper": "a\x00"})).message == f"keeper: {NUL}"


@pytest.mark.parametrize(
    "kind",
    [
        str,
        float,
        JsonValue,
        list[Any],
        dict[str, Name],
        Lamp,
        Annotated[str, Field(pattern=r"^[^a]+$")],
        Annotated[str, Field(pattern=r"^.$")],
        Annotated[str, Field(pattern=r"a")],
        Annotated[str, Field(pattern=r"^a|b$")],
        Annotated[str, Field(pattern=r"^\x00$")],
    ],
)
def test_whatever_could_hold_something_beyond_json_is_searched(kind: Any) -> None:
    model = create_model("Trim", __config__=ConfigDict(extra="forbid"), name=(kind, ...))
    assert not _within_json(model)
