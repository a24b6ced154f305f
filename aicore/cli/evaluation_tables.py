"""Findings of an evaluation on the terminal; texts of models are never read as markup."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from aicore.audit.evaluation_report import MEANING, WORDS, About, cells, figures_of, told, worst
from aicore.cli.terminal import Kind, Listing
from handlers.evaluation.runner import CONCURRENT, Finding, Pair

STYLES = {
    "passed": "bold green", "failed": "bold red", "undecided": "bold yellow",
    "worse": "red", "not_worse": "green",
}  # fmt: skip
SCORER_COLUMNS = {
    "scorer": Kind.NAME, "verdict": Kind.NAME, "candidate": Kind.SPARE, "current": Kind.SPARE,
    "difference": Kind.NAME, "between": Kind.NAME, "margin": Kind.NAME, "pairs": Kind.NAME,
}  # fmt: skip


def as_tables(finding: Finding, about: About, *, worst_max: int = 3) -> RenderableType:
    """Return what the terminal shows; texts of models are never read as markup."""
    pairs = len(finding.steps)
    head = Text.assemble(
        (finding.verdict, STYLES[finding.verdict]),
        f" after {pairs} pairs of {about.suite}: {MEANING[finding.verdict]}",
    )
    reasons = [Text(f"· {reason}") for reason in finding.reasons]
    shown = [_both(pair, names) for pair, names in worst(finding, worst_max)]
    return Group(
        head,
        *reasons,
        *_changes(about),
        "",
        scorer_listing(finding),
        "",
        speed_listing(finding, about),
        *shown,
    )


def speed_listing(finding: Finding, about: About) -> Listing:
    """Return the table of speed and cost."""
    columns = {f"with {CONCURRENT} pairs at a time": Kind.NAME, "current": Kind.NAME, "candidate": Kind.NAME}
    rows = [[each.name, f"{each.current:g}", f"{each.candidate:g}"] for each in figures_of(finding, about)]
    return Listing(columns, rows)


def _changes(about: About) -> list[RenderableType]:
    return [Text(f"  {key}: {before or '-'} → {now or '-'}", "dim") for key, before, now in about.changed()]


def scorer_listing(finding: Finding) -> Listing:
    """Return the table of verdicts by scorer."""
    rows: list[list[str | Text]] = [
        [
            result.name,
            Text(WORDS.get(result.verdict, result.verdict), STYLES[result.verdict]),
            *cells(result, finding.margins[result.name]),
        ]
        for result in finding.scorers
    ]
    return Listing(SCORER_COLUMNS, rows)


def _both(pair: Pair, names: Sequence[str]) -> RenderableType:
    title = Text(f"{pair.case.id} ({', '.join(names)}): {pair.case.prompt}")
    rows = [["candidate", told(pair.candidate)], ["current", told(pair.current)]]
    return Group("", title, Listing({"who": Kind.NAME, "said": Kind.TEXT}, rows, heads=False))
