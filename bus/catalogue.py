"""The catalogue: every event and command by name, derived from the declarations in `domain`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.catalogue import COMMANDS, EVENTS, UPCASTERS
from domain.kernel.event import Command, Event
from protocol.subjects import check_name
from protocol.upcasters import Upcasters


@dataclass(frozen=True)
class Catalogue:
    """Events by name, newest version, and how older versions become it; commands by name."""

    events: Mapping[str, type[Event]]
    commands: Mapping[str, type[Command]]
    upcasters: Upcasters


def build_catalogue(
    events: Iterable[type[Event]],
    commands: Iterable[type[Command]] = (),
    upcasters: Mapping[tuple[str, int], Callable[[Any], Any]] | None = None,
) -> Catalogue:
    """Return the catalogue of the declarations given.

    Raises:
        ValueError: two declarations with one name, or a version that has no way to the newest.
        WireError: a name that cannot be a subject.
    """
    steps = dict(upcasters or {})
    by_name: dict[str, type[Event]] = {}
    for event in events:
        if by_name.setdefault(check_name(event.event_name), event) is not event:
            raise ValueError(f"two events are named {event.event_name}")
        for version in range(1, event.event_version):
            if (event.event_name, version) not in steps:
                raise ValueError(f"{event.event_name} has no upcaster from version {version}")
    commands_by_name: dict[str, type[Command]] = {}
    for command in commands:
        if commands_by_name.setdefault(check_name(command.command_name), command) is not command:
            raise ValueError(f"two commands are named {command.command_name}")
    return Catalogue(by_name, commands_by_name, Upcasters(steps))


def domain_catalogue() -> Catalogue:
    """Return the catalogue of the whole domain."""
    return build_catalogue(EVENTS, COMMANDS, UPCASTERS)
