"""A whole definition: everything that the files of a world say, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.clock.calendar import Calendar
from domain.definition.climate import Zone
from domain.definition.factions import Faction
from domain.definition.goods import Currency, Good, Trade
from domain.definition.lore import Document, Fact
from domain.definition.people import Activity, Archetype, Kind, Need, Person
from domain.definition.places import District, Id, Means, Place, Territory, Way
from domain.definition.predicates import Predicate
from domain.definition.quests import Quest
from domain.definition.storylets import Arc, Storylet
from domain.definition.traces import TraceRule

Forms = tuple[str, ...] | Mapping[str, "Forms"]
"""Sentences to choose from, by whatever they depend on: intent, voice, weather."""


@dataclass(frozen=True, slots=True)
class World:
    """What a world is called, and what its chances are drawn from.

    Attributes:
        closed: what who is none of its people says when a subject is closed; "": a line of ours.
    """

    id: Id
    name: str
    seed: int
    closed: str = ""


@dataclass(frozen=True, slots=True)
class Trained:
    """What the models that come along have learnt, in the order in which they were taught: ids, and words.

    Their corpus and their suite are made of exactly this; what a world has beyond it they read in the prompt.

    Attributes:
        weathers: a word for the weather by the states that it stands for.
    """

    districts: tuple[Id, ...] = ()
    factions: tuple[Id, ...] = ()
    people: tuple[Id, ...] = ()
    quests: tuple[Id, ...] = ()
    facts: tuple[Id, ...] = ()
    goods: tuple[Id, ...] = ()
    draughts: tuple[Id, ...] = ()
    moods: tuple[str, ...] = ()
    weathers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    times: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """Everything of a world, each kind in the order in which it is written."""

    world: World
    calendar: Calendar
    zones: tuple[Zone, ...] = ()
    districts: tuple[District, ...] = ()
    territories: tuple[Territory, ...] = ()
    means: tuple[Means, ...] = ()
    needs: tuple[Need, ...] = ()
    activities: tuple[Activity, ...] = ()
    kinds: tuple[Kind, ...] = ()
    places: tuple[Place, ...] = ()
    ways: tuple[Way, ...] = ()
    factions: tuple[Faction, ...] = ()
    currencies: tuple[Currency, ...] = ()
    archetypes: tuple[Archetype, ...] = ()
    people: tuple[Person, ...] = ()
    trades: tuple[Trade, ...] = ()
    goods: tuple[Good, ...] = ()
    quests: tuple[Quest, ...] = ()
    facts: tuple[Fact, ...] = ()
    documents: tuple[Document, ...] = ()
    predicates: tuple[Predicate, ...] = ()
    traces: tuple[TraceRule, ...] = ()
    storylets: tuple[Storylet, ...] = ()
    arcs: tuple[Arc, ...] = ()
    speech: Mapping[str, Forms] | None = None
    trained: Trained = Trained()
