"""The bytes of a file that is to be imported: a JSON text, or one in a chunk of a PNG picture.

Nothing of it is trusted: sizes are bounded before anything is read, chunks must be whole, and compressed ones
are refused, as no writer of cards makes them.
"""

import base64
import binascii
import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from domain.definition.faults import Fault

BYTES_MAX = 32 << 20
JSON_MAX = 8 << 20
PNG = b"\x89PNG\r\n\x1a\n"
ZIP = b"PK\x03\x04"
CHUNKS = (b"ccv3", b"chara")
"""Keywords of the chunks that hold a card; the first is the newer, and holds where both are there."""

COMPRESSED = (b"zTXt", b"iTXt")
AS_FILE = "a World Info file or a character card (V2, V3) as JSON, or a card as a PNG picture"


class Unreadable(Exception):
    """A file that cannot be read.

    Attributes:
        fault: why. at: line and column.
    """

    def __init__(self, fault: Fault, at: tuple[int, int] = (1, 1)) -> None:
        super().__init__(fault.found)
        self.fault = fault
        self.at = at


def read_source(content: bytes, hidden: set[str]) -> Any:
    """Return the plain data of a file; note the characters in it that nobody sees, which are taken out.

    Raises:
        Unreadable: it is neither, or damaged.
    """
    if len(content) > BYTES_MAX:
        raise _bad("too_large", "file", f"it has {len(content):,} bytes", f"at most {BYTES_MAX:,}")
    if content.startswith(PNG):
        return _json(_card_in(content), "the card in the picture", hidden)
    if content.startswith(ZIP):
        raise _bad("bad_format", "file", "it is an archive (CHARX?)", "its card.json, taken out: " + AS_FILE)
    return _json(content, "the file", hidden)


def _visible(data: Any, hidden: set[str]) -> Any:
    """Return data without characters that nobody sees, as no file of a world has any; note them."""
    match data:
        case str():
            found = {each for each in data if not (each.isprintable() or each.isspace())}
            hidden |= found
            return "".join(each for each in data if each not in found) if found else data
        case list():
            return [_visible(each, hidden) for each in data]
        case dict():
            return {_visible(key, hidden): _visible(each, hidden) for key, each in data.items()}
    return data


def _card_in(content: bytes) -> bytes:
    """Return the card that a picture holds."""
    found: dict[bytes, bytes] = {}
    for kind, body in _chunks(content):
        keyword, _, text = body.partition(b"\0")
        if kind in COMPRESSED and keyword in CHUNKS:
            what = f"the chunk {keyword.decode()} is {kind.decode()}, which may be compressed"
            raise _bad("bad_chunk", f"file.{keyword.decode()}", what, "a tEXt chunk; or the card as JSON")
        if kind == b"tEXt" and keyword in CHUNKS:
            found.setdefault(keyword, text)
    for keyword in CHUNKS:
        if keyword in found:
            try:
                return base64.b64decode(found[keyword].strip(), validate=True)
            except binascii.Error as error:
                path = f"file.{keyword.decode()}"
                raise _bad(
                    "bad_chunk", path, f"the chunk is no base64: {error}", "a card in base64"
                ) from None
    raise _bad("no_card", "file", "the picture holds no card", "a tEXt chunk chara or ccv3")


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(PNG)
    while at < len(content):
        if at + 12 > len(content):
            raise _bad("bad_chunk", "file", f"the picture ends within a chunk, at byte {at:,}", "a whole PNG")
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        body = content[at + 8 : at + 8 + length]
        if len(body) < length or at + 12 + length > len(content):
            raise _bad("bad_chunk", "file", f"a chunk at byte {at:,} is cut off", "a whole PNG")
        told = struct.unpack(">I", content[at + 8 + length : at + 12 + length])[0]
        if told != zlib.crc32(kind + body):
            raise _bad(
                "bad_chunk", "file", f"a chunk at byte {at:,} is damaged: its sum is wrong", "a whole PNG"
            )
        yield kind, body
        if kind == b"IEND":
            return
        at += 12 + length


def _json(content: bytes, what: str, hidden: set[str]) -> Any:
    if len(content) > JSON_MAX:
        raise _bad("too_large", "file", f"{what} has {len(content):,} bytes of JSON", f"at most {JSON_MAX:,}")
    try:
        data = json.loads(content.decode("utf-8-sig"), parse_constant=_no_number)
        json.dumps(data, ensure_ascii=False).encode()
        return _visible(data, hidden)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fault = Fault("encoding", "file", "a byte stands here that is no UTF-8", "a file saved as UTF-8")
        raise Unreadable(fault, (line, 1)) from None
    except json.JSONDecodeError as error:
        fault = Fault("bad_json", "file", f"{what} is no JSON here: {error.msg}", AS_FILE)
        raise Unreadable(fault, (error.lineno, error.colno)) from None
    except UnicodeEncodeError:
        raise _bad("bad_json", "file", f"{what} has half a character (a lone surrogate)", AS_FILE) from None
    except (RecursionError, ValueError) as error:
        raise _bad("bad_json", "file", f"{what} is no JSON that can be read: {error}", AS_FILE) from None


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _bad(kind: str, path: str, found: str, allowed: str) -> Unreadable:
    return Unreadable(Fault(kind, path, found, allowed))
