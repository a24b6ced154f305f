"""The chain's bytes, written out by hand from SPEC.md: whoever reads the page must get our hashes."""

from hashlib import sha256
from typing import Any

import pytest

from protocol.chain import genesis, link

EVENT_ID = bytes(range(16))
ROW: dict[str, Any] = {
    "previous": b"p" * 32,
    "header": (0x0102030405060708, EVENT_ID, 0x1112131415161718, 0x2122232425262728, 0x31323334),
    "names": (b"story.told", b"story-a"),
    "meta": b"\x80",
    "payload": b"\x81\xa1n\x01",
}


def linked(**changes: Any) -> bytes:
    row = {**ROW, **changes}
    return link(row["previous"], row["header"], row["names"], row["meta"], row["payload"])


def test_before_the_first_event_stands_the_hash_of_the_realm() -> None:
    assert genesis("demo").hex() == "90f0d4ac13e5045389ef9f9b38d8510b57f5f968698a6630907555e53dcd2838"
    assert genesis("größe") == sha256(b"aicore-log/1\x00gr\xc3\xb6\xc3\x9fe").digest()


def test_the_bytes_that_are_hashed_are_those_of_the_table() -> None:
    written = b"".join(
        [
            b"p" * 32,
            bytes.fromhex("0102030405060708"),
            EVENT_ID,
            bytes.fromhex("1112131415161718"),
            bytes.fromhex("2122232425262728"),
            bytes.fromhex("31323334"),
            bytes.fromhex("000a") + b"story.told",
            bytes.fromhex("0007") + b"story-a",
            bytes.fromhex("00000001") + b"\x80",
            bytes.fromhex("00000004") + b"\x81\xa1n\x01",
        ]
    )

    assert linked() == sha256(written).digest()


def test_a_time_before_1970_has_a_sign() -> None:
    position, event_id, _, version, schema = ROW["header"]
    assert linked(header=(position, event_id, -1, version, schema)) != linked()


@pytest.mark.parametrize(
    "changes",
    [
        {"previous": b"q" * 32},
        *(
            {"header": (*ROW["header"][:n], value, *ROW["header"][n + 1 :])}
            for n, value in enumerate((1, bytes(16), 1, 1, 1))
        ),
        {"names": (b"story.tol", b"dstory-a")},
        {"names": (b"story.toldstory", b"-a")},
        {"meta": b"\x80\x81", "payload": b"\xa1n\x01"},
        {"meta": b"", "payload": b"\x80\x81\xa1n\x01"},
    ],
)
def test_no_two_different_rows_have_the_same_hash(changes: dict[str, Any]) -> None:
    assert linked(**changes) != linked()


def test_a_row_has_one_metadata_and_one_payload() -> None:
    with pytest.raises(ValueError, match="unpack"):
        link(ROW["previous"], ROW["header"], ROW["names"], b"\x80")
