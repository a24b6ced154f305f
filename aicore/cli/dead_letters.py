"""`aicore dlq`: commands of the inbox that were refused: look at them, mend the cause, give them back."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Annotated, TypeVar

import typer
from nats.aio.client import Client

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
from bus.nats.connection import connect
from bus.nats.dead_letters import DeadLetter, NoSuchLetter, list_letters
from bus.nats.dead_letters import dismiss as set_aside
from bus.nats.dead_letters import redrive as give_back
from bus.nats.dead_letters import show as read_letter
from protocol.errors import WireError
from protocol.messages import decode_command

app = typer.Typer(
    no_args_is_help=True,
    help="Dead letters: commands of the inbox and events of followers that failed for good.",
)

T = TypeVar("T")

Number = Annotated[int, typer.Argument(help="The letter's number, as `aicore dlq list` shows it.", min=1)]
Consumer = Annotated[str, typer.Option(help="Only one consumer's letters.")]


@app.command("list")
def list_all(
    *,
    consumer: Consumer = "*",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1_000)] = 100,
    json: Json = False,
) -> None:
    """List the letters, oldest first."""
    letters = _with_nats(lambda nc, realm: list_letters(nc, realm, consumer=consumer, limit=limit))
    if json:
        print_json([_plain(letter) for letter in letters])
        return
    print_rows(listing(letters), "no dead letters")


COLUMNS = {
    "number": Kind.NAME, "subject": Kind.TEXT, "code": Kind.NAME, "attempts": Kind.NAME, "reason": Kind.TEXT,
    "then": Kind.NAME,
}  # fmt: skip


def listing(letters: Sequence[DeadLetter]) -> Listing:
    """Return the table of letters."""
    rows = []
    for letter in letters:
        what = (letter.subject, letter.code or letter.error_class, str(letter.attempts), letter.reason[:80])
        rows.append([str(letter.sequence), *what, _then(letter)])
    return Listing(COLUMNS, rows)


def _then(letter: DeadLetter) -> str:
    return "redriven" if letter.redriven else "dismissed" if letter.dismissed else ""


@app.command()
def show(number: Number, *, json: Json = False) -> None:
    """Show one letter with its command."""
    letter = _with_nats(lambda nc, realm: read_letter(nc, realm, number))
    if json:
        print_json(_plain(letter))
        return
    for key, value in _plain(letter).items():
        out.print(f"[dim]{key:<18}[/dim]{value}", soft_wrap=True)


@app.command()
def redrive(number: Number, *, json: Json = False) -> None:
    """Give a letter back to its consumer, once; mend the cause first."""
    given = _with_nats(lambda nc, realm: give_back(nc, realm, number))
    if json:
        print_json({"number": number, "redriven_now": given})
    else:
        out.print(
            f"letter {number} is with its consumer" if given else f"letter {number} was redriven before"
        )


@app.command()
def dismiss(
    number: Number,
    *,
    reason: Annotated[str, typer.Option(help="Why nothing is to be done about it.")],
    json: Json = False,
) -> None:
    """Note that nothing is to be done about a letter: it stays, and the doctor no longer counts it."""
    done = _with_nats(lambda nc, realm: set_aside(nc, realm, number, reason))
    if json:
        print_json({"number": number, "dismissed_now": done})
    else:
        out.print(f"letter {number} is dismissed" if done else f"letter {number} was dismissed before")


def _with_nats(work: Callable[[Client, str], Awaitable[T]]) -> T:
    _, system = running()

    async def connected() -> T:
        async with connect(system.owner_url, name="aicore cli") as nc:
            return await work(nc, system.realm)

    try:
        return run_async(connected())
    except NoSuchLetter as error:
        shown = "`aicore dlq list` shows those there are"
        raise Failure(str(error), remedy=shown, code=Exit.USAGE) from None


def _plain(letter: DeadLetter) -> dict[str, object]:
    """Return a letter with its command decoded, as far as that can be done."""
    values = asdict(letter)
    body = values.pop("body")
    try:
        message = decode_command(body)
        values["command"] = message.command
        values["payload"] = message.payload
    except WireError as error:
        values["undecodable"] = str(error)
        values["bytes"] = body[:256].hex()
    return values
