"""Rights to publish and subscribe, by identity: derived from the declared messages, as data.

AI Core's components share one account of the server, each with the rights of its part. Each client is alone
in another one, which takes in what goes to AI Core and comes from it; so what a service or JetStream sends to
a reply subject comes to who asked and to nobody else, whatever subject that is. Source: docs/security.md.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from bus.catalogue import Catalogue
from domain.kernel.event import Command, Query
from domain.kernel.roles import AUDITOR, GRANTED, OPERATOR, SERVICE, Role
from domain.kernel.visibility import personal_of, private_of
from protocol.identity import NAME, Identity
from protocol.subjects import (
    cancel_subject,
    command_subject,
    gate_subject,
    inbox_subject,
    peer_subject,
    places_subjects,
    query_subject,
)

SERVICES = ("commands", "queries", "inference")
COMPONENTS = ("owner", "relay", "services", *SERVICES, "projections")
"""AI Core's identities: ``owner`` is whoever has the state directory; ``services`` are the three in one."""

EVERYTHING = "all"
"""Said of contexts to follow."""


FOLLOWERS_MAX = 8
"""Of one service beside its first consumer: each costs the server memory, and a look at every event."""


class GrantError(ValueError):
    """A grant that no declaration allows; the message names what there is."""


@dataclass(frozen=True, slots=True)
class Grants:
    """A client of the wire, and what somebody gave it.

    Attributes:
        identity: a service or an operator.
        roles: of an operator.
        may: names of commands and queries that a service got beyond those of every service.
        follow: contexts whose events a service may follow, or `EVERYTHING`.
        followers: names of what else of a service follows them, each by a consumer of its own.
        place: number of its account in the server.
        person: of an operator, who has the key; empty: somebody of that name.
    """

    identity: Identity
    roles: tuple[Role, ...] = ()
    may: tuple[str, ...] = ()
    follow: tuple[str, ...] = ()
    followers: tuple[str, ...] = ()
    place: int = 0
    person: str = ""


@dataclass(frozen=True, slots=True)
class Rights:
    """Subjects with NATS's wildcards; of a subscription in a queue group ``subject group``."""

    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    publish_not: tuple[str, ...] = ()


# --- what was granted ---------------------------------------------------------------------------------------


def open_contexts(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the contexts none of whose events holds anything personal or private."""
    contexts: dict[str, bool] = {}
    for name, event in catalogue.events.items():
        context = name.partition(".")[0]
        hides = bool(personal_of(event) or private_of(event))
        contexts[context] = contexts.get(context, False) or hides
    return tuple(sorted(context for context, hides in contexts.items() if not hides))


def granted(catalogue: Catalogue, patterns: Collection[str]) -> tuple[str, ...]:
    """Return the names that ``patterns`` (names, or ``{context}.*``) stand for, of those services may have.

    Raises:
        GrantError: one stands for none.
    """
    found: set[str] = set()
    can = {name for name, kind in _messages(catalogue) if {SERVICE, GRANTED} & set(kind.may)}
    for pattern in patterns:
        names = {name for name in can if name == pattern or pattern == f"{name.partition('.')[0]}.*"}
        if not names:
            raise GrantError(f"no service may have {pattern!r}; there are {', '.join(sorted(can))}")
        found |= names
    return tuple(sorted(found))


def followed(catalogue: Catalogue, contexts: Collection[str]) -> tuple[str, ...]:
    """Return ``contexts`` if they have events; empty: those that are open.

    Raises:
        GrantError: one has none.
    """
    known = {name.partition(".")[0] for name in catalogue.events}
    for context in contexts:
        if context not in known and context != EVERYTHING:
            raise GrantError(f"no events are of {context!r}; there are {', '.join(sorted(known))}, or all")
    return tuple(sorted(set(contexts))) or open_contexts(catalogue)


def followers_of(names: Collection[str]) -> tuple[str, ...]:
    """Return ``names`` as those of a service's followers.

    Raises:
        GrantError: one cannot be a name, or there are more than `FOLLOWERS_MAX`.
    """
    for name in names:
        if not re.fullmatch(NAME, name):
            raise GrantError(f"{name[:64]!r} cannot be a follower's name: {NAME}")
    if len(set(names)) > FOLLOWERS_MAX:
        raise GrantError(f"a service has at most {FOLLOWERS_MAX} followers beside its first")
    return tuple(sorted(set(names)))


def names_of(catalogue: Catalogue, grants: Grants) -> tuple[str, ...]:
    """Return the commands and queries that a client may send, by name."""
    roles: set[Role] = {SERVICE} if grants.identity.kind == "service" else set(grants.roles)
    return tuple(
        name
        for name, kind in _messages(catalogue)
        if roles & set(kind.may) or (name in grants.may and GRANTED in kind.may)
    )


def _messages(catalogue: Catalogue) -> Iterator[tuple[str, type[Command] | type[Query]]]:
    yield from sorted(catalogue.commands.items())
    yield from sorted(catalogue.queries.items())


# --- clients ------------------------------------------------------------------------------------------------


def client_rights(realm: str, catalogue: Catalogue, grants: Grants) -> Rights:
    """Return what a service or an operator may do."""
    me = grants.identity
    names = names_of(catalogue, grants)
    sent = [command_subject(realm, name, me) for name in names if name in catalogue.commands]
    sent += [inbox_subject(realm, name, me) for name in names if name in catalogue.commands]
    sent += [query_subject(realm, name, me) for name in names if name in catalogue.queries]
    if "inference.generate" in names:
        sent.append(cancel_subject(realm, me))
    heard = (
        f"{me.inbox}.>",
        f"{realm}.live.{me}.>",
        *(
            pattern_of(realm, live.subject)
            for live in catalogue.live.values()
            if live.heard_with and live.heard_with in names
        ),
        *_events_heard(realm, catalogue, grants),
    )
    letters = (f"{realm}.dlq.in",) if OPERATOR in grants.roles else ()
    return Rights((*sent, *_pulled(realm, grants)), (*heard, *letters))


def pattern_of(realm: str, subject: str) -> str:
    """Return what takes all of a declared subject's messages: up to what varies, so that wildcards fit in."""
    return subject.replace("{realm}", realm).partition("{")[0] + ">"


def _events_heard(realm: str, catalogue: Catalogue, grants: Grants) -> tuple[str, ...]:
    """Return the subjects on which a client hears of events as they are published."""
    contexts = grants.follow
    if grants.identity.kind == "operator":
        everything = {OPERATOR, AUDITOR} & set(grants.roles)
        contexts = (EVERYTHING,) if everything else open_contexts(catalogue)
    if EVERYTHING in contexts:
        return (f"{realm}.evt.>",)
    return tuple(f"{realm}.evt.{context}.>" for context in contexts)


def follower_filters(realm: str, grants: Grants) -> tuple[str, ...]:
    """Return the filters of a service's durable consumer; () if it has none."""
    if grants.identity.kind != "service" or not grants.follow:
        return ()
    if EVERYTHING in grants.follow:
        return (f"{realm}.evt.>",)
    return tuple(f"{realm}.evt.{context}.>" for context in grants.follow)


def consumers_of(realm: str, grants: Grants) -> tuple[str, ...]:
    """Return the names of a service's durable consumers, the first by its identity; () if it has none.

    No name of an identity has a hyphen, so no two services' consumers have one name.
    """
    if not follower_filters(realm, grants):
        return ()
    return (str(grants.identity), *(f"{grants.identity}-{name}" for name in grants.followers))


def _pulled(realm: str, grants: Grants) -> Iterator[str]:
    """Yield how a service reads its durable consumers: it asks JetStream about those, and acknowledges."""
    for name in consumers_of(realm, grants):
        consumer = f"EVT_{realm}.{name}"
        yield from (f"{realm}.js.CONSUMER.{verb}.{consumer}" for verb in ("INFO", "MSG.NEXT"))
        yield f"$JS.ACK.{consumer}.>"


# --- components ---------------------------------------------------------------------------------------------


def component_rights(realm: str, name: str) -> Rights:
    """Return what one of `COMPONENTS` may do."""
    if name == "owner":
        return Rights((">",), (">",))
    me = Identity("component", name)
    common = Rights((*_REPLIES, "$SRV.>", "$JS.API.INFO"), (f"{me.inbox}.>", "$SRV.>"))
    if name == "relay":
        events = Rights((f"{realm}.evt.>", "$JS.API.>", f"$JS.ACK.EVT_{realm}.>"))
        return _joined(common, events, Rights(places_subjects(realm)))
    parts = SERVICES if name == "services" else (name,)
    return _joined(common, *(_PARTS[part](realm, me) for part in parts if part in _PARTS))


_REPLIES = ("_INBOX.>", "_R_.>")
"""Where callers are answered: in our account, and by way of the server in another."""


def _commands(realm: str, me: Identity) -> Rights:
    streams = [*_stream(f"IN_{realm}"), *_stream(f"DLQ_{realm}"), *_stream(f"JOBS_{realm}")]
    leader = peer_subject(realm, "ledger")
    asked = (query_subject(realm, "inference.tiers", me), leader, f"{realm}.job.>", f"{realm}.dlq.>")
    return Rights((*asked, *streams), (*_joins(realm, "cmd", "qry"), leader))


def _queries(realm: str, _: Identity) -> Rights:
    return Rights((), tuple(_joins(realm, "qry")))


def _inference(realm: str, _: Identity) -> Rights:
    streams = [*_stream(f"CLAIMS_{realm}"), *_stream(f"JOBS_{realm}")]
    sent = (f"{realm}.claim.>", f"{realm}.peer.>", f"{realm}.job.>", f"{realm}.live.*.>")
    heard = (*_joins(realm, "cmd", "qry"), f"{realm}.peer.>", cancel_subject(realm, None))
    return Rights((*sent, *streams), heard, (cancel_subject(realm, None), *places_subjects(realm)))


_PARTS: dict[str, Callable[[str, Identity], Rights]] = {
    "commands": _commands,
    "queries": _queries,
    "inference": _inference,
}


def _joins(realm: str, *kinds: str) -> Iterator[str]:
    """Yield the queue group of those who answer ``kinds``, and that of who answers what nobody serves."""
    for group, taken in (("aicore", kinds), ("aicore-unknown", ("cmd", "qry"))):
        for subject in (f"{realm}.{kind}.>" for kind in taken):
            yield f"{subject} {realm}-{group}"
            yield f"{gate_subject(subject, '*')} {realm}-{group}"


def _stream(name: str) -> Iterator[str]:
    """Yield what makes a stream, reads it and consumes it."""
    for verb in ("INFO", "CREATE", "UPDATE", "MSG.GET", "MSG.DELETE"):
        yield f"$JS.API.STREAM.{verb}.{name}"
    for verb in ("INFO", "DELETE", "CREATE", "DURABLE.CREATE", "MSG.NEXT"):
        yield f"$JS.API.CONSUMER.{verb}.{name}.>"
    yield f"$JS.ACK.{name}.>"


def _joined(*parts: Rights) -> Rights:
    def of(pick: Callable[[Rights], tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(subject for part in parts for subject in pick(part)))

    return Rights(of(lambda p: p.publish), of(lambda p: p.subscribe), of(lambda p: p.publish_not))


# --- the matrix ---------------------------------------------------------------------------------------------


def allows(patterns: Collection[str], subject: str) -> bool:
    """Say whether a subject, or a subscription ``subject group``, is within one of ``patterns``.

    A subject may have wildcards: it is within what takes every subject that it takes.
    """
    wanted, _, group = subject.partition(" ")
    for pattern in patterns:
        has, _, joined = pattern.partition(" ")
        if joined in ("", group) and _within(has.split("."), wanted.split(".")):
            return True
    return False


def _within(pattern: list[str], subject: list[str]) -> bool:
    for place, has in enumerate(pattern):
        if has == ">":
            return len(subject) > place
        if place >= len(subject) or subject[place] == ">" or has not in ("*", subject[place]):
            return False
    return len(pattern) == len(subject)


def may(rights: Rights, verb: str, subject: str) -> bool:
    """Say whether ``verb`` (publish, subscribe) on a subject is declared."""
    if verb == "subscribe":
        return allows(rights.subscribe, subject)
    return allows(rights.publish, subject) and not allows(rights.publish_not, subject)
