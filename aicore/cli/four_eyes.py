"""`aicore four-eyes`: commands that wait for a second operator, and that operator's word."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from aicore.cli.terminal import Json, Kind, Listing, print_json, print_rows
from aicore.cli.wire import Operator, Reason, one_of, over_wire, tell, vouched_over_wire
from aicore.client import Client
from protocol.messages import Reply

app = typer.Typer(no_args_is_help=True, help="Commands that a second operator must confirm: list, confirm.")

OrderId = Annotated[str, typer.Argument(help="Id of the command that waits, or its beginning.")]

Row = dict[str, Any]
"""An order as the query shows it."""


@app.command("list")
def list_orders(
    *,
    every: Annotated[bool, typer.Option("--all", help="Also those that were confirmed or expired.")] = False,
    json: Json = False,
) -> None:
    """List the commands that wait for a second operator, with their payloads, the newest first."""
    rows = vouched_over_wire(lambda client: _orders(client, open_only=not every))
    if json:
        print_json(rows)
        return
    print_rows(listing(rows), "no command waits for a second operator")


COLUMNS = {
    "until (UTC)": Kind.SPARE, "command": Kind.NAME, "by": Kind.NAME, "state": Kind.NAME,
    "payload": Kind.TEXT, "id": Kind.ID,
}  # fmt: skip


def listing(rows: Sequence[Row]) -> Listing:
    """Return the table of orders."""
    return Listing(
        COLUMNS,
        [
            [
                datetime.fromtimestamp(row["expires_us"] / 1e6, UTC).strftime("%m-%d %H:%M"),
                row["command"],
                row["operator"],
                row["state"],
                " ".join(f"{key}={value}" for key, value in row["payload"].items() if key != "operator"),
                row["order_id"],
            ]
            for row in rows
        ],
    )


@app.command()
def confirm(order_id: OrderId, operator: Operator, reason: Reason, *, json: Json = False) -> None:
    """Confirm a command of another operator; it takes effect at once, as that operator's."""

    async def work(client: Client) -> Reply:
        found = await _order(client, order_id)
        payload = {"order_id": found["order_id"], "operator": operator, "reason": reason}
        return await client.command("four_eyes.confirm", payload)

    reply = over_wire(work)
    tell(reply, f"{reply.result['command']} of {reply.result['operator']} is confirmed", json=json)


@app.command()
def result(order_id: OrderId, *, json: Json = False) -> None:
    """Print the result of a confirmed command of one's own."""
    tell(over_wire(lambda client: sent_again(client, order_id)), json=json)


async def sent_again(client: Client, start: str) -> Reply:
    """Send the command that waits, or waited, again with its id, and return its reply."""
    found = await _order(client, start)
    return await client.command(
        found["command"], found["payload"], id=UUID(found["order_id"]), expected=found["expected"]
    )


async def _order(client: Client, start: str) -> Row:
    return one_of(await _orders(client), start, what="order", see="four-eyes list --all")


async def _orders(client: Client, **query: Any) -> list[Row]:
    found: list[Row] = (await client.query("four_eyes.orders", query)).result
    return found
