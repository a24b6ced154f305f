"""`aicore market`: stalls, their price boards, orders, and a simulated year of prices and money."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from aicore.cli.terminal import Failure, Json, Kind, Listing, out, print_json, print_rows
from aicore.cli.wire import over_wire, tell

app = typer.Typer(no_args_is_help=True, help="Stalls: what they sell, what it costs, and what it did cost.")

Market = Annotated[str, typer.Argument(help="The stall's place, e.g. lamp_yard; `aicore market list`.")]
Good = Annotated[str, typer.Argument(help="What is sold, e.g. lamp_oil.")]
Quantity = Annotated[int, typer.Argument(min=1, help="How many.")]
Account = Annotated[str, typer.Option("--account", help="Whose coins and goods, e.g. player.ann.")]
Limit = Annotated[int | None, typer.Option(help="Worst price of one that is taken, in the smallest coin.")]


@app.command("list")
def list_markets(*, json: Json = False) -> None:
    """Show which stalls there are, and whether they are open now."""
    found = over_wire(lambda client: client.query("market.markets")).result
    if json:
        print_json(found)
        return
    print_rows(listing(found), "there are no stalls; load a world with `aicore world load`")


STALLS = {
    "stall": Kind.NAME,
    "name": Kind.TEXT,
    "side": Kind.SPARE,
    "takes": Kind.NAME,
    "goods": Kind.NAME,
    "short of": Kind.NAME,
    "now": Kind.TEXT,
}


def listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of stalls."""
    rows = [
        [
            each["market"],
            each["name"],
            each["side"],
            each["currency"],
            str(each["goods"]),
            str(each["short"]),
            each["shut"] or "open",
        ]
        for each in found
    ]
    return Listing(STALLS, rows)


@app.command()
def board(market: Market, *, json: Json = False) -> None:
    """Show a stall's price board, as it is now."""
    found = over_wire(lambda client: client.query("market.board", {"market": market})).result
    if json:
        print_json(found)
        return
    day = "no day was opened yet" if found["day"] is None else f"day {found['day']}"
    state = found["shut"] or "open"
    out.print(f"{found['name']}, {day}; {state}. Prices in hundredths of {found['currency']}.", markup=False)
    print_rows(
        board_listing(found["goods"]), "nothing is posted; the world needs a clock: aicore clock start"
    )


GOODS = {
    "good": Kind.NAME,
    "name": Kind.TEXT,
    "costs": Kind.NAME,
    "pays": Kind.NAME,
    "there": Kind.NAME,
    "of usual": Kind.SPARE,
    "tomorrow": Kind.NAME,
}


def board_listing(goods: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of what a stall sells; of what it is short is told."""
    rows = [
        [
            each["good"],
            each["name"],
            f"{each['price']:,}",
            f"{each['pays']:,}",
            f"{each['stock']:,}{' (short)' if each['short'] else ''}",
            f"{each['level'] / 10:.0f} %",
            f"+{each['coming']}" if each["coming"] else "",
        ]
        for each in goods
    ]
    return Listing(GOODS, rows)


@app.command()
def prices(
    market: Market,
    good: Annotated[str | None, typer.Argument(help="Only this good.")] = None,
    as_of: Annotated[int | None, typer.Option(help="As it was at this position of the log.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 30,
    *,
    json: Json = False,
) -> None:
    """Show what a stall posted, the newest first, and what it was made of."""
    asked = {"market": market, "good": good, "as_of": as_of, "limit": limit}
    found = over_wire(lambda client: client.query("market.prices", asked)).result
    if json:
        print_json(found)
        return
    print_rows(prices_listing(found), f"{market} has posted nothing of that; see `aicore market list`")


PRICES = {
    "day": Kind.NAME,
    "good": Kind.NAME,
    "price": Kind.NAME,
    "of usual": Kind.SPARE,
    "there": Kind.NAME,
    "bought": Kind.NAME,
    "sold": Kind.SPARE,
    "in vain": Kind.NAME,
    "came": Kind.NAME,
    "event": Kind.SPARE,
}


def prices_listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of postings."""
    numbers = ("stock", "bought", "sold", "wanted", "arrives", "position")
    rows = [
        [
            str(each["day"]),
            each["good"],
            f"{each['price']:,}",
            f"{each['level'] / 10:.0f} %",
            *(str(each[name]) for name in numbers),
        ]
        for each in found
    ]
    return Listing(PRICES, rows)


@app.command()
def buy(  # noqa: PLR0913 - one parameter per option of the command line
    market: Market,
    good: Good,
    quantity: Quantity,
    account: Account,
    limit: Limit = None,
    *,
    json: Json = False,
) -> None:
    """Buy at the posted price, for an account."""
    _order("market.buy", market, good, quantity, account, limit, json=json)


@app.command()
def sell(  # noqa: PLR0913 - one parameter per option of the command line
    market: Market,
    good: Good,
    quantity: Quantity,
    account: Account,
    limit: Limit = None,
    *,
    json: Json = False,
) -> None:
    """Sell to a stall, for an account."""
    _order("market.sell", market, good, quantity, account, limit, json=json)


def _order(  # noqa: PLR0913 - the parts of one order
    command: str, market: str, good: str, quantity: int, account: str, limit: int | None, *, json: bool
) -> None:
    payload = {"market": market, "good": good, "quantity": quantity, "account": account, "limit": limit}
    reply = over_wire(lambda client: client.command(command, payload))
    done = reply.result
    what = "bought" if command == "market.buy" else "sold"
    said = f"{account} {what} {quantity} {good} for {done['coins']:,} hundredths of {done['currency']}"
    tell(reply, said, json=json)


@app.command()
def report(
    folder: Annotated[
        Path | None, typer.Argument(help="The world's folder of YAML files.", show_default="the sample world")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="Game days.")] = 365,
    seed: Annotated[int, typer.Option(min=0, help="Other people, other needs.")] = 1,
    html: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("markets.html"),
    *,
    json: Json = False,
) -> None:
    """Simulate stalls for a year, without a running world: prices, shortages, and where the money went."""
    from aicore.audit.market_page import NoWorld, market_page, money_of, stalls_in  # noqa: PLC0415 - a page's needs
    from domain.market.year import Year  # noqa: PLC0415 - only this needs it

    try:
        year = Year(stalls_in(folder), seed)
    except NoWorld as error:
        raise Failure(str(error)) from None
    year.run(days)
    page = market_page(year, days)
    try:
        html.write_text(page, "utf-8")
    except OSError as error:
        raise Failure(f"{html} cannot be written: {error}") from None
    money = money_of(year)
    if json:
        print_json(
            {"days": days, "seed": seed, "shortages": year.shortages, "money": money, "html": str(html)}
        )
        return
    for row in money:
        explained = "explained to the coin" if not row["difference"] else f"wrong by {row['difference']:,}"
        out.print(f"{row['circulating']:,} {row['currency']} circulate, {explained}", markup=False)
    out.print(f"{year.shortages} shortages in {days} days; prices and money: {html}", markup=False)
