"""A definition's entries by their ids."""

from dataclasses import dataclass, field

from domain.definition.definition import Definition
from domain.definition.factions import Faction
from domain.definition.goods import Currency, Good
from domain.definition.people import Activity, Archetype, Kind, Need, Person
from domain.definition.places import District, Place, Territory
from domain.definition.quests import Quest


@dataclass(slots=True)
class Index:
    """A definition, and what it has by id; made once for all checks.

    Attributes:
        incomplete: kinds of which something could not be read.
    """

    all: Definition
    incomplete: frozenset[str] = frozenset()
    districts: dict[str, District] = field(init=False)
    territories: dict[str, Territory] = field(init=False)
    needs: dict[str, Need] = field(init=False)
    activities: dict[str, Activity] = field(init=False)
    kinds: dict[str, Kind] = field(init=False)
    places: dict[str, Place] = field(init=False)
    factions: dict[str, Faction] = field(init=False)
    currencies: dict[str, Currency] = field(init=False)
    archetypes: dict[str, Archetype] = field(init=False)
    people: dict[str, Person] = field(init=False)
    goods: dict[str, Good] = field(init=False)
    quests: dict[str, Quest] = field(init=False)

    def __post_init__(self) -> None:
        """Look everything up once."""
        self.districts = {each.id: each for each in self.all.districts}
        self.territories = {each.id: each for each in self.all.territories}
        self.needs = {each.id: each for each in self.all.needs}
        self.activities = {each.id: each for each in self.all.activities}
        self.kinds = {each.id: each for each in self.all.kinds}
        self.places = {each.id: each for each in self.all.places}
        self.factions = {each.id: each for each in self.all.factions}
        self.currencies = {each.id: each for each in self.all.currencies}
        self.archetypes = {each.id: each for each in self.all.archetypes}
        self.people = {each.id: each for each in self.all.people}
        self.goods = {each.id: each for each in self.all.goods}
        self.quests = {each.id: each for each in self.all.quests}

    def offers(self, place: Place) -> tuple[str, ...]:
        """Return what one can do at a place: what it offers itself, then what its kind does."""
        kind = self.kinds.get(place.kind)
        return place.offers + (kind.offers if kind else ())
