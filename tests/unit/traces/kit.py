"""Events of all kinds at places of the sample world, and what each leaves there, written down by hand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from uuid import UUID, uuid5

from aicore.content.sample_world import sample_definition
from domain.beliefs.beliefs import Beliefs
from domain.kernel.event import Event
from domain.market.messages import RanShort
from domain.people.harm_messages import Died, Harmed, Robbed
from domain.people.messages import PersonFled
from domain.places.messages import Arrived, Entered, Left, WayClosed
from domain.traces.traces import Setting, Traces, setting_of
from domain.weather.messages import WeatherChanged

SPACE = UUID("0d0a2a56-51a3-5b0e-9d1c-6c8f6b0b2a11")
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
STREET, INDOORS, GRAVES = "ropewalk_quay", "tally_house", "grave_rows"

LEFT_BY: Mapping[type[Event], frozenset[str]] = {
    Harmed: frozenset(("blood_drops", "torn_sleeve")),
    Died: frozenset(("where_somebody_fell", "left_handed_knife")),
    Robbed: frozenset(("forced_lid", "thread_on_a_nail")),
    PersonFled: frozenset(("hurried_tracks", "lost_purse")),
    RanShort: frozenset(("empty_crates",)),
}
"""What events leave in Cindermouth, whatever the weather and the place."""

COMING = frozenset(("wet_prints", "prints_in_the_snow", "bent_grass"))
"""What those leave who come and go, by the weather and the place."""


@cache
def setting() -> Setting:
    """The sample world's."""
    return setting_of(sample_definition())


def event_id(position: int) -> str:
    return str(uuid5(SPACE, str(position)))


@dataclass
class Tale:
    """Traces and beliefs of the same events, each at the next position."""

    traces: Traces = field(default_factory=lambda: Traces.of(setting()))
    beliefs: Beliefs = field(default_factory=lambda: Beliefs.of(setting().ground))
    events: list[Event] = field(default_factory=list)

    def hear(self, *events: Event) -> int:
        """Have things happen; return the position of the last."""
        for event in events:
            self.events.append(event)
            position = len(self.events)
            self.traces.apply(event, event_id(position), position)
            self.beliefs.apply(event, event_id(position), position)
        return len(self.events)


def hurt(
    place: str = STREET, at_ms: int = 0, who: str = "person.nib", by: str | None = "player.ben"
) -> Harmed:
    given = {"who": who, "by": by, "place": place, "at_ms": at_ms}
    return Harmed.model_validate({**Harmed.example, **given})


def died(place: str = STREET, at_ms: int = 0, by: str | None = "player.ben") -> Died:
    return Died.model_validate({**Died.example, "by": by, "place": place, "at_ms": at_ms})


def robbed(place: str = STREET, at_ms: int = 0) -> Robbed:
    given = {"of": "person.nib", "by": "player.ben", "place": place, "at_ms": at_ms}
    return Robbed.model_validate({**Robbed.example, **given})


def fled(place: str = STREET, at_ms: int = 0, person: str = "nib") -> PersonFled:
    given = {"person": person, "place": place, "at_ms": at_ms}
    return PersonFled.model_validate({**PersonFled.example, **given})


def came(place: str = STREET, at_ms: int = 0, who: str = "person.nib") -> Arrived:
    return Arrived(who=who, place=place, at_ms=at_ms, at_us=0)


def weather(state: str, at_ms: int, zone: str = "") -> WeatherChanged:
    given = {"zone": zone or setting().zone(STREET), "state": state, "at_ms": at_ms, "until_ms": at_ms + 1}
    return WeatherChanged.model_validate({**WeatherChanged.example, **given})


def happenings(count: int, seed: int, *, places: Sequence[str] = ()) -> Iterator[Event]:
    """Yield events of all kinds, a few minutes apart, over all the city or some places."""
    draw, at_ms = Random(seed), 0
    where, zones = list(places or setting().kinds), sorted(set(setting().ground.zones.values()))
    people = sorted(setting().ground.people.values())
    for _ in range(count):
        at_ms += draw.randrange(0, 20 * MINUTE_MS)
        place, person = draw.choice(where), draw.choice(people)
        match draw.randrange(12):
            case 0 | 1:
                yield hurt(
                    place, at_ms, f"person.{person}", draw.choice(("player.ben", "person.gault", None))
                )
            case 2:
                yield died(place, at_ms, draw.choice(("player.ben", None)))
            case 3:
                yield robbed(place, at_ms)
            case 4:
                yield fled(place, at_ms, person)
            case 5:
                yield RanShort.model_validate({**RanShort.example, "market": place})
            case 6:
                yield weather(draw.choice(("clear", "rain", "storm", "snow")), at_ms, draw.choice(zones))
            case 7:
                yield WayClosed.model_validate({**WayClosed.example, "ends": [place, STREET], "at_ms": at_ms})
            case 8:
                yield Left(who=f"person.{person}", place=place, at_ms=at_ms, at_us=0)
            case 9:
                given = {"who": "ann", "kind": "player", "place": place, "at_ms": at_ms, "at_us": 0}
                yield Entered.model_validate(given)
            case _:
                yield came(place, at_ms, f"person.{person}")
