"""`aicore turns`: who was asked what, and all that stood behind an answer, from the log alone."""

import re
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from aicore.audit.story import Fact, Turn, Wanted, story
from aicore.audit.story import turns as find_turns
from aicore.cli.terminal import (
    Exit,
    Failure,
    Json,
    clock_of,
    out,
    print_json,
    progress,
    run_async,
    running,
    time_of,
)
from aicore.cli.vouching import shown, vouched
from aicore.clock import now_us
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.postgres.log import open_log

app = typer.Typer(
    no_args_is_help=True, help="Turns: who was asked what, and all that stood behind an answer."
)

SHOWN_MAX = 60
ID = re.compile(r"[0-9a-f]{32}")

When = Annotated[str, typer.Option(help="Of the question, e.g. 2026-11-21 or 2026-11-21T18:30; UTC.")]


@app.command("list")
def list_turns(  # noqa: PLR0913 - one parameter per option of the command line
    *,
    player: Annotated[str, typer.Option(help="Only of this player.")] = "",
    npc: Annotated[str, typer.Option(help="Only of this character.")] = "",
    conversation: Annotated[str, typer.Option(help="Only of this conversation.")] = "",
    use_case: Annotated[str, typer.Option(help="Only of this use case.")] = "",
    text: Annotated[str, typer.Option(help="Only with these words in question or answer.")] = "",
    since: When = "",
    until: When = "",
    last: Annotated[int, typer.Option("--last", "-n", help="So many of the newest.", min=1)] = 20,
    json: Json = False,
) -> None:
    """List the newest turns that fit, the oldest first."""
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
    table = Table("time (UTC)", "player", "npc", "question", "answer", "inference", box=None, pad_edge=False)
    for turn in found:
        words = (turn.asked.player or "", turn.asked.npc or "", _short(turn.asked.prompt), _short(_end(turn)))
        table.add_row(clock_of(turn.recorded_us), *map(Text, words), turn.asked.inference_id)
    out.print(table if found else "no turn of the log fits")


@app.command()
def show(
    inference: Annotated[
        str, typer.Argument(help="Its id, as `aicore turns list` and `aicore ask` print it.")
    ],
    *,
    json: Json = False,
) -> None:
    """Tell what stood behind a turn: prompt, model, evaluation, who let it speak, policy.

    Exit code 1 if the log is not as it was recorded, or a digest, made again from it, is another one.
    """
    if not ID.fullmatch(inference):
        remedy = "it has 32 hexadecimal digits; `aicore turns list` shows the newest"
        raise Failure(f"{inference!r} is no turn", remedy=remedy, code=Exit.USAGE)
    _, system = running()
    found = vouched(system)

    async def work() -> Any:
        async with open_log(system.postgres_dsn, system.realm, now_us=now_us, writer=False) as log:
            return await story(log, EventCodec(domain_catalogue()), inference)

    facts = run_async(work())
    if not facts:
        remedy = "`aicore turns list` shows the newest"
        raise Failure(f"the log has no turn {inference}", remedy=remedy, code=Exit.USAGE)
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
        raise Failure("a digest is not that of what the log holds", remedy="`aicore log verify` says more")


def _end(turn: Turn) -> str:
    match turn.end:
        case None:
            return "(none yet)"
        case end:
            return getattr(end, "text", "") or f"({end.event_name.partition('.')[2]})"


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
