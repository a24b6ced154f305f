"""The HTML pages: hostile texts are shown and do nothing, every chart is sound, and nothing is loaded."""

import ast
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from jinja2 import UndefinedError

import aicore
from aicore.audit import deployment_page, evaluation_page
from aicore.audit.charts import Chart, Curve, Dot, Label, Line, Scale
from aicore.audit.deployment_replay import Point, Replay
from aicore.audit.evaluation_report import About
from aicore.audit.pages import render
from aicore.audit.rejudge import Check
from domain.evaluation.scorers import scorers_of
from domain.registry.deployment_facts import EvidenceFact
from domain.registry.deployment_messages import StepPassed
from handlers.evaluation.runner import Evaluator, Finding, Plan
from tests.unit.evaluation.kit import FACT, case, model, suite, told

EVIL = """<script>alert("x")</script>'"><img src=x onerror=alert(1)> & {{ 7 * 7 }} \u202edoog\u202c \x1b[2J"""
SHOWN = EVIL.translate(dict.fromkeys((0x202E, 0x202C, 0x1B), "\ufffd"))
LOADS = {
    "script",
    "img",
    "link",
    "iframe",
    "object",
    "embed",
    "image",
    "use",
    "foreignobject",
    "base",
    "form",
}


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags = set[str]()
        self.attributes = dict[str, set[str | None]]()
        self.texts = list[str]()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def loads_nothing(self) -> bool:
        handlers = {name for name in self.attributes if name.startswith("on")}
        return not (
            self.tags & LOADS or handlers or {"src", "href", "srcset", "action"} & set(self.attributes)
        )


async def finding() -> Finding:
    asked = suite(*(case(id=f"c{n}", facts=[FACT], context={"place": EVIL}) for n in range(5)))
    evil, good = model(lambda c, s: told(EVIL)), model(lambda c, s: told(f"{FACT}."))
    plan = Plan(suite=asked, scorers=scorers_of(asked))
    return await Evaluator(plan, candidate=evil, current=good).run()


def about(**changes: Any) -> About:
    names = {"evaluation_id": EVIL, "suite": EVIL, "suite_digest": EVIL, "seed": 1, "made_at": EVIL}
    both = {"candidate": {"name": EVIL, EVIL: "a"}, "current": {"name": "now"}}
    return About(**{**names, **both, **changes})


def renamed(found: Finding, name: str) -> Finding:
    """Return a finding of which one scorer has another name."""
    first, *rest = found.scorers
    changed = first.model_copy(update={"name": name})
    return replace(
        found,
        scorers=(changed, *rest),
        reasons=(*found.reasons, EVIL),
        margins={**found.margins, name: found.margins[first.name]},
        thresholds={**found.thresholds, name: found.thresholds[first.name]},
        steps=[replace(s, wealths={**s.wealths, name: s.wealths[first.name]}) for s in found.steps],
    )


async def test_an_evaluations_page_shows_hostile_texts_and_runs_nothing() -> None:
    page = evaluation_page.as_html(renamed(await finding(), EVIL), about())
    seen = Page(page)
    assert seen.loads_nothing()
    assert not set(page) & set("\u202e\u202c\x1b")
    whole = "".join(seen.texts)
    # Title, suite, digest, time, reason, two cells of what changed, scorer (row, chart, panel), worst pairs.
    assert whole.count(SHOWN) >= 15
    assert "{{ 7 * 7 }}" in whole
    assert SHOWN in seen.attributes["aria-label"]
    assert "default-src 'none'; style-src 'unsafe-inline'" in seen.attributes["content"]


async def test_an_evaluations_page_has_verdict_scorers_charts_and_the_worst_pairs() -> None:
    found = await finding()
    page = evaluation_page.as_html(found, about())
    charts = list(sound_charts(page))
    assert len(charts) == 1 + len(found.scorers)
    assert {result.name for result in found.scorers} <= labels(charts[0])
    text = "".join(Page(page).texts)
    assert "lore_stated is worse" in text
    assert "must say: seven boats" in text


async def test_nothing_different_and_nothing_lost_is_said() -> None:
    found = await finding()
    page = evaluation_page.as_html(replace(found, steps=[]), about(candidate={}, current={}))
    assert "Nothing is known to differ" in page
    assert "Nowhere." in page


def fact(**changes: Any) -> EvidenceFact:
    return EvidenceFact.model_validate({**StepPassed.example["evidence"], **changes})


def replayed(**changes: Any) -> Replay:
    points = [Point(n, {"together": 1.5**n, "failures": 1.2**n}) for n in range(1, 30)]
    checks = [Check(EVIL, fact(), fact()), Check("b", None, fact(e_value=2.0), EVIL)]
    return Replay(EVIL, **{"limit": 109.0, "points": points, "steps": [(0, 5), (10, 25)], "checks": checks,
                           **changes})  # fmt: skip


def test_a_deployments_page_shows_hostile_texts_and_runs_nothing() -> None:
    page = deployment_page.as_html(replayed())
    seen = Page(page)
    assert seen.loads_nothing()
    assert "".join(seen.texts).count(SHOWN) == 4  # title, heading, a check, and why another differs
    assert "default-src 'none'; style-src 'unsafe-inline'" in seen.attributes["content"]


@pytest.mark.parametrize(
    "changes", [{}, {"points": []}, {"points": [], "checks": [], "steps": [], "limit": 0.0}]
)
def test_a_deployments_chart_is_sound_with_many_turns_and_none(changes: dict[str, Any]) -> None:
    found = replayed(**changes)
    page = deployment_page.as_html(found)
    (chart,) = sound_charts(page)
    assert {"taken back", "nothing", *deployment_page.COLOURS} <= labels(chart)
    if found.checks:
        assert ("the same" in page, "ANOTHER" in page) == (True, True)


def sound_charts(page: str) -> list[Element]:
    """Return a page's charts, each well-formed and with all of it inside."""
    found = [fromstring("<svg" + part.split("</svg>")[0] + "</svg>") for part in page.split("<svg")[1:]]
    for chart in found:
        for names, side in ((("x", "x1", "x2", "cx"), "width"), (("y", "y1", "y2", "cy"), "height")):
            for mark in chart.iter():
                places = [float(mark.attrib[name]) for name in names if name in mark.attrib]
                assert all(0 <= place <= float(chart.attrib[side]) for place in places), mark.attrib
    return found


def labels(chart: Element) -> set[str | None]:
    """Return a chart's texts."""
    return {mark.text for mark in chart.iter("text")}


def test_a_chart_becomes_its_marks() -> None:
    chart = Chart("c", 10, 20)
    chart.marks.append(Line((1, 2), (3, 4), "#111", dotted=True))
    chart.marks.append(Curve([(0, 0), (1.26, 2)]))
    chart.marks.append(Dot((5, 6)))
    chart.marks.append(Label((7, 8), "<"))
    page = render("deployment.html.j2", title="t", found=Replay("t"), evidence=chart)
    (svg,) = sound_charts(page)
    assert [mark.tag for mark in svg] == ["line", "polyline", "circle", "text"]
    assert svg[0].attrib["stroke-dasharray"]
    assert svg[1].attrib["points"] == "0.0,0.0 1.3,2.0"
    assert labels(svg) == {"<"}


def test_a_scale_ends_at_its_ends() -> None:
    up = Scale(0.0, 2.0, 100.0, 0.0)
    assert [up(value) for value in (-1, 0, 1, 2, 3)] == [100, 100, 50, 0, 0]
    assert Scale(1.0, 1.0, 5.0, 9.0)(7.0) == 5.0


def test_a_template_that_misses_something_says_so() -> None:
    with pytest.raises(UndefinedError, match="found"):
        render("deployment.html.j2", title="t", evidence=Chart("c", 1, 1))


def test_no_module_writes_html_by_itself() -> None:
    """Tags in Python texts, where nothing escapes what is put between them."""
    tags = ("<html", "</", "<svg", "<td", "<p>", "<p ")
    found = [
        f"{path}:{node.lineno}"
        for path in Path(aicore.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and any(t in node.value for t in tags)
    ]
    assert found == []
