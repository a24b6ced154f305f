"""The compiled readers: as the validator in everything, only quicker."""

import pickle
from collections.abc import Callable
from copy import deepcopy
from datetime import date
from typing import Any, ClassVar, Literal

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, JsonValue, PrivateAttr, ValidationError

from bus.catalogue import build_catalogue, domain_catalogue
from bus.codec import EventCodec
from bus.quick_reading import REFUSALS, quick_reader
from bus.reading import reading_validator
from domain.kernel.context import Context
from domain.kernel.declared import Declared
from domain.kernel.event import Event
from protocol.errors import WireError
from protocol.packing import pack
from tests.unit.cases import each_of

EVENTS = tuple(domain_catalogue().events.values())
CODEC = EventCodec(domain_catalogue())


class Part(Declared):
    model_config = ConfigDict(extra="forbid")

    name: str
    weight: float = Field(1.0, allow_inf_nan=False)


class Built(Event, name="story.built", version=1):
    words: int = Field(le=10, description="How many.")
    parts: list[Part] = Field(default_factory=list, max_length=1, description="What of.")
    by: Part | None = Field(None, description="Who.")
    mood: Literal["calm", "wild"] = Field("calm", description="How.")
    notes: dict[str, JsonValue] = Field(default_factory=dict, description="What else.")
    place: Part = Field(Part(name="quay"), description="Where.")

    example: ClassVar = {"words": 1}


BUILT = EventCodec(build_catalogue([Context("story", events=(Built,))]))


def built(payload: Any) -> Event:
    return BUILT.decode_payload("story.built", 1, msgpack.packb(payload))


# --- the declared events ---------------------------------------------------------------------------------


@each_of("kind", EVENTS, ids=lambda kind: kind.event_name)
def test_every_declared_event_has_a_quick_reader_that_makes_it_whole(kind: type[Event]) -> None:
    read, event = quick_reader(kind), kind.from_example()
    assert read is not None

    found = read(pack(event.model_dump(mode="json")))

    assert type(found) is kind
    assert found == event
    assert repr(found) == repr(event)
    assert found.model_dump_json() == event.model_dump_json()
    assert found.model_copy() == pickle.loads(pickle.dumps(found)) == deepcopy(found) == event
    with pytest.raises(ValidationError, match="frozen"):
        setattr(found, next(iter(kind.model_fields)), None)


def at_each_place(value: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) in a JSON value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [(value, key) for key in keys] + [p for key in keys for p in at_each_place(value[key])]


OTHER = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(),
    st.sampled_from(["", "7", "7.0", "true", "gold", "a" * 300]),
    st.binary(max_size=2),
    st.lists(st.integers(0, 3) | st.text(max_size=2), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(0, 3), max_size=2),
)


def outcome(decode: Callable[..., Event], kind: type[Event], data: bytes) -> Any:
    try:
        event = decode(kind.event_name, kind.event_version, data)
    except WireError as error:
        return error.code, error.field, str(error)
    return type(event), repr(event.model_dump())


@given(st.data())
def test_whatever_is_changed_in_a_payload_both_ways_say_the_same(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(EVENTS))
    payload = kind.from_example().model_dump(mode="json")
    for _ in range(data.draw(st.integers(1, 3))):
        places = at_each_place(payload)
        if not places:
            break
        container, key = data.draw(st.sampled_from(places))
        match data.draw(st.sampled_from(["drop", "replace", "add"])):
            case "drop":
                del container[key]
            case "replace":
                container[key] = data.draw(OTHER)
            case "add" if isinstance(container, dict):
                container["not_declared"] = data.draw(OTHER)
    packed = msgpack.packb(payload)

    careful = outcome(CODEC._decode_carefully, kind, packed)

    assert outcome(CODEC.decode_payload, kind, packed) == careful


@given(st.data())
def test_broken_bytes_end_in_the_same_error_both_ways(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(EVENTS))
    packed = bytearray(pack(kind.from_example().model_dump(mode="json")))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    broken = bytes(packed[: data.draw(st.integers(0, len(packed)))])

    assert outcome(CODEC.decode_payload, kind, broken) == outcome(CODEC._decode_carefully, kind, broken)


# --- shapes ----------------------------------------------------------------------------------------------


def test_fields_that_an_older_writer_did_not_know_have_their_defaults_and_share_nothing() -> None:
    one, two = built({"words": 1}), built({"words": 1})

    assert one == two == Built(words=1)
    assert isinstance(one, Built)
    assert isinstance(two, Built)
    assert one.parts is not two.parts
    assert one.place is not two.place


def test_limits_tightened_later_and_fields_added_later_at_any_depth_are_read() -> None:
    part = {"name": "beam", "weight": float("inf"), "colour": "red"}
    found = built({"words": 99, "parts": [part, part], "by": part, "later": 1})

    assert isinstance(found, Built)
    assert found.words == 99
    assert found.parts == [found.by, found.by]
    assert found.by == Part.model_construct(name="beam", weight=float("inf"))


def test_the_validator_reads_the_same_limits_and_fields() -> None:
    part = {"name": "beam", "weight": float("inf"), "colour": "red"}

    assert reading_validator(Built)({"words": 99, "by": part}) == built({"words": 99, "by": part})


def test_free_json_is_what_it_was_and_nothing_else() -> None:
    notes = {"a": [1, None, {"b": 0.5}], "c": "d", "e": True}

    assert built({"words": 1, "notes": notes}) == Built(words=1, notes=notes)
    with pytest.raises(WireError):  # a timestamp, which msgspec would make a datetime of
        built({"words": 1, "notes": {"when": msgpack.Timestamp(7)}})


def test_what_is_not_exact_goes_to_the_validator() -> None:
    read = quick_reader(Built)
    assert read is not None
    with pytest.raises(REFUSALS):
        read(msgpack.packb({"words": "7"}))

    assert built({"words": "7"}) == Built(words=7)


class Dated(Event, name="story.dated", version=1):
    on: date
    example: ClassVar = {"on": "2026-11-30"}


class Nested(Declared):
    inner: "Nested | None" = None


class Deep(Event, name="story.deep", version=1):
    nested: Nested
    example: ClassVar = {"nested": {"inner": {"inner": None}}}


class Hidden(Event, name="story.hidden", version=1):
    words: int
    _count: int = PrivateAttr(0)
    example: ClassVar = {"words": 1}


class Trimmed(Event, name="story.trimmed", version=1):
    model_config = ConfigDict(str_strip_whitespace=True)
    words: str
    example: ClassVar = {"words": "a"}


class Foreign(BaseModel):
    name: str


class Holding(Event, name="story.holding", version=1):
    part: Foreign
    example: ClassVar = {"part": {"name": "beam"}}


class Either(Event, name="story.either", version=1):
    value: list[int] | list[str]
    example: ClassVar = {"value": [1]}


@pytest.mark.parametrize("kind", [Dated, Deep, Hidden, Trimmed, Holding, Either])
def test_a_shape_that_is_not_known_goes_without(kind: type[Event]) -> None:
    codec = EventCodec(build_catalogue([Context("story", events=(kind,))]))
    packed = msgpack.packb(kind.example)

    assert quick_reader(kind) is None
    assert codec.decode_payload(kind.event_name, 1, packed) == kind.from_example()
