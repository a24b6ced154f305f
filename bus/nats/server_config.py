"""The accounts, users and permissions of a nats-server, rendered from what is declared (`bus.permissions`).

The text is JSON, which nats-server's own format includes. It holds public keys only.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bus.catalogue import Catalogue
from bus.permissions import COMPONENTS, Grants, Rights, client_rights, component_rights
from protocol.identity import Identity
from protocol.subjects import GATES, gate_subject

OURS = "AICORE"
"""The account of AI Core's components and streams."""

PLACES_MIN, PLACES_FREE = 32, 16
"""Accounts for clients: so many at least, and so many that are free. A server that reads its file again lets
new users into an account that is there, but connects no new account to ours (nats-server 2.15.1, tried)."""

ANSWER_S = 900
"""The server remembers for so long where an answer goes; no request may take longer."""


def accounts_of(
    realm: str, catalogue: Catalogue, clients: Sequence[Grants], keys: Mapping[Identity, str]
) -> dict[str, Any]:
    """Return the member ``accounts`` of a server's configuration; ``keys``: public nkeys by identity."""
    highest = max((each.place for each in clients), default=0)
    places = range(1, max(PLACES_MIN, highest + PLACES_FREE) + 1)
    users: dict[int, list[Any]] = {place: [] for place in places}
    for grants in clients:
        users[grants.place].append(_user(keys[grants.identity], client_rights(realm, catalogue, grants)))
    return {
        OURS: _ours(realm, keys),
        **{f"CLIENT_{place}": {"users": users[place], "imports": _imports(realm, place)} for place in places},
    }


def rendered(accounts: Mapping[str, Any]) -> str:
    """Return the text that a server's configuration includes."""
    return f"accounts: {json.dumps(accounts, indent=1)}\n"


def _ours(realm: str, keys: Mapping[Identity, str]) -> dict[str, Any]:
    users = [
        _user(keys[identity], component_rights(realm, name))
        for name in COMPONENTS
        if (identity := Identity("component", name)) in keys
    ]
    answered = {"response_threshold": f"{ANSWER_S}s"}
    exports: list[dict[str, Any]] = [
        {"service": there, **({"response_type": "stream"} if many else answered)}
        for there, _, many in _requests(realm, "*")
    ]
    exports += [{"stream": subject} for subject in _messages(realm)]
    return {"jetstream": "enabled", "users": users, "exports": exports}


def _imports(realm: str, place: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for there, here, _ in _requests(realm, (place - 1) % GATES + 1):
        service = {"service": {"account": OURS, "subject": there}}
        found.append(service if there == here else {**service, "to": here})
    return found + [{"stream": {"account": OURS, "subject": subject}} for subject in _messages(realm)]


def _requests(realm: str, gate: int | str) -> Iterator[tuple[str, str, bool]]:
    """Yield what goes from a client to us: the subject there and here, and whether many answers come.

    Commands and queries come to us by a gate, so that one client can be kept out (`bus.nats.gates`).
    JetStream's requests have a prefix of their own here: ``$JS.API`` of an account is its own JetStream's.
    """
    for kind in ("cmd.>", "qry.>"):
        yield gate_subject(f"{realm}.{kind}", gate), f"{realm}.{kind}", False
    for kind in ("in.>", "live.inference.cancel.*"):
        yield (subject := f"{realm}.{kind}"), subject, False
    consumers = f"EVT_{realm}.*"
    yield f"$JS.API.CONSUMER.INFO.{consumers}", f"{realm}.js.CONSUMER.INFO.{consumers}", False
    yield f"$JS.API.CONSUMER.MSG.NEXT.{consumers}", f"{realm}.js.CONSUMER.MSG.NEXT.{consumers}", True
    yield (subject := f"$JS.ACK.EVT_{realm}.>"), subject, False


def _messages(realm: str) -> tuple[str, ...]:
    """Return what comes from us to clients, if they may hear it."""
    return "_INBOX.*.>", f"{realm}.live.*.>", f"{realm}.evt.>", f"{realm}.dlq.in"


def _user(key: str, rights: Rights) -> dict[str, Any]:
    publish: dict[str, Any] = {"allow": [*rights.publish]}
    if rights.publish_not:
        publish["deny"] = [*rights.publish_not]
    return {"nkey": key, "permissions": {"publish": publish, "subscribe": {"allow": [*rights.subscribe]}}}
