"""`aicore doctor`: is everything as it should be, and if not, what to do."""

import typer

from aicore.cli.terminal import Exit, Json, err, out, print_json, run_async, running
from aicore.doctor import examine

MARKS = {"ok": "[green]ok[/green]   ", "warning": "[yellow]warn[/yellow] ", "fault": "[red]fault[/red]"}


def doctor(*, json: Json = False) -> None:
    """Check servers, the log's guard, JetStream, projections, engines, spools, disk and clock.

    Exit code 1 if something is at fault, 3 if nothing runs; each fault is printed with its mend.
    """
    settings, system = running()
    with err.status("examining"):
        checks = run_async(examine(settings, system))
    if json:
        print_json([check._asdict() for check in checks])
    else:
        for check in checks:
            out.print(f"{MARKS[check.verdict]} [bold]{check.name:<14}[/bold] {check.fact}", soft_wrap=True)
            if check.mend:
                out.print(f"      {'':<14} [bold]mend:[/bold] {check.mend}", soft_wrap=True)
    if any(check.verdict == "fault" for check in checks):
        raise typer.Exit(Exit.FAULT)
