"""Runs one benchmark: `python -m benchmarks NAME [--json] [--quick] [--plot FILE]`, or `all`."""

import asyncio
import importlib
import inspect
import json as json_module
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from aicore.collector import relax_collector
from aicore.logs import set_up
from benchmarks.harness import Report

HELPERS = {
    "__init__",
    "__main__",
    "apscheduler_child",
    "bare_proxy",
    "checker_mutants",
    "checker_worlds",
    "director_kit",
    "engines_kit",
    "fair_child",
    "feed_child",
    "feed_ours",
    "feed_trace",
    "guardrail_cases",
    "harness",
    "litellm_kit",
    "lore_arms",
    "lore_faults",
    "lore_kit",
    "lore_limits",
    "lore_pairs",
    "lore_size",
    "memory_child",
    "mlflow_child",
    "nats_kit",
    "paced",
    "peers",
    "quest_mutants",
    "ratchet",
    "reading_child",
    "realiser_scenes",
    "rollback_child",
    "scoring_child",
    "router_child",
    "spool_child",
    "story_child",
    "story_servers",
    "voice_reader",
    "writers_child",
}

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def names() -> list[str]:
    """Return the benchmarks there are."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in HELPERS)


def main(
    name: Annotated[str, typer.Argument(help="Which benchmark; none lists them.")] = "",
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer and shorter rounds.")] = False,
    plot: Annotated[Path | None, typer.Option("--plot", help="Write a picture (PNG) there.")] = None,
) -> None:
    """Measure AI Core beside its peers; see docs/benchmarks.md for the method."""
    if name == "all":
        for known in names():
            main(known, json=json, quick=quick)
        return
    if name not in names():
        for known in names():
            doc = inspect.getdoc(importlib.import_module(f"benchmarks.{known}")) or ""
            out.print(f"{known:10} {doc.splitlines()[0] if doc else ''}")
        raise typer.Exit(2 if name else 0)
    module: Any = importlib.import_module(f"benchmarks.{name}")
    # As `aicore up` does; the peers in this process run with it, too.
    relax_collector()
    set_up("error", "console")  # what an engine's end is told with would stand among the figures
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report: Report = runner.run(module.run(quick, lambda line: err.print(f"[dim]{line}[/dim]")))
    if json:
        sys.stdout.write(json_module.dumps(report.as_json()) + "\n")
    else:
        _show(report)
    if plot:
        _plot(report, plot)


def _show(report: Report) -> None:
    figures = Table("figure", "median", "min", "max", "unit", title=f"{report.name}, {report.rounds} rounds")
    shown: Any = report.as_json()
    for key, figure in shown["figures"].items():
        figures.add_row(
            key, f"{figure['median']:,}", f"{figure['min']:,}", f"{figure['max']:,}", figure["unit"]
        )
    out.print(figures)
    for key, ratio in shown["ratios"].items():
        out.print(f"{key:28} {ratio:8.2f} x")
    for key, fact in report.facts.items():
        out.print(f"[dim]{key}: {fact}[/dim]")


def _plot(report: Report, path: Path) -> None:
    """Draw each unit's figures as bars with their range."""
    import matplotlib as mpl  # noqa: PLC0415 - only --plot needs it

    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415 - after the backend is chosen

    units = sorted({figure.unit for figure in report.figures.values()})
    figure, axes = pyplot.subplots(len(units), 1, figsize=(9, 1 + 0.35 * len(report.figures) + len(units)))
    for axis, unit in zip([axes] if len(units) == 1 else axes, units, strict=True):
        mine = {key: found for key, found in report.figures.items() if found.unit == unit}
        medians = [found.median for found in mine.values()]
        low = [found.median - min(found.values) for found in mine.values()]
        high = [max(found.values) - found.median for found in mine.values()]
        axis.barh(list(mine), medians, xerr=[low, high], color="#7a5c99")
        axis.set_xlabel(f"{unit} (median, range)")
        axis.invert_yaxis()
    figure.suptitle(report.name)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    err.print(f"wrote {path}")


if __name__ == "__main__":
    typer.run(main)
