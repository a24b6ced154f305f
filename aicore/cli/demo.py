"""`aicore demo`: from players' turns to a promoted or rolled-back model, and players who walk about."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer

from aicore.cli.terminal import Exit, Failure, Json, out, print_json, run_async, running
from aicore.cli.wire import over_wire
from aicore.client import Client
from aicore.demos.governance import DemoFailed, Stage, promote, rollback
from aicore.demos.ten_things.showing import ten_things
from aicore.demos.walkers import walk

app = typer.Typer(
    no_args_is_help=True, help="Demos on the system that runs: governance, and players who live in the world."
)


@app.command("promote")
def promote_command(*, json: Json = False) -> None:
    """Train on with players' turns, evaluate, deploy, and let evidence promote it."""
    _play(promote, json=json, wanted="completed")


@app.command("rollback")
def rollback_command(*, json: Json = False) -> None:
    """Deploy a model that is worse on purpose, and see evidence take it back."""
    _play(rollback, json=json, wanted="rolled_back")


@app.command("walk")
def walk_command(
    players: Annotated[int, typer.Option(min=1, max=500, help="How many players walk.")] = 10,
    seconds: Annotated[float, typer.Option(min=1, help="For how long.")] = 60.0,
    name: Annotated[str, typer.Option(help="What they are called; a number follows.")] = "walker",
    *,
    json: Json = False,
) -> None:
    """Have players walk, trade, talk and take quests over the wire; `aicore world watch` shows them."""

    async def work(client: Client) -> Mapping[str, int]:
        say = (lambda _: None) if json else (lambda line: out.print(line, markup=False))
        names = [f"{name}-{number}" for number in range(players)]
        draw = Random()  # noqa: S311 - a walk
        return await walk(client, names, seconds=seconds, say=say, draw=draw)

    counts = over_wire(work)
    if json:
        print_json(counts)
    else:
        what = ("journeys", "trades", "talks", "quests", "steps")
        out.print(f"{players} players: {', '.join(f'{counts.get(each, 0)} {each}' for each in what)}")


@app.command("ten-things")
def ten_things_command(
    folder: Annotated[
        Path | None, typer.Option(help="Where its system is kept; else it is gone afterwards.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Show ten things that people notice in a living world, on a system of its own. Exit code 1 if one fails.

    It starts, kills and starts again a whole system beside the one that may run, and takes some minutes.
    """
    say = (lambda _: None) if json else (lambda line: out.print(line, markup=False, soft_wrap=True))
    failed = run_async(ten_things(say, folder))
    if json:
        print_json({"ok": not failed, "failed": {str(number): why for number, why in failed.items()}})
    if failed:
        numbers = ", ".join(map(str, sorted(failed)))
        raise Failure(f"not so: {numbers} of the ten things", code=Exit.FAULT)


def _play(what: Callable[[Stage], Awaitable[Mapping[str, Any]]], *, json: bool, wanted: str) -> None:
    settings, system = running()

    async def work(client: Client) -> Mapping[str, Any]:
        say = (lambda _: None) if json else (lambda line: out.print(line, markup=False))
        return await what(Stage(client, settings, system, say))

    try:
        row = over_wire(work)
    except DemoFailed as failed:
        raise Failure(str(failed)) from None
    if json:
        print_json(row)
    if row["state"] != wanted:
        raise Failure(f"the deployment ended {row['state']}, not {wanted}", code=Exit.FAULT)
