"""`aicore export`: recorded inferences as training data, with their provenance."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from aicore.audit.export import MANIFEST_SUFFIX, Plan
from aicore.audit.export import export as write_export
from aicore.cli.terminal import Exit, Failure, Json, out, print_json, progress, run_async, running, time_of
from aicore.cli.vouching import vouched
from aicore.clock import now_us
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.postgres.log import open_log
from domain.inference.export import Selection

REASON_CHARACTERS_MIN = 8

FORM = "e.g. 2026-11-21 or 2026-11-21T18:30; UTC."


def export(  # noqa: PLR0913 - one parameter per option of the command line
    file: Annotated[Path, typer.Argument(help="File to write; its name ends in .jsonl or .parquet.")],
    *,
    use_case: Annotated[str, typer.Option(help="Only of this use case.")] = "",
    model: Annotated[str, typer.Option(help="Only of this model: NAME or NAME@VERSION.")] = "",
    tier: Annotated[str, typer.Option(help="Only of this tier: gold, silver or bronze.")] = "",
    npc: Annotated[str, typer.Option(help="Only of this character.")] = "",
    since: Annotated[str, typer.Option(help=f"Only requests from this time on, {FORM}")] = "",
    until: Annotated[str, typer.Option(help=f"Only requests before this time, {FORM}")] = "",
    rating_min: Annotated[float | None, typer.Option(help="Lowest rating to include.")] = None,
    after: Annotated[int, typer.Option(help="Only after this position of the log.", min=0)] = 0,
    upto: Annotated[int, typer.Option(help="Only up to this position; 0: its end.", min=0)] = 0,
    without_consent_filter: Annotated[
        str, typer.Option(metavar="REASON", help="Include requests without consent; REASON is kept.")
    ] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
    json: Json = False,
) -> None:
    """Write requests and their answers as training data, and a manifest beside them.

    Records without the player's consent are left out, unless --without-consent-filter gives a reason.
    """
    _, system = running()
    reason = without_consent_filter.strip()
    if without_consent_filter and len(reason) < REASON_CHARACTERS_MIN:
        raise Failure(
            f"--without-consent-filter: {reason!r} has {len(reason)} characters",
            remedy=f"give a reason in words for an auditor, at least {REASON_CHARACTERS_MIN} characters",
            code=Exit.USAGE,
        )
    selection = Selection(
        use_case=use_case,
        model=model,
        tier=tier,
        npc=npc,
        since_us=time_of(since),
        until_us=time_of(until),
        rating_min=rating_min,
        without_consent_reason=reason,
    )
    plan = Plan(
        file=file,
        realm=system.realm,
        selection=selection,
        after=after,
        upto=upto,
        made_us=now_us(),
        made_by=f"aicore {version('aicore')}",
        overwrite=overwrite,
    )
    vouched(system)
    with progress() as bar:
        task = bar.add_task("exporting", total=None)

        async def work() -> Any:
            async with open_log(system.postgres_dsn, system.realm, now_us=now_us, writer=False) as log:
                moved = lambda done, total: bar.update(task, completed=done, total=total)  # noqa: E731
                return await write_export(log, EventCodec(domain_catalogue()), plan, moved)

        manifest = run_async(work())
    if json:
        print_json(manifest)
        return
    left = ", ".join(
        f"{count} {what.replace('_', ' ')}" for what, count in manifest["left_out"].items() if count
    )
    out.print(f"{manifest['rows']:,} rows in {file}, {manifest['bytes']:,} bytes; left out: {left or 'none'}")
    out.print(f"[dim]manifest: {file}{MANIFEST_SUFFIX}[/dim]", soft_wrap=True)
