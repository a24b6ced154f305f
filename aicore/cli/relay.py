"""`aicore relay`: how the log's copy in JetStream stands to the log."""

from dataclasses import asdict

import typer

from aicore.cli.common import Json, out, print_json, run_async, running
from aicore.clock import now_us
from bus.nats.connection import connect
from bus.nats.relay_status import RelayStatus, relay_status

app = typer.Typer(no_args_is_help=True, help="The relay: from the log into JetStream.")


@app.callback()
def group() -> None:
    """Keep `status` a command of its own, though it is the only one so far."""


@app.command()
def status(*, json: Json = False) -> None:
    """Show who leads, how far JetStream is, and when both were last compared."""
    _, system = running()

    async def work() -> RelayStatus:
        async with connect(system.nats_url, name="aicore cli") as nc:
            return await relay_status(system.postgres_dsn, nc, system.realm, now_us=now_us())

    found = run_async(work())
    if json:
        print_json(asdict(found))
        return
    out.print(f"leader         {found.leader or '[red]nobody[/red]: start one with `aicore run relay`'}")
    out.print(f"log            ends at {found.log_head:,}")
    out.print(f"JetStream      {found.stream_first:,} to {found.stream_last:,}")
    out.print(f"lag            {found.lag_events:,} events, {found.lag_s:.1f} s")
    out.print(f"last compared  {found.verdict or 'never'} {found.reason}".rstrip())
    out.print(f"rebuilt        {found.rebuilds:,} times")
