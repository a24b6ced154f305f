"""`aicore batch`: many questions, answered in the background."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError

from aicore.cli.terminal import Exit, Failure, Json, Kind, Listing, err, out, print_json, print_rows, progress
from aicore.cli.wire import Operator, one_of, over_wire, vouched_over_wire
from aicore.client import Client
from aicore.clock import new_id
from bus.retry import until_seen
from domain.batch.messages import ITEMS_MAX, ITEMS_PER_CHUNK_MAX, Item

app = typer.Typer(no_args_is_help=True, help="Batches: many questions, answered in the background.")

CHUNK_BYTES_MAX = 400_000
"""Of the items of one command; the wire takes 512 KiB."""

POLL_S = 0.3
FIND_S = 0.9
PAGE = 100

BatchId = Annotated[str, typer.Argument(help="The batch's id, or its beginning.")]


@app.command()
def submit(  # noqa: PLR0913 - one parameter per option of the command line
    file: Annotated[
        Path, typer.Argument(help="JSON Lines file; each line has an id and a prompt.", exists=True)
    ],
    use_case: Annotated[str, typer.Option(help="Use case whose current model answers.")],
    operator: Operator,
    name: Annotated[str, typer.Option(help="Name of the batch; default: the file's name.")] = "",
    max_tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.")] = 64,
    temperature: Annotated[
        float, typer.Option(help="Sampling temperature, from 0 (the likeliest words) to 2.")
    ] = 0.7,
    *,
    consent: Annotated[bool, typer.Option(help="Consent: the answers may be used for training.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the end, showing progress.")] = False,
    json: Json = False,
) -> None:
    """Submit a file of questions; a line may have npc and context, too.

    With --wait: exit code 1 if an item has no answer.
    """
    batch_id = new_id().hex
    facts = {"name": name or file.name, "use_case": use_case, "operator": operator, "consent": consent}
    facts |= {"max_tokens": max_tokens, "temperature": temperature}
    chunks = list(_chunks(_items(file)))  # all is checked first: a batch that is opened stays in the log

    async def work(client: Client) -> dict[str, Any]:
        submitted = await _submitted(client, {"batch_id": batch_id, **facts}, chunks)
        return await _watched(client, batch_id) if wait else submitted

    _end(over_wire(work), waited=wait, json=json)


async def _submitted(
    client: Client, facts: Mapping[str, Any], chunks: Sequence[Sequence[Mapping[str, Any]]]
) -> dict[str, Any]:
    """Open a batch, give it its items and submit it; return what is known of it."""
    batch_id = facts["batch_id"]
    await client.command("batch.open", dict(facts))
    for chunk in chunks:
        await client.command("batch.add_items", {"batch_id": batch_id, "items": chunk})
    return dict((await client.command("batch.submit", {"batch_id": batch_id})).result)


async def answered(
    client: Client, facts: Mapping[str, Any], items: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Have the bronze tier answer a few questions, showing progress; return their results."""
    batch_id = new_id().hex
    await _submitted(client, {"batch_id": batch_id, **facts}, [items])
    await _watched(client, batch_id)
    return await _results(client, batch_id)


@app.command("list")
def list_batches(*, json: Json = False) -> None:
    """List the batches, oldest first."""
    batches = vouched_over_wire(_batches)
    if json:
        print_json(batches)
        return
    print_rows(listing(batches), "no batches yet; see `aicore batch submit --help`")


COLUMNS = {
    "batch": Kind.ID, "name": Kind.NAME, "use case": Kind.NAME, "status": Kind.NAME, "answered": Kind.NAME,
    "failed": Kind.NAME, "of": Kind.NAME,
}  # fmt: skip


def listing(batches: Sequence[Mapping[str, Any]]) -> Listing:
    """Return the table of batches."""
    keys = ("batch_id", "name", "use_case", "status", "answered", "failed", "items")
    return Listing(COLUMNS, [[str(batch[key]) for key in keys] for batch in batches])


@app.command()
def status(
    batch_id: BatchId,
    *,
    wait: Annotated[bool, typer.Option(help="Wait for the end, showing progress.")] = False,
    json: Json = False,
) -> None:
    """Show the progress of a batch. With --wait: exit code 1 if an item has no answer."""

    async def work(client: Client) -> dict[str, Any]:
        found = await _find(client, batch_id)
        if found["status"] == "submitted" and (
            why := standing((await client.query("inference.tiers")).result)
        ):
            err.print(f"stalled: {why}", style="yellow", markup=False, soft_wrap=True)
        return await _watched(client, found["batch_id"]) if wait else found

    _end(vouched_over_wire(work), waited=wait, json=json)


def standing(tiers: Sequence[Mapping[str, Any]]) -> str:
    """Return why no item of a batch can be begun now, as the tiers stand; "" if one can."""
    engines = [engine for tier in tiers if tier["tier"] == "bronze" for engine in tier["engines"]]
    able = [engine for engine in engines if engine["ok"] and engine["circuit"] != "open"]
    if not engines:
        return "no engine serves the tier bronze; add one to the engines' file"
    if not able:
        away = "; ".join(f"{each['name']}: {each['reason'] or each['circuit']}" for each in engines)
        return f"no engine of the tier bronze can be asked ({away}); `aicore doctor` says what to do"
    if all(2 * engine["active"] > engine["capacity"] for engine in able):
        busy = ", ".join(f"{each['name']} has {each['active']} of {each['capacity']}" for each in able)
        return f"players come first, and every engine of the tier bronze is more than half busy ({busy})"
    return ""


@app.command()
def cancel(
    batch_id: BatchId,
    operator: Operator,
    reason: Annotated[str, typer.Option(help="Reason, in words for an auditor.")],
    *,
    json: Json = False,
) -> None:
    """Cancel the rest of a batch; the answers so far stay."""

    async def work(client: Client) -> dict[str, Any]:
        found = await _find(client, batch_id)
        words = {"batch_id": found["batch_id"], "operator": operator, "reason": reason}
        return dict((await client.command("batch.cancel", words)).result)

    _tell(over_wire(work), json=json)


@app.command()
def results(
    batch_id: BatchId,
    to: Annotated[
        Path | None, typer.Option("--out", help="JSON Lines file to write; default: the terminal.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Write the results so far, one JSON object a line; with --json as one list."""

    async def work(client: Client) -> list[dict[str, Any]]:
        return await _results(client, (await _find(client, batch_id))["batch_id"])

    with err.status("reading"):
        rows = vouched_over_wire(work)
    lines = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    if to is not None:
        to.write_bytes(lines)
    if json:
        print_json(rows)
    elif to is None:
        out.print(lines.decode(), end="", markup=False, highlight=False, soft_wrap=True)
    else:
        out.print(f"{len(rows)} results in {to}")


async def _results(client: Client, batch_id: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        query = {"batch_id": batch_id, "after": len(rows), "limit": PAGE}
        page = (await client.query("batch.results", query)).result
        rows += page
        if len(page) < PAGE:
            return rows


def _items(file: Path) -> list[tuple[dict[str, Any], int]]:
    """Return the items of a file, each with the bytes of its line.

    Raises:
        Failure: there is none or there are too many, or a line is none, naming it.
    """
    items: list[tuple[dict[str, Any], int]] = []
    numbers: dict[str, int] = {}
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        item = _item(line, where)
        if first := numbers.get(item["id"]):
            remedy = "give every item an id of its own"
            said = f"{where}: id {item['id']!r} is that of line {first}, too"
            raise Failure(said, remedy=remedy, code=Exit.USAGE)
        numbers[item["id"]] = number
        items.append((item, len(line)))
    if not items:
        remedy = 'write a JSON object a line, e.g. {"id": "a", "prompt": "Who are you?"}'
        raise Failure(f"{file} has no items", remedy=remedy, code=Exit.USAGE)
    if len(items) > ITEMS_MAX:
        said = f"{file} has {len(items):,} items, the limit is {ITEMS_MAX:,}"
        raise Failure(said, remedy="split it into several files", code=Exit.USAGE)
    return items


def _chunks(items: Sequence[tuple[dict[str, Any], int]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the items, as many at a time as one command may hold."""
    chunk: list[dict[str, Any]] = []
    size = 0
    for item, item_bytes in items:
        if chunk and (len(chunk) == ITEMS_PER_CHUNK_MAX or size + item_bytes > CHUNK_BYTES_MAX):
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += item_bytes
    yield chunk


def _item(line: bytes, where: str) -> dict[str, Any]:
    try:
        return Item.model_validate(orjson.loads(line)).model_dump()
    except orjson.JSONDecodeError as error:
        raise Failure(f"{where}: no JSON ({error})", code=Exit.USAGE) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "the line"
        raise Failure(f"{where}: {field}: {first['msg']}", code=Exit.USAGE) from None


async def _watched(client: Client, batch_id: str) -> dict[str, Any]:
    """Show a batch's progress until it has ended."""
    with progress() as bar:
        task = bar.add_task("items", total=None)
        while True:
            found = await _find(client, batch_id)
            finished = found["answered"] + found["failed"]
            bar.update(task, total=found["items"] or None, completed=finished)
            if found["status"] in {"completed", "cancelled"}:
                return found
            await asyncio.sleep(POLL_S)


async def _find(client: Client, start: str) -> dict[str, Any]:
    """Return a batch by the beginning of its id; a new one takes a moment to be seen."""

    async def look() -> list[dict[str, Any]] | None:
        batches = await _batches(client)
        return batches if any(batch["batch_id"].startswith(start) for batch in batches) else None

    batches = await until_seen(look, every_s=POLL_S, within_s=FIND_S)
    return one_of(batches or [], start, what="batch", see="batch list")


async def _batches(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.query("batch.list")).result
    return found


def _tell(batch: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(batch)
        return
    counts = f"{batch['answered']} answered, {batch['failed']} failed, of {batch['items']}"
    out.print(f"batch {batch['batch_id']} is {batch['status']}: {counts}")


def _end(batch: dict[str, Any], *, waited: bool, json: bool) -> None:
    """Print the progress of a batch; if it was waited for, missing answers are a failure."""
    _tell(batch, json=json)
    if waited and batch["answered"] < batch["items"]:
        why = f"`aicore batch results {batch['batch_id']}` gives the reasons"
        raise Failure(f"{batch['items'] - batch['answered']} of {batch['items']} have no answer", remedy=why)
