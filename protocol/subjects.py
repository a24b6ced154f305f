"""The subjects of a realm (SPEC.md, "Subjects"), and the names that they are made of.

Every token is checked on the way in and on the way out: a name with a dot, a blank or a wildcard would make a
message go where nobody expects it.
"""

import re
from typing import NamedTuple

from protocol.errors import WireError
from protocol.fields import EVENT_TYPE, PART, REALM, STREAM, STREAM_ID
from protocol.identity import Identity

TOKEN = re.compile(STREAM_ID)
GATES = 32
"""Ways from clients' accounts to ours; accounts beyond that share them."""
GATED = re.compile(r"([^.]+)\.gate\.([0-9]{1,2})\.(.+)")

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


def command_subject(realm: str, command: str, sender: Identity) -> str:
    """Return ``{realm}.cmd.{context}.{command}.{identity}``."""
    return f"{check_realm(realm)}.cmd.{check_name(command)}.{_token(sender)}"


def inbox_subject(realm: str, command: str, sender: Identity) -> str:
    """Return ``{realm}.in.{context}.{command}.{identity}``."""
    return f"{check_realm(realm)}.in.{check_name(command)}.{_token(sender)}"


def query_subject(realm: str, view: str, sender: Identity) -> str:
    """Return ``{realm}.qry.{view}.{identity}``; a view's name has one to three tokens."""
    return f"{check_realm(realm)}.qry.{_check(VIEW, view, 'view')}.{_token(sender)}"


def cancel_subject(realm: str, sender: Identity | None) -> str:
    """Return ``{realm}.live.inference.cancel.{identity}``, where answers are cancelled; None: by anybody."""
    return f"{check_realm(realm)}.live.inference.cancel.{'*' if sender is None else _token(sender)}"


def place_subject(realm: str, side: str, district: str, place: str, cell: int) -> str:
    """Return ``{realm}.live.place.{side}.{district}.{place}.{cell}``, where a place's frames go."""
    names = ".".join(_check(TOKEN, name, "place") for name in (side, district, place))
    return f"{check_realm(realm)}.live.place.{names}.{cell}"


def short_subject(realm: str, side: str, district: str, place: str, cell: int) -> str:
    """Return ``{realm}.live.at.{side}.{district}.{place}.{cell}``, where a place's short frames go."""
    names = ".".join(_check(TOKEN, name, "place") for name in (side, district, place))
    return f"{check_realm(realm)}.live.at.{names}.{cell}"


def places_subjects(realm: str) -> tuple[str, str]:
    """Return ``{realm}.live.place.>`` and ``{realm}.live.at.>``: frames, which our feeder alone publishes."""
    return f"{check_realm(realm)}.live.place.>", f"{realm}.live.at.>"


def check_stream_to(realm: str, subject: object, sender: Identity) -> None:
    """See that pieces of an answer go to a subject of the caller's own.

    On anybody else's they would be taken for what they are not. A value that is no subject at all is left to
    the command's schema. Source: SPEC.md, "Answers as they come".

    Raises:
        WireError: ``invalid_field``.
    """
    if isinstance(subject, str) and not sender.receives(realm, subject):
        raise WireError(
            "invalid_field", "stream_to", f"must begin with {sender.inbox}. or {realm}.live.{sender}."
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


def gate_subject(subject: str, gate: int | str) -> str:
    """Return how a client's request on ``subject`` comes to our account: ``{realm}.gate.{gate}.…``.

    ``gate``: 1 to `GATES`, or ``*`` for all.
    """
    realm, _, tail = subject.partition(".")
    return f"{check_realm(realm)}.gate.{gate}.{tail}"


def gate_of(subject: str) -> tuple[int, str]:
    """Return the gate that a request came by, and its subject without it; 0: by none."""
    found = GATED.fullmatch(subject)
    return (int(found[2]), f"{found[1]}.{found[3]}") if found else (0, subject)


class Address(NamedTuple):
    """Contents of a request's subject. ``sender`` is None where the subject names nobody."""

    kind: str
    """``cmd``, ``in`` or ``qry``."""
    name: str
    """Of the command or the view."""
    sender: Identity | None

    def proven(self) -> Identity:
        """Return the sender.

        Raises:
            WireError: ``invalid_field``, the subject names none.
        """
        return self.sender or Identity.parse(None)


def parse_request(subject: str) -> Address:
    """Return what the subject of a command or a query says; one without an identity is read, too.

    No part of a name has a hyphen, so a name is never taken for an identity. The gate that a request came by
    is passed over.

    Raises:
        WireError: ``invalid_field``, it is no such subject.
    """
    realm, _, tail = gate_of(subject)[1].partition(".")
    kind, _, rest = tail.partition(".")
    if not REALM.fits(realm) or kind not in ("cmd", "in", "qry") or not rest:
        raise WireError("invalid_field", "subject", "is not {realm}.{cmd|in|qry}.{name}.{identity}")
    name, _, last = rest.rpartition(".")
    if name and "-" in last:
        return Address(kind, name, Identity.parse(last))
    return Address(kind, rest, None)


def _token(sender: Identity) -> str:
    return str(Identity.parse(str(sender)))


def _check(pattern: re.Pattern[str], value: str, what: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise WireError("invalid_field", what, f"is not of the form {pattern.pattern}")
    return value
