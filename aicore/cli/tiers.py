"""`aicore tiers`: engines, health and latencies against the tiers' promises, once or live."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.text import Text

from aicore.cli.terminal import Json, Kind, Listing, out, print_json
from aicore.cli.wire import over_wire
from aicore.client import Client

REFRESH_S = 1.0


def tiers(
    *,
    watch: Annotated[bool, typer.Option(help="Refresh until Ctrl-C.")] = False,
    json: Json = False,
) -> None:
    """Show the engines of each tier, their state, and their latencies against its promise."""

    async def once(client: Client) -> Any:
        return (await client.query("inference.tiers")).result

    async def live(client: Client) -> None:
        with Live(listing(await once(client)), console=out, screen=False) as shown:
            while True:
                await asyncio.sleep(REFRESH_S)
                shown.update(listing(await once(client)))

    if watch and not json:
        over_wire(live)
    found = over_wire(once)
    if json:
        print_json(found)
    else:
        out.print(listing(found), crop=False)


COLUMNS = {
    "tier": Kind.NAME, "engine": Kind.NAME, "state": Kind.TEXT, "circuit": Kind.SPARE, "turns": Kind.NAME,
    "queue": Kind.NAME, "answered": Kind.SPARE, "failed": Kind.SPARE,
    "first token p50/p95/p99": Kind.NAME, "per token p50/p95/p99": Kind.NAME,
}  # fmt: skip


def listing(found: list[dict[str, Any]]) -> Listing:
    """Return the table of engines by tier."""
    rows: list[list[str | Text]] = []
    for tier in found:
        promise = tier["promise"]
        for engine in tier["engines"]:
            turns = f"{min(engine['active'], engine['capacity'])} of {engine['capacity']}"
            measured = (
                _against(engine["ttft_percentiles_ms"], promise["ttft_ms"]),
                _against(engine["token_percentiles_ms"], promise["token_ms"]),
            )
            counts = (str(engine[key]) for key in ("waiting", "answered", "failed"))
            names = (tier["tier"], engine["name"], _state(engine))
            rows.append([*names, engine["circuit"], turns, *counts, *measured])
    return Listing(COLUMNS, rows)


def _state(engine: Mapping[str, Any]) -> Text:
    if fault := engine.get("settings_fault"):
        return Text(fault, "red")
    return Text("ok", "green") if engine["ok"] else Text(f"away: {engine['reason']}", "red")


def _against(measured: dict[str, float], promised: float | None) -> str | Text:
    """Return percentiles in ms and the promise that the 95th is held against."""
    of = "" if promised is None else f" of {promised:g} ms"
    if not measured:
        return f"-{of}"
    told = "/".join(f"{measured[name]:.1f}" for name in ("p50", "p95", "p99"))
    if promised is None:
        return f"{told} ms"
    colour = "green" if measured["p95"] <= promised else "red"
    return Text(told, colour).append(of, "default")
