"""The tables of SPEC.md: the keys of each message, their kinds, and whether they may be absent.

Decoders read by these tables, a test compares SPEC.md's with them, and `protocol/vectors/edges.json` has the
values at each kind's edges and beyond them. So the page, the decoders and the vectors say the same.
"""

from protocol.kinds import (
    Anything,
    Changes,
    Either,
    Field,
    Flag,
    Form,
    Id,
    MapOf,
    Octets,
    OrNil,
    Packed,
    Rows,
    ShortChanges,
    Text,
    Version,
    Whole,
    Words,
)
from protocol.limits import (
    ACTOR_BYTES_MAX,
    COUNT_MAX,
    META_BYTES_MAX,
    NAME_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    SCHEMA_MAX,
)

FORMAT_VERSION = 1
SHORT_VERSION = 2
"""Of frames that are lists: the first element tells."""

PART = "[a-z][a-z0-9_]{0,63}"
STREAM_ID = "[A-Za-z0-9_-]{1,128}"
REALM = Form("realm", "[a-z][a-z0-9_]{0,30}", few=True)
EVENT_TYPE = Form("event type", rf"{PART}\.{PART}", few=True)
COMMAND_NAME = Form("command", rf"{PART}\.{PART}", few=True)
STREAM = Form("stream", f"{PART}-{STREAM_ID}", bytes_max=NAME_BYTES_MAX)
TRACE = Form("W3C traceparent", "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, section 3.2: version, trace id, parent id, flags."""

NAMES = (
    ("realm", f"`{REALM.pattern}`"),
    ("event type, command", f"`{{context}}.{{name}}`, each part `{PART}`"),
    ("stream", f"`{{context}}-{{id}}`, id `{STREAM_ID}`, in all at most {NAME_BYTES_MAX} bytes"),
)
"""SPEC.md, "Names and subjects"."""

_V = Field("v", Version(FORMAT_VERSION))
_ID = Field("id", Id())
_FROM_0 = Whole(0, COUNT_MAX)
_FROM_1 = Whole(1, COUNT_MAX)

ENVELOPE = (
    _V,
    _ID,
    Field("type", EVENT_TYPE),
    Field("schema", Whole(1, SCHEMA_MAX)),
    Field("realm", REALM),
    Field("stream", STREAM),
    Field("version", _FROM_1),
    Field("position", _FROM_1),
    Field("time", _FROM_0),
    Field("meta", Packed(META_BYTES_MAX)),
    Field("hash", Octets(32)),
    Field("payload", Packed(PAYLOAD_BYTES_MAX)),
)
META = (
    Field("correlation", Id(), optional=True),
    Field("causation", Id(), optional=True),
    Field("actor", Text(ACTOR_BYTES_MAX), optional=True, default=""),
    Field("trace", TRACE, optional=True, default=""),
)
COMMAND = (
    _V,
    _ID,
    Field("command", COMMAND_NAME),
    Field("expected", Either(_FROM_0, Words("none", "exists", "any")), optional=True, default="any"),
    Field("meta", MapOf(), optional=True, default={}),
    Field("payload", MapOf()),
)
EVENT_PLACE = (
    _ID,
    Field("type", EVENT_TYPE),
    Field("stream", STREAM),
    Field("version", _FROM_1),
    Field("position", _FROM_1),
)
REPLY = (
    _V,
    Field("result", MapOf()),
    Field("events", Rows(EVENT_PLACE)),
    Field("duplicate", Flag()),
)
QUERY = (_V, Field("query", MapOf()))
ANSWER = (_V, Field("result", Anything()), Field("position", _FROM_0))
ERROR_REPLY = (_V, Field("error", MapOf()))
ERROR = (
    Field("code", Text()),
    Field("message", Text()),
    Field("field", Text()),
    Field("remedy", Text()),
    Field("retry", Words("never", "later", "reload")),
    Field("retry_after_ms", OrNil(_FROM_0)),
    Field("details", MapOf()),
)
PIECE = (_V, Field("id", Octets(16)), Field("n", _FROM_0), Field("text", Text()))
CANCELLATION = (_V, Field("id", Octets(16)))
FRAME = (
    _V,
    Field("epoch", _FROM_0),
    Field("fold", _FROM_1),
    Field("seq", _FROM_0),
    Field("changes", Changes(_FROM_1)),
)
SHORT_FRAME = (
    Field("v", Version(SHORT_VERSION)),
    *FRAME[1:-1],
    Field("changes", ShortChanges(_FROM_1)),
)

TABLES = {
    "envelope": ENVELOPE,
    "meta": META,
    "command": COMMAND,
    "reply": REPLY,
    "event of a reply": EVENT_PLACE,
    "piece": PIECE,
    "cancellation": CANCELLATION,
    "query": QUERY,
    "answer": ANSWER,
    "error": ERROR,
    "frame": FRAME,
    "short frame": SHORT_FRAME,
}
"""In the order in which they stand in SPEC.md."""
