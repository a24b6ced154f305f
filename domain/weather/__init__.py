"""The realm's weather: climate, fronts, spells, forecasts and what operators lay over it. Pure."""

from domain.kernel.context import Context
from domain.weather.messages import COMMANDS, EVENTS
from domain.weather.queries import ForecastQuery, WeatherQuery

CONTEXT = Context("weather", events=EVENTS, commands=COMMANDS, queries=(WeatherQuery, ForecastQuery))
