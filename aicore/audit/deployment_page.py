"""A deployment's replay as one page: how the evidence moved, and whether every verdict came out again."""

import math

from aicore.audit.charts import (
    AMBER,
    BLUE,
    FAINT,
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
from aicore.audit.deployment_replay import Replay, e_value_of, turns_of
from aicore.audit.pages import render

WIDTH, HEIGHT, LEFT, RIGHT = 860, 260, 70, 20
NAME_WIDTH = 100
LIMIT_WITHOUT = 100.0
"""The e-value at which the limit is drawn of a deployment that was never begun."""

COLOURS = {"together": INK, "failures": RED, "violations": AMBER, "lore": PURPLE, "latency": BLUE}


def as_html(found: Replay) -> str:
    """Return one page with the evidence over the turns."""
    title = f"Deployment {found.deployment_id}"
    return render(
        "deployment.html.j2",
        title=title,
        found=found,
        evidence=evidence(found),
        e_value_of=e_value_of,
        turns_of=turns_of,
    )


def evidence(found: Replay) -> Chart:
    """Return the e-values as powers of ten over the turns of both models, a curve per measure."""
    turns = max((point.turns for point in found.points), default=1)
    powers = [_power(value) for point in found.points for value in point.wealth.values()]
    limit = _power(found.limit or LIMIT_WITHOUT)
    over = Scale(0, turns, LEFT, WIDTH - RIGHT)
    up = Scale(min(-0.5, *powers, 0.0), max(limit + 0.5, *powers, 0.5), HEIGHT - 30, 20)
    chart = Chart("evidence that the candidate is worse", WIDTH, HEIGHT)
    for power, name, colour in ((limit, "taken back", RED), (0.0, "nothing", GREY)):
        y = up(power)
        chart.marks.append(Line((LEFT, y), (WIDTH - RIGHT, y), colour, dotted=power == limit))
        chart.marks.append(Label((LEFT - 6, y + 4), name, "end"))
    for turn, share in found.steps:
        chart.marks.append(Line((over(turn), 20), (over(turn), HEIGHT - 30), FAINT))
        chart.marks.append(Label((over(turn) + 3, 16), f"{share} %"))
    for number, (name, colour) in enumerate(COLOURS.items()):
        points = [(over(point.turns), up(_power(point.wealth.get(name, 1.0)))) for point in found.points]
        chart.marks.append(Curve(points, colour, 2 if name == "together" else 1))
        chart.marks.append(Label((LEFT + number * NAME_WIDTH, HEIGHT - 8), name, colour=colour))
    chart.marks.append(Label((WIDTH - RIGHT, HEIGHT - 8), f"{turns} turns", "end"))
    return chart


def _power(value: float) -> float:
    return math.log10(max(value, 1e-6))
