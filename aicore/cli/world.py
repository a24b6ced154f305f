"""`aicore world`: a definition, and a map. `check` needs nothing that runs, `load` changes what does."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import JsonValue

from aicore.cli.terminal import Failure, Json, out, print_json
from aicore.cli.wire import Operator, Reason, over_wire
from aicore.cli.world_factions import factions, report
from aicore.cli.world_simulate import simulate
from aicore.cli.world_watch import watch
from aicore.cli.world_weather import lift, override, weather
from aicore.client import Client
from aicore.content.definition import Checked, check_folder, check_sample
from aicore.content.loading import Change, carry_out, change_to, events_of
from aicore.content.yaml_source import Located
from domain.clock.calendar import Calendar
from domain.definition.entries import Key, entries_of

app = typer.Typer(no_args_is_help=True, help="The world: what it is made of, and who is where.")
for command in (watch, weather, override, lift, factions, report, simulate):
    app.command()(command)

Folder = Annotated[
    Path | None,
    typer.Argument(help="The world's folder of YAML files.", show_default="the sample world"),
]

COUNTED = ("places", "ways", "people", "factions", "goods", "quests", "facts")


@app.command()
def check(folder: Folder = None, *, json: Json = False) -> None:
    """Check the files of a world: every fault of every file, with its place. Exit code 1 if there is one."""
    checked = checked_folder(folder)
    if json:
        faults = list(map(fault_row, checked.faults))
        print_json({"ok": not checked.faults, **_sizes(checked), "faults": faults})
    else:
        tell_faults(checked.faults)
    _refuse_faults(checked)
    if not json:
        sizes = _sizes(checked)
        found = ", ".join(f"{size:,} {name}" for name, size in sizes.items() if name in COUNTED)
        out.print(f"{sizes['files']} files, {sizes['lines']:,} lines, nothing wrong: {found}")


@app.command()
def plan(folder: Folder = None, *, json: Json = False) -> None:
    """Show which events `load` would cause: what would be defined, changed, retired. Changes nothing."""
    wanted, calendar = _wanted(folder)

    async def work(client: Client) -> tuple[Change, list[dict[str, Any]]]:
        change = await change_to(client, wanted, calendar)
        return change, await events_of(client, change)

    change, rows = over_wire(work)
    if json:
        print_json({"base": change.plan.base, "digest": change.plan.digest, "events": rows})
        return
    for row in rows:
        out.print(row_told(row), markup=False, soft_wrap=True)
    if change.empty:
        out.print(f"nothing would change: version {change.plan.base} is what the files say")


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
    wanted, calendar = _wanted(folder)

    async def work(client: Client) -> tuple[Change, Mapping[str, Any]]:
        change = await change_to(client, wanted, calendar)
        return change, await carry_out(client, change, operator, reason)

    change, result = over_wire(work)
    found = change.plan
    counts = {"added": len(found.added), "changed": len(found.changed), "retired": len(found.retired)}
    if json:
        print_json({"version": result["version"], "digest": result["digest"], **counts})
    elif change.empty:
        out.print(f"nothing to do: version {found.base} is what the files say")
    else:
        told = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        out.print(f"version {result['version']} holds: {told}")


# --- files --------------------------------------------------------------------------------------------------


def checked_folder(folder: Path | None) -> Checked:
    """Return what the files of a folder say, or those of the sample world."""
    return check_sample() if folder is None else check_folder(folder)


def _wanted(folder: Path | None) -> tuple[dict[Key, JsonValue], Calendar]:
    """Return the entries of a folder without a fault, and its calendar."""
    checked = checked_folder(folder)
    tell_faults(checked.faults)
    _refuse_faults(checked)
    assert checked.definition is not None, "it has no fault"
    return entries_of(checked.data), checked.definition.calendar


def tell_faults(faults: Sequence[Located]) -> None:
    """Print faults, each with its place."""
    for fault in faults:
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


def row_told(row: Mapping[str, Any]) -> str:
    """Return an event that would be, on one line."""
    if row["event"] == "world.version_published":
        return f"world.version_published  version {row['number']}"
    if row["event"] == "clock.calendar_set":
        return f"clock.calendar_set       {row['calendar']}"
    fields = ", ".join(row.get("fields", []))
    name = Key(row["section"], row["id"])
    return f"{row['event']:<23}  {row['how']:<7}  {name}" + (f"  ({fields})" if fields else "")
