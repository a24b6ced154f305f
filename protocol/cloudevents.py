"""An envelope as a CloudEvent in binary mode on NATS headers (SPEC.md, "CloudEvents").

Source: CloudEvents 1.0.2, and its NATS protocol binding's binary mode (1.0.3-wip, July 2026): the body is the
data, every attribute a ``ce-`` header, with blank, quote, percent and non-printable bytes percent-encoded.
"""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from protocol.envelope import Envelope

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CONTENT_TYPE = "application/msgpack"
PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


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
