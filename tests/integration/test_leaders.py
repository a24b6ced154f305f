"""Leaders of people, weather, factions, markets that are killed and stopped: they tell what they would have.

What people do and what the weather is follows from definition, seed and clock, so it is computed again, and
must be what the log has, byte for byte. Factions and markets are compared with a realm whose only leader is
left alone. Nothing is decided twice, nothing is lost.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

import pytest

from aicore.clock import now_us
from aicore.content.sample_world import sample_definition
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from aicore.wiring.people import day_by, real_us_of
from bus.ports import EventLog, Where
from domain.clock.clock import STREAM as CLOCK
from domain.clock.units import RealTime
from domain.factions.messages import FactionsLed
from domain.kernel.event import Event
from domain.people.agenda import Agenda
from domain.people.lives import People
from domain.people.messages import PeopleBegun, PeopleLed, PersonJoined
from domain.people.scene import Times, World
from domain.places.city import city_of
from domain.weather.messages import DayBegan, ForecastIssued, WeatherChanged, WeatherLed
from domain.weather.strikes import changed
from handlers.clock.view import ClockView
from handlers.weather.view import WeatherView
from tests.integration.leader_kit import CODEC, Led, Place, kill_leader, led_place, stop_leader
from tests.integration.nats_kit import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

ROUNDS = 100
"""Of one death and one stop each."""

WORKS_S = 3.0
"""The longest time that a leader is let work."""

PEOPLE = Led("people", ["people"], "people-realm", 600, not_told=frozenset({PeopleLed.event_name}))
WEATHER = Led("weather", ["weather"], "weather-world", 7_200, not_told=frozenset({WeatherLed.event_name}))
FACTIONS = Led(
    "factions", ["factions"], "factions-world", 72_000, not_told=frozenset({FactionsLed.event_name})
)
MARKETS = Led("market", ["market"], "market-", 14_400)

Told = Mapping[str, list[tuple[str, Mapping[str, Any]]]]


async def in_trouble(place: Place, rounds: int) -> None:
    """Have time pass, and kill and stop leaders in turn."""
    draws = Random(12)
    await place.go()
    for _ in range(rounds):
        for fault in draws.sample([kill_leader, stop_leader], 2):
            await asyncio.sleep(draws.uniform(0, WORKS_S))
            await fault(place)


async def goes_on(place: Place) -> None:
    await place.leader()
    before = len(await place.recorded())

    async def more() -> bool:
        return len(await place.recorded()) > before

    await until(more, "something is told after the last fault", timeout_s=90.0)


# --- people -------------------------------------------------------------------------------------------------


async def clock_of(log: EventLog) -> ClockView:
    """Return the clock as the log has it."""
    view = ClockView(log, decode=CODEC.decode, now=lambda: RealTime(now_us()))
    await view.take(await log.read_stream(CLOCK))
    return view


async def lived_as_they_would_have(place: Place) -> int:
    """See that people did what they would have done undisturbed; return in how many events."""
    clock, definition = await clock_of(place.log), sample_definition()
    times = Times(partial(day_by, clock), partial(real_us_of, clock))
    begun = await place.log.read_all(limit=1, where=Where(types=[PeopleBegun.event_name]))
    world = World(definition, city_of(definition), times).seen(frozenset(), begun[0].position)
    agenda = Agenda(People(), world)
    recorded = [each for each in await place.recorded() if each.type != PeopleLed.event_name]
    first = CODEC.decode(recorded[0])
    assert isinstance(first, PersonJoined)
    people = People()
    people.evolve_all(map(CODEC.decode, recorded))
    wanted = [*agenda.outside(first.at_ms), *agenda.run(people.tick_ms)]
    assert payloads(map(CODEC.decode, recorded)) == payloads(wanted)
    return len(recorded)


async def led(place: Place, times: int) -> bool:
    """Say whether somebody has led so many times."""
    return len(await place.log.read_all(limit=1_000, where=Where(types=[PeopleLed.event_name]))) >= times


def payloads(events: Iterable[Event]) -> Sequence[tuple[str, bytes]]:
    """Return what events say, byte for byte, but for real times: those are by the clock as it was then."""
    timeless = (each.model_copy(update={"at_us": 0}) if "at_us" in dict(each) else each for each in events)
    return [(each.event_name, CODEC.encode(each, UUID(int=0)).payload) for each in timeless]


async def test_people_whose_leaders_die_and_stand_still_live_as_they_would_have(
    postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str
) -> None:
    """The small share of the long run below: who was stopped leads again, and knows what it missed."""
    async with led_place(postgres.dsn, nats_server.url, realm, PEOPLE, 2) as place:
        await place.go()
        await stop_leader(place)
        await until(partial(led, place, 2), "the second one leads", timeout_s=90.0)
        await kill_leader(place, another=False)
        await until(partial(led, place, 3), "the first one leads again", timeout_s=90.0)
        await goes_on(place)
        assert await lived_as_they_would_have(place) > len(sample_definition().people)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
async def test_people_over_a_hundred_deaths_and_a_hundred_stops(
    postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str
) -> None:
    async with led_place(postgres.dsn, nats_server.url, realm, PEOPLE, 2) as place:
        await in_trouble(place, ROUNDS)
        await goes_on(place)
        print(f"people: {await lived_as_they_would_have(place)} events as they would have been")


# --- weather ------------------------------------------------------------------------------------------------


async def weather_as_it_would_have_been(place: Place) -> int:
    """See that what was told is the weather that anybody computes, in order and once; return of how much."""
    recorded = await place.recorded()
    view = WeatherView(place.log, await clock_of(place.log), decode=CODEC.decode)
    await view.take(recorded)
    assert not view.gap
    seen = view.seen()
    assert seen is not None
    sky, last, days, forecasts = seen[0], dict[str, WeatherChanged](), list[int](), list[int]()
    for event in map(CODEC.decode, recorded):
        match event:
            case WeatherChanged():
                before = last.get(event.zone)
                assert before is None or event.at_ms >= before.until_ms
                assert event == changed(sky, event.zone, sky.piece(event.zone, event.at_ms), before)
                last[event.zone] = event
            case DayBegan():
                days.append(event.day)
            case ForecastIssued():
                forecasts.append(event.number)
            case _:
                assert not isinstance(event, WeatherLed) or event.leader
    assert days == list(range(days[0], days[0] + len(days)))
    assert forecasts == list(range(len(days)))
    return len(recorded)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
async def test_weather_over_a_hundred_deaths_and_a_hundred_stops(
    postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str
) -> None:
    async with led_place(postgres.dsn, nats_server.url, realm, WEATHER, 2) as place:
        await in_trouble(place, ROUNDS)
        await goes_on(place)
        print(f"weather: {await weather_as_it_would_have_been(place)} events")


# --- factions and markets -----------------------------------------------------------------------------------


def same(troubled: Told, calm: Told) -> int:
    """See that both tell the same as far as both have come; return of how many events that is so."""
    assert troubled.keys() == calm.keys()
    count = 0
    for stream, found in troubled.items():
        both = list(zip(found, calm[stream], strict=False))
        for number, (one, other) in enumerate(both):
            assert one == other, (stream, number)
        count += len(both)
    return count


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("led", [FACTIONS, MARKETS], ids=lambda led: led.work)
async def test_factions_and_markets_over_a_hundred_deaths_and_a_hundred_stops(
    postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str, led: Led
) -> None:
    servers = postgres.dsn, nats_server.url
    async with (
        led_place(*servers, realm, led, 2) as troubled,
        led_place(*servers, f"{realm}calm", led, 1) as calm,
    ):
        await calm.go()
        await in_trouble(troubled, ROUNDS)
        await goes_on(troubled)
        alike = same(await troubled.told(), await calm.told())
    print(f"{led.work}: {alike} events alike")
    assert alike > 100
