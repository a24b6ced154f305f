"""History is read by its types: limits may change, facts may not become unreadable."""

from typing import ClassVar

import pytest
from pydantic import Field, JsonValue, ValidationError

from bus.catalogue import domain_catalogue
from bus.reading import reading_validator
from domain.kernel.event import Event


class Told(Event, name="story.told", version=1):
    words: int = Field(le=10, description="How many.")
    by: str = Field(max_length=3, pattern="^[a-z]+$", description="Who.")
    notes: dict[str, JsonValue] = Field(default_factory=dict, max_length=1, description="What else.")

    example: ClassVar = {"words": 1, "by": "ann"}


@pytest.mark.parametrize("kind", domain_catalogue().events.values(), ids=lambda kind: kind.event_name)
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


def test_writing_keeps_every_limit() -> None:
    with pytest.raises(ValidationError):
        Told(words=11, by="ann")
