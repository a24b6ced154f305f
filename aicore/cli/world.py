"""`aicore world`: the definition of a world. `check` needs nothing that runs."""

from pathlib import Path
from typing import Annotated

import typer

from aicore.cli.terminal import Failure, Json, out, print_json
from aicore.content.definition import Checked, check_folder, check_sample
from aicore.content.yaml_source import Located

app = typer.Typer(no_args_is_help=True, help="The world: what it is made of.")

Folder = Annotated[
    Path | None,
    typer.Argument(help="The world's folder of YAML files.", show_default="the sample world"),
]

COUNTED = ("places", "ways", "people", "factions", "goods", "quests", "facts")


@app.callback()
def group() -> None:
    """Keep `check` a command of its own, though it is the only one so far."""


@app.command()
def check(folder: Folder = None, *, json: Json = False) -> None:
    """Check the files of a world: every fault of every file, with its place. Exit code 1 if there is one."""
    checked = check_sample() if folder is None else check_folder(folder)
    if json:
        print_json(
            {"ok": not checked.faults, **_sizes(checked), "faults": list(map(fault_row, checked.faults))}
        )
    else:
        for fault in checked.faults:
            out.print(told(fault), markup=False, soft_wrap=True)
    if checked.faults:
        count = len(checked.faults)
        where = len({each.mark.file for each in checked.faults})
        raise Failure(f"{count} fault{'s' * (count > 1)} in {where} file{'s' * (where > 1)}")
    if not json:
        sizes = _sizes(checked)
        found = ", ".join(f"{size:,} {name}" for name, size in sizes.items() if name in COUNTED)
        out.print(f"{sizes['files']} files, {sizes['lines']:,} lines, nothing wrong: {found}")


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
