"""An evaluation as one page: verdict, scorers, evidence, speed, and where the candidate lost most."""

import math
from collections.abc import Sequence

from aicore.audit.charts import AMBER, FAINT, GREEN, GREY, INK, RED, Chart, Curve, Dot, Label, Line, Scale
from aicore.audit.evaluation_report import MEANING, WORDS, About, cells, figures_of, told, worst
from aicore.audit.pages import render
from domain.evaluation.messages import ScorerResult
from handlers.evaluation.runner import CONCURRENT, Finding

COLOURS = {"worse": RED, "not_worse": GREEN, "undecided": AMBER}
ROW = 24
"""Height of a scorer's row, px."""

ACROSS = Scale(-1.0, 1.0, 150, 790)
"""From a difference to px."""

PANEL, PANEL_HEIGHT, EDGE = 250, 130, 22
FLOOR = -3.0
"""Wealth below a thousandth is drawn there: how poor a refuted bettor got says nothing more."""


def as_html(finding: Finding, about: About) -> str:
    """Return the report as one page."""
    return render(
        "evaluation.html.j2",
        title=f"Evaluation {about.evaluation_id}: {finding.verdict}",
        finding=finding,
        about=about,
        meaning=MEANING[finding.verdict],
        changed=about.changed(),
        words=WORDS,
        cells=lambda result: cells(result, finding.margins[result.name]),
        differences=differences(finding),
        panels=[panel(finding, name) for name in finding.thresholds],
        concurrent=CONCURRENT,
        figures=figures_of(finding, about),
        worst=worst(finding),
        told=told,
    )


def differences(finding: Finding) -> Chart:
    """Return the differences with their intervals, a row per scorer."""
    height = ROW * len(finding.scorers) + 30
    chart = Chart("differences", round(ACROSS.end) + 20, height)
    for tick in (-1.0, -0.5, 0.0, 0.5, 1.0):
        x = ACROSS(tick)
        chart.marks.append(Line((x, 4), (x, height - 22), GREY if tick == 0 else FAINT))
        chart.marks.append(Label((x, height - 8), f"{tick:+.1f}", "middle"))
    for number, result in enumerate(finding.scorers):
        _row(chart, ROW * number + ROW / 2 + 4, result, finding.margins[result.name])
    return chart


def _row(chart: Chart, y: float, result: ScorerResult, margin: float) -> None:
    colour, tick = COLOURS[result.verdict], ACROSS(-margin)
    marks = chart.marks
    marks += [
        Label((ACROSS.start - 8, y + 4), result.name, "end"),
        Line((ACROSS(result.low), y), (ACROSS(result.high), y), colour, 2),
        Dot((ACROSS(result.difference), y), colour),
        Line((tick, y - 7), (tick, y + 7), INK),
    ]


def panel(finding: Finding, scorer: str) -> Chart:
    """Return one scorer's evidence: logarithms to base 10 over the pairs."""
    pairs = len(finding.steps)
    goals = [value / math.log(10) for value in finding.thresholds[scorer]]
    over = Scale(0, max(1, pairs - 1), EDGE, PANEL - EDGE)
    up = Scale(FLOOR, max(goals) * 1.3, PANEL_HEIGHT - EDGE, EDGE)
    chart = Chart(scorer, PANEL, PANEL_HEIGHT)
    chart.marks.append(Label((EDGE, 14), scorer))
    chart.marks.append(Label((PANEL - EDGE, PANEL_HEIGHT - 6), f"{pairs} pairs", "end"))
    for side, colour in enumerate((RED, GREEN)):
        goal = up(goals[side])
        chart.marks.append(Line((EDGE, goal), (PANEL - EDGE, goal), colour, dotted=True))
        chart.marks.append(Curve(_wealth(finding, scorer, side, over, up), colour))
    return chart


def _wealth(
    finding: Finding, scorer: str, side: int, over: Scale, up: Scale
) -> Sequence[tuple[float, float]]:
    wealth = (step.wealths[scorer][side] / math.log(10) for step in finding.steps)
    return [(over(number), up(value)) for number, value in enumerate(wealth)]
