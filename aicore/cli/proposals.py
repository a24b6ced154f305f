"""`aicore proposals`: the optimiser's proposals, and decisions about them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.text import Text

from aicore.cli.terminal import (
    Exit,
    Failure,
    Json,
    Kind,
    Listing,
    err,
    out,
    print_json,
    print_rows,
)
from aicore.cli.wire import (
    Operator,
    Reason,
    UseCase,
    check_use_case,
    one_of,
    over_wire,
    tell,
    vouched_over_wire,
)
from aicore.client import Client
from bus.retry import until_seen
from domain.optimisation.cost import dollars
from protocol.messages import Reply

app = typer.Typer(no_args_is_help=True, help="Proposals of the optimiser: list, approve, reject.")

STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}

WAIT_S = 10.0
"""Longest wait for what comes of an approval; the optimiser looks every few seconds."""
POLL_S = 0.2

Row = dict[str, Any]
"""A proposal as the query shows it."""

ProposalId = Annotated[str, typer.Argument(help="The proposal's id, or its beginning.")]


@app.command("list")
def list_proposals(
    use_case: Annotated[str | None, typer.Option(help="Only those of one use case.")] = None,
    *,
    json: Json = False,
) -> None:
    """List the newest 200 proposals, the newest first, and the current costs."""

    async def work(client: Client) -> Any:
        await check_use_case(client, use_case)
        return await _found(client, use_case)

    found = vouched_over_wire(work)
    if json:
        print_json(found)
        return
    print_rows(listing(found["proposals"]), "no proposals")
    for name, cost in found["costs"].items():
        if cost["turns"]:
            out.print(
                f"[dim]{name}: {cost['turns']} turns, {cost['players']} players in {cost['seconds']:.0f} s, "
                f"{dollars(cost['per_turn_micro'])} a turn, "
                f"{dollars(cost['per_player_hour_micro'])} a player's hour[/dim]"
            )


COLUMNS = {
    "time (UTC)": Kind.SPARE, "use case": Kind.NAME, "what": Kind.NAME, "priority": Kind.SPARE,
    "status": Kind.NAME, "why": Kind.TEXT, "id": Kind.ID,
}  # fmt: skip


def listing(proposals: Sequence[Row]) -> Listing:
    """Return the table of proposals."""
    rows = []
    for row in proposals:
        at = datetime.fromtimestamp(row["at_us"] / 1e6, UTC).strftime("%m-%d %H:%M:%S")
        priority = Text(row["priority"], STYLES[row["priority"]])
        words = (row["use_case"], row["action"]["kind"], priority, row["status"], _why(row))
        rows.append([at, *words, row["proposal_id"]])
    return Listing(COLUMNS, rows)


@app.command()
def approve(proposal_id: ProposalId, operator: Operator, reason: Reason, *, json: Json = False) -> None:
    """Approve a proposal and print the outcome. Exit code 4 if a rule refused it."""

    async def work(client: Client) -> tuple[Reply, Row | None]:
        reply, row = await _decide(client, "optimisation.approve", proposal_id, operator, reason)
        return reply, await outcome_of(client, row)

    reply, row = over_wire(work)
    came = {"outcome": row and row["outcome"], "detail": row and row["detail"]}
    tell(replace(reply, result={**reply.result, **came}), json=json)
    if row is None:
        err.print(f"not carried out within {WAIT_S:g} s; `aicore proposals list` shows the outcome")
    elif row["outcome"] == "refused":
        raise Failure(f"refused: {row['detail']}", code=Exit.REFUSED)
    elif not json:
        out.print(f"{row['outcome']}: {row['detail']}", markup=False, soft_wrap=True)


@app.command()
def reject(proposal_id: ProposalId, operator: Operator, reason: Reason, *, json: Json = False) -> None:
    """Reject a proposal."""
    decision = ("optimisation.reject", proposal_id, operator, reason)
    reply, _ = over_wire(lambda client: _decide(client, *decision))
    tell(reply, json=json)


@app.command()
def policy(
    use_case: UseCase,
    file: Annotated[Path, typer.Argument(help="JSON file; `aicore events show optimisation.set_policy`.")],
    operator: Operator,
    reason: Reason,
    *,
    json: Json = False,
) -> None:
    """Set the optimiser's policy (limits, and actions it may take by itself) from a JSON file."""
    try:
        content = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise Failure(f"{file}: {error}", code=Exit.USAGE) from None
    payload = {"use_case": use_case, "policy": content, "operator": operator, "reason": reason}
    tell(over_wire(lambda client: client.command("optimisation.set_policy", payload)), json=json)


async def _decide(client: Client, command: str, start: str, operator: str, reason: str) -> tuple[Reply, Row]:
    """Decide about the proposal whose id begins so; return the reply and the proposal as it was."""
    rows = (await _found(client, None, start))["proposals"]
    found = one_of(rows, start, what="proposal", see="proposals list")
    payload = {"use_case": found["use_case"], "proposal_id": found["proposal_id"]}
    return await client.command(command, {**payload, "operator": operator, "reason": reason}), found


async def outcome_of(client: Client, approved: Row, wait_s: float = WAIT_S) -> Row | None:
    """Return an approved proposal once it was carried out; None if that takes longer than ``wait_s``."""
    id_ = approved["proposal_id"]

    async def look() -> Row | None:
        rows = (await _found(client, approved["use_case"], id_))["proposals"]
        return next((dict(row) for row in rows if row["proposal_id"] == id_ and row["outcome"]), None)

    return await until_seen(look, every_s=POLL_S, within_s=wait_s)


async def _found(client: Client, use_case: str | None, start: str = "") -> Any:
    asked = {"use_case": use_case, "proposal_id": start}
    return (await client.query("optimisation.proposals", asked)).result


def _why(row: Row) -> Text:
    """Return a proposal's reason, its figures, and what became of it, each on its line."""
    lines = [Text(row["reason"])]
    if row["inputs"]:
        lines.append(Text(", ".join(f"{name} {value:g}" for name, value in row["inputs"].items()), "dim"))
    if row["outcome"]:
        lines.append(Text(f"{row['outcome']}: {row['detail']}"))
    elif row["decided_by"]:
        lines.append(Text(f"{row['decided_by']}: {row['decided_reason']}"))
    return Text("\n").join(lines)
