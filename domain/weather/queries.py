"""Queries of the weather."""

from typing import ClassVar

from pydantic import Field

from domain.kernel.event import Query
from domain.kernel.roles import PEOPLE, SERVICE
from domain.kernel.visibility import Private
from domain.weather.messages import ZoneRef

_AHEAD = {"zones.until_ms": Private(), "zones.then": Private()}


class WeatherQuery(Query, name="weather.now", may=(SERVICE, *PEOPLE)):
    """Ask for the weather as it is.

    The result is nil before there is any, or a map: ``game_ms``, ``ease_ms`` (how long one weather takes to
    go over into the next), ``zones``, ``fronts`` and ``overrides``. A zone has ``zone``, ``state``,
    ``since_ms``, ``until_ms`` and ``then`` (what comes next, and when), ``regime``, ``front`` (its number),
    ``override`` (its handle, or nil), ``transition`` (nil, or ``from``, ``to``, ``began_ms``, ``ends_ms``),
    ``temperature`` (1/100 °C), ``wind`` (1/10 km/h), ``humidity``, ``intensity`` (thousandths) and
    ``visibility`` (m). A front that has left the coast and is not in all zones yet has ``number``,
    ``regime``, ``at_ms``, ``heading``, ``speed``, ``strength``, ``inland_m`` (how far it has come) and
    ``arrives`` (zone and ms).
    """

    example: ClassVar = {"zone": "harbour"}
    shows: ClassVar = _AHEAD

    zone: ZoneRef | None = Field(None, description="Only this one; nil: all.")


class ForecastQuery(Query, name="weather.forecast", may=(SERVICE, *PEOPLE)):
    """Ask for the last forecast.

    The result is nil before there is one, or a map: ``at_ms`` (when it was made), ``game_ms`` (now) and
    ``entries``: what is still to come, by time: ``zone``, ``at_ms``, ``state`` and ``confidence``
    (thousandths).
    """

    example: ClassVar = {"zone": "harbour"}

    zone: ZoneRef | None = Field(None, description="Only of this one; nil: of all.")
