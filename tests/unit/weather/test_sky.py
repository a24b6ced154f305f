"""What one meets at a moment is the same for whoever asks, in whatever order, and never leaps."""

from itertools import pairwise

from domain.weather.messages import WeatherChanged
from domain.weather.showing import shown
from domain.weather.sky import Climate, Nature, Sky
from domain.weather.strikes import climate_to_set, next_due, strikes
from domain.weather.weather import NO_WEATHER, Weather, evolve
from tests.unit.weather.kit import ALMANAC, CLIMATE, DAY, HOUR, LAW, NATURE, STATES, WEATHER, ZONES, laid, sky

LEAP = (300, 60, 60, 3_000, 100)
"""What a minute may change of temperature, wind, humidity, visibility and intensity."""


def test_a_moment_is_the_same_in_any_order_and_number() -> None:
    moments = [100 * DAY + n * 777_777 for n in range(300)]
    together = [[sky().air(zone, ms) for zone in ZONES] for ms in moments]
    for n in (250, 3, 120):
        alone = Sky(Nature(ALMANAC, [CLIMATE]))
        assert [alone.air(zone, moments[n]) for zone in ZONES] == together[n]
        assert shown(alone, moments[n]) == shown(sky(), moments[n])


def test_the_air_never_leaps() -> None:
    """Over the end of a season, too, and where overrides begin and end in the middle of a change."""
    begin = ALMANAC.season_begins(2) * DAY - 12 * HOUR
    above = sky(
        laid("a", "blizzard", begin + 2 * HOUR, begin + 5 * HOUR),
        laid("b", "extreme_heat", begin + 4 * HOUR, begin + 4 * HOUR + 300_000, "hill"),
        laid("c", "clear", begin + 14 * HOUR, begin + 14 * HOUR + 60_000),
    )
    for zone in ZONES:
        before = above.air(zone, begin)
        for minute in range(1, 24 * 60):
            after = above.air(zone, begin + minute * 60_000)
            pairs = zip(before, after, LEAP, strict=True)
            leaps = [(a, b) for a, b, most in pairs if abs(b - a) > most + max(abs(a), abs(b)) // 5]
            assert not leaps, (zone, minute, before, after)
            before = after


def test_rain_does_not_freeze_and_snow_does_not_melt() -> None:
    above = sky()
    for n in range(400):
        ms = ALMANAC.season_begins(3) * DAY + n * 5 * HOUR
        state, air = STATES[above.piece("hill", ms).state], above.air("hill", ms)
        eased = above.piece("hill", ms).begin_ms + LAW.ease_ms <= ms
        if eased and state in ("rain", "storm"):
            assert air.temperature >= 50
        if eased and state in ("snow", "blizzard"):
            assert air.temperature <= 50


def test_overrides_lie_over_one_another_and_the_weather_goes_on_below() -> None:
    t = 200 * DAY
    below = sky()
    under, over = (
        laid("under", "fog", t, t + 9 * HOUR),
        laid("over", "storm", t + HOUR, t + 2 * HOUR, "harbour"),
    )
    above = sky(under, over)
    at = {h: above.piece("harbour", t + h * HOUR) for h in (0, 1, 2, 9)}
    assert [STATES[piece.state] for piece in at.values()][:3] == ["fog", "storm", "fog"]
    assert (at[0].begin_ms, at[0].end_ms, at[0].handle) == (t, t + HOUR, "under")
    assert (at[2].begin_ms, at[2].end_ms) == (t + 2 * HOUR, t + 9 * HOUR)
    assert at[9].state == below.piece("harbour", t + 9 * HOUR).state
    assert at[9].begin_ms == max(t + 9 * HOUR, below.piece("harbour", t + 9 * HOUR).begin_ms)
    assert STATES[above.piece("hill", t + HOUR).state] == "fog", "the upper one is over the harbour only"
    ease = above.air("harbour", t + 9 * HOUR + LAW.ease_ms - 1)
    assert ease == below.air("harbour", t + 9 * HOUR + LAW.ease_ms - 1), "and nothing is left of them"


def test_who_joins_in_the_middle_of_a_change_sees_how_far_it_is() -> None:
    piece = sky().piece("marsh", 50 * DAY)
    zone = shown(sky(), piece.end_ms + 300_000, "marsh")["zones"][0]
    assert zone["transition"] == {
        "from": STATES[piece.state],
        "to": zone["state"],
        "began_ms": piece.end_ms,
        "ends_ms": piece.end_ms + LAW.ease_ms,
    }
    assert shown(sky(), piece.end_ms + LAW.ease_ms, "marsh")["zones"][0]["transition"] is None
    assert zone["since_ms"] == piece.end_ms


def test_fronts_are_told_from_the_coast_until_the_last_zone_has_them() -> None:
    segment = NATURE.segment(100 * DAY)
    front = segment.fronts[3]
    last = max(segment.arrival(front, n) for n in range(3))
    found = shown(sky(), front.at_s * 1_000 + 60_000)["fronts"]
    assert [each["number"] for each in found] == [3]
    assert found[0]["inland_m"] == 60 * front.speed * 1_000 // 36_000
    assert max(each["at_ms"] for each in found[0]["arrives"]) == last * 1_000
    assert shown(sky(), last * 1_000)["fronts"] == []


# --- what is told -------------------------------------------------------------------------------------------


def test_what_is_told_in_a_month_is_within_its_budget_and_in_order() -> None:
    weather, now, told = WEATHER, 100 * DAY + 5 * HOUR, list[object]()
    while now < 130 * DAY:
        found = strikes(weather, sky(), now)
        for strike in found:
            weather = evolve(weather, strike.event)
        told += [strike.event for strike in found]
        assert strikes(weather, sky(), now) == [], "each once"
        now = next_due(weather, sky(), now)
    assert len(told) <= 30 * 20, "events of three zones in thirty days"
    changes = [event for event in told if isinstance(event, WeatherChanged) and event.zone == "hill"]
    for one, other in pairwise(changes):
        assert (other.number, other.before, other.at_ms) == (one.number + 1, one.state, one.until_ms)
        assert other.state == one.then


def test_after_a_leap_only_what_is_now_is_told() -> None:
    weather = WEATHER
    for strike in strikes(weather, sky(), 100 * DAY):
        weather = evolve(weather, strike.event)
    found = strikes(weather, sky(), 163 * DAY)
    assert [strike.name for strike in found] == ["day", *(f"zone/{zone}" for zone in ZONES), "forecast"]
    assert getattr(found[0].event, "passed") == 62  # noqa: B009 - of the union's member


def test_another_climate_holds_from_tomorrow() -> None:
    [first] = climate_to_set(NO_WEATHER, (LAW, 1), 10, 3)
    weather = evolve(NO_WEATHER, first.event)
    assert weather.climates == (Climate(3, LAW, 1),)
    assert climate_to_set(weather, (LAW, 1), 11, 3) == []
    [other] = climate_to_set(weather, (LAW, 2), 11, 3)
    both = evolve(weather, other.event)
    nature = Nature(ALMANAC, both.climates)
    old = Nature(ALMANAC, weather.climates)
    assert Sky(nature).air("hill", 12 * DAY - 1) == Sky(old).air("hill", 12 * DAY - 1)
    assert nature.segment(12 * DAY).first_day == 12
    assert nature.segment(12 * DAY).seed == 2
    assert isinstance(both, Weather)
