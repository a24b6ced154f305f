"""History is read by its types: limits may change, facts may not become unreadable."""

import math
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    WrapValidator,
)

from bus.catalogue import domain_catalogue
from bus.reading import reading_schema, reading_validator
from domain.kernel.event import Event
from tests.unit.cases import each_of


class Told(Event, name="story.told", version=1):
    words: int = Field(le=10, description="How many.")
    by: str = Field(max_length=3, pattern="^[a-z]+$", description="Who.")
    notes: dict[str, JsonValue] = Field(default_factory=dict, max_length=1, description="What else.")

    example: ClassVar = {"words": 1, "by": "ann"}


@each_of("kind", domain_catalogue().events.values(), ids=lambda kind: kind.event_name)
def test_what_is_written_is_read_the_same(kind: type[Event]) -> None:
    event = kind.from_example()

    assert reading_validator(kind)(event.model_dump(mode="json")) == event


def test_facts_beyond_todays_limits_are_read() -> None:
    told = reading_validator(Told)({"words": 99, "by": "Old Fennick", "notes": {"a": [1], "b": {"c": None}}})

    assert isinstance(told, Told)
    assert (told.words, told.by, told.notes) == (99, "Old Fennick", {"a": [1], "b": {"c": None}})


@pytest.mark.parametrize("payload", [{"words": "many", "by": "ann"}, {"words": 1}, {"words": 1, "by": 7}, []])
def test_wrong_types_are_still_refused(payload: object) -> None:
    with pytest.raises(ValidationError):
        reading_validator(Told)(payload)


def test_what_is_of_a_wrong_type_is_not_told_as_it_may_be_somebodys_word() -> None:
    with pytest.raises(ValidationError) as fault:
        reading_validator(Told)({"words": "a word of Ann's", "by": "ann"})

    assert "Ann" not in str(fault.value)


def test_writing_keeps_every_limit() -> None:
    with pytest.raises(ValidationError):
        Told(words=11, by="ann")


def refuse(value: Any) -> Any:
    raise ValueError("today's rule")


def refuse_around(value: Any, inner: Callable[[Any], Any]) -> Any:
    return refuse(inner(value))


LIMITED: dict[str, tuple[Any, Any]] = {
    "pattern": (Annotated[str, Field(pattern="^[a-z]+$")], "A B"),
    "min_length": (Annotated[str, Field(min_length=2)], "a"),
    "max_length": (Annotated[list[int], Field(max_length=1)], [1, 2]),
    "gt": (Annotated[int, Field(gt=3)], 3),
    "ge": (Annotated[int, Field(ge=3)], 2),
    "lt": (Annotated[int, Field(lt=3)], 3),
    "le": (Annotated[int, Field(le=3)], 4),
    "multiple_of": (Annotated[int, Field(multiple_of=3)], 4),
    "allow_inf_nan": (Annotated[float, Field(allow_inf_nan=False)], math.inf),
    "strict": (Annotated[float, Field(strict=True)], "1.5"),
    "check after": (Annotated[str, AfterValidator(refuse)], "a"),
    "check before": (Annotated[str, BeforeValidator(refuse)], "a"),
    "check around": (Annotated[str, WrapValidator(refuse_around)], "a"),
    "limit below a check": (Annotated[str, Field(max_length=1), AfterValidator(refuse)], "abc"),
    "limit in a list": (list[Annotated[int, Field(le=3)]], [1, 9]),
    "limit in a choice": (Annotated[int, Field(le=3)] | None, 9),
}


@pytest.mark.parametrize("name", LIMITED)
def test_each_limit_is_for_writing_only(name: str) -> None:
    form, value = LIMITED[name]

    class Kept(Event, name="story.kept", version=1):
        it: form  # type: ignore[valid-type]  # a form of the table

    with pytest.raises(ValidationError):
        Kept(it=value)
    read = reading_validator(Kept)({"it": value})
    assert isinstance(read, Kept)
    assert read.it == (1.5 if value == "1.5" else value)


class Line(BaseModel):
    """A part that a command refuses to take with more in it, and whose fields are called like limits."""

    model_config = ConfigDict(extra="forbid")

    pattern: str = Field(max_length=1)
    ge: Annotated[int, Field(ge=9)]


class Spoken(Event, name="story.spoken", version=1):
    lines: list[Line]


def test_below_fields_the_keys_are_names_and_unknown_ones_are_ignored_at_every_depth() -> None:
    line = {"pattern": "abc", "ge": 1, "added_later": True}

    read = reading_validator(Spoken)({"lines": [line], "added_later": {"a": 1}})

    assert isinstance(read, Spoken)
    assert [(each.pattern, each.ge) for each in read.lines] == [("abc", 1)]


class Strict(Event, name="story.strict", version=1):
    model_config = ConfigDict(extra="forbid")

    words: int


class Open(Event, name="story.open", version=1):
    model_config = ConfigDict(extra="allow")

    words: int


def test_what_is_refused_is_ignored_and_what_is_taken_is_kept() -> None:
    assert reading_validator(Strict)({"words": 1, "by": "ann"}) == Strict(words=1)
    assert reading_validator(Open)({"words": 1, "by": "ann"}) == Open.model_validate(
        {"words": 1, "by": "ann"}
    )


def test_free_values_are_taken_as_they_are_without_a_look() -> None:
    free = {"deep": [[[[{"a": None}]]]], "n": 1.5, "infinite": math.inf}

    told = reading_validator(Told)({"words": 1, "by": "ann", "notes": free})

    assert told.notes["deep"] is free["deep"]


def test_the_schema_for_reading_leaves_the_declaration_as_it_is() -> None:
    reading_schema(Told)

    with pytest.raises(ValidationError):
        Told(words=11, by="ann")
