"""The subjects of a realm (SPEC.md, "Subjects"), and the names that they are made of.

Every token is checked on the way in and on the way out: a name with a dot, a blank or a wildcard would make a
message go where nobody expects it.
"""

import re
from functools import lru_cache

from protocol.errors import WireError
from protocol.limits import NAME_BYTES_MAX

REALM = re.compile(r"[a-z][a-z0-9_]{0,30}")
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\.[a-z][a-z0-9_]{0,63}")
STREAM = re.compile(r"[a-z][a-z0-9_]{0,63}-[A-Za-z0-9_-]{1,128}")
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")
VIEW = re.compile(r"[a-z][a-z0-9_]{0,63}(\.[a-z][a-z0-9_]{0,63}){0,2}")

NAMES_CACHED = 4_096


@lru_cache(NAMES_CACHED)
def check_realm(realm: str) -> str:
    """Return ``realm`` if it is one: ``[a-z][a-z0-9_]{0,30}``."""
    return _check(REALM, realm, "realm")


@lru_cache(NAMES_CACHED)
def check_name(name: str) -> str:
    """Return the name of an event type or a command if it is one: ``{context}.{name}``."""
    return _check(NAME, name, "type")


def check_stream(stream: str) -> str:
    """Return ``stream`` if it is one: ``{context}-{id}``, at most `NAME_BYTES_MAX` bytes."""
    if len(stream) > NAME_BYTES_MAX:
        raise WireError(
            "invalid_field", "stream", f"has {len(stream)} characters, the limit is {NAME_BYTES_MAX}"
        )
    return _check(STREAM, stream, "stream")


def event_subject(realm: str, event_type: str, stream: str) -> str:
    """Return ``{realm}.evt.{context}.{event}.{stream id}``."""
    return f"{check_realm(realm)}.evt.{check_name(event_type)}.{check_stream(stream).partition('-')[2]}"


def command_subject(realm: str, command: str) -> str:
    """Return ``{realm}.cmd.{context}.{command}``."""
    return f"{check_realm(realm)}.cmd.{check_name(command)}"


def query_subject(realm: str, view: str) -> str:
    """Return ``{realm}.qry.{view}``; a view's name has one to three tokens."""
    return f"{check_realm(realm)}.qry.{_check(VIEW, view, 'view')}"


def cancel_subject(realm: str) -> str:
    """Return where cancellations of answers go: ``{realm}.live.inference.cancel``."""
    return f"{check_realm(realm)}.live.inference.cancel"


def job_subject(realm: str, queue: str) -> str:
    """Return ``{realm}.job.{queue}``; ``>`` stands for all of a realm's work."""
    return f"{check_realm(realm)}.job.{'>' if queue == '>' else _check(TOKEN, queue, 'queue')}"


def parse_subject(subject: str) -> tuple[str, str, str]:
    """Return (realm, kind, rest) of a subject of ours; kind is cmd, evt, qry, live or dlq.

    Raises:
        WireError: ``invalid_field``, it is none.
    """
    realm, _, tail = subject.partition(".")
    kind, _, rest = tail.partition(".")
    if not REALM.fullmatch(realm) or kind not in ("cmd", "evt", "qry", "live", "dlq") or not rest:
        raise WireError("invalid_field", "subject", "is not {realm}.{cmd|evt|qry|live|dlq}.…")
    return realm, kind, rest


def _check(pattern: re.Pattern[str], value: str, what: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise WireError("invalid_field", what, f"is not of the form {pattern.pattern}")
    return value
