"""The law of a climate: the whole numbers by which anybody computes the weather. It is part of an event.

It holds all that the reckoning needs, tables included: a reader in another language has no constants of ours.
Indices are places in its lists: 14 states, the regimes, the seasons of the definition's calendar.
"""

from typing import Annotated

from pydantic import ConfigDict, Field

from domain.kernel.declared import Declared
from domain.kernel.vocabulary import COUNT_MAX

ZONES_MAX, SEASONS_MAX, REGIMES_MAX, STATES_MAX = 64, 64, 8, 32

Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Weight = Annotated[int, Field(ge=0, le=2**26)]
Weights = Annotated[list[Weight], Field(min_length=1, max_length=STATES_MAX)]
Seconds = Annotated[int, Field(ge=0, le=2**40, json_schema_extra={"unit": "game s"})]
Celsius = Annotated[int, Field(ge=-100_000, le=100_000, json_schema_extra={"unit": "1/100 °C"})]


class _Part(Declared):
    model_config = ConfigDict(frozen=True, extra="forbid")


class State(_Part):
    """A state of the weather, and what the air is like in it."""

    id: Id
    intensity: int = Field(ge=0, le=1_000, description="How much of it there is, in thousandths.")
    wind: int = Field(ge=0, le=1_500, description="Its usual wind.", json_schema_extra={"unit": "1/10 km/h"})
    humidity: int = Field(ge=0, le=1_000, description="In thousandths.")
    visibility: int = Field(
        ge=0, le=100_000, description="How far one sees.", json_schema_extra={"unit": "m"}
    )
    warmer: Celsius = Field(description="By so much it is warmer than the season's hour would have it.")
    at_least: Celsius = Field(description="It is no colder than this.")
    at_most: Celsius = Field(description="It is no warmer than this.")


class InRegime(_Part):
    """A zone's states in a regime."""

    first: Weights = Field(description="How often a regime begins with a state: its share of the time.")
    then: Weights = Field(description="A state's weight after another, times `Law.kernel`.")


class ZoneSeason(_Part):
    """A zone in a season."""

    coldest: Celsius = Field(description="By night, as a rule.")
    warmest: Celsius = Field(description="In the afternoon, as a rule.")
    means: Annotated[
        list[Seconds], Field(max_length=STATES_MAX, description="A spell's mean length, by state.")
    ]
    regimes: Annotated[list[InRegime], Field(min_length=1, max_length=REGIMES_MAX)]


class RegimeSeason(_Part):
    """A regime in a season."""

    share: Weight = Field(description="Its share of the time; 0: there is none this season.")
    mean_s: Seconds = Field(description="Its mean length.")
    then: Weight = Field(description="Its weight after another regime.")


class SeasonLaw(_Part):
    """A season: its regimes, and its zones in the order of `Law.zones`."""

    id: Id
    regimes: Annotated[list[RegimeSeason], Field(min_length=1, max_length=REGIMES_MAX)]
    zones: Annotated[list[ZoneSeason], Field(min_length=1, max_length=ZONES_MAX)]


class ZoneLaw(_Part):
    """A zone, whatever the season."""

    id: Id
    key: int = Field(ge=0, le=2**32 - 1, description="CRC-32 of its id: its word in the hash.")
    lag_s: Seconds = Field(description="How much later than at the coast an ordinary front comes.")


class Law(_Part):
    """A climate as numbers."""

    spans: Annotated[
        list[Annotated[int, Field(ge=0, le=COUNT_MAX)]], Field(min_length=3, max_length=1_025)
    ] = Field(
        description="Sums of the lengths that a spell may have, each as often, from 0; their mean is unit."
    )
    unit: int = Field(ge=1, le=2**20, description="What of spans is a mean.")
    ease_ms: int = Field(ge=1_000, le=86_400_000, description="So long one weather goes over into the next.")
    speed: int = Field(
        ge=1, le=10_000, description="Of an ordinary front.", json_schema_extra={"unit": "1/10 km/h"}
    )
    slant: Annotated[list[Annotated[int, Field(ge=1, le=1_000)]], Field(min_length=1, max_length=64)] = Field(
        description="By heading, the share of a way inland that a front has to go, in thousandths."
    )
    kernel: Annotated[list[Weights], Field(description="How near two states are, by their places.")]
    states: Annotated[list[State], Field(min_length=1, max_length=STATES_MAX)]
    regimes: Annotated[list[Id], Field(min_length=1, max_length=REGIMES_MAX)]
    zones: Annotated[list[ZoneLaw], Field(min_length=1, max_length=ZONES_MAX)]
    seasons: Annotated[list[SeasonLaw], Field(min_length=1, max_length=SEASONS_MAX)]

    def season(self, id_: str, index: int) -> SeasonLaw:
        """Return a season by its id; under a calendar with other seasons, by its number."""
        return next(
            (each for each in self.seasons if each.id == id_), self.seasons[index % len(self.seasons)]
        )
