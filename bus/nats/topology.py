"""The JetStream streams of a realm: events, the inbox and dead letters.

`EVT_{realm}`, whose sequence is the log's position, is a cache that the relay fills again. `IN_{realm}` and
`DLQ_{realm}` hold what is nowhere else: commands that did not take effect yet, and those that were refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nats.aio.client import Client

from bus.nats.api import JetStreamError, Missing, js_request
from protocol.limits import REQUEST_BYTES_MAX

SECOND_NS = 1_000_000_000
DAY_S = 86_400

DEAD_LETTERS_BYTES_MAX = 64 * 1024 * 1024

DEDUPLICATION_S = 120
"""How long JetStream remembers message ids; a second line behind the expected sequence."""

FULL_WITHIN_BYTES = 2 * 1024 * 1024
"""A stream that lacks less than this to its limit, the largest message twice, has let messages go for it."""

YOUNG = 0.9
"""Share of a message's time within which it must still be there, whatever the clocks say."""

AGREED = "aicore_agreed"
"""Key of a stream's metadata, see `StreamState.agreed`."""


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """How much of the log JetStream keeps; older events are read from Postgres. 0 stands for no limit.

    The server sets ``bytes_max`` aside when the stream is made and refuses when its store is used up
    (error 10047), so it counts per realm: 1 GiB lets some 28 realms live in the embedded server's 32 GB.
    """

    age_max_s: int = 30 * DAY_S
    bytes_max: int = 1024**3
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class InboxLimits:
    """How much the inbox holds before it refuses its publishers; see `CacheLimits` for ``bytes_max``."""

    bytes_max: int = 64 * 1024**2
    replicas: int = 1
    message_bytes_max: int = REQUEST_BYTES_MAX + 1_024
    """A request with the headers that come along: a larger one is refused to its publisher."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """Content of a stream; ``last`` of an empty stream is one before its next sequence."""

    first: int
    last: int
    messages: int
    deleted: int
    """Holes between first and last: always 0 in a healthy `EVT_` stream."""
    made: str = ""
    """When the stream was made, as the server writes it: tells it from its successor of the same name."""
    agreed: int | None = None
    """Up to here its predecessor held the log's events; whoever went further on it must come back. None:
    there was no predecessor, or it held nothing else.
    """
    made_first: int = 1
    """The first sequence that it was made for."""
    bytes: int = 0
    bytes_max: int = 0
    """0: as many as there come."""
    age_max_us: int = 0
    """0: for ever."""

    first_age_us: int = 0
    """How long the first message has been there."""

    @property
    def full(self) -> bool:
        """Whether it may have let go of old messages to make room."""
        return bool(self.bytes_max) and self.bytes + FULL_WITHIN_BYTES >= self.bytes_max

    @property
    def trimmed(self) -> bool:
        """Whether its limits explain that messages before the first are gone."""
        aged = bool(self.age_max_us) and self.first_age_us >= YOUNG * self.age_max_us
        return self.messages > 0 and (self.full or aged)

    @property
    def whole(self) -> bool:
        """Whether no message between the first and the last is missing."""
        return self.messages == self.last - self.first + 1 and not self.deleted


def events_stream(realm: str) -> str:
    """Return the name of the realm's event stream."""
    return f"EVT_{realm}"


def inbox_stream(realm: str) -> str:
    """Return the name of the realm's stream of commands."""
    return f"IN_{realm}"


def dead_letters_stream(realm: str) -> str:
    """Return the name of the realm's dead-letter stream."""
    return f"DLQ_{realm}"


def events_config(
    realm: str, limits: CacheLimits, *, first_seq: int, agreed: int | None = None
) -> dict[str, Any]:
    """Return the configuration of the event stream whose next sequence is ``first_seq``."""
    return {
        **({"metadata": {AGREED: str(agreed)}} if agreed is not None else {}),
        "name": events_stream(realm),
        "description": f"cache of the log of realm {realm}; sequence = position; rebuilt by the relay",
        "subjects": [f"{realm}.evt.>"],
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "max_age": limits.age_max_s * SECOND_NS,
        "max_bytes": limits.bytes_max or -1,
        "max_msgs": -1,
        "num_replicas": limits.replicas,
        "duplicate_window": DEDUPLICATION_S * SECOND_NS,
        "deny_delete": True,
        "allow_direct": True,
        "first_seq": first_seq,
    }


async def create_events_stream(
    nc: Client, realm: str, limits: CacheLimits, *, first_seq: int = 1, agreed: int | None = None
) -> Mapping[str, Any]:
    """Create the event stream and return its configuration; the next event takes sequence ``first_seq``.

    ``agreed``: see `StreamState`.

    Raises:
        JetStreamError: it exists with another configuration, or the server refuses.
    """
    config = events_config(realm, limits, first_seq=first_seq, agreed=agreed)
    await js_request(nc, f"STREAM.CREATE.{config['name']}", config)
    return config


async def delete_stream(nc: Client, name: str) -> None:
    """Delete a stream with its consumers; idempotent."""
    try:
        await js_request(nc, f"STREAM.DELETE.{name}")
    except Missing:
        return


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A stream's configuration, as the server has it, and its content."""

    config: Mapping[str, Any]
    state: StreamState


async def describe(nc: Client, name: str) -> StreamState:
    """Return what the stream holds; raises as `look_at`."""
    return (await look_at(nc, name)).state


async def look_at(nc: Client, name: str) -> StreamInfo:
    """Return what the stream holds, and how it is set.

    Raises:
        Missing: there is no such stream.
        JetStreamUnavailable: no answer.
    """
    info = await js_request(nc, f"STREAM.INFO.{name}")
    state, config = info["state"], info["config"]
    agreed = (config.get("metadata") or {}).get(AGREED)
    found = StreamState(
        first=int(state["first_seq"]),
        last=int(state["last_seq"]),
        messages=int(state["messages"]),
        deleted=int(state.get("num_deleted", 0)),
        made=info["created"],
        agreed=int(agreed) if agreed is not None else None,
        made_first=int(config.get("first_seq") or 1),
        bytes=int(state["bytes"]),
        bytes_max=max(0, int(config.get("max_bytes", 0))),
        age_max_us=int(config.get("max_age", 0)) // 1_000,
        first_age_us=_age_us(state["first_ts"], info.get("ts")) if state["messages"] else 0,
    )
    return StreamInfo(config, found)


async def streams_on(nc: Client, subject: str) -> Sequence[str]:
    """Return the names of the streams that take some of what is published on ``subject``.

    Raises:
        JetStreamUnavailable: no answer.
    """
    return (await js_request(nc, "STREAM.NAMES", {"subject": subject})).get("streams") or []


async def release(nc: Client, name: str, subject: str) -> bool:
    """Take a foreign stream off our ``subject``, leaving it what it holds; False if it claims more than that.

    A stream on a wider subject may be somebody's copy of all that there is: that is for a person to decide.

    Raises:
        JetStreamError: the server refuses, as for a sealed stream. JetStreamUnavailable: no answer.
    """
    config = (await look_at(nc, name)).config
    inside = subject.removesuffix(">")
    subjects = config.get("subjects") or []
    kept = [each for each in subjects if not each.startswith(inside)]
    if len(kept) == len(subjects):
        return False
    await js_request(nc, f"STREAM.UPDATE.{name}", {**config, "subjects": kept or [f"aicore.released.{name}"]})
    return True


async def restore_settings(nc: Client, name: str, wanted: Mapping[str, Any]) -> None:
    """Give a stream its settings again; its metadata and what only describes it stay.

    Raises:
        JetStreamError: the server refuses, for some settings cannot be taken back.
        JetStreamUnavailable: no answer.
    """
    there = (await look_at(nc, name)).config.get("metadata") or {}
    metadata = {key: value for key, value in there.items() if key != AGREED} | wanted.get("metadata", {})
    await js_request(nc, f"STREAM.UPDATE.{name}", {**wanted, "metadata": metadata})


def _age_us(since: str, now: str | None) -> int:
    """Return the µs between two times of the server, as it writes them; 0 if it does not say its own."""
    if now is None:
        return 0
    return int((datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds() * 1e6)


async def ensure_dead_letters(nc: Client, realm: str, *, age_max_s: int = 90 * DAY_S) -> None:
    """Create the dead-letter stream if it is missing; idempotent. A full one refuses, and drops nothing."""
    await _ensure(
        nc,
        {
            "name": dead_letters_stream(realm),
            "description": f"what a consumer of realm {realm} could not handle",
            "subjects": [f"{realm}.dlq.>"],
            "retention": "limits",
            "storage": "file",
            "discard": "new",
            "max_bytes": DEAD_LETTERS_BYTES_MAX,
            "max_age": age_max_s * SECOND_NS,
            "duplicate_window": DEDUPLICATION_S * SECOND_NS,
            "allow_direct": True,
        },
    )


async def ensure_inbox(nc: Client, realm: str, limits: InboxLimits) -> None:
    """Create the stream of the inbox if it is missing, or give it these limits; idempotent."""
    await _ensure(
        nc,
        {
            "name": inbox_stream(realm),
            "description": f"commands that realm {realm} is to carry out; the only copy of each",
            "subjects": [f"{realm}.in.>"],
            "retention": "workqueue",
            "storage": "file",
            "discard": "new",
            "max_bytes": limits.bytes_max,
            "max_msg_size": limits.message_bytes_max,
            "num_replicas": limits.replicas,
            "duplicate_window": DEDUPLICATION_S * SECOND_NS,
            "allow_direct": True,
        },
        held_to=("max_bytes", "max_msg_size", "num_replicas"),
    )


async def _ensure(nc: Client, config: Mapping[str, Any], *, held_to: Sequence[str] = ()) -> None:
    """Create a stream if it is missing; one that is there gets the members ``held_to`` of ``config``."""
    try:
        there = (await js_request(nc, f"STREAM.INFO.{config['name']}"))["config"]
    except Missing:
        try:
            await js_request(nc, f"STREAM.CREATE.{config['name']}", config)
        except JetStreamError as error:
            if "already in use" not in error.description:
                raise
        return
    wanted = {key: config[key] for key in held_to}
    if any(there.get(key) != value for key, value in wanted.items()):
        await js_request(nc, f"STREAM.UPDATE.{config['name']}", {**there, **wanted})
