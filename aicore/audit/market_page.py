"""A page about stalls over many game days: a chart of prices for each stall, and where the money went."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aicore.audit.charts import (
    AMBER,
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    PURPLE,
    RED,
    At,
    Chart,
    Curve,
    Label,
    Line,
    Scale,
)
from aicore.audit.pages import render
from aicore.content.definition import check_folder
from aicore.content.sample_world import sample_definition
from domain.ledger.vocabulary import is_sink, is_source
from domain.market.stalls import Stall, stalls_of
from domain.market.vocabulary import WHOLE
from domain.market.year import Year

WIDTH, HEIGHT = 760, 180
LEFT, RIGHT, TOP, BOTTOM = 46, 600, 10, 156
COLOURS = (BLUE, RED, GREEN, AMBER, PURPLE, INK, GREY)
CURVES_MAX = 7
"""Of one chart: those whose prices moved most."""

POINTS_MAX = 400


class NoWorld(Exception):
    """The folder's files have faults."""


def stalls_in(folder: Path | None) -> Mapping[str, Stall]:
    """Return the stalls of a folder's world, or of the sample world.

    Raises:
        NoWorld: the files have faults.
    """
    if folder is None:
        return stalls_of(sample_definition())
    checked = check_folder(folder)
    if checked.definition is None:
        raise NoWorld(f"{folder} has {len(checked.faults)} faults; `aicore world check` tells them")
    return stalls_of(checked.definition)


def money_of(year: Year) -> Sequence[Mapping[str, Any]]:
    """Return for each currency what sources gave, what sinks have, and what circulates."""
    rows: dict[str, dict[str, Any]] = {
        unit: {"currency": unit, "circulating": there, "difference": explained - there, "flows": {}}
        for unit, (explained, there) in sorted(year.money.items())
    }
    for (account, unit), (balance, _) in sorted(year.book.volumes.items()):
        if unit in rows and balance and (is_source(account) or is_sink(account)):
            rows[unit]["flows"][account] = -balance
    return list(rows.values())


def market_page(year: Year, days: int) -> str:
    """Return the page, as HTML."""
    charts = [_chart(stall, year.levels) for stall in year.stalls.values()]
    return render(
        "market.html.j2", title="Markets", days=days, year=year, charts=charts, money=money_of(year)
    )


def _chart(stall: Stall, levels: Mapping[tuple[str, str], Sequence[int]]) -> Chart:
    series = {good: levels[stall.market, good] for good in stall.terms}
    moved = sorted(series, key=lambda good: min(series[good]) - max(series[good]))[:CURVES_MAX]
    high = max(max(series[good]) for good in moved)
    days = len(series[moved[0]])
    across, up = Scale(0, max(1, days - 1), LEFT, RIGHT), Scale(0, max(high, 2 * WHOLE), BOTTOM, TOP)
    chart = Chart(f"Prices at {stall.name}", WIDTH, HEIGHT)
    for level in range(0, max(high, 2 * WHOLE) + 1, WHOLE):
        chart.marks.append(Line((LEFT, up(level)), (RIGHT, up(level)), FAINT))
        chart.marks.append(Label((LEFT - 6, up(level) + 4), f"{level // 10} %", "end"))
    for number, good in enumerate(moved):
        colour = COLOURS[number]
        chart.marks.append(Curve(_points(series[good], across, up), colour))
        chart.marks.append(Label((RIGHT + 8, TOP + 12 + 18 * number), good, colour=colour))
    chart.marks.append(Label((LEFT, HEIGHT - 6), "day 0"))
    chart.marks.append(Label((RIGHT, HEIGHT - 6), f"day {days - 1}", "end"))
    return chart


def _points(levels: Sequence[int], across: Scale, up: Scale) -> list[At]:
    every = max(1, len(levels) // POINTS_MAX)
    return [(across(day), up(levels[day])) for day in range(0, len(levels), every)]
