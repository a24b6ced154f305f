"""SPEC.md, the decoders and the vectors say the same: each is held to the one set of tables in `protocol`."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.ports import (
    AppendTooLarge,
    ClockWrong,
    Fenced,
    IdConflict,
    InvalidAppend,
    LogUnavailable,
    LogUnread,
    VersionConflict,
)
from bus.problems import problem_of
from protocol.envelope import decode_envelope
from protocol.errors import CODES, WireError
from protocol.fields import NAMES, TABLES
from protocol.frames import decode_frame
from protocol.limits import (
    DEPTH_MAX,
    ITEMS_MAX,
    LIMITS,
    MESSAGE_BYTES_MAX,
    META_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
)
from protocol.messages import decode_command, decode_query, decode_reply
from protocol.meta import decode_meta
from protocol.packing import unpack
from protocol.short_frames import KINDS, OPS, decode_short
from protocol.tokens import decode_cancel, decode_tokens
from tests.unit.cases import each_of
from tests.vectors_edges import GOOD, as_list
from tests.vectors_make import FOLDER, released

SPEC = (FOLDER.parent / "SPEC.md").read_text(encoding="utf-8")
DECODERS: dict[str, Callable[[bytes], Any]] = {
    "envelope": decode_envelope,
    "meta": decode_meta,
    "command": decode_command,
    "query": decode_query,
    "reply": decode_reply,
    "piece": decode_tokens,
    "cancellation": decode_cancel,
    "frame": decode_frame,
    "short frame": decode_short,
}
CASES = json.loads((FOLDER / "edges.json").read_text(encoding="utf-8"))


def tables(*header: str) -> Iterator[list[list[str]]]:
    """Yield the rows of each table of SPEC.md with this header, in order."""
    line = "| " + " | ".join(header) + " |\n|" + "---|" * len(header) + "\n"
    for rest in SPEC.split(line)[1:]:
        rows = rest[: re.search(r"^(?!\|)", rest, re.MULTILINE).start()].splitlines()  # type: ignore[union-attr]
        yield [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def test_the_page_has_the_table_of_every_message_and_no_other() -> None:
    written = [[(row[0], row[1]) for row in rows] for rows in tables("key", "kind", "meaning")]

    assert written == [[(f"`{field.key}`", field.spelled) for field in table] for table in TABLES.values()]


def test_the_page_has_every_limit_with_the_code_beyond_it() -> None:
    (rows,) = tables("limit", "most", "beyond it")

    assert rows == [[limit.what, f"{limit.most:,} {limit.unit}", f"`{limit.code}`"] for limit in LIMITS]


def test_the_page_has_the_form_of_every_name() -> None:
    (rows,) = tables("name", "form")

    assert [tuple(row) for row in rows] == list(NAMES)


def test_the_page_has_the_number_of_every_short_op_and_kind() -> None:
    (rows,) = tables("op", "number", "values")

    assert rows == [[f"`{word}`", str(op.number), op.values] for word, op in OPS.items()]
    assert ", ".join(f"{number} `{kind}`" for kind, number in KINDS.items()) in SPEC


def test_the_page_has_every_code_with_its_advice() -> None:
    (rows,) = tables("code", "when", "retry")
    written = {code: row[2] for row in rows for code in re.findall(r"`([a-z_]+)`", row[0])}

    assert written == CODES


@pytest.mark.parametrize(
    "error",
    [
        *(WireError(code, "", "") for code in ("malformed_message", "too_large", "invalid_field")),
        VersionConflict("story-1", 1, 2),
        IdConflict(UUID(int=1), ""),
        InvalidAppend(""),
        AppendTooLarge(""),
        LogUnread(),
        LogUnavailable(),
        ClockWrong(2_000_000),
        Fenced(),
    ],
    ids=lambda error: f"{type(error).__name__} {getattr(error, 'code', '')}",
)
def test_every_problem_is_told_with_a_code_and_the_advice_of_the_page(error: Exception) -> None:
    told = problem_of(error)

    assert told is not None
    assert told.retry == CODES[told.code]


def nested(depth: int) -> bytes:
    return b"\x81\xa1x" + b"\x91" * (depth - 1) + b"\x01"


@pytest.mark.parametrize(
    ("what", "over", "at"),
    [
        ("one message", bytes(MESSAGE_BYTES_MAX + 1), None),
        ("nesting", nested(DEPTH_MAX + 1), nested(DEPTH_MAX)),
        ("one map or list", b"\x81\xa1x\xdd" + (ITEMS_MAX + 1).to_bytes(4) + bytes(ITEMS_MAX + 1),
         b"\x81\xa1x\xdd" + ITEMS_MAX.to_bytes(4) + bytes(ITEMS_MAX)),
    ],
)  # fmt: skip
def test_a_limit_holds_at_its_very_number(what: str, over: bytes, at: bytes | None) -> None:
    (limit,) = (limit for limit in LIMITS if limit.what == what)
    with pytest.raises(WireError) as error:
        unpack(over, "message")

    assert error.value.code == limit.code
    if at is not None:
        assert unpack(at, "message")


@pytest.mark.parametrize(
    ("key", "most"), [("payload", PAYLOAD_BYTES_MAX), ("meta", META_BYTES_MAX)], ids=["payload", "meta"]
)
def test_a_payload_and_its_metadata_may_have_all_their_bytes_and_not_one_more(key: str, most: int) -> None:
    decode_envelope(msgpack.packb({**GOOD["envelope"], key: bytes(most)}))

    with pytest.raises(WireError) as error:
        decode_envelope(msgpack.packb({**GOOD["envelope"], key: bytes(most + 1)}))
    assert (error.value.code, error.value.field) == ("too_large", key)


@each_of("case", CASES, ids=lambda case: case["name"])
def test_values_at_the_edge_are_read_and_those_beyond_refused_with_code_and_field(
    case: dict[str, Any],
) -> None:
    data = bytes.fromhex(case["hex"])
    if "error" not in case:
        DECODERS[case["kind"]](data)
        return

    with pytest.raises(WireError) as error:
        DECODERS[case["kind"]](data)
    assert (error.value.code, error.value.field) == (case["error"], case["field"])


@pytest.mark.parametrize("name", ["events", "messages", "boundary", "evolved"])
def test_every_cut_of_every_vector_is_refused(name: str) -> None:
    for case in released()[name]:
        data = bytes.fromhex(case["hex"])
        for cut in range(len(data)):
            with pytest.raises(WireError):
                DECODERS[case["kind"]](data[:cut])


def _packed(kind: str, fields: dict[str, Any]) -> bytes:
    packed: bytes = msgpack.packb(as_list(fields) if kind == "short frame" else fields)
    return packed


@pytest.mark.parametrize("kind", DECODERS)
@given(st.data())
def test_a_value_of_no_kind_that_a_key_takes_makes_the_message_malformed(
    kind: str, data: st.DataObject
) -> None:
    """Floats, booleans, and binaries of a length that no key has."""
    key = data.draw(st.sampled_from([field.key for field in TABLES[kind]]))
    value = data.draw(st.floats() | st.booleans() | st.binary(min_size=40, max_size=50))
    takes_bytes = key in ("meta", "payload") and kind == "envelope"
    if (takes_bytes and type(value) is bytes) or (key == "duplicate" and type(value) is bool):
        return

    with pytest.raises(WireError) as error:
        DECODERS[kind](_packed(kind, {**GOOD[kind], key: [value] if key == "changes" else value}))
    assert error.value.code == "malformed_message"
