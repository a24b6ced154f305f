"""The weather: its commands, the weather in memory, who leads it, and the ways that it closes."""

from functools import partial

from aicore.settings import Settings
from aicore.wiring.clock import clock_in_memory
from aicore.wiring.definition import definition_in_memory
from aicore.wiring.parts import Part, Parts
from aicore.wiring.places import FollowedClock, whereabouts
from domain.definition.definition import Definition
from domain.definition.loading import definition_of
from domain.weather.queries import ForecastQuery, WeatherQuery
from domain.weather.ways import way_keeper
from handlers.definition.board import DefinitionBoard
from handlers.places.circumstances import Circumstances, way_commands
from handlers.weather.commands import Times, weather_commands
from handlers.weather.leader import WeatherLeader
from handlers.weather.view import WeatherView


class Defined:
    """The definition that was loaded last, read once for each version."""

    def __init__(self, board: DefinitionBoard) -> None:
        self._board = board
        self._version = 0
        self._definition: Definition | None = None

    def __call__(self) -> Definition | None:
        """Return it; None: none was loaded."""
        if self._board.state.version != self._version:
            self._definition, self._version = definition_of(self._board.state), self._board.state.version
        return self._definition


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    times = Times()
    return Part(
        bindings=(weather_commands(times),),
        serve={"commands": partial(_commands, times), "queries": _queries},
    )


async def weather_in_memory(parts: Parts) -> WeatherView:
    """Open the weather as of the log's last event about it (`Parts.once`)."""
    clock = await parts.once(clock_in_memory)
    return await parts.view(WeatherView(parts.log, clock, decode=parts.codec.decode))


async def _queries(parts: Parts) -> None:
    view = await parts.once(weather_in_memory)
    parts.served.queries |= {WeatherQuery: view.answer_now, ForecastQuery: view.answer_forecast}


async def _commands(times: Times, parts: Parts) -> None:
    """Lead the weather whenever no other process does; close and open the ways that it bars."""
    view, there = await parts.once(weather_in_memory), await parts.once(whereabouts)
    clock = FollowedClock(view.clock)
    times.follow(lambda: clock.game_ms(parts.now_us()) if view.clock.clock else None)
    asked = Circumstances(parts.now_us)
    asked.follow(clock, there)
    await parts.process(way_keeper(lambda: there.city), way_commands(asked))
    realm, name, board = parts.system.realm, parts.name, await parts.once(definition_in_memory)
    leader = WeatherLeader(parts.log, parts.codec, view, Defined(board), realm=realm, name=name)
    await parts.lead("weather", leader, view, view.clock, board)
