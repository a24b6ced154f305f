"""An envelope as a CloudEvent in binary mode on NATS headers, and back (SPEC.md, "CloudEvents").

Source: CloudEvents 1.0.2, and its NATS protocol binding's binary mode (1.0.3-wip, July 2026): the body is the
data, every attribute a ``ce-`` header, with blank, quote, percent and non-printable bytes percent-encoded.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote_to_bytes
from uuid import UUID

from protocol.envelope import Envelope, checked
from protocol.errors import WireError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CONTENT_TYPE = "application/msgpack"
PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z")


def to_cloudevent(envelope: Envelope) -> tuple[dict[str, str], bytes]:
    """Return (headers, body) of an event; unknown envelope keys have no place in it and are left out."""
    attributes = {
        "specversion": "1.0",
        "id": str(envelope.id),
        "source": f"/realms/{envelope.realm}",
        "type": envelope.type,
        "subject": envelope.stream,
        "time": (EPOCH + timedelta(microseconds=envelope.time)).isoformat(timespec="microseconds")[:-6] + "Z",
        "aicoreschema": str(envelope.schema),
        "aicoreversion": str(envelope.version),
        "aicoreposition": str(envelope.position),
        "aicorehash": envelope.hash.hex(),
        "aicoremeta": envelope.meta.hex(),
    }
    headers = {f"ce-{key}": quote(value, safe=PRINTABLE) for key, value in attributes.items()}
    return {**headers, "ce-datacontenttype": CONTENT_TYPE}, envelope.payload


def from_cloudevent(headers: Mapping[str, str], body: bytes) -> Envelope:
    """Return the envelope of a CloudEvent that `to_cloudevent` made; header names in any case.

    Raises:
        WireError: an attribute is missing or malformed.
    """
    found = {key.lower(): value for key, value in headers.items()}

    def attribute(name: str) -> str:
        value = found.get(f"ce-{name}")
        if value is None:
            raise WireError("malformed_message", f"ce-{name}", "is missing")
        try:
            return unquote_to_bytes(value.strip('"')).decode()
        except UnicodeDecodeError as error:
            raise WireError(
                "malformed_message", f"ce-{name}", "is no UTF-8 after percent-decoding"
            ) from error

    if attribute("specversion") != "1.0":
        raise WireError("unsupported_version", "ce-specversion", "must be 1.0")
    try:
        fields = {
            "id": UUID(attribute("id")).bytes,
            "type": attribute("type"),
            "schema": int(attribute("aicoreschema")),
            "realm": attribute("source").removeprefix("/realms/"),
            "stream": attribute("subject"),
            "version": int(attribute("aicoreversion")),
            "position": int(attribute("aicoreposition")),
            "time": _microseconds(attribute("time")),
            "meta": bytes.fromhex(attribute("aicoremeta")),
            "hash": bytes.fromhex(attribute("aicorehash")),
            "payload": body,
        }
    except WireError:
        raise
    except ValueError as error:
        raise WireError("malformed_message", "", f"an attribute is malformed: {error}") from error
    return checked(fields)


def _microseconds(text: str) -> int:
    match = TIME.fullmatch(text)
    if not match:
        raise WireError("malformed_message", "ce-time", "is no RFC 3339 time in UTC with a Z")
    whole = datetime.fromisoformat(match[1]).replace(tzinfo=UTC) - EPOCH
    return (whole // timedelta(seconds=1)) * 1_000_000 + int((match[2] or "0").ljust(6, "0"))
