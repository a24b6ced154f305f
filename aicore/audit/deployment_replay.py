"""Repeats a deployment's gate from the log: the same verdicts must come out; shows how the evidence moved.

For an auditor: nothing but the log is read, and the class that judged then judges again.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any, get_args

from aicore.audit.rejudge import Check, Rejudge
from bus.codec import EventCodec
from bus.ports import EventLog, RecordedEvent, Where
from domain.kernel.event import Event
from domain.registry.deployment_messages import (
    DeploymentAborted,
    DeploymentCompleted,
    DeploymentEvent,
    DeploymentFailed,
    DeploymentRolledBack,
    DeploymentStarted,
    EvidenceFact,
    StepStarted,
)
from domain.registry.watch import Watch
from handlers.registry.deployments import TURNS, TYPES

PAGE = 2_000
ENDS = (DeploymentAborted, DeploymentCompleted, DeploymentFailed, DeploymentRolledBack)
KINDS: tuple[type[Event], ...] = get_args(DeploymentEvent)
WIDTH, HEIGHT, LEFT = 860, 260, 60
COLOURS = {
    "together": "#1c1b22",
    "failures": "#c21f2f",
    "violations": "#9a6700",
    "lore": "#6f42c1",
    "latency": "#0969da",
}
BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Point:
    """The evidence after one turn."""

    turns: int
    """Turns of both models so far."""
    wealth: dict[str, float]
    """E-values by measure, and all together."""


@dataclass(slots=True)
class Replay:
    """A deployment, folded again."""

    deployment_id: str
    limit: float = 0.0
    """The e-value at which the candidate is taken back."""
    points: list[Point] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)
    """Turns at which a step began, and its share in percent."""
    checks: list[Check] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether every verdict came out again, in its moment; without any there is nothing to agree on."""
        return bool(self.checks) and all(check.same for check in self.checks)


async def replay(
    log: EventLog,
    codec: EventCodec,
    deployment_id: str,
    *,
    gate: Callable[[DeploymentStarted], Watch] = Watch,
) -> Replay:
    """Judge a deployment again after each of its turns, from its start to its end.

    ``gate`` makes the gate that is asked.
    """
    found, again, after = Replay(deployment_id), None, 0
    while page := await log.read_all(after=after, limit=PAGE, where=Where(types=TYPES)):
        for recorded in page:
            event = codec.decode(recorded)
            if isinstance(event, DeploymentStarted) and event.deployment_id == deployment_id:
                again = Rejudge(event, gate)
                found.checks = again.checks
                found.limit = again.watch.evidence.limit
            if again is None:
                continue
            if isinstance(event, TURNS):
                _turned(found, again, event, recorded)
            elif isinstance(event, KINDS) and getattr(event, "deployment_id", None) == deployment_id:
                if isinstance(event, StepStarted):
                    found.steps.append((sum(again.watch.evidence.turns.values()), event.share))
                again.moved(event, recorded.position, recorded.recorded_us)  # type: ignore[arg-type]  # one of KINDS
                if isinstance(event, ENDS):
                    return found
        after = page[-1].position
    if again is not None:
        again.never()
    return found


def _turned(found: Replay, again: Rejudge, event: Event, recorded: RecordedEvent) -> None:
    """Take in a turn, and note the evidence if it counted."""
    evidence = again.watch.evidence
    before = sum(evidence.turns.values())
    again.observe(event, recorded.position, recorded.recorded_us)
    if (turns := sum(evidence.turns.values())) > before:
        wealth: dict[str, float] = dict(evidence.wealth().items())
        found.points.append(Point(turns, {**wealth, "together": evidence.e_value}))


def sparkline(found: Replay, width: int = 60) -> str:
    """Return the most that all the evidence came to in each of some groups of turns; the top is the limit."""
    most = [math.log10(max(1.0, point.wealth["together"])) for point in found.points]
    count, top = min(width, len(most)), math.log10(found.limit)
    groups = [most[n * len(most) // count : (n + 1) * len(most) // count] for n in range(count)]
    return "".join(
        BLOCKS[min(len(BLOCKS) - 1, int(max(group) / top * (len(BLOCKS) - 1)))] for group in groups
    )


def as_html(found: Replay) -> str:
    """Return one page with the evidence over the turns."""
    title = escape(f"Deployment {found.deployment_id}")
    rows = "".join(
        f"<tr><td>{escape(check.what)}</td><td>{_e_value(check.then)}</td><td>{_e_value(check.now)}</td>"
        f"<td>{_turns(check.then)}</td>"
        f"<td>{'the same' if check.same else 'ANOTHER'}</td><td>{escape(check.why)}</td></tr>"
        for check in found.checks
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
table{{border-collapse:collapse}}td,th{{padding:.2rem .8rem;text-align:left;border-bottom:1px solid #ddd}}
svg{{background:#fafafa;border:1px solid #eee}}
svg text{{font:11px system-ui,sans-serif;fill:#333}}</style></head><body>
<h1>{title}</h1>
<p>Evidence that the candidate is worse, as powers of ten, after each turn of both models. At the dotted line
it is taken back. Made again from the log alone.</p>
{_plot(found)}
<h2>Verdicts</h2>
<table><tr><th>event</th><th>e-value then</th><th>now</th><th>turns</th><th></th><th></th></tr>{rows}</table>
</body></html>
"""


def _plot(found: Replay) -> str:
    turns = max((point.turns for point in found.points), default=1)
    logs = [_log(value) for point in found.points for value in point.wealth.values()]
    at = math.log10(found.limit or 100)
    top, bottom = max(at + 0.5, *logs, 0.5), min(-0.5, *logs, 0.0)

    def x(turn: int) -> float:
        return LEFT + (WIDTH - LEFT - 20) * turn / turns

    def y(log: float) -> float:
        return 20 + (HEIGHT - 50) * (top - log) / (top - bottom)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img">']
    limit = y(at)
    parts.append(
        f'<line x1="{LEFT}" x2="{WIDTH - 20}" y1="{limit:.1f}" y2="{limit:.1f}" stroke="#c21f2f" '
        f'stroke-dasharray="3 3"/><text x="4" y="{limit + 4:.1f}">taken back</text>'
        f'<line x1="{LEFT}" x2="{WIDTH - 20}" y1="{y(0):.1f}" y2="{y(0):.1f}" stroke="#bbb"/>'
        f'<text x="4" y="{y(0) + 4:.1f}">nothing</text>'
    )
    for turn, share in found.steps:
        parts.append(
            f'<line x1="{x(turn):.1f}" x2="{x(turn):.1f}" y1="20" y2="{HEIGHT - 30}" stroke="#ddd"/>'
            f'<text x="{x(turn) + 3:.1f}" y="16">{share} %</text>'
        )
    for number, (name, colour) in enumerate(COLOURS.items()):
        line = " ".join(
            f"{x(point.turns):.1f},{y(_log(point.wealth.get(name, 1.0))):.1f}" for point in found.points
        )
        width = 2 if name == "together" else 1
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="{width}"/>')
        parts.append(
            f'<text x="{LEFT + number * 110}" y="{HEIGHT - 8}" style="fill:{colour}">{escape(name)}</text>'
        )
    parts.append(f'<text x="{WIDTH - 90}" y="{HEIGHT - 8}">{turns} turns</text></svg>')
    return "".join(parts)


def _log(value: float) -> float:
    return math.log10(max(value, 1e-6))


def as_row(check: Check) -> dict[str, Any]:
    """Return a check for a program."""
    return {
        "event": check.what,
        "same": check.same,
        "why": check.why,
        "then": check.then and check.then.model_dump(),
        "now": check.now and check.now.model_dump(),
    }


def words_of(check: Check) -> str:
    """Return what a check came to, for people."""
    told = f"e-value {_e_value(check.then)} then, {_e_value(check.now)} now"
    return f"{told} ({check.why})" if check.why else told


def _e_value(fact: EvidenceFact | None) -> str:
    return "none" if fact is None else f"{fact.e_value:g}"


def _turns(fact: EvidenceFact | None) -> str:
    return "" if fact is None else f"{fact.candidate_turns} / {fact.control_turns}"
