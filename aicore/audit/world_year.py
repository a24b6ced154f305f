"""A year of a world as one page: its weather beside the climate as written, and how its factions fared."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aicore.audit.charts import (
    AMBER,
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    PURPLE,
    RED,
    Chart,
    Curve,
    Label,
    Line,
    Scale,
)
from aicore.audit.pages import render
from domain.clock.almanac import Almanac
from domain.definition.definition import Definition
from domain.factions.factions import NOBODY, evolve
from domain.factions.ground import ground_of
from domain.factions.messages import Emerged
from domain.factions.simulation import day_of
from domain.weather.calibration import law_of
from domain.weather.sky import Climate, Nature, Sky

COLOURS = (BLUE, RED, GREEN, AMBER, PURPLE, INK, "#0a7d8c", "#b35900", "#8a8a8a", "#5b21b6")
WIDTH, LEFT, RIGHT = 820, 110, 800
ROW, PANEL = 16, 170
CHAINS_TOLD = 12
GOODS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Shares:
    """How often a weather was in a season of a zone, in thousandths, beside what was written."""

    zone: str
    season: str
    state: str
    written: int
    came: int


@dataclass
class Year:
    """What came of a year.

    Attributes:
        shares: by zone, season and state.
        warmth: the temperature at noon in 1/100 °C, by zone and day.
        powers: thousandths, by faction and day.
        holders: by territory and day.
        told: what emerged.
        levels: price levels in thousandths, by stall and good; of a year that all contexts lived together.
        facts: what else is to be said of such a year.
    """

    days: int = 0
    shares: list[Shares] = field(default_factory=list)
    warmth: dict[str, list[int]] = field(default_factory=dict)
    powers: dict[str, list[int]] = field(default_factory=dict)
    holders: dict[str, list[str | None]] = field(default_factory=dict)
    told: list[Emerged] = field(default_factory=list)
    levels: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    facts: list[str] = field(default_factory=list)


def lived(definition: Definition, seed: int) -> Year:
    """Return the first year of a world, headless, from a seed."""
    almanac = Almanac(definition.calendar)
    begin = almanac.season_begins(0)
    year = Year(days=almanac.season_begins(len(definition.calendar.seasons)) - begin)
    if definition.zones:
        _weather(definition, almanac, seed, year, begin)
    if definition.factions:
        _factions(definition, seed, year, begin)
    return year


def _weather(definition: Definition, almanac: Almanac, seed: int, year: Year, begin: int) -> None:
    law = law_of(definition.zones)
    sky = Sky(Nature(almanac, [Climate(begin, law, seed)]))
    states = [state.id for state in law.states]
    for n, zone in enumerate(definition.zones):
        for index, season in enumerate(zone.seasons):
            segment = sky.nature.segment(almanac.season_begins(index) * almanac.day_ms)
            lasted, pieces = Counter[str](), segment.pieces(n)
            ends = [piece.at_s for piece in pieces[1:]] + [segment.end_s]
            for piece, end_s in zip(pieces, ends, strict=True):
                lasted[states[piece.state]] += end_s - piece.at_s
            for spell in season.spells:
                came = 1_000 * lasted[spell.state] // (segment.end_s - segment.begin_s)
                year.shares.append(Shares(zone.id, season.season, spell.state, spell.share, came))
        noons = [(begin + day) * almanac.day_ms + almanac.day_ms // 2 for day in range(year.days)]
        year.warmth[zone.id] = [sky.air(zone.id, noon).temperature for noon in noons]


def _factions(definition: Definition, seed: int, year: Year, begin: int) -> None:
    state = evolve(NOBODY, ground_of(definition).model_copy(update={"seed": seed, "day": begin}))
    year.powers = {faction: [] for faction in state.powers}
    year.holders = {territory: [] for territory in state.territories}
    for day in range(begin + 1, begin + year.days + 1):
        for event in day_of(state, day):
            state = evolve(state, event)
            if isinstance(event, Emerged):
                year.told.append(event)
        for faction, power in state.powers.items():
            year.powers[faction].append(power)
        for territory, ground in state.territories.items():
            year.holders[territory].append(ground.holder)


# --- the page -----------------------------------------------------------------------------------------------


def as_html(definition: Definition, seed: int, year: Year) -> str:
    """Return a year as one page."""
    return render(
        "world.html.j2",
        title=f"A year of {definition.world.name}, from seed {seed}",
        year=year,
        off=max((abs(each.came - each.written) for each in year.shares), default=0),
        warmth=_curves("temperature at noon, °C", {k: [t / 100 for t in v] for k, v in year.warmth.items()}),
        shares=[
            _bars(zone.id, [each for each in year.shares if each.zone == zone.id])
            for zone in definition.zones
        ],
        powers=_curves("power, thousandths", year.powers),
        ground=_strips(year),
        prices=_curves("price, thousandths of the usual", _moved_most(year.levels)),
        chains=list(_chains(year.told)),
    )


def _curves(name: str, found: Mapping[str, Sequence[float]]) -> Chart:
    """Return a line for each, over the days."""
    values = [value for each in found.values() for value in each] or [0.0]
    days = max((len(each) for each in found.values()), default=1)
    over, up = Scale(0, max(1, days - 1), LEFT, RIGHT), Scale(min(values), max(values), PANEL - 20, 10)
    chart = Chart(name, WIDTH, PANEL + ROW * ((len(found) + 3) // 4))
    marks = chart.marks
    for value in (min(values), max(values)):
        marks += [Line((LEFT, up(value)), (RIGHT, up(value)), FAINT)]
        marks.append(Label((LEFT - 6, up(value) + 4), f"{value:,.0f}", "end"))
    for n, (label, each) in enumerate(found.items()):
        points = [(over(day), up(value)) for day, value in enumerate(each)]
        x, y = LEFT + 175 * (n % 4), PANEL + ROW * (n // 4) + 8
        marks += [Curve(points, _colour(n), 1), Label((x, y), label, colour=_colour(n))]
    return chart


def _moved_most(levels: Mapping[tuple[str, str], Sequence[int]]) -> Mapping[str, Sequence[int]]:
    """Return the goods whose prices moved most, by stall and good."""
    moved = sorted(levels, key=lambda key: (min(levels[key]) - max(levels[key]), key))[:GOODS_SHOWN]
    return {f"{good} at {market}": levels[market, good] for market, good in moved}


def _bars(zone: str, found: Sequence[Shares]) -> Chart:
    """Return, for each season and weather, a line as long as it came and a tick where it was written."""
    over = Scale(0, max((max(each.came, each.written) for each in found), default=1), LEFT + 70, RIGHT)
    chart = Chart(zone, WIDTH, ROW * (len(found) + 2))
    marks = chart.marks
    marks.append(Label((4, 12), zone))
    for n, each in enumerate(found):
        y = ROW * (n + 1) + 8
        marks += [
            Label((over.start - 6, y + 4), f"{each.season} {each.state}", "end"),
            Line((over.start, y), (over(each.came), y), BLUE, 6),
            Line((over(each.written), y - 6), (over(each.written), y + 6), INK, 2),
        ]
    return chart


def _strips(year: Year) -> Chart:
    """Return who held each territory, day by day."""
    over = Scale(0, max(1, year.days), LEFT + 20, RIGHT)
    colours = {faction: _colour(n) for n, faction in enumerate(year.powers)}
    chart = Chart("who holds what", WIDTH, ROW * (len(year.holders) + 1))
    marks = chart.marks
    for n, (territory, holders) in enumerate(year.holders.items()):
        y = ROW * n + 10
        marks.append(Label((over.start - 6, y + 4), territory, "end"))
        for begin, end, holder in _runs(holders):
            colour = colours.get(holder or "", GREY)
            marks.append(Line((over(begin), y), (over(end), y), colour, 8 if holder else 2))
    return chart


def _runs(found: Sequence[str | None]) -> Iterator[tuple[int, int, str | None]]:
    begin = 0
    for day in range(1, len(found) + 1):
        if day == len(found) or found[day] != found[begin]:
            yield begin, day, found[begin]
            begin = day


def _chains(told: Sequence[Emerged]) -> Iterator[list[Emerged]]:
    """Yield the longest and weightiest chains of causes, each from its first cause on."""
    by_number = {each.number: each for each in told}
    causes = {each.cause for each in told}
    ends = [each for each in told if each.depth >= 2 and each.number not in causes]
    for end in sorted(ends, key=lambda each: (-each.salience, each.number))[:CHAINS_TOLD]:
        chain, at = [end], end.cause
        while at is not None:
            chain.append(by_number[at])
            at = by_number[at].cause
        yield chain[::-1]


def _colour(n: int) -> str:
    return COLOURS[n % len(COLOURS)]
