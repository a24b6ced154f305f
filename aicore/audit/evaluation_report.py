"""Tells a person what an evaluation found: on the terminal, as one HTML file, and as JSON for the record.

The HTML file needs nothing else, runs no script and may be mailed; whatever came from a model, a player or a
suite is escaped, and the page forbids itself to load anything. The JSON's digest stands in the event, so that
a report can be held against what was decided on.
"""

import hashlib
import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from domain.evaluation.messages import ScorerResult
from domain.evaluation.scorers import Answer
from handlers.evaluation.figures import Figure, figures
from handlers.evaluation.runner import CONCURRENT, Finding, Pair

WORST_MAX = 12
"""Pairs that are shown side by side."""

STYLES = {
    "passed": "bold green", "failed": "bold red", "undecided": "bold yellow",
    "worse": "red", "not_worse": "green",
}  # fmt: skip
WORDS = {"not_worse": "not worse"}
STEERING = {*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)} - {9, 10}
HIDDEN = dict.fromkeys(STEERING, "\ufffd")
"""Signs that steer, or turn the reading direction by force: they are shown as signs, and do nothing."""

MEANING = {
    "passed": "no scorer found it worse by its margin",
    "failed": "at least one scorer found it worse",
    "undecided": "the evidence did not suffice; that is no pass",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the figures are about."""

    evaluation_id: str
    suite: str
    """name@version."""
    suite_digest: str
    seed: int
    candidate: Mapping[str, str] = field(default_factory=dict)
    """What is known of the candidate: name, version, digest of its files, template, temperature …"""
    current: Mapping[str, str] = field(default_factory=dict)
    made_at: str = ""

    def changed(self) -> list[tuple[str, str, str]]:
        """Return what differs between the two: its name, the current model's value, the candidate's."""
        keys = dict.fromkeys([*self.current, *self.candidate])
        both = [(key, self.current.get(key, ""), self.candidate.get(key, "")) for key in keys]
        return [(key, before, now) for key, before, now in both if before != now]


def escape(text: str) -> str:
    """Return a text as HTML shows it, letter by letter in the order in which it stands."""
    return html.escape(text.translate(HIDDEN))


def worst(finding: Finding, limit: int = WORST_MAX) -> list[tuple[Pair, list[str]]]:
    """Return the pairs in which the candidate lost most, and the scorers that say so, the worst first.

    First counts what was lost by scorers that decided against it, then what was lost in all. A case that was
    asked again and again is shown once, where it lost most.
    """
    decided = {result.name for result in finding.scorers if result.verdict == "worse"}
    ranked = []
    for step in finding.steps:
        lost = {name: theirs - ours for name, (ours, theirs) in step.pair.scores.items() if ours < theirs}
        if lost:
            by_decided = sum(share for name, share in lost.items() if name in decided)
            names = sorted(lost, key=lambda name: (name not in decided, -lost[name], name))
            ranked.append(((by_decided, sum(lost.values()), -step.pair.number), step.pair, names))
    ranked.sort(key=lambda found: found[0])
    first = {pair.case.id: (rank, pair, names) for rank, pair, names in ranked}  # the worst one stays
    return [(pair, names) for _, pair, names in sorted(first.values(), reverse=True, key=lambda f: f[0])][
        :limit
    ]


# --- the record ---------------------------------------------------------------------------------------------


def as_json(finding: Finding, about: About) -> bytes:
    """Return the whole report, with every pair, as JSON; the same finding gives the same bytes."""
    whole = {
        "evaluation_id": about.evaluation_id,
        "suite": about.suite,
        "suite_digest": about.suite_digest,
        "seed": about.seed,
        "candidate": dict(about.candidate),
        "current": dict(about.current),
        "made_at": about.made_at,
        "verdict": finding.verdict,
        "reasons": list(finding.reasons),
        "margins": dict(finding.margins),
        "concurrent_pairs": CONCURRENT,
        "figures": {
            f.name: {"current": f.current, "candidate": f.candidate} for f in _figures(finding, about)
        },
        "scorers": [result.model_dump() for result in finding.scorers],
        "pairs": [_pair(step.pair) for step in finding.steps],
    }
    return orjson.dumps(whole, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2) + b"\n"


def digest_of(report: bytes) -> str:
    """Return the digest that `FinishEvaluation` wants."""
    return f"sha256:{hashlib.sha256(report).hexdigest()}"


def _pair(pair: Pair) -> dict[str, object]:
    return {
        "number": pair.number,
        "case": pair.case.id,
        "seed": pair.seed,
        "candidate": _answer(pair.candidate),
        "current": _answer(pair.current),
        "scores": {name: list(both) for name, both in pair.scores.items()},
    }


def _answer(answer: Answer) -> dict[str, object]:
    return {
        "text": answer.text,
        "fault": answer.fault,
        "tokens": answer.completion_tokens,
        "ttft_ms": round(answer.ttft_ms, 3),
        "latency_ms": round(answer.latency_ms, 3),
    }


# --- the terminal -------------------------------------------------------------------------------------------


def as_tables(finding: Finding, about: About, *, worst_max: int = 3) -> RenderableType:
    """Return what the terminal shows; texts of models are never read as markup."""
    pairs = len(finding.steps)
    head = Text.assemble(
        (finding.verdict, STYLES[finding.verdict]),
        f" after {pairs} pairs of {about.suite}: {MEANING[finding.verdict]}",
    )
    reasons = [Text(f"· {reason}") for reason in finding.reasons]
    shown = [_both(pair, names) for pair, names in worst(finding, worst_max)]
    return Group(head, *reasons, *_changes(about), "", _scorers(finding), "", _speed(finding, about), *shown)


def _figures(finding: Finding, about: About) -> Sequence[Figure]:
    return figures(finding, about.current, about.candidate)


def _speed(finding: Finding, about: About) -> Table:
    table = Table(f"with {CONCURRENT} pairs at a time", "current", "candidate", box=None, pad_edge=False)
    for figure in _figures(finding, about):
        table.add_row(figure.name, f"{figure.current:g}", f"{figure.candidate:g}")
    return table


def _changes(about: About) -> list[RenderableType]:
    return [Text(f"  {key}: {before or '-'} → {now or '-'}", "dim") for key, before, now in about.changed()]


def _scorers(finding: Finding) -> Table:
    table = Table(
        "scorer", "verdict", "candidate", "current", "difference", "between", "margin", "pairs",
        box=None, pad_edge=False,
    )  # fmt: skip
    for result in finding.scorers:
        table.add_row(
            Text(result.name),
            Text(WORDS.get(result.verdict, result.verdict), STYLES[result.verdict]),
            f"{result.candidate_mean:.3f}",
            f"{result.current_mean:.3f}",
            f"{result.difference:+.3f}",
            f"{result.low:+.3f} … {result.high:+.3f}",
            f"{finding.margins[result.name]:.2f}",
            str(result.applied),
        )
    return table


def _both(pair: Pair, names: Sequence[str]) -> RenderableType:
    title = Text(f"{pair.case.id} ({', '.join(names)}): {pair.case.prompt}")
    table = Table(box=None, show_header=False)
    table.add_row("candidate", Text(_told(pair.candidate)))
    table.add_row("current", Text(_told(pair.current)))
    return Group("", title, table)


def _told(answer: Answer) -> str:
    return answer.text if answer.answered else f"({answer.fault or 'empty'})"


# --- the page -----------------------------------------------------------------------------------------------

CSS = """
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1c1b22}
table{border-collapse:collapse;width:100%;margin:1rem 0}td,th{padding:.3rem .6rem;text-align:left;
vertical-align:top;border-bottom:1px solid #ddd}th{font-weight:600}
.passed,.not_worse{color:#1a7f37}.failed,.worse{color:#c21f2f}.undecided{color:#9a6700}
.verdict{font-size:1.6rem;font-weight:700}.case{color:#666;font-size:.85rem}
.panels{display:flex;flex-wrap:wrap;gap:.8rem}
svg{background:#fafafa;border:1px solid #eee}svg text{font:11px system-ui,sans-serif;fill:#333}
td p{margin:.2rem 0}
code{font-size:.85em;word-break:break-all}
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
COLOURS = {"worse": "#c21f2f", "not_worse": "#1a7f37", "undecided": "#9a6700"}


def as_html(finding: Finding, about: About) -> str:
    """Return the report as one page."""
    title = escape(f"Evaluation {about.evaluation_id}: {finding.verdict}")
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">',
        f"<style>{CSS}</style></head><body>",
        f'<p class="verdict {finding.verdict}">{finding.verdict}</p>',
        f"<p>{escape(MEANING[finding.verdict])}, after {len(finding.steps)} pairs of "
        f"<b>{escape(about.suite)}</b> (seed {about.seed}). {escape(about.made_at)}<br>"
        f"<code>{escape(about.suite_digest)}</code></p>",
        "<ul>" + "".join(f"<li>{escape(reason)}</li>" for reason in finding.reasons) + "</ul>",
        _page_changes(about),
        "<h2>Scorers</h2>",
        _page_scorers(finding),
        "<h2>Differences, candidate minus current</h2>",
        "<p>The dot is the mean, the line the confidence sequence, the tick the margin.</p>",
        differences_svg(finding),
        "<h2>Evidence over pairs</h2>",
        "<p>What a bettor against “no worse” (red) and one against “worse by the margin” (green) made, as a "
        "power of ten. Where a line reaches its dotted one, it is decided.</p>",
        '<div class="panels">' + "".join(map(_panel, _curves(finding))) + "</div>",
        f"<h2>Speed and cost, {CONCURRENT} pairs at a time</h2>",
        _page_speed(finding, about),
        "<h2>Where the candidate lost most</h2>",
        _page_worst(finding),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _rows(rows: Iterable[Sequence[str]]) -> str:
    """Return table rows; cells are HTML already."""
    return "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)


def _page_changes(about: About) -> str:
    rows = [[escape(cell) for cell in row] for row in about.changed()]
    if not rows:
        return "<p>Nothing is known to differ between the two.</p>"
    return f"<table><tr><th>what changed</th><th>current</th><th>candidate</th></tr>{_rows(rows)}</table>"


def _page_scorers(finding: Finding) -> str:
    heads = ("scorer", "verdict", "candidate", "current", "difference", "between", "margin", "pairs")
    rows = [
        [
            escape(r.name),
            f'<span class="{r.verdict}">{WORDS.get(r.verdict, r.verdict)}</span>',
            f"{r.candidate_mean:.3f}",
            f"{r.current_mean:.3f}",
            f"{r.difference:+.3f}",
            f"{r.low:+.3f} … {r.high:+.3f}",
            f"{finding.margins[r.name]:.2f}",
            str(r.applied),
        ]
        for r in finding.scorers
    ]
    return f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{_rows(rows)}</table>"


def _page_speed(finding: Finding, about: About) -> str:
    rows = [[f.name, f"{f.current:g}", f"{f.candidate:g}"] for f in _figures(finding, about)]
    return f"<table><tr><th></th><th>current</th><th>candidate</th></tr>{_rows(rows)}</table>"


def _page_worst(finding: Finding) -> str:
    rows = [
        [_asked(pair, names), escape(_told(pair.candidate)), escape(_told(pair.current))]
        for pair, names in worst(finding)
    ]
    if not rows:
        return "<p>Nowhere.</p>"
    return f"<table><tr><th>asked</th><th>candidate</th><th>current</th></tr>{_rows(rows)}</table>"


def _asked(pair: Pair, names: Sequence[str]) -> str:
    """Return what was asked, with the scene and what a good answer says."""
    case = pair.case
    scene = {
        key: value if isinstance(value, str) else " · ".join(value) for key, value in case.context.items()
    }
    notes = [
        f"{case.id}, {case.kind}: {', '.join(names)}",
        *(f"{key}: {value}" for key, value in scene.items()),
        *(f"must say: {fact}" for fact in case.facts),
    ]
    before = "".join(f"<p>{escape(turn.prompt)} {escape(turn.answer or '(…)')}</p>" for turn in case.turns)
    told = "".join(f'<p class="case">{escape(note)}</p>' for note in notes)
    return f"{before}<p><b>{escape(case.prompt)}</b></p>{told}"


# --- plots --------------------------------------------------------------------------------------------------

ROW, LEFT, WIDTH = 24, 150, 640
"""Height of a scorer's row, where the axis begins and how long it is, px."""


def differences_svg(finding: Finding) -> str:
    """Return the differences with their intervals, a row per scorer."""
    height = ROW * len(finding.scorers) + 30
    parts = [f'<svg width="{LEFT + WIDTH + 20}" height="{height}" role="img" aria-label="differences">']
    for tick in (-1.0, -0.5, 0.0, 0.5, 1.0):
        x, colour = _across(tick), "#999" if tick == 0 else "#e4e4e4"
        parts.append(f'<line x1="{x:.1f}" y1="4" x2="{x:.1f}" y2="{height - 22}" stroke="{colour}"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle">{tick:+.1f}</text>')
    parts += [_row(n, result, finding.margins[result.name]) for n, result in enumerate(finding.scorers)]
    return "".join([*parts, "</svg>"])


def _across(value: float) -> float:
    return LEFT + (value + 1.0) / 2.0 * WIDTH


def _row(n: int, result: ScorerResult, margin: float) -> str:
    y, colour = ROW * n + ROW / 2 + 4, COLOURS[result.verdict]
    low, high, mean, tick = map(_across, (result.low, result.high, result.difference, -margin))
    return (
        f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{escape(result.name)}</text>'
        f'<line x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}" stroke="{colour}" stroke-width="2"/>'
        f'<circle cx="{mean:.1f}" cy="{y}" r="4" fill="{colour}"/>'
        f'<line x1="{tick:.1f}" y1="{y - 7}" x2="{tick:.1f}" y2="{y + 7}" stroke="#555"/>'
    )


@dataclass(frozen=True, slots=True)
class _Curve:
    name: str
    worse: Sequence[float]
    not_worse: Sequence[float]
    thresholds: tuple[float, float]


def _curves(finding: Finding) -> list[_Curve]:
    return [
        _Curve(
            name,
            [step.wealths[name][0] for step in finding.steps],
            [step.wealths[name][1] for step in finding.steps],
            thresholds,
        )
        for name, thresholds in finding.thresholds.items()
    ]


PANEL, PANEL_HEIGHT, EDGE = 250, 130, 22
LOG10 = 2.302585092994046
FLOOR = -3.0
"""Wealth below a thousandth is drawn there: how poor a refuted bettor got says nothing more."""


def _panel(curve: _Curve) -> str:
    """Return one scorer's evidence: logarithms to base 10 over the pairs."""
    goals = [value / LOG10 for value in curve.thresholds]
    top = max(goals) * 1.3

    def line(values: Sequence[float], colour: str) -> str:
        last = max(1, len(values) - 1)
        points = " ".join(
            f"{EDGE + n / last * (PANEL - 2 * EDGE):.1f},{height(value / LOG10):.1f}"
            for n, value in enumerate(values)
        )
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'

    def height(value: float) -> float:
        share = (min(top, max(FLOOR, value)) - FLOOR) / (top - FLOOR)
        return PANEL_HEIGHT - EDGE - share * (PANEL_HEIGHT - 2 * EDGE)

    def level(value: float, colour: str) -> str:
        y = height(value)
        return (
            f'<line x1="{EDGE}" y1="{y:.1f}" x2="{PANEL - EDGE}" y2="{y:.1f}" stroke="{colour}" '
            'stroke-dasharray="2 3"/>'
        )

    return (
        f'<svg width="{PANEL}" height="{PANEL_HEIGHT}" role="img" aria-label="{escape(curve.name)}">'
        f'<text x="{EDGE}" y="14">{escape(curve.name)}</text>'
        f'<text x="{PANEL - EDGE}" y="{PANEL_HEIGHT - 6}" text-anchor="end">{len(curve.worse)} pairs</text>'
        + level(goals[0], COLOURS["worse"])
        + level(goals[1], COLOURS["not_worse"])
        + line(curve.worse, COLOURS["worse"])
        + line(curve.not_worse, COLOURS["not_worse"])
        + "</svg>"
    )
