"""The catalogue: every message by name, derived from the declarations in `domain`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

from domain.contexts import CONTEXTS
from domain.kernel.context import Context, Upcaster
from domain.kernel.event import Command, Event, LiveMessage, Query
from protocol.subjects import check_name
from protocol.upcasters import Upcasters

T = TypeVar("T")


@dataclass(frozen=True)
class Catalogue:
    """Messages by name: events in their newest version, and how older versions become it."""

    events: Mapping[str, type[Event]]
    commands: Mapping[str, type[Command]]
    upcasters: Upcasters
    queries: Mapping[str, type[Query]] = field(default_factory=dict)
    live: Mapping[str, type[LiveMessage]] = field(default_factory=dict)


def build_catalogue(contexts: Iterable[Context]) -> Catalogue:
    """Return the catalogue of ``contexts``.

    Raises:
        ValueError: two declarations with one name, or a version that has no way to the newest.
        WireError: a name that cannot be a subject.
    """
    contexts = tuple(contexts)
    upcasters: dict[tuple[str, int], Upcaster] = {}
    for context in contexts:
        upcasters |= context.upcasters
    events = _by_name("event", [(kind.event_name, kind) for each in contexts for kind in each.events])
    for name, event in events.items():
        for version in range(1, event.event_version):
            if (name, version) not in upcasters:
                raise ValueError(f"{name} has no upcaster from version {version}")
    return Catalogue(
        events,
        _by_name("command", [(kind.command_name, kind) for each in contexts for kind in each.commands]),
        Upcasters(upcasters),
        _by_name("query", [(kind.query_name, kind) for each in contexts for kind in each.queries]),
        _by_name("live message", [(kind.live_name, kind) for each in contexts for kind in each.live]),
    )


def _by_name(what: str, declared: Iterable[tuple[str, T]]) -> dict[str, T]:
    found: dict[str, T] = {}
    for name, kind in declared:
        if found.setdefault(check_name(name), kind) is not kind:
            raise ValueError(f"two of kind {what} are named {name}")
    return found


@cache
def domain_catalogue() -> Catalogue:
    """Return the catalogue of the whole domain."""
    return build_catalogue(CONTEXTS)
