"""The wire: round trips, hostile bytes, evolution, and the released vectors, which never change."""

import json
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import unquote
from uuid import UUID

import jsonschema
import msgpack
import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from bus.catalogue import build_catalogue, domain_catalogue
from bus.codec import EventCodec, UnknownEvent
from bus.documents import (
    Declared,
    asyncapi_of,
    example_of,
    fields_of,
    page_of,
    schema_of,
    summary_of,
)
from bus.ports import AppendTooLarge, NewEvent, RecordedEvent
from domain.inference.live import Cancel, Piece
from domain.kernel.context import Context
from domain.kernel.event import Event, LiveMessage, Query
from domain.places.live import PlaceFrame, ShortFrame
from protocol.chain import genesis, link
from protocol.cloudevents import to_cloudevent
from protocol.envelope import Envelope, decode_envelope, encode_envelope
from protocol.errors import WireError
from protocol.frames import Frame, encode_frame
from protocol.identity import Identity
from protocol.messages import (
    Answer,
    CommandMessage,
    ErrorReply,
    Reply,
    decode_command,
    decode_query,
    decode_reply,
    encode_command,
    encode_reply,
)
from protocol.meta import Meta, decode_meta, encode_meta
from protocol.packing import pack, unpack, unpack_list
from protocol.short_frames import encode_short
from protocol.subjects import (
    cancel_subject,
    command_subject,
    event_subject,
    gate_of,
    gate_subject,
    parse_request,
    place_subject,
    query_subject,
)
from protocol.tokens import TokenMessage, encode_cancel, encode_tokens
from tests.harness.effort import effort_of
from tests.unit.kit import in_case
from tests.vectors_make import FOLDER, envelope

CALLS_PER_BYTE = 5
BYTES_PER_BYTE = 100
"""What a hostile message may cost for each byte of its own; 10,000 of either are free."""

PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
)
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
MAPS = st.dictionaries(st.text(max_size=8), JSON, max_size=5)
IDS = st.uuids()
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}\.[a-z][a-z0-9_]{0,20}", fullmatch=True)
STREAMS = st.from_regex(r"[a-z][a-z0-9_]{0,20}-[A-Za-z0-9_-]{1,40}", fullmatch=True)
COUNTS = st.integers(1, 2**53 - 1)
METAS = st.builds(
    Meta,
    st.none() | IDS,
    st.none() | IDS,
    st.from_regex(r"[a-z]{1,8}:[a-z0-9]{1,20}", fullmatch=True) | st.just(""),
    st.just(""),
)


@st.composite
def envelopes(draw: st.DrawFn) -> Envelope:
    return Envelope(
        draw(IDS),
        draw(NAMES),
        draw(st.integers(1, 2**31 - 1)),
        "demo",
        draw(STREAMS),
        draw(COUNTS),
        draw(COUNTS),
        draw(st.integers(0, 4_000_000_000_000_000)),
        encode_meta(draw(METAS)),
        draw(st.binary(min_size=32, max_size=32)),
        msgpack.packb(draw(MAPS)),
        draw(st.dictionaries(st.from_regex(r"x_[a-z]{1,5}", fullmatch=True), JSON, max_size=3)),
    )


# --- envelopes ----------------------------------------------------------------------------------------------


@given(envelopes())
def test_an_envelope_comes_back_as_it_was_unknown_keys_included(given: Envelope) -> None:
    data = encode_envelope(given)

    assert decode_envelope(data) == given
    assert encode_envelope(decode_envelope(data)) == data


@given(envelopes())
def test_any_msgpack_library_can_read_an_envelope(given: Envelope) -> None:
    found = msgpack.unpackb(encode_envelope(given))

    assert found["v"] == 1
    assert UUID(bytes=found["id"]) == given.id
    assert found["payload"] == given.payload


@given(envelopes())
def test_every_truncation_is_refused(given: Envelope) -> None:
    whole = encode_envelope(given)

    for cut in range(len(whole)):
        with pytest.raises(WireError):
            decode_envelope(whole[:cut])


@given(st.binary(max_size=400))
def test_random_bytes_end_in_the_one_documented_error(data: bytes) -> None:
    for decode in (decode_envelope, decode_command, decode_query, decode_reply, decode_meta):
        try:
            decode(data)
        except WireError as error:
            assert error.code in {"malformed_message", "unsupported_version", "invalid_field", "too_large"}


@given(envelopes(), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=6))
def test_mutated_envelopes_decode_or_are_refused(given: Envelope, changes: list[tuple[int, int]]) -> None:
    data = bytearray(encode_envelope(given))
    for place, value in changes:
        data[place % len(data)] = value
    with suppress(WireError):
        decode_envelope(bytes(data))


@pytest.mark.parametrize(
    "data",
    [
        b"\x91" * 100_000 + b"\x01",
        b"\x81\xa1x" + b"\x91" * 50_000,
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\x81\xa1x\xdc\xff\xff" + b"\x90" * 65_535,
        b"\x81\xa1x\xdc\xff\xff" + b"\x80" * 65_535,
        bytes(2 * 1024 * 1024),
    ],
    ids=["deep", "deep inside", "map", "array", "bin", "ext", "wide", "wide maps", "large"],
)
def test_bombs_cost_no_more_than_their_length_allows(data: bytes) -> None:
    def refuse() -> None:
        with pytest.raises(WireError):
            decode_envelope(data)

    refuse()  # what a process sets up for its first refusal, 10 kB, is no cost of this one
    effort = effort_of(refuse)

    assert effort.calls < 10_000 + CALLS_PER_BYTE * len(data)
    assert effort.peak_bytes < 10_000 + BYTES_PER_BYTE * len(data)


# --- commands, queries, replies -----------------------------------------------------------------------------


@given(IDS, NAMES, MAPS, st.integers(0, 99) | st.sampled_from(["none", "exists", "any"]), METAS)
def test_a_command_comes_back_as_it_was(
    command_id: UUID, name: str, payload: dict[str, Any], expected: Any, meta: Meta
) -> None:
    message = CommandMessage(command_id, name, payload, expected, meta)

    assert decode_command(encode_command(message)) == message


@given(MAPS, st.booleans())
def test_a_reply_is_an_error_exactly_if_it_has_one(result: dict[str, Any], duplicate: bool) -> None:
    assert decode_reply(encode_reply(Reply(result, [], duplicate))) == Reply(result, [], duplicate)
    error = ErrorReply("x", "y", retry="later", retry_after_ms=5, details=result)
    assert decode_reply(encode_reply(error)) == error
    assert decode_reply(encode_reply(Answer(result, 4))) == Answer(result, 4)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": b"short"}, "id"),
        ({"command": 7}, "command"),
        ({"command": "no_dot"}, "command"),
        ({"expected": -1}, "expected"),
        ({"expected": True}, "expected"),
        ({"expected": "soon"}, "expected"),
        ({"meta": 1}, "meta"),
        ({"meta": {"actor": "x" * 129}}, "meta.actor"),
        ({"meta": {"trace": "00-1"}}, "meta.trace"),
        ({"payload": [1]}, "payload"),
    ],
)
def test_a_wrong_command_names_its_field(change: dict[str, Any], field: str) -> None:
    good = {"v": 1, "id": bytes(16), "command": "story.tell", "payload": {}}

    with pytest.raises(WireError) as error:
        decode_command(msgpack.packb({**good, **change}))

    assert error.value.field == field


@pytest.mark.parametrize("value", [2**64, "\ud800", object(), {1, 2}])
def test_what_the_wire_cannot_carry_is_refused_when_written(value: object) -> None:
    with pytest.raises(WireError):
        encode_command(CommandMessage(UUID(int=1), "story.tell", {"x": value}))


# --- subjects -----------------------------------------------------------------------------------------------


ANN = Identity("operator", "ann")


def test_subjects_are_made_of_checked_tokens() -> None:
    assert event_subject("demo", "story.told", "story-a1") == "demo.evt.story.told.a1"
    assert command_subject("demo", "story.tell", ANN) == "demo.cmd.story.tell.operator-ann"
    assert query_subject("demo", "models", ANN) == "demo.qry.models.operator-ann"
    assert parse_request("demo.cmd.story.tell.operator-ann") == ("cmd", "story.tell", ANN)
    assert parse_request("demo.qry.models.operator-ann") == ("qry", "models", ANN)
    assert parse_request("demo.in.story.tell") == ("in", "story.tell", None)


def test_a_request_that_came_by_a_gate_is_read_without_it() -> None:
    by = gate_subject(command_subject("demo", "story.tell", ANN), 7)
    assert by == "demo.gate.7.cmd.story.tell.operator-ann"
    assert gate_of(by) == (7, "demo.cmd.story.tell.operator-ann")
    assert parse_request(by) == ("cmd", "story.tell", ANN)
    for none in ("demo.cmd.story.tell.operator-ann", "demo.gate.x.cmd.a.b", "demo.gate.²3.cmd.a.b", "demo"):
        assert gate_of(none) == (0, none)


@pytest.mark.parametrize(
    "subject",
    [
        "demo.cmd.story.tell.nobody-ann",
        "demo.cmd.story.tell.operator-",
        "demo.qry.a.operator-ann-b",
        "demo.evt.a",
    ],
)
def test_a_subject_that_names_no_sender_proves_nobody(subject: str) -> None:
    with pytest.raises(WireError, match="subject"):
        parse_request(subject).proven()


def test_what_an_identity_receives_is_its_own() -> None:
    assert (ANN.actor, str(ANN)) == ("operator:ann", "operator-ann")
    assert ANN.receives("demo", "_INBOX.operator-ann.1")
    assert ANN.receives("demo", "demo.live.operator-ann.1")
    for subject in (
        "_INBOX.operator-an.1",
        "_INBOX.1",
        "demo.live.ann",
        "other.live.operator-ann.1",
        "demo.evt.a",
    ):
        assert not ANN.receives("demo", subject)
        assert not ANN.is_answered_at(subject)


def test_who_a_sender_says_to_be_is_a_label_beside_who_it_is() -> None:
    sent = CommandMessage(UUID(int=1), "story.tell", {}, meta=Meta(actor="operator:mira", extra={"a": 1}))

    assert sent.sent_by(ANN).meta == Meta(actor="operator:ann", extra={"a": 1, "label": "operator:mira"})
    assert sent.sent_by(None).meta == Meta(extra={"a": 1, "label": "operator:mira"})
    assert CommandMessage(UUID(int=1), "story.tell", {}).sent_by(ANN).meta == Meta(actor="operator:ann")


@pytest.mark.parametrize("bad", ["", "a.b", "a b", "*", ">", "Ä", "a\n", "x" * 200])
def test_a_bad_token_makes_no_subject(bad: str) -> None:
    for make in (
        lambda: event_subject("demo", "story.told", f"story-{bad}"),
        lambda: event_subject(bad, "story.told", "story-a1"),
        lambda: command_subject("demo", f"story.{bad}", ANN),
        lambda: command_subject("demo", "story.tell", Identity("operator", bad)),
        lambda: parse_request(bad),
    ):
        with pytest.raises(WireError):
            make()


# --- CloudEvents --------------------------------------------------------------------------------------------


@given(envelopes())
def test_a_cloudevent_in_binary_mode_holds_the_event(given: Envelope) -> None:
    headers, body = to_cloudevent(given)

    assert all(value.isascii() and " " not in value for value in headers.values())
    assert body == given.payload
    assert {key: unquote(value) for key, value in headers.items() if key != "ce-time"} == {
        "ce-specversion": "1.0",
        "ce-id": str(given.id),
        "ce-source": f"/realms/{given.realm}",
        "ce-type": given.type,
        "ce-subject": given.stream,
        "ce-datacontenttype": "application/msgpack",
        "ce-aicoreschema": str(given.schema),
        "ce-aicoreversion": str(given.version),
        "ce-aicoreposition": str(given.position),
        "ce-aicorehash": given.hash.hex(),
        "ce-aicoremeta": given.meta.hex(),
    }


def test_a_cloudevents_time_is_rfc_3339_in_microseconds() -> None:
    headers, _ = to_cloudevent(envelope("x", b"\x80", time=1_790_000_000_000_007))

    assert headers["ce-time"] == "2026-09-21T14:13:20.000007Z"


# --- evolution ----------------------------------------------------------------------------------------------


class Told(Event, name="story.told", version=3):
    """A story was told."""

    words: int = Field(description="How many.")
    teller: str = Field(description="Who.")
    place: str = Field(default="", description="Where; added without a new version.")

    example: ClassVar = {"words": 3, "teller": "ann"}


CODEC = EventCodec(
    build_catalogue(
        [
            Context(
                "story",
                events=(Told,),
                upcasters={
                    ("story.told", 1): lambda p: {"words": len(str(p["text"]).split()), "by": p["by"]},
                    ("story.told", 2): lambda p: {"words": p["words"], "teller": p["by"]},
                },
            )
        ]
    )
)


def recorded(kind: str, version: int, payload: bytes) -> RecordedEvent:
    return RecordedEvent(1, "story-a", 1, UUID(int=1), kind, version, 1, b"\x80", payload, bytes(32))


@pytest.mark.parametrize(
    ("version", "payload"),
    [(1, {"text": "a b c", "by": "ann"}), (2, {"words": 3, "by": "ann"}), (3, {"words": 3, "teller": "ann"})],
)
def test_every_version_ever_written_decodes_to_the_newest(version: int, payload: dict[str, Any]) -> None:
    assert CODEC.decode(recorded("story.told", version, msgpack.packb(payload))) == Told(
        words=3, teller="ann"
    )


def test_a_newer_writers_optional_field_is_ignored_and_its_bytes_are_kept() -> None:
    data = msgpack.packb({"words": 3, "teller": "ann", "mood": "calm"})

    assert CODEC.decode(recorded("story.told", 3, data)) == Told(words=3, teller="ann")


@pytest.mark.parametrize(("kind", "version"), [("story.unheard", 1), ("story.told", 4)])
def test_what_is_not_known_yet_is_kept_raw(kind: str, version: int) -> None:
    found = CODEC.decode(recorded(kind, version, b"\x81\xa1n\x01"))

    assert found == UnknownEvent(type=kind, schema_version=version, payload=b"\x81\xa1n\x01")


def test_a_version_without_a_way_to_the_newest_is_refused_when_the_catalogue_is_built() -> None:
    with pytest.raises(ValueError, match="no upcaster from version 1"):
        build_catalogue([Context("story", events=(Told,))])


@given(MAPS)
def test_both_decoders_find_the_same_in_what_was_written(payload: dict[str, Any]) -> None:
    """The quick one reads the log's own bytes, the careful one the wire."""
    data = pack(payload)
    assert ormsgpack.unpackb(data) == unpack(data, "payload") == payload


@given(st.binary(max_size=80))
def test_hostile_payloads_end_in_the_wire_error(data: bytes) -> None:
    with suppress(WireError):
        CODEC.decode(recorded("story.told", 3, data))


def test_a_payload_over_the_limit_is_refused_when_written() -> None:
    with pytest.raises(AppendTooLarge, match="524288"):
        CODEC.encode(Told(words=1, teller="x" * 600_000), UUID(int=1))


def test_every_declared_event_comes_back_as_it_was() -> None:
    for kind in domain_catalogue().events.values():
        with in_case(kind.event_name):
            codec = EventCodec(domain_catalogue())
            event = kind.from_example()
            new: NewEvent = codec.encode(event, UUID(int=1))

            assert codec.decode(recorded(new.type, new.schema_version, new.payload)) == event


# --- derived documents --------------------------------------------------------------------------------------

CATALOGUE = domain_catalogue()
QUERIES, LIVE = CATALOGUE.queries.values(), CATALOGUE.live.values()
ALL: list[Declared] = [*CATALOGUE.events.values(), *CATALOGUE.commands.values(), *QUERIES, *LIVE]


def test_schemas_are_valid_and_fit_their_examples() -> None:
    for kind in ALL:
        with in_case(kind.__name__):
            schema = schema_of(kind)

            jsonschema.Draft202012Validator.check_schema(schema)
            if example := example_of(kind):
                jsonschema.validate(example, schema)
            assert schema["title"] in page_of(kind)


def test_asyncapi_lists_every_event_and_command_and_refers_only_to_what_is_there() -> None:
    document = asyncapi_of(CATALOGUE, version="1")
    addresses = {channel["address"] for channel in document["channels"].values()}

    assert document["asyncapi"] == "3.0.0"
    assert "{realm}.evt.registry.model_registered.{stream_id}" in addresses
    assert "{realm}.cmd.inference.generate.{identity}" in addresses
    assert {f"{{realm}}.qry.{query.query_name}.{{identity}}" for query in QUERIES} < addresses
    assert "{realm}.live.inference.cancel.{identity}" in addresses
    inbox = document["channels"]["inbox"]
    assert inbox["address"] == "{realm}.in.{command}.{identity}"
    assert inbox["messages"].keys() == {f"command.{name}" for name in CATALOGUE.commands}
    for reference in references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    assert "#/components/schemas/JsonValue" in references(document)


def test_every_query_that_is_declared_is_described_with_its_fields_and_its_result() -> None:
    """What the program serves is keyed by these classes, so nothing is served without a description."""
    declared = {query for query in Query.__subclasses__() if not query.__module__.startswith("tests.")}

    assert declared == set(QUERIES)
    for query in QUERIES:
        assert "The result is " in summary_of(query)
        assert [field["name"] for field in fields_of(query) if not field["meaning"]] == []


def test_live_messages_are_declared_as_they_are_sent() -> None:
    sent: dict[type[LiveMessage], bytes] = {
        Piece: encode_tokens(TokenMessage(bytes(16), 0, "Ask the Tallymen.")),
        Cancel: encode_cancel(bytes(16)),
        PlaceFrame: encode_frame(Frame(7, 1, 2, [[41, ["out", "ann"]]])),
        ShortFrame: encode_short(Frame(7, 1, 2, [[41, ["out", "ann"]]])),
    }

    assert set(sent) == set(LIVE)
    for kind, data in sent.items():
        fields = _fields(kind, data)
        assert kind.model_validate(fields, strict=True).model_dump() == fields
        for field in fields_of(kind):
            if field["name"] == "id":
                assert (field["type"], field["limits"]) == ("binary", "≥ 16 bytes, ≤ 16 bytes")
    subject = PlaceFrame.subject.format(realm="demo", side="light", district="ropewalk", place="quay", cell=0)
    assert subject == place_subject("demo", "light", "ropewalk", "quay", 0)
    assert Cancel.subject.format(realm="demo", identity=ANN) == cancel_subject("demo", ANN)


def _fields(kind: type[LiveMessage], data: bytes) -> dict[str, Any]:
    if not kind.listed:
        return unpack(data, "message")
    names, values = list(kind.model_fields), unpack_list(data, "message")
    first = len(names) - 1
    return dict(zip(names, [*values[:first], values[first:]], strict=True))


def test_a_message_that_is_a_list_is_described_as_one() -> None:
    document = asyncapi_of(CATALOGUE, version="1")
    schema = document["components"]["messages"]["live.places.short_frame"]["payload"]["schema"]

    assert (schema["type"], schema["minItems"]) == ("array", 4)
    assert [part.get("const") for part in schema["prefixItems"]] == [2, None, None, None]
    assert schema["items"]["type"] == "array"
    assert "properties" not in schema


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    if not isinstance(value, dict):
        return []
    mine = [value["$ref"]] if str(value.get("$ref", "")).startswith("#/") else []
    return mine + [found for item in value.values() for found in references(item)]


# --- released vectors ---------------------------------------------------------------------------------------


def cases(*names: str) -> list[Any]:
    loaded = [json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")) for name in names]
    return [case for found in loaded for case in found]


def test_valid_vectors_decode_to_what_they_say() -> None:
    for case in cases("events", "boundary", "evolved"):
        with in_case(case["name"]):
            found = decode_envelope(bytes.fromhex(case["hex"]))

            assert str(found.id) == case["envelope"]["id"]
            assert found.payload.hex() == case["envelope"]["payload"]
            assert dict(found.extra) == case.get("extra", {})
            for key in ("type", "schema", "realm", "stream", "version", "position", "time"):
                assert getattr(found, key) == case["envelope"][key]


def test_malformed_vectors_are_refused_with_their_code() -> None:
    for case in cases("malformed"):
        with in_case(case["name"]):
            with pytest.raises(WireError) as error:
                decode_envelope(bytes.fromhex(case["hex"]))

            assert error.value.code == case["error"]


def test_the_chain_vectors_are_linked() -> None:
    first, *events = json.loads((FOLDER / "chain.json").read_text(encoding="utf-8"))
    previous = genesis(first["realm"])
    assert previous.hex() == first["hash"]
    for e in events:
        header = (e["position"], UUID(e["id"]).bytes, e["time"], e["version"], e["schema"])
        names = (e["type"].encode(), e["stream"].encode())
        previous = link(previous, header, names, bytes.fromhex(e["meta"]), bytes.fromhex(e["payload"]))
        assert previous.hex() == e["hash"]
