"""The one place where a bounded context says what it has; everything that must know reads it here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from domain.kernel.event import Command, Event, LiveMessage, Query

Payload = dict[str, JsonValue]

Upcaster = Callable[[Payload], Payload]
"""From a payload of one version to one of the next."""


@dataclass(frozen=True, slots=True)
class Context:
    """The messages of a context. Declared as ``CONTEXT`` in ``domain/<context>/__init__.py``.

    Attributes:
        name: the folder's name in every layer, and of its file in `aicore.wiring`.
        events: the newest version of each; the log holds them for ever.
        commands: what callers may send.
        internal: what our own handlers say to a decider; served on no subject.
        queries: what callers may ask.
        live: messages of core NATS, for who listens now.
        upcasters: how an older version becomes the next, by event name and the older version.
    """

    name: str
    events: tuple[type[Event], ...] = ()
    commands: tuple[type[Command], ...] = ()
    internal: tuple[type[Command], ...] = ()
    queries: tuple[type[Query], ...] = ()
    live: tuple[type[LiveMessage], ...] = ()
    upcasters: Mapping[tuple[str, int], Upcaster] = field(default_factory=dict)
