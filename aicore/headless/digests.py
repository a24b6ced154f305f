"""A digest of all that a world's contexts know: equal for equal states, whatever order they came to be in."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel

from aicore.headless.parts import WorldParts
from aicore.wiring.clock import clock_in_memory
from aicore.wiring.factions import factions_in_memory
from aicore.wiring.ledger import ledger_desk
from aicore.wiring.market import stalls_in_memory
from aicore.wiring.places import whereabouts
from aicore.wiring.quests import quests_in_memory
from aicore.wiring.weather import weather_in_memory
from domain.ledger.book import Book
from domain.ledger.layers import Layers
from domain.people.lives import People
from handlers.people.leader import PeopleLeader

Opened = Mapping[Any, Any]

STATES: Mapping[str, Callable[[Opened], object]] = {
    "clock": lambda opened: _clock(opened[clock_in_memory].clock),
    "weather": lambda opened: opened[weather_in_memory].state,
    "places": lambda opened: opened[whereabouts].state,
    "factions": lambda opened: opened[factions_in_memory].state,
    "market": lambda opened: opened[stalls_in_memory].markets,
    "ledger": lambda opened: _book(opened[ledger_desk].book),
    "quests": lambda opened: _board(opened[quests_in_memory].board),
}
"""What each context goes by, as its read model in memory folded it; people's are their leader's."""


def digests_of(parts: WorldParts) -> Mapping[str, str]:
    """Return the SHA-256 of each context's state."""
    states = {name: state(parts.opened) for name, state in STATES.items()}
    leaders = [each.turns for each in parts.turns if isinstance(each.turns, PeopleLeader)]
    states["people"] = [_people(leader.people) for leader in leaders]
    return {name: sha256(orjson.dumps(plain(state))).hexdigest() for name, state in sorted(states.items())}


def digest_of(parts: WorldParts) -> str:
    """Return the SHA-256 of all contexts' states."""
    return sha256(orjson.dumps(digests_of(parts))).hexdigest()


def _clock(clock: Any) -> object:
    alarms = [sorted(kind, key=lambda alarm: alarm.of.serial) for kind in (clock.game, clock.real)]
    return clock.line, clock.phase, clock.season, clock.serial, clock.term, alarms


def _people(people: People) -> object:
    return people.lives, people.claims, people.talks, people.tick_ms, people.term


def _book(book: Book) -> object:
    return [dict(each.items()) if isinstance(each, Layers) else each for each in book]


def _board(board: Any) -> object:
    states = [*board.running.values(), *board.offered.values()]
    quests = {each.id: (each.quest.id, *_rest(each)) for each in states}
    kept = board.taken, board.completed, board.standings, board.experience, board.arrivals
    return quests, kept, board.told, board.kept, board.skies, board.places


def _rest(state: Any) -> list[object]:
    """Return what changes in a quest; how it is written is known by its id."""
    return [getattr(state, each.name) for each in fields(state) if each.name != "quest"]


def plain(value: object) -> Any:
    """Return a value as JSON can hold it: keys and sets in order, so that equal values are equal texts.

    Raises:
        TypeError: there is no such form.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case BaseModel():
            return plain(value.model_dump())
        case Mapping():
            return sorted(([plain(key), plain(each)] for key, each in value.items()), key=orjson.dumps)
        case set() | frozenset():
            return sorted((plain(each) for each in value), key=orjson.dumps)
        case list() | tuple():
            return [plain(each) for each in value]
        case UUID():
            return value.hex
        case Fraction():
            return [value.numerator, value.denominator]
        case _ if is_dataclass(value):
            return [plain(getattr(value, each.name)) for each in fields(value) if each.compare]
    raise TypeError(f"{type(value).__name__} has no plain form")
