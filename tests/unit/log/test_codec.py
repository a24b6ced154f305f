"""Typed events to stored bytes and back: what is written, what is refused, and what a fault is called."""

from typing import Any, ClassVar, Literal
from uuid import UUID

import msgpack
import pytest
from pydantic import BaseModel, computed_field, create_model, field_serializer, model_serializer

from bus.catalogue import build_catalogue, domain_catalogue
from bus.codec import EMPTY_META, EMPTY_META_BYTES, EventCodec, UnknownEvent, _is_plain
from bus.ports import (
    PAYLOAD_BYTES_MAX,
    AppendTooLarge,
    NewEvent,
    PayloadPage,
    RecordedEvent,
    RecordedPayload,
)
from bus.quick_reading import quick_reader
from domain.kernel.context import Context
from domain.kernel.event import Event
from protocol.errors import WireError
from protocol.limits import DEPTH_MAX
from protocol.meta import Meta, decode_meta


class Told(Event, name="story.told", version=2):
    """A line was told. Version 1 said ``line``."""

    text: str
    words: int = 1

    example: ClassVar = {"text": "the fog is thick", "words": 4}


class Line(BaseModel):
    by: str


class Kept(Event, name="story.kept", version=2):
    """A line was kept, in a form that no quick reader knows: a line within a line."""

    line: "Kept | Line"
    by: UUID = UUID(int=3)

    example: ClassVar = {"line": {"by": "ann"}}


def of_version_1(payload: dict[str, Any]) -> dict[str, Any]:
    return {"text": payload["line"] + ""}


CODEC = EventCodec(
    build_catalogue(
        [
            Context(
                "story",
                events=(Told, Kept),
                upcasters={("story.told", 1): of_version_1, ("story.kept", 1): lambda payload: payload},
            )
        ]
    )
)
ID = UUID(int=7)


def decoded(payload: Any, *, version: int = 2, kind: str = "story.told") -> Event:
    return CODEC.decode_payload(
        kind, version, payload if isinstance(payload, bytes) else msgpack.packb(payload)
    )


def fault(payload: Any, *, version: int = 2) -> tuple[str, str, str]:
    with pytest.raises(WireError) as found:
        decoded(payload, version=version)
    return found.value.code, found.value.field, found.value.message


# --- writing ---------------------------------------------------------------------------------------------


def test_an_event_is_written_with_its_name_version_and_fields() -> None:
    assert CODEC.encode(Told(text="fog", words=1), ID) == NewEvent(
        ID, "story.told", 2, msgpack.packb({"text": "fog", "words": 1}), b"\x80"
    )


def test_values_are_written_in_forms_that_msgpack_has() -> None:
    kept = Kept(line=Line(by="ann"))

    assert msgpack.unpackb(CODEC.encode(kept, ID).payload) == {
        "line": {"by": "ann"},
        "by": "00000000-0000-0000-0000-000000000003",
    }


def test_metadata_are_written_as_they_are_given() -> None:
    meta = Meta(correlation=UUID(int=9))

    assert decode_meta(CODEC.encode(Told(text="fog"), ID, meta).meta) == meta
    assert CODEC.encode(Told(text="fog"), ID, EMPTY_META).meta is EMPTY_META_BYTES


def test_the_largest_payload_is_taken_and_a_byte_more_refused() -> None:
    frame = len(CODEC.encode(Told(text="x" * 70_000), ID).payload) - 70_000
    largest = Told(text="x" * (PAYLOAD_BYTES_MAX - frame))

    assert len(CODEC.encode(largest, ID).payload) == PAYLOAD_BYTES_MAX
    with pytest.raises(AppendTooLarge) as found:
        CODEC.encode(Told(text=largest.text + "x"), ID)
    said = str(found.value)
    assert "story.told" in said
    assert f"{PAYLOAD_BYTES_MAX + 1} bytes" in said
    assert f"limit is {PAYLOAD_BYTES_MAX}" in said


# --- reading ---------------------------------------------------------------------------------------------


def test_what_is_recorded_is_read_by_its_type_version_and_payload() -> None:
    payload = msgpack.packb({"text": "fog", "words": 1})
    whole = RecordedEvent(1, "story-a", 1, ID, "story.told", 2, 5, b"\x80", payload, bytes(32))

    assert CODEC.decode(whole) == Told(text="fog", words=1)
    assert CODEC.decode(RecordedPayload(1, 5, "story.told", 2, payload)) == Told(text="fog", words=1)


@pytest.mark.parametrize(
    ("kind", "version"), [("story.ended", 0), ("story.ended", 1), ("story.told", 3), ("batch.opened", 2)]
)
def test_a_type_or_version_of_a_newer_program_comes_with_its_bytes(kind: str, version: int) -> None:
    assert decoded(b"\x81\xa1a\x01", kind=kind, version=version) == UnknownEvent(
        type=kind, schema_version=version, payload=b"\x81\xa1a\x01"
    )


def test_an_older_version_is_read_as_the_newest_also_where_its_fields_would_fit() -> None:
    assert decoded({"line": "fog"}, version=1) == Told(text="fog", words=1)
    assert decoded({"line": "fog", "text": "mist"}, version=1) == Told(text="fog", words=1)


def test_an_event_without_a_quick_reader_is_read_with_care() -> None:
    assert quick_reader(Kept) is None
    payload = {"line": {"by": "ann"}, "by": str(UUID(int=4))}
    for version in (1, 2):
        assert decoded(payload, kind="story.kept", version=version) == Kept(
            line=Line(by="ann"), by=UUID(int=4)
        )


def test_what_the_quick_reader_leaves_is_read_with_care() -> None:
    """The same field twice: the last one stands, as it does in msgpack."""
    twice = b"\x83\xa4text\xa1a\xa4text\xa1b\xa5words\x02"

    assert decoded(twice) == Told(text="b", words=2)


PAGE = PayloadPage(
    [
        (position, 5, kind, version, msgpack.packb(payload))
        for position, (kind, version, payload) in enumerate(
            [
                ("story.told", 2, {"text": "fog", "words": 1}),
                ("story.told", 1, {"line": "mist"}),
                ("story.told", 2, {"text": "rain", "words": "7"}),
                ("story.kept", 2, {"line": {"by": "ann"}}),
                ("story.told", 3, {"text": "hail"}),
                ("story.ended", 1, {}),
                ("story.told", 2, {"text": "snow", "words": 2}),
            ],
            start=1,
        )
    ]
)


def test_a_page_is_read_as_its_events_are() -> None:
    events = CODEC.decode_page(PAGE)

    assert events == [CODEC.decode(recorded) for recorded in PAGE]
    assert [type(event) for event in events] == [Told, Told, Told, Kept, UnknownEvent, UnknownEvent, Told]


def test_the_first_fault_in_a_page_is_raised_as_that_of_its_event() -> None:
    broken = PayloadPage([*PAGE.rows, (8, 5, "story.told", 2, b"\x81"), (9, 5, "story.told", 2, b"\xc1")])
    with pytest.raises(WireError) as alone:
        CODEC.decode(broken[7])

    with pytest.raises(WireError) as found:
        CODEC.decode_page(broken)

    assert str(found.value) == str(alone.value)


def test_types_and_versions_that_are_not_known_leave_nothing_behind() -> None:
    codec = EventCodec(CODEC.catalogue)
    for n in range(100):
        codec.decode_payload(f"story.told_{n}", 1, b"\x80")
        codec.decode_payload("story.told", 3 + n, b"\x80")

    assert [*codec._readers] == ["story.told"]


def test_a_page_is_a_sequence_of_its_events_and_shows_no_payload() -> None:
    first = RecordedPayload(1, 5, "story.told", 2, PAGE.rows[0][4])

    assert (len(PAGE), PAGE[0], PAGE[-1].position) == (7, first, 7)
    assert list(PAGE)[:1] == list(PAGE[:1]) == [first]
    assert isinstance(PAGE[2:], PayloadPage)
    assert [recorded.position for recorded in PAGE[2:4]] == [3, 4]
    assert "fog" not in repr(PAGE) + repr(first)
    recorded = RecordedEvent(1, "story-a", 1, ID, *first[2:4], 5, b"\x80", first.payload, bytes(32))
    assert list(PayloadPage.of([recorded])) == [first]


@pytest.mark.parametrize(
    ("payload", "field", "says"),
    [
        ({"text": 5, "words": 1}, "payload.text", "story.told version 2: Input should be a valid string"),
        ({"words": 1}, "payload.text", "story.told version 2: Field required"),
        (
            {"text": "a", "words": "many"},
            "payload.words",
            "story.told version 2: Input should be a valid integer",
        ),
    ],
)
def test_a_payload_that_does_not_fit_is_told_by_its_field(payload: Any, field: str, says: str) -> None:
    code, at, message = fault(payload)

    assert (code, at) == ("invalid_field", field)
    assert says in message


def test_of_several_faults_the_first_is_told_by_its_whole_path() -> None:
    code, at, _ = fault({"text": 5, "words": "many"})
    assert (code, at) == ("invalid_field", "payload.text")
    with pytest.raises(WireError) as found:
        decoded({"line": {"by": "ann"}, "by": 5.5}, kind="story.kept")
    assert found.value.field == "payload.by"
    with pytest.raises(WireError) as found:
        decoded({"line": {"by": 5}}, kind="story.kept")
    assert found.value.field == "payload.line.Kept.line"


def test_a_version_that_no_upcaster_leads_from_is_named() -> None:
    code, at, message = fault({"text": "fog"}, version=0)

    assert (code, at) == ("unsupported_version", "schema")
    assert "story.told from version 0" in message


def test_an_upcaster_that_fails_on_a_payload_beyond_the_wires_limits_names_those() -> None:
    deep: Any = 1
    for _ in range(DEPTH_MAX + 1):
        deep = [deep]

    code, at, message = fault({"deep": deep}, version=1)

    assert (code, at) == ("malformed_message", "payload")
    assert "deeper" in message


def test_an_upcaster_that_finds_no_payload_of_its_version_names_the_event() -> None:
    for payload in ({"text": "fog"}, {"line": 5}):
        code, at, message = fault(payload, version=1)
        assert (code, at) == ("malformed_message", "payload")
        assert "story.told version 1: " in message


@pytest.mark.parametrize("payload", [b"\xc1", b"\x81", b"", b"\xd9\x02\xff\xfe"])
def test_bytes_that_are_no_msgpack_are_a_malformed_message(payload: bytes) -> None:
    code, at, message = fault(payload)

    assert code == "malformed_message"
    assert at.startswith("payload")
    assert message


def test_a_payload_has_the_bytes_of_its_json_values_whichever_way_it_is_written() -> None:
    codec = EventCodec(domain_catalogue())
    quick = 0
    for kind in codec.catalogue.events.values():
        event, quick = kind.from_example(), quick + _is_plain(kind)
        assert codec.encode(event, UUID(int=7)).payload == msgpack.packb(event.model_dump(mode="json"))
    assert 20 < quick < len(codec.catalogue.events)


class Doubled(BaseModel):
    number: int

    @computed_field
    def twice(self) -> int:
        return 2 * self.number


class Shouted(BaseModel):
    text: str

    @field_serializer("text")
    def shout(self, text: str) -> str:
        return text.upper()


class Bare(BaseModel):
    text: str

    @model_serializer
    def alone(self) -> str:
        return self.text


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (bool, True),
        (int, True),
        (str | None, True),
        (None, True),
        (list[Line], True),
        (Literal["a"], True),
        (Literal["a", 1, True], True),
        (Literal[b"a"], False),
        (float, False),
        (bytes, False),
        (list[Any], False),
        (Doubled, False),
        (Shouted, False),
        (Bare, False),
    ],
)
def test_only_what_holds_plain_values_is_written_as_it_is(value: Any, plain: bool) -> None:
    assert _is_plain(create_model("Made", __base__=Event, value=(value, ...))) is plain


def test_what_makes_its_own_value_of_itself_is_not_written_as_it_is() -> None:
    class Made(Event):
        @model_serializer
        def made(self) -> dict[str, int]:
            return {}

    assert _is_plain(Made) is False


def test_what_the_quick_way_cannot_write_is_refused_as_ever() -> None:
    for fields in ({"text": "\ud800"}, {"text": "fog", "words": 2**64}):
        with pytest.raises(WireError) as found:
            CODEC.encode(Told.model_validate(fields), UUID(int=7))
        assert found.value.code == "invalid_field"
    assert _is_plain(Told)
    assert not _is_plain(Kept)
