"""`aicore lore`: documents of the world. `check` needs nothing that runs, `add` changes what does."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from aicore.cli.terminal import Failure, Json, Kind, Listing, out, print_json, print_rows
from aicore.cli.wire import Operator, Reason, over_wire, tell
from aicore.cli.world import fault_row, told
from aicore.client import Client
from aicore.content.definition import check_folder
from aicore.content.lore import CheckedLore, check_lore
from aicore.content.sample_world import sample_definition
from domain.definition.definition import Definition

app = typer.Typer(no_args_is_help=True, help="Lore: what is written of the world, who may know it, and when.")

Folder = Annotated[
    Path | None,
    typer.Argument(help="A folder of documents, or one of them.", show_default="the sample world's"),
]
WorldFolder = Annotated[
    Path | None,
    typer.Option("--world", help="Folder of the world that they are about.", show_default="the sample world"),
]
Alone = Annotated[bool, typer.Option("--alone", help="Of a world without a definition.")]
Document = Annotated[str, typer.Argument(help="Id of a document; `aicore lore list`.")]


@app.command()
def check(
    folder: Folder = None, world: WorldFolder = None, *, alone: Alone = False, json: Json = False
) -> None:
    """Check documents: every fault with its place, contradictions among them. Exit code 1 if there is one."""
    found = _checked(folder, world, alone=alone)
    if json:
        faults = list(map(fault_row, found.faults))
        print_json({"ok": not faults, "files": found.files, "claims": found.claims, "faults": faults})
    else:
        _tell(found)
    _refuse(found)
    if not json:
        out.print(f"{found.files} files, {found.lines:,} lines, {found.claims} claims, nothing wrong")


@app.command()
def add(  # noqa: PLR0913 - one parameter per option of the command line
    folder: Folder = None,
    world: WorldFolder = None,
    *,
    alone: Alone = False,
    operator: Operator,
    reason: Reason,
    json: Json = False,
) -> None:
    """Add documents, or new versions of those that are other. All are checked first."""
    found = _checked(folder, world, alone=alone)
    _tell(found)
    _refuse(found)
    by = {"operator": operator, "reason": reason}

    async def work(client: Client) -> Sequence[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        for content in found.contents:
            payload = {**content.model_dump(mode="json"), **by}
            reply = await client.command("lore.add_document", payload)
            rows.append({**reply.result, "new": bool(reply.events)})
        return rows

    rows = over_wire(work)
    if json:
        print_json(rows)
        return
    new = [row for row in rows if row["new"]]
    for row in new:
        out.print(f"{row['document']}, version {row['number']}", markup=False)
    out.print(f"{len(new)} of {len(rows)} documents are new or other")


@app.command()
def remove(document: Document, *, operator: Operator, reason: Reason, json: Json = False) -> None:
    """Remove a document. Its versions stay readable."""
    payload = {"document": document, "operator": operator, "reason": reason}
    reply = over_wire(lambda client: client.command("lore.remove_document", payload))
    tell(reply, f"{document} holds no more", json=json)


@app.command()
def search(  # noqa: PLR0913 - one parameter per option of the command line
    text: Annotated[str, typer.Argument(help="The question, in anybody's words.")],
    holder: Annotated[
        str, typer.Option("--as", help="For whom: person.una_pell, player.ann, everyone, author.")
    ] = "everyone",
    stage: Annotated[int, typer.Option(min=0, max=100, help="Stage of the story that was reached.")] = 0,
    day: Annotated[int | None, typer.Option(help="Game day.", show_default="today")] = None,
    limit: Annotated[int, typer.Option(min=1, max=50, help="At most so many passages.")] = 5,
    group: Annotated[list[str] | None, typer.Option(help="A group that the holder is in.")] = None,
    *,
    why: Annotated[bool, typer.Option("--why", help="Also what each arm gave, and what decided.")] = False,
    json: Json = False,
) -> None:
    """Ask what somebody may know that answers a question, with citations; not to know is an answer."""
    asked = {
        "text": text,
        "holder": holder,
        "stage": stage,
        "day": day,
        "limit": limit,
        "groups": group or [],
    }
    found = over_wire(lambda client: client.query("lore.search", asked)).result
    if json:
        print_json(found)
        return
    for each in found["found"]:
        out.print(f"{each['score'] / 10:5.1f} %  {each['cite']}  {each['title']}", markup=False)
        out.print(f"         {best_of(each)}", markup=False, soft_wrap=True)
        if why:
            out.print(f"         {shares_of(each, ARMS)}", markup=False)
    for line in [*asides(found), *(decided(found) if why else [])]:
        out.print(line, markup=False, soft_wrap=True)


def best_of(found: Mapping[str, Any]) -> str:
    """Return the sentence of a passage that says it."""
    sentences: Sequence[tuple[int, str]] = found["sentences"]
    return next(text for number, text in sentences if number == found["best"])


ARMS = ("names", "words", "meaning", "sentence")

SIGNS = {
    "meaning": "how near the best sentence is to the question",
    "covered": "how much of it the best passages say in its own words",
    "told": "how well the best passage covers it beside names, related words counted",
    "least": "the same of the word that it covers worst",
    "named": "share of those named whom the best passage speaks of",
    "ahead": "how far the best is before the fifth",
    "unheard": "how much of it stands nowhere",
    "strange": "how much of it is a name that stands nowhere",
}
"""What each sign of an answer says, to who wonders why something is known or not."""


def shares_of(of: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return shares in percent."""
    return ", ".join(f"{name} {of[name] / 10:.0f} %" for name in names)


def decided(found: Mapping[str, Any]) -> Sequence[str]:
    """Return what spoke for an answer and against it."""
    signs: Mapping[str, int] = found["signs"]
    if not signs:
        return []
    lines = [f"  {name:8} {signs[name] / 10:4.0f} %  {said}" for name, said in SIGNS.items()]
    return [f"an answer by {signs['likelihood'] / 10:.0f} % (known from 50 % on):", *lines]


def asides(found: Mapping[str, Any]) -> Sequence[str]:
    """Return what is to be said beside what was found."""
    lines = [] if found["known"] else [f"not known: {found['why']}"]
    lines += [f"{cut['count']} more were cut by {cut['budget']}" for cut in found["cut"]]
    lines += [f"without {each['arm']}: {each['why']}" for each in found["without"]]
    return lines


@app.command()
def show(
    document: Document,
    number: Annotated[int | None, typer.Option("--version", help="Version.", show_default="the last")] = None,
    *,
    json: Json = False,
) -> None:
    """Show a document as it is written, in any of its versions."""
    found = over_wire(
        lambda client: client.query("lore.document", {"document": document, "number": number})
    ).result
    if found is None:
        raise Failure(f"there is no document {document} of that version", remedy="`aicore lore list`")
    if json:
        print_json(found)
        return
    gone = ", which holds no more" if found["removed"] else ""
    out.print(f"{found['title']}: version {found['number']} of {found['versions'][-1]}{gone}", markup=False)
    out.print(
        f"known by {', '.join(found['known_by'])}; stage {found['stage']}; {days_of(found)}", markup=False
    )
    for section in found["sections"]:
        head = f"\n{section['title']}" if section["title"] else ""
        narrowed = f" (only {', '.join(section['known_by'])})" if section["known_by"] else ""
        out.print(f"{head}{narrowed}\n" + "\n\n".join(section["paragraphs"]), markup=False, soft_wrap=True)


def days_of(found: Mapping[str, Any]) -> str:
    """Return in words when something holds."""
    begin, end = found["from_day"], found["until_day"]
    words = [] if begin is None else [f"from day {begin}"]
    words += [] if end is None else [f"until day {end}"]
    return " ".join(words) or "always true"


DOCUMENTS = {
    "document": Kind.NAME,
    "version": Kind.NAME,
    "title": Kind.TEXT,
    "known by": Kind.SPARE,
    "stage": Kind.SPARE,
    "passages": Kind.NAME,
    "claims": Kind.SPARE,
}


@app.command("list")
def list_documents(*, json: Json = False) -> None:
    """Show which documents hold, and how far they can be searched."""
    found = over_wire(lambda client: client.query("lore.documents")).result
    if json:
        print_json(found)
        return
    print_rows(listing(found["documents"]), "there is no lore; add some with `aicore lore add`")
    out.print(f"{found['vectors']} of {found['chunks']} passages have a vector", markup=False)
    for each in found["without"]:
        out.print(f"without {each['arm']}: {each['why']}", markup=False, soft_wrap=True)


def listing(documents: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of documents."""
    rows = [
        [
            each["document"],
            str(each["number"]),
            each["title"],
            ", ".join(each["known_by"]),
            str(each["stage"]),
            str(each["chunks"]),
            str(each["claims"]),
        ]
        for each in documents
    ]
    return Listing(DOCUMENTS, rows)


# --- files --------------------------------------------------------------------------------------------------


def _checked(folder: Path | None, world: Path | None, *, alone: bool) -> CheckedLore:
    return check_lore(folder, None if alone else definition_of(world))


def definition_of(world: Path | None) -> Definition:
    """Return the definition of a folder; the sample world's without one.

    Raises:
        Failure: it has faults itself.
    """
    if world is None:
        return sample_definition()
    checked = check_folder(world)
    if checked.definition is None:
        raise Failure(f"{world} has faults itself", remedy=f"`aicore world check {world}` tells them")
    return checked.definition


def _tell(found: CheckedLore) -> None:
    for fault in found.faults:
        out.print(told(fault), markup=False, soft_wrap=True)


def _refuse(found: CheckedLore) -> None:
    if found.faults:
        count = "1 fault" if len(found.faults) == 1 else f"{len(found.faults)} faults"
        raise Failure(f"{count} in {found.files} files", remedy="mend them; nothing was added")
