"""`aicore turns`: recorded turns, and everything behind an answer, from the log alone."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from aicore.audit.story import Fact, Turn, Wanted, story
from aicore.audit.story import turns as find_turns
from aicore.cli.terminal import (
    Exit,
    Failure,
    Json,
    Kind,
    Listing,
    clock_of,
    out,
    print_json,
    print_rows,
    progress,
    run_async,
    running,
    time_of,
)
from aicore.cli.vouching import shown, vouched
from aicore.cli.wire import CANDIDATES_MAX, one_of
from aicore.clock import now_us
from aicore.running import System
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.postgres.connect import connect
from bus.postgres.log import open_log
from domain.inference.inference import stream_of

app = typer.Typer(no_args_is_help=True, help="Turns: questions, answers, and everything behind them.")

SHOWN_MAX = 60
ID = re.compile(r"[0-9a-f]{1,32}")
WHOLE_ID = re.compile(r"[0-9a-f]{32}")

# Purpose: the turns whose id begins so. Index: event_stream_version. Lock: none.
STREAMS = """
SELECT stream FROM event WHERE stream >= $1 AND stream < $2 AND version = 1 ORDER BY stream LIMIT $3
"""

InferenceId = Annotated[
    str,
    typer.Argument(help="Its id or the beginning of it, as `aicore turns list` and `aicore ask` print it."),
]

FORM = "e.g. 2026-11-21 or 2026-11-21T18:30; UTC."


@app.command("list")
def list_turns(  # noqa: PLR0913 - one parameter per option of the command line
    *,
    player: Annotated[str, typer.Option(help="Only of this player.")] = "",
    npc: Annotated[str, typer.Option(help="Only of this character.")] = "",
    conversation: Annotated[str, typer.Option(help="Only of this conversation.")] = "",
    use_case: Annotated[str, typer.Option(help="Only of this use case.")] = "",
    text: Annotated[str, typer.Option(help="Only with this text in question or answer.")] = "",
    since: Annotated[str, typer.Option(help=f"Only questions from this time on, {FORM}")] = "",
    until: Annotated[str, typer.Option(help=f"Only questions before this time, {FORM}")] = "",
    last: Annotated[int, typer.Option("--last", "-n", help="Number of the newest turns.", min=1)] = 20,
    json: Json = False,
) -> None:
    """List the newest matching turns, the oldest first."""
    wanted = Wanted(
        player=player, npc=npc, conversation=conversation, use_case=use_case, text=text,
        since_us=time_of(since), until_us=time_of(until), limit=last,
    )  # fmt: skip
    _, system = running()
    vouched(system)
    with progress() as bar:
        task = bar.add_task("reading", total=None)

        async def work() -> Any:
            async with open_log(system.postgres_dsn, system.realm, now_us=now_us, writer=False) as log:
                moved = lambda done, total: bar.update(task, completed=done, total=total)  # noqa: E731
                return await find_turns(log, EventCodec(domain_catalogue()), wanted, moved)

        found = run_async(work())
    if json:
        print_json([_plain(turn) for turn in found])
        return
    print_rows(listing(found), "no turn matches")


COLUMNS = {
    "time (UTC)": Kind.SPARE, "player": Kind.NAME, "npc": Kind.NAME, "question": Kind.TEXT,
    "answer": Kind.TEXT, "inference": Kind.ID,
}  # fmt: skip


def listing(found: Sequence[Turn]) -> Listing:
    """Return the table of turns."""
    rows = []
    for turn in found:
        prompt = str(turn.asked.prompt)
        words = (turn.asked.player or "", turn.asked.npc or "", _short(prompt), _short(_end(turn)))
        rows.append([clock_of(turn.recorded_us), *words, turn.asked.inference_id])
    return Listing(COLUMNS, rows)


@app.command()
def show(
    inference: InferenceId,
    *,
    json: Json = False,
) -> None:
    """Show everything behind a turn: prompt, model, evaluation, promotion, policy.

    Exit code 1 if the log was changed, or if a digest, recomputed from it, differs.
    """
    start = _hexadecimal(inference)
    _, system = running()
    found = vouched(system)

    async def work() -> Any:
        whole = await whole_id(system, start)
        async with open_log(system.postgres_dsn, system.realm, now_us=now_us, writer=False) as log:
            return await story(log, EventCodec(domain_catalogue()), whole)

    facts = run_async(work())
    if json:
        print_json([_told(fact) for fact in facts])
    else:
        for fact in facts:
            line = Text(f"{fact.what:<16}", style="bold")
            line.append(fact.said, style="" if fact.sound else "red")
            line.append(f"  event {fact.event.position}, {clock_of(fact.event.recorded_us)}", style="dim")
            out.print(line, soft_wrap=True)
        out.print("`aicore log show POSITION` prints an event")
        out.print(shown(found), style="dim", soft_wrap=True)
    if not all(fact.sound for fact in facts):
        raise Failure(
            "a recorded digest differs from that of the log's content", remedy="`aicore log verify` says more"
        )


async def whole_id(system: System, start: str) -> str:
    """Return the id of the one turn of the log that begins so; dashes are left out.

    Raises:
        Failure: there is none, or more than one.
    """
    start = _hexadecimal(start)
    reader = await connect(system.postgres_dsn, system.realm, role="aicore_reader")
    try:
        first, last = stream_of(start), stream_of(start + "g")  # g: after each hexadecimal digit
        streams = [row["stream"] for row in await reader.fetch(STREAMS, first, last, CANDIDATES_MAX + 1)]
    finally:
        await reader.close()
    rows = [{"inference_id": stream.removeprefix(stream_of(""))} for stream in streams]
    return str(one_of(rows, start, what="inference", see="turns list")["inference_id"])


def _hexadecimal(start: str) -> str:
    """Return an id or the beginning of one as the log writes it. Raises `Failure`: it is none."""
    bare = start.replace("-", "").lower()
    if not ID.fullmatch(bare):
        remedy = "it has up to 32 hexadecimal digits; `aicore turns list` shows the newest"
        raise Failure(f"{start!r} is no turn", remedy=remedy, code=Exit.USAGE)
    return bare


def _end(turn: Turn) -> str:
    match turn.end:
        case None:
            return "(none yet)"
        case end:
            return str(getattr(end, "text", "")) or f"({end.event_name.partition('.')[2]})"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "…"


def _plain(turn: Turn) -> dict[str, Any]:
    return {
        "position": turn.position,
        "recorded_us": turn.recorded_us,
        "asked": turn.asked.model_dump(),
        "end": turn.end and {"type": turn.end.event_name, **turn.end.model_dump()},
    }


def _told(fact: Fact) -> dict[str, Any]:
    event = fact.event
    where = {"position": event.position, "type": event.type, "id": str(event.id), "hash": event.hash.hex()}
    return {
        "what": fact.what.strip(),
        "said": fact.said,
        "sound": fact.sound,
        **where,
        "recorded_us": event.recorded_us,
    }
