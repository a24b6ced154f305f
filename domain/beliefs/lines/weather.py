"""What weather there is over a zone, and what there was."""

from collections.abc import Iterable

from domain.beliefs.changes import Begins, Change, Lines, Told
from domain.beliefs.claims import Claim
from domain.kernel.event import Event
from domain.weather.messages import WeatherChanged


def _changed(event: Event, _: Told) -> Iterable[Change]:
    assert isinstance(event, WeatherChanged)
    zone = f"zone.{event.zone}"
    yield Begins(Claim("weather", zone, f"weather.{event.state}"), event.at_ms)
    if event.before:
        yield Begins(Claim("was_weather", zone, f"weather.{event.before}"), event.at_ms)


LINES: Lines = {WeatherChanged: _changed}
