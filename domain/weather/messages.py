"""Events and commands of the weather. Names and versions of events are storage format: they stay for ever.

Times are game ms since day 0. What lies ahead of players, and the seed that says it, is `Private`.
"""

from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from domain.kernel.declared import Declared
from domain.kernel.event import Command, Event
from domain.kernel.roles import GRANTED, OPERATOR
from domain.kernel.visibility import Private
from domain.kernel.vocabulary import COUNT_MAX, Count, Operator, Reason, Text
from domain.weather.law import Id, Law

SPAN_MS_MAX = 400 * 86_400_000
ENTRIES_MAX = 1_024

GameMs = Annotated[int, Field(ge=-COUNT_MAX, le=COUNT_MAX, json_schema_extra={"unit": "game ms"})]
Day = Annotated[int, Field(ge=-COUNT_MAX, le=COUNT_MAX, description="An absolute day; day 0 is the first.")]
ZoneRef = Annotated[Id, Field(description="A zone of the world's definition.")]
StateRef = Annotated[Id, Field(description="One of the fourteen states of the weather.")]
RegimeRef = Annotated[Id, Field(description="What kind of weather it is: calm, wet, frontal, cold.")]
Handle = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="The override's name, chosen by who sets it.")
]
Zones = Annotated[list[ZoneRef], Field(min_length=1, max_length=64, description="Over which zones.")]


class _Part(Declared):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FrontSeen(_Part):
    """A front: a regime's beginning that comes in from the sea."""

    number: Count = Field(description="Its number in the season; 0: it stood everywhere when that began.")
    at_ms: GameMs = Field(description="When it left the coast.")
    regime: RegimeRef
    heading: int = Field(ge=-90, le=90, description="From straight inland.", json_schema_extra={"unit": "°"})
    speed: int = Field(ge=1, le=10_000, description="How fast.", json_schema_extra={"unit": "1/10 km/h"})
    strength: int = Field(ge=0, le=1_000, description="In thousandths.")


class ZoneDay(_Part):
    """A zone when a day begins."""

    zone: ZoneRef
    state: StateRef
    since_ms: GameMs = Field(description="When it began.")
    warmth: int = Field(
        ge=-1_000, le=1_000, description="How warm it begins, in thousandths of the usual sway."
    )
    warmth_end: int = Field(ge=-1_000, le=1_000, description="How warm it ends; in between in a line.")


class Told(_Part):
    """One line of a forecast."""

    zone: ZoneRef
    at_ms: GameMs = Field(description="Of when it is.")
    state: StateRef
    confidence: int = Field(ge=0, le=1_000, description="In thousandths: so often it comes true.")


class WeatherLed(Event, name="weather.led", version=1):
    """A process began to lead: it alone tells what follows, until another one does."""

    term: Count = Field(description="Number of this lead, from 1.")
    leader: Annotated[Text, Field(min_length=1, max_length=200, description="The process.")]

    example: ClassVar = {"term": 3, "leader": "brain-1:4711"}


_FOG = {
    "id": "fog", "intensity": 500, "wind": 20, "humidity": 950, "visibility": 150, "warmer": -200,
    "at_least": -10_000, "at_most": 10_000,
}  # fmt: skip
_LAW = {
    "spans": [0, 2_048, 8_192], "unit": 4_096, "ease_ms": 900_000, "speed": 300, "slant": [866, 1_000, 866],
    "kernel": [[1]], "states": [_FOG], "regimes": ["calm"],
    "zones": [{"id": "harbour", "key": 1_442_365_413, "lag_s": 0}],
    "seasons": [{
        "id": "winter",
        "regimes": [{"share": 1_048_576, "mean_s": 216_000, "then": 1_048_576}],
        "zones": [{
            "coldest": -600, "warmest": 600, "means": [25_200],
            "regimes": [{"first": [1_048_576], "then": [1_048_576]}],
        }],
    }],
}  # fmt: skip


class ClimateSet(Event, name="weather.climate_set", version=1):
    """From a day on the weather goes by this law: whoever has it and the seed computes all that follows."""

    number: Count = Field(description="How many laws there were before.")
    from_day: Day
    seed: Annotated[int, Field(ge=0, le=2**63 - 1, description="What chance is drawn from."), Private()]
    law: Law

    example: ClassVar = {"number": 0, "from_day": 0, "seed": 4_711, "law": _LAW}


class DayBegan(Event, name="weather.day_began", version=1):
    """Another day: a place from which to compute on, so that no reader has to go back further."""

    number: Count = Field(description="How many days were told before.")
    passed: Count = Field(description="How many between the last one told and this one were passed over.")
    day: Day
    season: Annotated[Id, Field(description="The season, by the calendar.")]
    segment_day: Day = Field(description="The day with which the season, or its law, began: the hash's word.")
    front: FrontSeen = Field(description="The last one that had left the coast.")
    zones: Annotated[list[ZoneDay], Field(max_length=64, description="What each zone has.")]

    example: ClassVar = {
        "number": 4, "passed": 0, "day": 132, "season": "summer", "segment_day": 129,
        "front": {"number": 2, "at_ms": 11_350_000_000, "regime": "frontal", "heading": -20, "speed": 340,
                  "strength": 710},
        "zones": [{"zone": "harbour", "state": "fog", "since_ms": 11_398_000_000, "warmth": -120,
                   "warmth_end": 340}],
    }  # fmt: skip


class WeatherChanged(Event, name="weather.changed", version=1):
    """Another weather in a zone; it eases in from its moment on."""

    zone: ZoneRef
    number: Count = Field(description="How many changes of this zone were told before.")
    before: StateRef | None = Field(description="What was told last; nil: nothing was.")
    state: StateRef
    at_ms: GameMs = Field(description="When it began; what began and ended unheard, in a jump, is not told.")
    until_ms: Annotated[GameMs, Field(description="When it goes over into another."), Private()]
    then: Annotated[StateRef, Field(description="Into which, as things are now."), Private()]
    regime: RegimeRef
    front: Count = Field(description="Number of the front that brought the regime; 0: the season did.")
    override: Handle | None = Field(description="The override that it is; nil: it came of itself.")

    example: ClassVar = {
        "zone": "harbour", "number": 12, "before": "mist", "state": "fog", "at_ms": 11_398_000_000,
        "until_ms": 11_412_400_000, "then": "cloudy", "regime": "calm", "front": 1, "override": None,
    }  # fmt: skip


class ForecastIssued(Event, name="weather.forecast_issued", version=1):
    """What is expected, each line with how often such a line comes true. A later forecast replaces it."""

    number: Count = Field(description="How many were issued before.")
    at_ms: GameMs = Field(description="When it was made.")
    entries: Annotated[list[Told], Field(max_length=ENTRIES_MAX, description="Lines, by zone and time.")]

    example: ClassVar = {
        "number": 4, "at_ms": 11_404_800_000,
        "entries": [{"zone": "harbour", "at_ms": 11_426_400_000, "state": "cloudy", "confidence": 950}],
    }  # fmt: skip


class OverrideSet(Event, name="weather.override_set", version=1):
    """Somebody laid a weather over zones; below it the weather goes on by itself."""

    handle: Handle
    serial: Count = Field(description="How many overrides were set before.")
    zones: Zones
    state: StateRef
    from_ms: GameMs = Field(description="When it was laid over them.")
    until_ms: GameMs = Field(description="When it ends by itself.")
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "handle": "wedding", "serial": 0, "zones": ["harbour"], "state": "clear", "from_ms": 11_404_800_000,
        "until_ms": 11_426_400_000, "operator": "mira", "reason": "the wedding on the quay",
    }  # fmt: skip


class OverrideLifted(Event, name="weather.override_lifted", version=1):
    """Somebody ended an override before its time; what is below eases in."""

    handle: Handle
    serial: Count = Field(description="Its number; see weather.override_set.")
    at_ms: GameMs = Field(description="When it was lifted.")
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "handle": "wedding", "serial": 0, "at_ms": 11_412_000_000, "operator": "mira", "reason": "it rained",
    }  # fmt: skip


class OverrideEnded(Event, name="weather.override_ended", version=1):
    """An override's time is over; what is below eases in."""

    handle: Handle
    serial: Count = Field(description="Its number; see weather.override_set.")
    at_ms: GameMs = Field(description="When its time was over.")

    example: ClassVar = {"handle": "wedding", "serial": 0, "at_ms": 11_426_400_000}


class Override(Command, name="weather.override", may=(GRANTED, OPERATOR)):
    """Lay a weather over zones for a while: it eases in and out, and lies over those that were set before.

    Refused with ``no_weather``, ``no_clock``, ``zone_unknown``, ``state_unknown``, ``handle_taken`` and
    ``too_many_overrides``. The result is {handle, serial, from_ms, until_ms}.
    """

    handle: Handle
    zones: Zones
    state: StateRef
    span_ms: int = Field(
        ge=60_000, le=SPAN_MS_MAX, description="For how long.", json_schema_extra={"unit": "game ms"}
    )
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "handle": "wedding", "zones": ["harbour"], "state": "clear", "span_ms": 21_600_000,
        "operator": "mira", "reason": "the wedding on the quay",
    }  # fmt: skip


class Lift(Command, name="weather.lift", may=(GRANTED, OPERATOR)):
    """End an override before its time; nothing happens if it has ended.

    Refused with ``no_weather``, ``no_clock`` and ``override_unknown``. The result is that of
    weather.override.
    """

    handle: Handle
    operator: Operator
    reason: Reason

    example: ClassVar = {"handle": "wedding", "operator": "mira", "reason": "it rained"}


EVENTS = (
    WeatherLed,
    ClimateSet,
    DayBegan,
    WeatherChanged,
    ForecastIssued,
    OverrideSet,
    OverrideLifted,
    OverrideEnded,
)
COMMANDS = (Override, Lift)

WeatherEvent = (
    WeatherLed
    | ClimateSet
    | DayBegan
    | WeatherChanged
    | ForecastIssued
    | OverrideSet
    | OverrideLifted
    | OverrideEnded
)
WeatherCommand = Override | Lift
