"""The climate as a definition says it: how often each weather is, by zone and season."""

from dataclasses import dataclass

from domain.definition.places import Id, WeatherState

WEATHERS = (
    "clear",
    "partly_cloudy",
    "cloudy",
    "rain",
    "heavy_rain",
    "storm",
    "fog",
    "mist",
    "snow",
    "heavy_snow",
    "blizzard",
    "windy",
    "extreme_heat",
    "extreme_cold",
)
"""The fourteen states of the weather."""


@dataclass(frozen=True, slots=True)
class Spell:
    """How often a state is and how long it stays.

    Attributes:
        state: one of `WEATHERS`.
        share: thousandths of the season's time.
        lasts: game seconds that it stays on average.
    """

    state: WeatherState
    share: int
    lasts: int


@dataclass(frozen=True, slots=True)
class SeasonClimate:
    """A season in a zone: hundredths of a degree Celsius, and spells whose shares make 1,000."""

    season: Id
    coldest: int
    warmest: int
    spells: tuple[Spell, ...]


@dataclass(frozen=True, slots=True)
class Zone:
    """An area that has one weather at a time.

    Attributes:
        lag: game seconds by which fronts come later here than at the coast.
        seasons: one for each season of the calendar.
    """

    id: Id
    name: str
    lag: int
    seasons: tuple[SeasonClimate, ...]
