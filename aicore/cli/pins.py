"""`aicore story pins`: lines that go before all others of a person or a voice."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from aicore.cli.terminal import Exit, Failure, Json, Kind, Listing, print_json, print_rows
from aicore.cli.wire import Operator, Reason, over_wire, tell

app = typer.Typer(no_args_is_help=True, help="Lines that are said before all others where their plan fits.")

PINS = {
    "pin": Kind.NAME,
    "by": Kind.NAME,
    "plan": Kind.TEXT,
    "let": Kind.SPARE,
    "line": Kind.TEXT,
    "why": Kind.SPARE,
    "event": Kind.NAME,
}
By = Annotated[
    str, typer.Argument(help="Who says it: una_pell, or a voice: harbour/ferryman.", metavar="PERSON|VOICE")
]
Id = Annotated[str, typer.Argument(metavar="PIN", help="Id of the pin, chosen by you: una_greets.")]


@app.command("list")
def list_pins(
    by: Annotated[str, typer.Option("--by", help="Only of a person or a voice.", show_default="all")] = "",
    *,
    json: Json = False,
) -> None:
    """Show which lines are pinned."""
    asked = {"by": speaker(by)} if by else {}
    found = over_wire(lambda client: client.query("story.pins", asked)).result["pins"]
    if json:
        print_json(found)
        return
    print_rows(listing(found), "nothing is pinned")


@app.command()
def pin(  # noqa: PLR0913 - one parameter per option of the command line
    pin: Id,
    by: By,
    plan: Annotated[str, typer.Argument(help="A header of the corpus: 'answer at(A, P)'.")],
    text: Annotated[str, typer.Argument(help="The line, with the plan's letters: '{A} is at {P}.'.")],
    *,
    let: Annotated[
        list[str] | None, typer.Option("--let", help="For somebody alone: A=person.nib; again for more.")
    ] = None,
    operator: Operator,
    reason: Reason,
    json: Json = False,
) -> None:
    """Pin a line; it is read back first. The same id again is another version of it."""
    payload = {
        "pin": pin,
        "by": speaker(by),
        "plan": plan,
        "text": text,
        "let": dict(map(_let, let or ())),
        "operator": operator,
        "reason": reason,
    }
    tell(over_wire(lambda client: client.command("story.pin", payload)), f"{pin} is pinned", json=json)


@app.command()
def unpin(pin: Id, *, operator: Operator, reason: Reason, json: Json = False) -> None:
    """Take a pin back."""
    payload = {"pin": pin, "operator": operator, "reason": reason}
    tell(over_wire(lambda client: client.command("story.unpin", payload)), f"{pin} is over", json=json)


def speaker(by: str) -> str:
    """Return who says a line, as the wire has it."""
    if by.startswith(("person.", "voice.")):
        return by
    return f"voice.{by}" if "/" in by else f"person.{by}"


def _let(text: str) -> tuple[str, str]:
    letter, equals, argument = text.partition("=")
    if not equals or not letter or not argument:
        raise Failure(f"{text!r} names nothing", remedy="write it as A=person.nib", code=Exit.USAGE)
    return letter.strip(), argument.strip()


def listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of pins."""
    rows = [
        [
            each["pin"],
            each["by"],
            each["plan"],
            ", ".join(f"{letter}={argument}" for letter, argument in each["let"].items()),
            each["text"],
            f"{each['reason']} ({each['operator']})",
            str(each["position"]),
        ]
        for each in found
    ]
    return Listing(PINS, rows)
