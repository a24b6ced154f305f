"""`aicore relay`: how the log's copy in JetStream stands to the log."""

from dataclasses import asdict

import typer

from aicore.cli.terminal import Failure, Json, out, print_json, run_async, running
from aicore.cli.wire import Operator, Reason, over_wire
from aicore.clock import now_us
from aicore.running import System
from bus.nats.connection import connect
from bus.postgres.connect import connect as connect_postgres
from bus.relay.comparison import Finding, compare
from bus.relay.status import RelayStatus, relay_status

app = typer.Typer(no_args_is_help=True, help="The relay: from the log into JetStream.")


async def compared(system: System) -> Finding:
    """Return how JetStream stands to the log now.

    Raises:
        One of `AWAY`, or of NATS's errors: a server does not answer.
    """
    reader = await connect_postgres(system.postgres_dsn, system.realm, role="aicore_reader")
    try:
        async with connect(system.nats_url, name="aicore cli") as nc:
            return await compare(nc, reader, system.realm)
    finally:
        await reader.close()


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
    if found.held:
        out.print("lag            unknown while held: JetStream's events are not the log's")
    else:
        out.print(f"lag            {found.lag_events:,} events, {found.lag_s:.1f} s")
    out.print(f"last compared  {found.verdict or 'never'} {found.reason}".rstrip())
    out.print(f"rebuilt        {found.rebuilds:,} times")
    if found.held:
        out.print("[red]held[/red]           nothing is published; `aicore doctor` says how to settle it")


@app.command("confirm-log")
def confirm_log(operator: Operator, reason: Reason, *, json: Json = False) -> None:
    """Say that the log is right, though JetStream holds events that it has not: those are given up.

    For a log that was restored from a backup on purpose. Recorded in the log; the relay then makes JetStream
    anew. Copies of the events that are given up are gone after that: look at them first.
    """
    _, system = running()
    found = run_async(compared(system))
    if found.lost is None:
        said = found.reason or f"JetStream ends at {found.last}, the log at {found.head}"
        raise Failure(f"JetStream holds nothing that the log lacks ({said}): there is nothing to confirm")
    payload = {"lost_position": found.lost.position, "lost_hash": found.lost.hash.hex()}
    payload |= {"operator": operator, "reason": reason}
    reply = over_wire(lambda client: client.command("relay.confirm_log", payload))
    if json:
        print_json(reply.result)
        return
    out.print(f"{found.reason}: given up; the relay makes JetStream anew (`aicore relay status`)")
