"""`aicore projections`: the read models, each of which can be made again from the log."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from aicore.cli.terminal import (
    Json,
    Kind,
    Listing,
    out,
    print_json,
    print_rows,
    progress,
    run_async,
    running,
)
from aicore.cli.views import compared, open_runners, refuse_differing
from aicore.cli.vouching import vouched
from aicore.clock import now_us
from bus.postgres.connect import connect_pool
from bus.postgres.log import open_log
from projections.kernel.reading import Reader
from projections.projections.status import status

app = typer.Typer(no_args_is_help=True, help="Projections: read models made from the log.")

Names = Annotated[list[str] | None, typer.Argument(help="Projections; default: all.")]


@app.command("list")
def list_all(*, json: Json = False) -> None:
    """List the projections with their position and lag."""
    _, system = running()

    async def work() -> list[Mapping[str, object]]:
        pool = await connect_pool(system.postgres_dsn, system.realm, role="aicore_reader", size_max=2)
        try:
            async with open_log(system.postgres_dsn, system.realm, now_us=now_us, writer=False) as log:
                rows, _ = await status(Reader(pool, log), {})
                return list(rows)
        finally:
            pool.terminate()

    rows = run_async(work())
    if json:
        print_json(rows)
        return
    print_rows(listing(rows), "no projection has run yet; start one with `aicore run projections`")


COLUMNS = {
    "projection": Kind.NAME, "position": Kind.NAME, "lag": Kind.NAME, "version": Kind.NAME, "error": Kind.TEXT
}  # fmt: skip


def listing(rows: Sequence[Mapping[str, object]]) -> Listing:
    """Return the table of projections."""
    keys = ("name", "position", "lag", "view_version", "error")
    return Listing(COLUMNS, [[str(row[key]) for key in keys] for row in rows])


@app.command()
def rebuild(names: Names = None, *, json: Json = False) -> None:
    """Rebuild the rows from the log and swap them in; readers see the old ones until then."""

    async def work() -> dict[str, int]:
        async with open_runners(names or []) as runners:
            reached = {}
            with progress() as bar:
                for name, runner in runners.items():
                    task = bar.add_task(f"rebuilding {name}", total=None)
                    reached[name] = await runner.rebuild(
                        lambda done, total, task=task: bar.update(task, completed=done, total=total)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                    )
            return reached

    reached = run_async(work())
    if json:
        print_json(reached)
        return
    for name, position in reached.items():
        out.print(f"{name} rebuilt, true as of position {position:,}")


@app.command()
def verify(names: Names = None, *, json: Json = False) -> None:
    """Compare the rows with a rebuild; nothing is changed. Exit code 1 if they differ."""
    vouched(running()[1])

    found = compared(names or [])
    if json:
        print_json(
            [
                {"name": c.name, "position": c.position, "rows": c.rows, "differing": c.differing}
                for c in found
            ]
        )
    for c in found:
        if c.ok and not json:
            out.print(f"[green]equal[/green]: {c.name}, {c.rows:,} rows, as of position {c.position:,}")
        refuse_differing(c)
