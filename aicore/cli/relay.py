"""`aicore relay`: JetStream's copy of the log, compared and refilled."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict

import typer

from aicore.cli.terminal import Exit, Failure, Json, clock_of, out, print_json, progress, run_async, running
from aicore.cli.wire import Operator, Reason, over_wire
from aicore.clock import now_us
from aicore.running import System
from bus.nats.api import Missing
from bus.nats.connection import connect
from bus.nats.topology import delete_stream, describe, events_stream
from bus.postgres.connect import connect as connect_postgres
from bus.relay.comparison import compare
from bus.relay.judgement import Finding
from bus.relay.record import recall
from bus.relay.relay import HELD_MEND
from bus.relay.status import RelayStatus, relay_status

REFILL_LOOK_S = 0.2
REFILL_PATIENCE_S = 30.0
"""Longest time without progress."""

app = typer.Typer(no_args_is_help=True, help="The relay: from the log into JetStream.")


async def compared(system: System) -> Finding:
    """Return how JetStream stands to the log now.

    Raises:
        One of `AWAY`, or of NATS's errors: a server does not answer.
    """
    reader = await connect_postgres(system.postgres_dsn, system.realm, role="aicore_reader")
    try:
        async with connect(system.owner_url, name="aicore cli") as nc:
            return await compare(nc, reader, system.realm, await recall(reader))
    finally:
        await reader.close()


@app.command()
def status(*, json: Json = False) -> None:
    """Show the leader, JetStream's lag, and the last comparison with the log."""
    _, system = running()

    async def work() -> RelayStatus:
        async with connect(system.owner_url, name="aicore cli") as nc:
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
    when = f"{clock_of(found.verified_us)}: " if found.verified_us else ""
    out.print(f"last compared  {when}{found.verdict or 'never'} {found.reason}".rstrip())
    if found.compared or found.remain:
        of = found.compared + found.remain
        out.print(f"one by one     {found.compared:,} of {of:,} positions, {clock_of(found.compared_us)}")
    out.print(f"rebuilt        {found.rebuilds:,} times")
    if found.held:
        out.print("[red]held[/red]           nothing is published; `aicore doctor` says how to settle it")


@app.command()
def refill(*, json: Json = False) -> None:
    """Rebuild JetStream's stream of events from the log; players go on being answered.

    Followers wait meanwhile and go on where they were. Refused while JetStream holds what the log lacks.
    """
    _, system = running()
    found = run_async(compared(system))
    if found.lost is not None:
        raise Failure(
            f"{found.reason}: a refill would destroy the only copy of those events",
            remedy=HELD_MEND,
            code=Exit.REFUSED,
        )
    with progress() as bar:
        task = bar.add_task("refilling", total=found.head)
        last = run_async(_refilled(system, lambda at: bar.update(task, completed=at)))
    if json:
        print_json({"last": last})
        return
    out.print(f"JetStream was made anew and filled up to {last:,}")


async def _refilled(system: System, moved: Callable[[int], None]) -> int:
    """Remove the stream, wait until the relay has filled it again, and return its last sequence."""
    name = events_stream(system.realm)
    async with connect(system.relay_url, name="aicore cli") as nc:
        status = await relay_status(system.postgres_dsn, nc, system.realm, now_us=now_us())
        if not status.leader:
            raise Failure(
                "no relay leads, so none would refill the stream", remedy="start one with `aicore run relay`"
            )
        await delete_stream(nc, name)
        last, stands_since = -1, time.monotonic()
        while time.monotonic() - stands_since < REFILL_PATIENCE_S:
            await asyncio.sleep(REFILL_LOOK_S)
            try:
                now = (await describe(nc, name)).last
            except Missing:
                continue
            if now >= status.log_head:
                return now
            if now > last:
                last, stands_since = now, time.monotonic()
                moved(now)
    raise Failure(f"stalled at {max(last, 0)} of {status.log_head}", remedy="`aicore relay status` says more")


@app.command("confirm-log")
def confirm_log(operator: Operator, reason: Reason, *, json: Json = False) -> None:
    """Confirm the log: events that only JetStream holds are given up.

    For a log that was restored from a backup on purpose. The confirmation is recorded; the relay then
    rebuilds JetStream, and the last copies of those events are gone: look at them first.
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
