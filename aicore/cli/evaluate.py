"""`aicore evaluate`: is a candidate as good as the current model? Answers with bounds for its errors."""

import time
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError
from rich.markup import escape

from aicore.cli.evaluation_tables import as_tables
from aicore.cli.terminal import Exit, Failure, Json, err, out, print_json, progress, running
from aicore.cli.wire import MODELS_VIEW, ModelId, Operator, Reason, find_model, vouched_over_wire
from aicore.client import Client
from aicore.clock import new_id, now_us
from aicore.content.suites import default_suite
from aicore.wiring.evaluate import CannotEvaluate, Comparison, Outcome, Place, recorded_suite, with_pairs
from aicore.wiring.evaluate import evaluate as run_evaluation
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.postgres.log import open_log
from domain.evaluation.evaluation import too_small
from domain.evaluation.messages import RegisterSuite
from domain.evaluation.suite import CASES_MAX


def evaluate(  # noqa: PLR0913 - one parameter per option of the command line
    model_id: ModelId,
    operator: Operator,
    reason: Reason,
    *,
    suite: Annotated[
        Path | None, typer.Option(help="JSON file with a suite; default: the sample world's.", exists=True)
    ] = None,
    recorded: Annotated[
        int,
        typer.Option(help="Number of the newest recorded turns to use as the suite.", min=0, max=CASES_MAX),
    ] = 0,
    pairs: Annotated[
        int | None, typer.Option(help="Pairs at most; default: the suite's own limit.", min=8)
    ] = None,
    html: Annotated[Path | None, typer.Option(help="HTML file to write the report to.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="JSON file to write the report to, with every pair.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare a candidate with the current model on the same questions, and record the verdict.

    Exit code 0: passed; 1: failed or undecided.
    """
    _check(suite, recorded, (html, report))
    settings, system = running()

    async def work(client: Client) -> Outcome:
        candidate = await find_model(client, model_id)
        current = await _current(client, candidate)
        chosen = await _suite(suite, recorded, candidate["use_case"])
        asked = with_pairs(chosen, pairs)
        if small := too_small(asked):
            err.print(f"[yellow]{escape(small)}[/yellow]")
        comparison = Comparison(
            candidate=candidate,
            current=current,
            suite=asked,
            evaluation_id=new_id(),
            operator=operator,
            reason=reason,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        with progress() as bar:
            task = bar.add_task("pairs", total=comparison.suite.pairs_max)
            return await run_evaluation(
                client,
                comparison,
                Place(settings, system.state_dir, time.perf_counter),
                lambda step: bar.update(task, completed=step.pair.number),
            )

    async def _suite(file: Path | None, turns: int, use_case: str) -> RegisterSuite:
        if turns:
            async with open_log(system.postgres_dsn, system.realm, now_us=now_us, writer=False) as log:
                return await recorded_suite(log, EventCodec(domain_catalogue()), use_case, turns)
        return _read(file) if file else default_suite()

    outcome = vouched_over_wire(lambda client: _explained(work(client)), view=MODELS_VIEW)
    for path, content in ((html, outcome.page.encode()), (report, outcome.report)):
        if path is not None:
            path.write_bytes(content)
            err.print(f"[dim]wrote {path}[/dim]")
    if json:
        print_json(orjson.loads(outcome.report))
    else:
        out.print(as_tables(outcome.finding, outcome.about), crop=False)
    if outcome.finding.verdict != "passed":
        raise typer.Exit(1)


async def _explained(work: Awaitable[Outcome]) -> Outcome:
    try:
        return await work
    except CannotEvaluate as error:
        raise Failure(str(error), remedy=error.remedy) from error


def _check(suite: Path | None, recorded: int, reports: Sequence[Path | None]) -> None:
    """Refuse options that exclude each other, and folders that are not there, before any work is done."""
    if suite is not None and recorded:
        said = f"--suite {suite} and --recorded {recorded} exclude each other"
        raise Failure(said, remedy="leave one of them out", code=Exit.USAGE)
    for path in reports:
        if path is not None and not path.absolute().parent.is_dir():
            raise Failure(f"{path}: there is no such folder", code=Exit.USAGE)


async def _current(client: Client, candidate: dict[str, Any]) -> dict[str, Any]:
    """Return the model that a candidate is compared with."""
    if candidate["status"] == "retired":
        raise CannotEvaluate(
            f"{candidate['name']} {candidate['version']} is retired",
            "evaluate another model, or register this one under a new version",
        )
    models: Sequence[dict[str, Any]] = (
        await client.query("registry.models", {"use_case": candidate["use_case"]})
    ).result
    current = next((model for model in models if model["status"] == "current"), None)
    if current is None:
        raise Failure(
            f"{candidate['use_case']} has no current model to compare with",
            remedy="promote one first: `aicore models promote` (if it was rolled back, with --override WHY)",
        )
    if current["model_id"] == candidate["model_id"]:
        raise Failure(
            f"{candidate['name']} {candidate['version']} is the current model itself",
            remedy="evaluate a candidate; `aicore models list` shows them",
            code=Exit.USAGE,
        )
    return current


def _read(file: Path) -> RegisterSuite:
    try:
        return RegisterSuite.model_validate(orjson.loads(file.read_bytes()))
    except orjson.JSONDecodeError as error:
        raise Failure(f"{file} is not JSON: {error}", code=Exit.USAGE) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Failure(f"{file}: {place}: {first['msg']}", code=Exit.USAGE) from None
