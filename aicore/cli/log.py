"""`aicore log`: look at the log itself, in Postgres, as a reader."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Annotated, Any

import orjson
import typer
from rich.text import Text

from aicore.audit.vouching import JETSTREAM, WRITTEN_DOWN, Vouched, vouch
from aicore.cli.events import event_types
from aicore.cli.recorded import print_event, time_shown, whole
from aicore.cli.terminal import (
    Exit,
    Failure,
    Json,
    Kind,
    Listing,
    out,
    print_json,
    progress,
    run_async,
    running,
)
from aicore.cli.vouching import refuse_tampered, vouched
from aicore.clock import now_us
from bus.nats.wire import envelope_of
from bus.ports import EventLog, Head, RecordedEvent, Where
from bus.postgres.connect import connect
from bus.postgres.log import open_log
from bus.postgres.verify import Unverifiable
from protocol.cloudevents import to_cloudevent

app = typer.Typer(no_args_is_help=True, help="The log: every event, in order.")

STATS_TIMEOUT_S = 60.0
HASH = re.compile(r"[0-9a-f]{64}")
HEAD_FORM = "POSITION:HASH with 64 hexadecimal digits"
Unverified = Annotated[
    bool, typer.Option("--unverified", help="Skip the verification: show rows as they are in the table.")
]
Type = Annotated[list[str] | None, typer.Option("--type", help="Only events of this type; repeatable.")]

# Purpose: how much of what there is. Index: whole table, by design. Lock: none.
STATS = """
SELECT type, count(*) AS events, count(DISTINCT stream) AS streams,
       sum(octet_length(payload))::bigint AS bytes, max(recorded_us) AS last_us
FROM event GROUP BY type ORDER BY type
"""
SIZE = "SELECT pg_total_relation_size('event')"

# Purpose: where the newest events of some types begin. Index: primary key, backwards. Lock: none.
NEWEST = """
SELECT coalesce(min(position), 1) FROM
    (SELECT position FROM event WHERE type = ANY($1::text[]) ORDER BY position DESC LIMIT $2) newest
"""


@app.command()
def tail(  # noqa: PLR0913 - one parameter per option of the command line
    *,
    last: Annotated[
        int, typer.Option("--last", "-n", help="Number of the newest events to begin with.", min=0)
    ] = 10,
    after: Annotated[int | None, typer.Option(help="Position to begin after, instead.", min=0)] = None,
    follow: Annotated[bool, typer.Option(help="Follow new events until Ctrl-C.")] = True,
    type_: Type = None,
    unverified: Unverified = False,
    json: Json = False,
) -> None:
    """Show the newest events, and new ones as they are recorded."""
    types = event_types(type_ or [])
    if not unverified:
        vouched(running()[1])

    async def work() -> None:
        async with _log() as log:
            head = (await log.head()).position
            start = after
            if start is None:
                start = await _before(types, last) if types and last else max(0, head - last)
            where = Where(types=types)
            async for event in _events(log, start, where, until=None if follow else head):
                print_event(event, json=json)

    try:
        run_async(work())
    except KeyboardInterrupt:
        raise typer.Exit(Exit.OK) from None


@app.command()
def show(
    position: Annotated[int, typer.Argument(help="Position of the event in the log.", min=1)],
    *,
    cloudevent: Annotated[
        bool, typer.Option("--cloudevent", help="Print a CloudEvent in binary mode: NATS headers and body.")
    ] = False,
    unverified: Unverified = False,
    json: Json = False,
) -> None:
    """Show one event with everything it carries."""
    if not unverified:
        vouched(running()[1])

    async def work() -> RecordedEvent:
        async with _log() as log:
            found = await log.read_all(after=position - 1, limit=1)
            if not found:
                head = (await log.head()).position
                raise Failure(
                    f"there is no event {position}", remedy=f"the log ends at {head}", code=Exit.USAGE
                )
            return found[0]

    found = run_async(work())
    if cloudevent:
        _, system = running()
        headers, body = to_cloudevent(envelope_of(system.realm, found))
        if json:
            print_json({"headers": headers, "body": body})
        else:
            lines = [*(f"{name}: {value}" for name, value in headers.items()), "", body.hex()]
            out.print("\n".join(lines), markup=False, soft_wrap=True)
        return
    event = whole(found)
    if json:
        print_json(event)
        return
    payload = event.pop("payload")
    for key, value in event.items():
        text = Text(f"{key:<16}", style="dim")
        out.print(text.append(str(value), style="default"), soft_wrap=True)
    out.print(Text("payload", style="dim"))
    out.print(
        orjson.dumps(payload, default=str, option=orjson.OPT_INDENT_2).decode(), markup=False, soft_wrap=True
    )


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
    out.print(listing(rows), crop=False)
    total = sum(row["events"] for row in rows)
    out.print(f"{total:,} events in realm {system.realm}; {size / 1e6:,.1f} MB on disk with indexes")


COLUMNS = {
    "type": Kind.NAME, "events": Kind.NAME, "streams": Kind.SPARE, "payload bytes": Kind.NAME,
    "last": Kind.SPARE,
}  # fmt: skip


def listing(rows: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of counts by type."""
    shown = []
    for row in rows:
        counts = (f"{row[k]:,}" for k in ("events", "streams", "bytes"))
        shown.append([row["type"], *counts, time_shown(row["last_us"])])
    return Listing(COLUMNS, shown)


@app.command()
def verify(
    *,
    after: Annotated[int, typer.Option(help="Position to begin after; its event is trusted.", min=0)] = 0,
    head: Annotated[
        str | None,
        typer.Option(metavar="POSITION:HASH", help="Head of the log that an earlier verification printed."),
    ] = None,
    json: Json = False,
) -> None:
    """Prove by the hash chain that no event was changed, removed, swapped or inserted.

    The chain alone cannot show a log that was cut off at its end. So the log is also compared with the last
    event of JetStream, if NATS answers, and with --head: keep the printed head at another place.
    If something is wrong: exit code 1, and the first bad position.
    """
    known = _head_of(head) if head else None
    _, system = running()
    with progress() as bar:
        task = bar.add_task("verifying", total=None)

        def moved(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        try:
            found = run_async(vouch(system, after=after, head=known, progress=moved))
        except Unverifiable as error:
            raise Failure(str(error), code=Exit.USAGE) from None
    verdict, compared = found.verdict, {where: _shown(each) for where, each in found.known.items()}
    if json:
        print_json(
            {
                "ok": verdict.ok,
                "after": after,
                "events": verdict.events,
                "head": _shown(verdict.head),
                "compared_with": compared,
                "jetstream_answered": found.jetstream_answered,
                "first_bad": verdict.first_bad,
                "reason": verdict.reason,
                "events_per_s": round(verdict.events_per_s),
            }
        )
    elif verdict.ok:
        _tell_intact(found, after, compared)
    refuse_tampered(found)


def _tell_intact(found: Vouched, after: int, compared: Mapping[str, str]) -> None:
    verdict = found.verdict
    start = f"position {after + 1} (event {after} is trusted)" if after else "genesis"
    speed = f"{verdict.events_per_s:,.0f} events/s"
    out.print(
        f"[green]intact[/green]: {verdict.events:,} events, the chain holds from {start} to the head "
        f"({speed})"
    )
    for name, shown in compared.items():
        out.print(f"contains  {shown}, known from {name}", soft_wrap=True)
    if JETSTREAM not in compared:
        why = "shows no event from here on" if found.jetstream_answered else "does not answer"
        what = f"compared with {' and '.join(compared) or 'nothing'}{' alone' * bool(compared)}"
        end = "" if WRITTEN_DOWN in compared else "; what was cut off at the end is known only with --head"
        out.print(f"[yellow]{what}[/yellow]: JetStream {why}{end}", soft_wrap=True)
    out.print(f"head      {_shown(verdict.head)}", soft_wrap=True)


def _head_of(text: str) -> Head:
    position, _, digest = text.partition(":")
    if not position.isdecimal() or not HASH.fullmatch(digest):
        raise Failure(
            f"--head {text}: is no head of a log",
            remedy=f"write {HEAD_FORM}, as verify prints it",
            code=Exit.USAGE,
        )
    return Head(int(position), bytes.fromhex(digest))


def _shown(head: Head) -> str:
    return f"{head.position}:{head.hash.hex()}"


async def _before(types: list[str], last: int) -> int:
    """Return the position after which the newest ``last`` events of some types come."""
    _, system = running()
    reader = await connect(system.postgres_dsn, system.realm, role="aicore_reader")
    try:
        return int(await reader.fetchval(NEWEST, types, last, timeout=STATS_TIMEOUT_S)) - 1
    finally:
        await reader.close()


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
