"""`aicore tiers`: engines, health and latencies against the tiers' promises, once or live."""

import asyncio
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from aicore.cli.terminal import Json, out, print_json
from aicore.cli.wire import over_wire
from aicore.client import Client

REFRESH_S = 1.0


def tiers(
    *,
    watch: Annotated[bool, typer.Option(help="Go on showing until Ctrl-C.")] = False,
    json: Json = False,
) -> None:
    """Show which engines serve which tier and how they keep its promise."""

    async def once(client: Client) -> Any:
        return (await client.query("inference.tiers")).result

    async def live(client: Client) -> None:
        with Live(_table(await once(client)), console=out, screen=False) as shown:
            while True:
                await asyncio.sleep(REFRESH_S)
                shown.update(_table(await once(client)))

    if watch and not json:
        over_wire(live)
    found = over_wire(once)
    if json:
        print_json(found)
    else:
        out.print(_table(found))


def _table(found: list[dict[str, Any]]) -> Table:
    table = Table(
        "tier", "engine", "state", "circuit", "turns", "queue", "answered", "failed",
        "first token p50/p95/p99", "per token p50/p95/p99", box=None, pad_edge=False,
    )  # fmt: skip
    for tier in found:
        promise = tier["promise"]
        for engine in tier["engines"]:
            state = "[green]ok[/]" if engine["ok"] else f"[red]away: {escape(engine['reason'])}[/]"
            if fault := engine.get("settings_fault"):
                state = f"[red]{escape(fault)}[/]"
            table.add_row(
                tier["tier"],
                engine["name"],
                state,
                engine["circuit"],
                f"{min(engine['active'], engine['capacity'])} of {engine['capacity']}",
                str(engine["waiting"]),
                str(engine["answered"]),
                str(engine["failed"]),
                _against(engine["ttft_percentiles_ms"], promise["ttft_ms"]),
                _against(engine["token_percentiles_ms"], promise["token_ms"]),
            )
    return table


def _against(measured: dict[str, float], promised: float | None) -> str:
    """Return percentiles in ms and the promise that the 95th is held against."""
    of = "" if promised is None else f" of {promised:g} ms"
    if not measured:
        return f"-{of}"
    told = "/".join(f"{measured[name]:.1f}" for name in ("p50", "p95", "p99"))
    if promised is None:
        return f"{told} ms"
    colour = "green" if measured["p95"] <= promised else "red"
    return f"[{colour}]{told}[/]{of}"
