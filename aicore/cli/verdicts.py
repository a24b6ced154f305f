"""`aicore story approve`, `reject`, `verdicts`: what writers think of lines that were said."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from aicore.cli.terminal import Json, Kind, Listing, print_json, print_rows
from aicore.cli.wire import Operator, Reason, over_wire, tell

Line = Annotated[str, typer.Argument(metavar="LINE", help="The line's id, e.g. ann.17.")]
VERDICTS = {
    "line": Kind.NAME,
    "verdict": Kind.NAME,
    "voice": Kind.NAME,
    "why": Kind.TEXT,
    "written lines": Kind.SPARE,
}


def approve(line: Line, *, operator: Operator, reason: Reason, json: Json = False) -> None:
    """Want more of a line: what is written in it goes before other lines of its plan and voice."""
    _judge("story.approve", line, operator, reason, "goes before others", json=json)


def reject(line: Line, *, operator: Operator, reason: Reason, json: Json = False) -> None:
    """Have nobody say a line again, to whomever."""
    _judge("story.reject", line, operator, reason, "is not said again", json=json)


def _judge(  # noqa: PLR0913 - one parameter per option of the command line
    command: str, line: str, operator: str, reason: str, said: str, *, json: bool
) -> None:
    payload = {"line": line, "operator": operator, "reason": reason}
    tell(over_wire(lambda client: client.command(command, payload)), f"{line} {said}", json=json)


def verdicts(*, json: Json = False) -> None:
    """Show which lines were approved and rejected, the last ones first."""
    found = over_wire(lambda client: client.query("story.verdicts")).result["verdicts"]
    if json:
        print_json(found)
        return
    print_rows(listing(found), "nobody approved or rejected a line yet")


def listing(found: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of verdicts."""
    rows = [
        [
            each["line"],
            each["verdict"],
            each["voice"],
            f"{each['reason']} ({each['operator']})",
            ", ".join(each["lines"]),
        ]
        for each in found
    ]
    return Listing(VERDICTS, rows)
