"""`aicore world`: a definition, and a map. `check` needs nothing that runs, `load` changes what does."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import JsonValue

from aicore.cli.terminal import Failure, Json, out, print_json
from aicore.cli.wire import LOOK_S, SHOWN_S, Operator, Reason, over_wire
from aicore.cli.world_watch import watch
from aicore.client import Client
from aicore.content.definition import Checked, check_folder, check_sample
from aicore.content.yaml_source import Located
from bus.retry import until_seen
from domain.definition.entries import Key, entries_of
from domain.definition.loading import Plan, plan_of

app = typer.Typer(no_args_is_help=True, help="The world: what it is made of, and who is where.")
app.command()(watch)

Folder = Annotated[
    Path | None,
    typer.Argument(help="The world's folder of YAML files.", show_default="the sample world"),
]

COUNTED = ("places", "ways", "people", "factions", "goods", "quests", "facts")


PART_BYTES_MAX = 256 * 1024
"""Of the entries in one command; a message may have 512 KiB."""

FIELDS_SHOWN_MAX = 50
"""Changed entries of which the plan says what is other: each is asked for."""


@app.command()
def check(folder: Folder = None, *, json: Json = False) -> None:
    """Check the files of a world: every fault of every file, with its place. Exit code 1 if there is one."""
    checked = _checked(folder)
    if json:
        faults = list(map(fault_row, checked.faults))
        print_json({"ok": not checked.faults, **_sizes(checked), "faults": faults})
    else:
        _tell_faults(checked)
    _refuse_faults(checked)
    if not json:
        sizes = _sizes(checked)
        found = ", ".join(f"{size:,} {name}" for name, size in sizes.items() if name in COUNTED)
        out.print(f"{sizes['files']} files, {sizes['lines']:,} lines, nothing wrong: {found}")


@app.command()
def plan(folder: Folder = None, *, json: Json = False) -> None:
    """Show which events `load` would cause: what would be defined, changed, retired. Changes nothing."""
    wanted = _entries(folder)
    found, rows = over_wire(lambda client: _planned(client, wanted))
    if json:
        print_json({"base": found.base, "digest": found.digest, "events": rows})
        return
    for row in rows:
        out.print(row_told(row), markup=False, soft_wrap=True)
    if found.empty:
        out.print(f"nothing would change: version {found.base} is what the files say")


@app.command()
def load(
    folder: Folder = None,
    *,
    operator: Operator,
    reason: Reason,
    json: Json = False,
) -> None:
    """Bring a running world to what the files say, as a new version; it goes on meanwhile.

    What is under way keeps what it began with; what is not in the files any more is retired, not deleted.
    """
    wanted = _entries(folder)
    found, result = over_wire(lambda client: _loaded(client, wanted, operator, reason))
    counts = {"added": len(found.added), "changed": len(found.changed), "retired": len(found.retired)}
    if json:
        print_json({"version": result["version"], "digest": result["digest"], **counts})
    elif result["version"] == found.base:
        out.print(f"nothing to do: version {found.base} is what the files say")
    else:
        told = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        out.print(f"version {result['version']} holds: {told}")


# --- files --------------------------------------------------------------------------------------------------


def _checked(folder: Path | None) -> Checked:
    return check_sample() if folder is None else check_folder(folder)


def _entries(folder: Path | None) -> dict[Key, JsonValue]:
    checked = _checked(folder)
    _tell_faults(checked)
    _refuse_faults(checked)
    return entries_of(checked.data)


def _tell_faults(checked: Checked) -> None:
    for fault in checked.faults:
        out.print(told(fault), markup=False, soft_wrap=True)


def _refuse_faults(checked: Checked) -> None:
    if checked.faults:
        count = len(checked.faults)
        where = len({each.mark.file for each in checked.faults})
        raise Failure(f"{count} fault{'s' * (count > 1)} in {where} file{'s' * (where > 1)}")


def _sizes(checked: Checked) -> dict[str, int]:
    sizes = {"files": checked.files, "lines": checked.lines}
    if checked.definition is not None:
        sizes |= {name: len(getattr(checked.definition, name)) for name in COUNTED}
    return sizes


def told(located: Located) -> str:
    """Return a fault on three lines: where, what was found, what is allowed."""
    fault = located.fault
    lines = [f"{located.mark} {fault.path}".rstrip(), f"  found:   {fault.found}"]
    if located.other:
        lines[-1] += f" (see {located.other})"
    if fault.allowed:
        lines.append(f"  allowed: {fault.allowed}")
    if fault.nearest:
        lines.append(f"  nearest: {fault.nearest}")
    return "\n".join(lines)


def fault_row(located: Located) -> dict[str, object]:
    """Return a fault for programs."""
    fault, mark = located.fault, located.mark
    return {
        "file": mark.file,
        "line": mark.line,
        "column": mark.column,
        "kind": fault.kind,
        "path": fault.path,
        "found": fault.found,
        "allowed": fault.allowed,
        "nearest": fault.nearest,
        "see": str(located.other) if located.other else "",
    }


# --- the running world --------------------------------------------------------------------------------------


async def _plan(client: Client, wanted: Mapping[Key, JsonValue]) -> Plan:
    answer = await client.query("world.definition")
    there = {Key(section, id_): digest for section, id_, digest in answer.result["entries"]}
    return plan_of(answer.result["version"], there, wanted)


async def _planned(client: Client, wanted: Mapping[Key, JsonValue]) -> tuple[Plan, list[dict[str, Any]]]:
    found = await _plan(client, wanted)
    rows: list[dict[str, Any]] = [_row("world.entry_defined", key, "new") for key in found.added]
    for at, (key, content) in enumerate(found.changed.items()):
        fields = await _other_fields(client, key, content) if at < FIELDS_SHOWN_MAX else []
        rows.append({**_row("world.entry_defined", key, "changed"), "fields": fields})
    rows += [_row("world.entry_retired", key, "retired") for key in found.retired]
    if rows:
        rows.append({"event": "world.version_published", "number": found.base + 1})
    return found, rows


def _row(event: str, key: Key, how: str) -> dict[str, Any]:
    return {"event": event, "section": key.section, "id": key.id, "how": how}


async def _other_fields(client: Client, key: Key, content: JsonValue) -> list[str]:
    answer = await client.query("world.entry", {"section": key.section, "entry_id": key.id})
    before = answer.result["written"]
    if not isinstance(before, dict) or not isinstance(content, dict):
        return []
    return sorted(name for name in before.keys() | content.keys() if before.get(name) != content.get(name))


def row_told(row: Mapping[str, Any]) -> str:
    """Return an event that would be, on one line."""
    if row["event"] == "world.version_published":
        return f"world.version_published  version {row['number']}"
    fields = ", ".join(row.get("fields", []))
    name = Key(row["section"], row["id"])
    return f"{row['event']:<23}  {row['how']:<7}  {name}" + (f"  ({fields})" if fields else "")


async def _loaded(
    client: Client, wanted: Mapping[Key, JsonValue], operator: str, reason: str
) -> tuple[Plan, Mapping[str, Any]]:
    found = await _plan(client, wanted)
    said = {"base": found.base, "operator": operator, "reason": reason}
    *parts, last = parts_of(found)
    for part in parts:
        await client.command("world.change", {**said, **part})
    reply = await client.command("world.change", {**said, **last, "publish": found.digest})
    written = max((event.position for event in reply.events), default=0)

    async def look() -> bool | None:
        return (await client.query("world.definition")).position >= written or None

    await until_seen(look, every_s=LOOK_S, within_s=SHOWN_S)
    return found, reply.result


def parts_of(plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield the payloads of the commands that carry a plan out, each small enough for a message."""
    part: list[dict[str, Any]] = []
    size = 0
    for key, content in [*plan.added.items(), *plan.changed.items()]:
        bytes_ = len(orjson.dumps(content))
        if part and size + bytes_ > PART_BYTES_MAX:
            yield {"define": part}
            part, size = [], 0
        part.append({"section": key.section, "entry_id": key.id, "written": content})
        size += bytes_
    yield {"define": part, "retire": _names(plan.retired)}


def _names(keys: Sequence[Key]) -> list[dict[str, str]]:
    return [{"section": key.section, "entry_id": key.id} for key in keys]
