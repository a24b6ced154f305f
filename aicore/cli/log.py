"""`aicore log`: look at the log itself, in Postgres, as a reader."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from aicore.cli.common import Exit, Failure, Json, out, print_json, progress, run_async, running
from aicore.clock import now_us
from bus.ports import EventLog, RecordedEvent, Where
from bus.postgres.connect import connect
from bus.postgres.log import open_log
from bus.postgres.verify import verify as verify_chain
from protocol.meta import decode_meta
from protocol.packing import unpack

app = typer.Typer(no_args_is_help=True, help="The log: every event, in order, for ever.")

STATS_TIMEOUT_S = 60.0
SHOWN_CHARACTERS_MAX = 160
LESS_TELLING = ("_id", "_hash", "_digest")
"""Ends of keys that one line leaves out; `show` has everything."""

Type = Annotated[list[str] | None, typer.Option("--type", help="Only events of this type; repeatable.")]

# Purpose: how much of what there is. Index: whole table, by design. Lock: none.
STATS = """
SELECT type, count(*) AS events, count(DISTINCT stream) AS streams,
       sum(octet_length(payload))::bigint AS bytes, max(recorded_us) AS last_us
FROM event GROUP BY type ORDER BY type
"""
SIZE = "SELECT pg_total_relation_size('event')"


@app.command()
def tail(
    *,
    last: Annotated[
        int, typer.Option("--last", "-n", help="Begin so many events before the end.", min=0)
    ] = 10,
    after: Annotated[int | None, typer.Option(help="Begin after this position instead.", min=0)] = None,
    follow: Annotated[bool, typer.Option(help="Go on with new events until Ctrl-C.")] = True,
    type_: Type = None,
    json: Json = False,
) -> None:
    """Show the newest events, and new ones as they are recorded."""

    async def work() -> None:
        async with _log() as log:
            head = (await log.head()).position
            start = max(0, head - last) if after is None else after
            where = Where(types=type_ or ())
            async for event in _events(log, start, where, until=None if follow else head):
                _print(event, json=json)

    try:
        run_async(work())
    except KeyboardInterrupt:
        raise typer.Exit(Exit.OK) from None


@app.command()
def show(
    position: Annotated[int, typer.Argument(help="The event's place in the log.", min=1)],
    *,
    json: Json = False,
) -> None:
    """Show one event with everything it carries."""

    async def work() -> RecordedEvent:
        async with _log() as log:
            found = await log.read_all(after=position - 1, limit=1)
            if not found:
                head = (await log.head()).position
                raise Failure(f"there is no event {position}", remedy=f"the log ends at {head}")
            return found[0]

    event = _whole(run_async(work()))
    if json:
        print_json(event)
        return
    for key, value in event.items():
        text = Text(f"{key:<16}", style="dim")
        out.print(text.append(str(value), style="default"), soft_wrap=True)


@app.command()
def stats(*, json: Json = False) -> None:
    """Count events, streams and bytes by type."""
    _, system = running()

    async def work() -> tuple[list[dict[str, Any]], int]:
        reader = await connect(system.postgres_dsn, system.realm, role="aicore_reader")
        try:
            async with asyncio.timeout(STATS_TIMEOUT_S):
                return [dict(row) for row in await reader.fetch(STATS)], await reader.fetchval(SIZE)
        finally:
            await reader.close()

    with progress() as bar:
        bar.add_task("counting", total=None)
        rows, size = run_async(work())
    if json:
        print_json({"realm": system.realm, "bytes_on_disk": size, "types": rows})
        return
    table = Table("type", "events", "streams", "payload bytes", "last", box=None, pad_edge=False)
    for row in rows:
        table.add_row(
            row["type"], *(f"{row[k]:,}" for k in ("events", "streams", "bytes")), _time(row["last_us"])
        )
    out.print(table)
    total = sum(row["events"] for row in rows)
    out.print(f"{total:,} events in realm {system.realm}; {size / 1e6:,.1f} MB on disk with indexes")


@app.command()
def verify(
    *, after: Annotated[int, typer.Option(help="Begin after this position.", min=0)] = 0, json: Json = False
) -> None:
    """Prove by the hash chain that nothing was changed, removed, swapped or inserted.

    Exit code 1 with the first bad position if something was.
    """
    _, system = running()
    with progress() as bar:
        task = bar.add_task("verifying", total=None)

        def moved(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        verdict = run_async(verify_chain(system.postgres_dsn, system.realm, after=after, progress=moved))
    if json:
        print_json(
            {
                "ok": verdict.ok,
                "events": verdict.events,
                "head": str(verdict.head),
                "first_bad": verdict.first_bad,
                "reason": verdict.reason,
                "events_per_s": round(verdict.events_per_s),
            }
        )
    elif verdict.ok:
        out.print(
            f"[green]intact[/green]: {verdict.events:,} events, the chain holds from genesis to the head "
            f"({verdict.events_per_s:,.0f} events/s)"
        )
    if not verdict.ok:
        raise Failure(
            f"the log was tampered with: first bad position {verdict.first_bad}: {verdict.reason}",
            remedy="restore from a backup that verifies; docs/operations.md, section Backups",
        )


@asynccontextmanager
async def _log() -> AsyncIterator[EventLog]:
    _, system = running()
    async with open_log(system.postgres_dsn, system.realm, now_us=now_us, writer=False) as log:
        yield log


async def _events(
    log: EventLog, after: int, where: Where, *, until: int | None
) -> AsyncIterator[RecordedEvent]:
    """Yield events after a position, up to ``until`` or for ever."""
    if until is None:
        async with aclosing(log.subscribe(after=after, where=where)) as batches:
            async for batch in batches:
                for event in batch:
                    yield event
        return
    while batch := await log.read_all(after=after, where=where):
        for event in batch:
            if event.position <= until:
                yield event
        after = batch[-1].position


def _print(event: RecordedEvent, *, json: bool) -> None:
    if json:
        print_json(_whole(event))
        return
    fields = unpack(event.payload, "payload").items()
    payload = " ".join(f"{key}={value}" for key, value in fields if not key.endswith(LESS_TELLING))
    line = Text(f"{event.position:>8}  ", style="bold")
    line.append(f"{_time(event.recorded_us)}  ", style="dim")
    line.append(f"{event.type:<26} ", style="cyan")
    line.append(f"{event.stream} v{event.version}  ", style="magenta")
    line.append(payload if len(payload) <= SHOWN_CHARACTERS_MAX else payload[:SHOWN_CHARACTERS_MAX] + "…")
    out.print(line, soft_wrap=True)


def _whole(event: RecordedEvent) -> dict[str, Any]:
    meta = decode_meta(event.meta)
    return {
        "position": event.position,
        "type": event.type,
        "schema": event.schema_version,
        "stream": event.stream,
        "version": event.version,
        "id": str(event.id),
        "time": _time(event.recorded_us),
        "actor": meta.actor,
        "correlation": str(meta.correlation or ""),
        "causation": str(meta.causation or ""),
        "trace": meta.trace,
        "hash": event.hash.hex(),
        "payload": unpack(event.payload, "payload"),
    }


def _time(us: int) -> str:
    return datetime.fromtimestamp(us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
