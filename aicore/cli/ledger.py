"""`aicore ledger`: who has how much of what, what happened to it, and where it came from."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer

from aicore.cli.terminal import Json, Kind, Listing, print_json, print_rows
from aicore.cli.wire import over_wire, tell

app = typer.Typer(no_args_is_help=True, help="Money and goods: accounts, transfers, and how much there is.")

Account = Annotated[str, typer.Argument(help="The account, e.g. player.ann or source.quest_rewards.")]
Unit = Annotated[str, typer.Argument(help="What is counted, e.g. crown.")]
OfUnit = Annotated[str | None, typer.Option("--unit", help="Only this unit.")]
Why = Annotated[str, typer.Option("--reason", help="Reason as a word that reports are made by, e.g. wages.")]
Says = Annotated[str, typer.Option("--says", help="What it is, for a person.")]


@app.command("balance")
def show_balance(
    account: Account,
    unit: OfUnit = None,
    as_of: Annotated[int | None, typer.Option(help="As it was at this position of the log.")] = None,
    *,
    json: Json = False,
) -> None:
    """Show what an account has, now or at any position of the log."""
    found = _ask("ledger.balance", {"account": account, "unit": unit, "as_of": as_of})
    if json:
        print_json(found)
        return
    print_rows(balance_listing(found), f"{account} has had nothing yet; see `aicore ledger transfer --help`")


BALANCES = {"unit": Kind.NAME, "balance": Kind.NAME, "held": Kind.NAME, "since": Kind.SPARE}


def balance_listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of what an account has."""
    rows = [
        [each["unit"], f"{each['balance']:,}", f"{each['held']:,}", str(each["position"])] for each in found
    ]
    return Listing(BALANCES, rows)


@app.command("history")
def show_history(
    account: Account,
    unit: OfUnit = None,
    before: Annotated[int | None, typer.Option(help="Only what is before this position.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 50,
    *,
    json: Json = False,
) -> None:
    """Show what happened to an account, the newest first."""
    asked = {"account": account, "unit": unit, "before": before, "limit": limit}
    found = _ask("ledger.history", asked)
    if json:
        print_json(found)
        return
    print_rows(listing(found), f"nothing happened to {account}; see `aicore ledger balance {account}`")


COLUMNS = {
    "event": Kind.NAME,
    "at": Kind.SPARE,
    "kind": Kind.NAME,
    "reason": Kind.NAME,
    "unit": Kind.NAME,
    "moved": Kind.NAME,
    "balance": Kind.NAME,
    "held": Kind.SPARE,
}


def listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of an account's history."""
    return Listing(
        COLUMNS,
        [
            [
                str(each["position"]),
                f"{datetime.fromtimestamp(each['recorded_us'] / 1e6, UTC):%Y-%m-%d %H:%M:%S}",
                each["kind"],
                each["reason"],
                each["unit"],
                f"{each['delta']:+,}",
                f"{each['balance']:,}",
                f"{each['held']:,}",
            ]
            for each in found
        ],
    )


@app.command("supply")
def show_supply(
    unit: Annotated[str | None, typer.Argument(help="Only this unit.")] = None, *, json: Json = False
) -> None:
    """Show how much there is of each unit, and by which sources and sinks it came and went."""
    found = _ask("ledger.supply", {"unit": unit})
    if json:
        print_json(found)
        return
    print_rows(supply_listing(found), "nothing is in circulation; see `aicore ledger open-unit --help`")


SUPPLY = {
    "unit": Kind.NAME,
    "circulating": Kind.NAME,
    "held": Kind.SPARE,
    "by": Kind.NAME,
    "reason": Kind.NAME,
    "came": Kind.NAME,
}


def supply_listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of units, each with its sources and sinks; one that does not add up says so."""
    rows = []
    for each in found:
        wrong = f" (wrong by {each['difference']:,})" if each["difference"] else ""
        there = [each["unit"], f"{each['circulating']:,}{wrong}", f"{each['held']:,}"]
        flows = each["flows"]
        rows += [[*there, flow["account"], flow["reason"], f"{flow['amount']:+,}"] for flow in flows]
    return Listing(SUPPLY, rows)


@app.command("open-unit")
def open_unit(
    unit: Unit,
    kind: Annotated[Literal["currency", "good", "item"], typer.Option(help="An item there is once.")],
    says: Says = "",
    digits: Annotated[int, typer.Option(min=0, max=9, help="Digits after the point when shown.")] = 0,
    *,
    json: Json = False,
) -> None:
    """Begin to count something."""
    payload = {"unit": unit, "kind": kind, "digits": digits, "says": says}
    _do("ledger.open_unit", payload, f"{unit} is counted", json=json)


@app.command("open")
def open_account(account: Account, says: Says = "", *, json: Json = False) -> None:
    """Open an account, or declare a source or a sink."""
    flow = account.startswith(("source.", "sink."))
    command = "ledger.declare_flow" if flow else "ledger.open_account"
    _do(command, {"account": account, "says": says}, f"{account} is open", json=json)


@app.command()
def transfer(  # noqa: PLR0913 - one parameter per option of the command line
    payer: Annotated[str, typer.Argument(help="Account that gives.")],
    payee: Annotated[str, typer.Argument(help="Account that gets.")],
    amount: Annotated[int, typer.Argument(min=1, help="How much, in the unit's smallest part.")],
    unit: Unit,
    reason: Why,
    *,
    json: Json = False,
) -> None:
    """Move so much of a unit from one account to another."""
    move = {"unit": unit, "payer": payer, "payee": payee, "amount": amount}
    payload = {"moves": [move], "reason": reason}
    reply = over_wire(lambda client: client.command("ledger.transfer", payload))
    id_ = reply.events[0].id
    tell(reply, f"{amount:,} {unit} went from {payer} to {payee}; it is {id_}", json=json)


@app.command()
def reverse(
    event: Annotated[str, typer.Argument(help="Id of the transfer, as `aicore ledger transfer` tells it.")],
    reason: Why,
    *,
    json: Json = False,
) -> None:
    """Undo a transfer, once."""
    _do("ledger.reverse", {"reverses": event, "reason": reason}, f"{event} is undone", json=json)


def _ask(query: str, asked: Mapping[str, Any]) -> Any:
    return over_wire(lambda client: client.query(query, asked)).result


def _do(command: str, payload: Mapping[str, Any], said: str, *, json: bool) -> None:
    tell(over_wire(lambda client: client.command(command, payload)), said, json=json)
