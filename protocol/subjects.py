"""The subjects of a realm (SPEC.md, "Subjects"), and the names that they are made of.

Every token is checked on the way in and on the way out: a name with a dot, a blank or a wildcard would make a
message go where nobody expects it.
"""

import re

from protocol.errors import WireError
from protocol.fields import EVENT_TYPE, PART, REALM, STREAM, STREAM_ID

TOKEN = re.compile(STREAM_ID)
VIEW = re.compile(rf"{PART}(\.{PART}){{0,2}}")


def check_realm(realm: str) -> str:
    """Return ``realm`` if it is one: ``[a-z][a-z0-9_]{0,30}``."""
    return REALM.checked(realm, "realm")


def check_name(name: str) -> str:
    """Return the name of an event type or a command if it is one: ``{context}.{name}``."""
    return EVENT_TYPE.checked(name, "type")


def check_stream(stream: str) -> str:
    """Return ``stream`` if it is one: ``{context}-{id}``, at most 200 bytes."""
    return STREAM.checked(stream, "stream")


def event_subject(realm: str, event_type: str, stream: str) -> str:
    """Return ``{realm}.evt.{context}.{event}.{stream id}``."""
    return f"{check_realm(realm)}.evt.{check_name(event_type)}.{check_stream(stream).partition('-')[2]}"


def command_subject(realm: str, command: str) -> str:
    """Return ``{realm}.cmd.{context}.{command}``."""
    return f"{check_realm(realm)}.cmd.{check_name(command)}"


def inbox_subject(realm: str, command: str) -> str:
    """Return ``{realm}.in.{context}.{command}``."""
    return f"{check_realm(realm)}.in.{check_name(command)}"


def query_subject(realm: str, view: str) -> str:
    """Return ``{realm}.qry.{view}``; a view's name has one to three tokens."""
    return f"{check_realm(realm)}.qry.{_check(VIEW, view, 'view')}"


def cancel_subject(realm: str) -> str:
    """Return where cancellations of answers go: ``{realm}.live.inference.cancel``."""
    return f"{check_realm(realm)}.live.inference.cancel"


def check_stream_to(realm: str, subject: object) -> None:
    """See that pieces of an answer go to an inbox, or below this realm's ``live``.

    On another realm's subjects, or on that of cancellations, they would be taken for what they are not. A
    value that is no subject at all is left to the command's schema. Source: SPEC.md, "Answers as they come".

    Raises:
        WireError: ``invalid_field``.
    """
    if not isinstance(subject, str) or subject.startswith("_INBOX."):
        return
    if not subject.startswith(f"{realm}.live.") or subject == cancel_subject(realm):
        raise WireError(
            "invalid_field",
            "stream_to",
            f"must be an inbox or a subject below {realm}.live., but not that of cancellations",
        )


def job_subject(realm: str, queue: str) -> str:
    """Return ``{realm}.job.{queue}``; ``>`` stands for all of a realm's work."""
    return f"{check_realm(realm)}.job.{'>' if queue == '>' else _check(TOKEN, queue, 'queue')}"


def claim_subject(realm: str, id_: str) -> str:
    """Return ``{realm}.claim.{id}``, where it is kept which process answers a command; ``>``: any id."""
    return f"{check_realm(realm)}.claim.{'>' if id_ == '>' else _check(TOKEN, id_, 'id')}"


def peer_subject(realm: str, process: str) -> str:
    """Return ``{realm}.peer.{process}``, where one process of ours hears from the others."""
    return f"{check_realm(realm)}.peer.{_check(TOKEN, process, 'process')}"


def parse_subject(subject: str) -> tuple[str, str, str]:
    """Return (realm, kind, rest) of a subject of ours; kind is cmd, in, evt, qry, live or dlq.

    Raises:
        WireError: ``invalid_field``, it is none.
    """
    realm, _, tail = subject.partition(".")
    kind, _, rest = tail.partition(".")
    if not REALM.fits(realm) or kind not in ("cmd", "in", "evt", "qry", "live", "dlq") or not rest:
        raise WireError("invalid_field", "subject", "is not {realm}.{cmd|in|evt|qry|live|dlq}.…")
    return realm, kind, rest


def _check(pattern: re.Pattern[str], value: str, what: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise WireError("invalid_field", what, f"is not of the form {pattern.pattern}")
    return value
