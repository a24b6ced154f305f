"""`aicore explain`: why something happened in the world, computed again from the log."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from aicore.audit.people import NothingDecided, Told, explain_person
from aicore.cli.terminal import (
    Exit,
    Failure,
    Json,
    Kind,
    Listing,
    out,
    print_json,
    print_rows,
    run_async,
    running,
)
from aicore.cli.vouching import vouched
from aicore.clock import now_us
from aicore.content.sample_world import sample_definition
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.postgres.log import open_log
from domain.people.explain import Option
from domain.people.messages import PersonDecided
from domain.people.weighing import CONSIDERED

app = typer.Typer(no_args_is_help=True, help="Why something happened in the world, from the log.")

COLUMNS = {
    "action": Kind.NAME,
    "at": Kind.NAME,
    **dict.fromkeys(CONSIDERED, Kind.SPARE),
    "score": Kind.NAME,
    "": Kind.TEXT,
}


@app.callback()
def _group() -> None:
    """Keep this a group with one command."""


@app.command()
def npc(
    name: Annotated[str, typer.Argument(help="The person's id or name, e.g. una_pell or 'Una Pell'.")],
    at: Annotated[
        int | None, typer.Option(min=1, help="The last decision up to this position of the log.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Show what a person weighed when they last decided, and see that it comes out as the log says.

    Exit code 1 if it does not: then this program, or its sample world, is another than the one that decided.
    """
    _, system = running()
    vouched(system)

    async def work() -> Told:
        codec = EventCodec(domain_catalogue())
        async with open_log(system.dsn_of("aicore_reader"), system.realm, now_us=now_us, writer=False) as log:
            return await explain_person(log, codec, id_of(name), at=at, otherwise=sample_definition)

    try:
        told = run_async(work())
    except NothingDecided:
        raise Failure(
            f"the log has no decision of {name!r}",
            remedy="`aicore people list` shows who lives; they decide once `aicore people begin` was said",
            code=Exit.USAGE,
        ) from None
    if json:
        print_json(row_of(told))
    else:
        _show(told)
    if told.explained.differs:
        raise Failure(f"computed again, other than recorded: {', '.join(told.explained.differs)}")


def id_of(name: str) -> str:
    """Return the id that somebody has whose name is written so."""
    return "_".join(name.lower().split())


def row_of(told: Told) -> Mapping[str, Any]:
    """Return all of it for programs."""
    explained = told.explained
    options = [
        {
            "action": option.action,
            "place": option.place,
            **option.considered,
            "refused": option.refused,
            "score": option.score,
        }
        for option in explained.options
    ]
    decided = explained.decided.model_dump(mode="json")
    rest = {"options": options, "differs": explained.differs, "fears": explained.fears}
    return {"position": told.position, "decided": decided, **rest}


def _show(told: Told) -> None:
    for line in lines_of(told):
        out.print(line, markup=False, soft_wrap=True)
    print_rows(listing(told.explained.options), "there was nothing to weigh")
    if not told.explained.differs:
        out.print("winner, runner-up, scores and digest are as recorded", markup=False)


def lines_of(told: Told) -> list[str]:
    """Return the decision in words."""
    it = told.explained.decided
    minute = it.at_ms // 60_000 % 1_440
    why = f"{it.reason}: {it.need}" if it.need else it.reason
    company = f" with {it.with_person}" if it.with_person else ""
    second = f"; rather than {it.runner_up.action} at {it.runner_up.place}" if it.runner_up else ""
    needs = ", ".join(f"{need} {level // 10_000} %" for need, level in it.levels.items())
    lost = [f"taken   {', '.join(it.lost)}"] if it.lost else []
    if told.explained.fears:
        lost.append(f"fears   {', '.join(told.explained.fears)}: somebody was hurt there")
    return [
        f"event   {told.position}, at {minute // 60:02}:{minute % 60:02} of day {it.at_ms // 86_400_000}",
        f"does    {it.action} at {it.place}{company}{second}",
        f"why     {why}",
        f"needs   {needs}",
        *lost,
        *_purse(it),
    ]


def _purse(it: PersonDecided) -> list[str]:
    """Return what they had to spend, in the smallest coin, and what came of what they wanted to buy."""
    if it.coins is None:
        return []
    lines = [f"purse   {it.coins}" + (f", {it.owed} earned and not paid yet" if it.owed else "")]
    if it.earned:
        lines.append(f"earned  {it.earned}, to be paid now")
    if it.bought:
        got = it.bought
        lines.append(f"bought  {got.quantity} {got.good} at {got.market} for {got.coins}, before that")
    if it.missed:
        lines.append(f"missed  what they wanted before: {it.missed}")
    if it.market:
        lines.append(f"buys    {it.pieces} at {it.market} at most, once it begins")
    return lines


def listing(options: Sequence[Option]) -> Listing:
    """Return the table of what was weighed, the best first."""
    rows = [
        [
            option.action,
            option.place or "-",
            *(str(option.considered.get(name, "")) for name in CONSIDERED),
            f"{option.score:,}" if option.score >= 0 else "",
            option.refused,
        ]
        for option in options
    ]
    return Listing(COLUMNS, rows)
