"""From a request's bytes to a JSON object: bounded in size and time, and every fault has a name.

aiohttp answers damaged gzip with 500 when it reads itself; so the bytes are read as they come (`serving_http`
switches its decompression off) and unpacked here. Of two equal keys neither is taken.
"""

import asyncio
import json
import zlib
from typing import Any

import orjson
from aiohttp import ClientError, web

from aicore.http.openai.faults import Fault, shown

BODY_BYTES_MAX = 512 * 1024
"""Of a body, packed or not."""

BODY_TIMEOUT_S = 10.0
"""Until a body is there, counted from its request's head."""

PACKED = ("gzip", "x-gzip", "deflate")


async def object_of(request: web.Request, *, timeout_s: float = BODY_TIMEOUT_S) -> dict[str, Any]:
    """Return the JSON object that a request brings.

    Raises:
        Fault: 400 ``invalid_json``, ``duplicate_key``, ``invalid_encoding`` or ``incomplete_body``, 408, 413,
            415 ``unsupported_media_type`` or ``unsupported_encoding``.
    """
    if request.content_type != "application/json":
        # A page in a browser cannot send this type to another origin without asking first.
        raise Fault(
            415,
            "unsupported_media_type",
            "the Content-Type must be application/json",
            recorded="malformed_message",
        )
    packing = request.headers.get("Content-Encoding", "identity").strip().lower()
    if packing not in (*PACKED, "identity"):
        raise Fault(
            415,
            "unsupported_encoding",
            f"the Content-Encoding `{shown(packing)}` is not known; send gzip, deflate or none",
            recorded="malformed_message",
        )
    body = await _read(request, timeout_s)
    return parsed(body if packing == "identity" else unpacked(body, packing))


async def _read(request: web.Request, timeout_s: float) -> bytes:
    if (request.content_length or 0) > BODY_BYTES_MAX:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            while chunk := await request.content.readany():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise _too_large()
    except TimeoutError:
        raise Fault(
            408,
            "request_timeout",
            f"the body was not there after {timeout_s:g} s",
            headers={"Connection": "close"},
            recorded="malformed_message",
        ) from None
    except (ClientError, web.RequestPayloadError, ConnectionError) as error:
        raise Fault(400, "incomplete_body", "the body broke off", recorded="malformed_message") from error
    return bytes(body)


def unpacked(body: bytes, packing: str) -> bytes:
    """Return a body as it was before it was packed with gzip or deflate.

    Raises:
        Fault: 400 ``invalid_encoding``, 413.
    """
    # Some clients send deflate without the head that RFC 9110 (8.4.1.2) asks for.
    bare = packing == "deflate" and body[:1] and body[0] & 0x0F != zlib.DEFLATED
    unpacking = zlib.decompressobj(-zlib.MAX_WBITS if bare else zlib.MAX_WBITS | 32)
    try:
        found = unpacking.decompress(body, BODY_BYTES_MAX + 1)
    except zlib.error:
        found = None
    if found is not None and len(found) > BODY_BYTES_MAX:
        raise _too_large()
    if found is None or not unpacking.eof or unpacking.unused_data:
        raise Fault(400, "invalid_encoding", f"the body is no {packing}", recorded="malformed_message")
    return found


def parsed(body: bytes) -> dict[str, Any]:
    """Return the JSON object that bytes stand for.

    Raises:
        Fault: 400 ``invalid_json``: no JSON, not UTF-8, too deep, or no object; ``duplicate_key``.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _no_json(f"the body is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise _no_json("the body must be one JSON object")
    try:
        _KEYS.decode(body.decode())
    except RecursionError:
        raise _no_json("the body is nested too deep") from None
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen = set[str]()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Fault(
            400, "duplicate_key", f"the key `{shown(twice)}` occurs twice in one object",
            recorded="malformed_message",
        )  # fmt: skip
    return found


_KEYS = json.JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_float=str)
"""Looks for equal keys alone, of which orjson takes the last; numbers stay as they stand."""


def _no_json(message: str) -> Fault:
    return Fault(400, "invalid_json", message, recorded="malformed_message")


def _too_large() -> Fault:
    return Fault(
        413, "too_large", f"the body may have {BODY_BYTES_MAX} bytes, unpacked, too", recorded="too_large"
    )
