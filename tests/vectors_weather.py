"""The cases of `weather.json`: words and what the hash makes of them, skies and what is seen at moments."""

from collections.abc import Iterator, Mapping
from typing import Any

from domain.clock.almanac import Almanac
from domain.clock.calendar import Calendar
from domain.definition.climate import SeasonClimate, Spell, Zone
from domain.kernel.chance import chance
from domain.weather.calibration import law_of
from domain.weather.sky import Climate, Nature, Override, Sky
from tests.unit.clock.kit import COPTIC, DAY, GREGORIAN

WORDS = ([0], [1_234_567], [2**63 - 1, 1, 2, 3], [7, -1], [7, -(2**40), 2**32 - 1], [0, 4, 0xFFFF_FFFF, -3])
SEEDS = (4_711, 2**63 - 1)


def weather_cases() -> Iterator[Mapping[str, Any]]:
    """Yield every case."""
    hashes = [{"words": [str(word) for word in words], "hex": f"{chance(*words):016x}"} for words in WORDS]
    yield {"name": "hash: SplitMix64 of words", "kind": "hash", "looks": hashes}
    for calendar, seasons in ((GREGORIAN, "spring summer autumn winter"), (COPTIC, "flood sowing harvest")):
        yield _sky(f"sky: {calendar.name}", calendar, _climates(seasons.split()))
    yield _sky("sky: a calendar of other seasons", COPTIC, _climates(["one", "other"]))


def _climates(seasons: list[str]) -> list[Climate]:
    """Return two climates; the second one holds from the middle of a season on, and has a zone more."""
    laws = [law_of([_zone(name, lag, seasons) for name, lag in zones]) for zones in (ZONES[:2], ZONES)]
    return [Climate(day, law, seed) for day, law, seed in zip((0, 700), laws, SEEDS, strict=True)]


ZONES = (("coast", 0), ("hills", 4_200), ("far_off", 11_111))
WRITTEN = (
    {"clear": (400, 30_000), "cloudy": (300, 21_000), "rain": (200, 15_000), "storm": (100, 9_000)},
    {"clear": (150, 22_000), "snow": (350, 20_001), "blizzard": (100, 9_999), "extreme_cold": (150, 40_000),
     "fog": (250, 33_333)},
    {"extreme_heat": (1_000, 36_000)},
)  # fmt: skip
"""The last one has one weather only, as odd a climate as there may be."""


def _zone(name: str, lag: int, seasons: list[str]) -> Zone:
    found = []
    for n, season in enumerate(seasons):
        written = WRITTEN[n % len(WRITTEN)].items()
        spells = tuple(Spell(state, share, lasts + lag % 13) for state, (share, lasts) in written)
        found.append(SeasonClimate(season, -1_000 * n - lag % 7, 900 + 500 * n, spells))
    return Zone(name, name, lag, tuple(found))


def _sky(name: str, calendar: Calendar, climates: list[Climate]) -> Mapping[str, Any]:
    almanac = Almanac(calendar)
    day_ms = almanac.day_ms
    states = [state.id for state in climates[0].law.states]
    rain, fog = states.index("heavy_rain"), states.index("fog")
    late = 705 * day_ms + 12_345_678
    overrides = [
        Override("a", frozenset({"coast", "hills"}), rain, late, late + 5 * DAY),
        Override("b", frozenset({"hills"}), fog, late + DAY, late + DAY + 777_777),
    ]
    sky = Sky(Nature(almanac, climates), overrides)
    begins = [almanac.season_begins(index) * day_ms for index in (-5, 0, 2, 9)]
    moments = [
        *(begin + n for begin in begins for n in (-1, 0, 1, 450_000, 5 * DAY + 3)),
        *(700 * day_ms + n for n in (-1, 0, 899_999, 900_000)),
        *(late + n for n in (-1, 0, 600_001, DAY, DAY + 777_776, DAY + 777_777, DAY + 900_000, 5 * DAY + 1)),
        *(n * 7 * DAY + n * n * 1_234_567 - 300 * DAY for n in range(25)),
    ]
    looks = [
        {"game_ms": ms, "zone": zone, **sky.piece(zone, ms)._asdict(), **sky.air(zone, ms)._asdict()}
        for ms in moments
        for zone in sky.zones(ms)
    ]
    return {
        "name": name,
        "kind": "sky",
        "calendar": calendar.model_dump(),
        "climates": [
            {"from_day": each.from_day, "seed": str(each.seed), "law": each.law.model_dump()}
            for each in climates
        ],
        "overrides": [
            {
                "zones": sorted(each.zones),
                "state": each.state,
                "from_ms": each.from_ms,
                "until_ms": each.until_ms,
            }
            for each in overrides
        ],
        "looks": [{key: value for key, value in look.items() if key != "handle"} for look in looks],
    }
