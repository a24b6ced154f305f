"""`aicore demo`: the loop from players' turns to a promoted or a rolled-back model, on the running system."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import typer

from aicore.cli.terminal import Exit, Failure, Json, out, print_json, running
from aicore.cli.wire import over_wire
from aicore.client import Client
from aicore.demos.governance import DemoFailed, Stage, promote, rollback

app = typer.Typer(no_args_is_help=True, help="Demos of governance, on the system that runs.")


@app.command("promote")
def promote_command(*, json: Json = False) -> None:
    """Train on with players' turns, evaluate, deploy, and let evidence promote it."""
    _play(promote, json=json, wanted="completed")


@app.command("rollback")
def rollback_command(*, json: Json = False) -> None:
    """Deploy a model that is worse on purpose, and see evidence take it back."""
    _play(rollback, json=json, wanted="rolled_back")


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
