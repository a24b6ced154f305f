"""`aicore doctor`: is everything as it should be, and if not, what to do."""

import typer

from aicore.cli.common import Exit, Json, err, out, print_json, run_async
from aicore.doctor import Check, examine
from aicore.running import NotRunning, find
from aicore.settings import load_settings

MARKS = {"ok": "[green]ok[/green]   ", "warning": "[yellow]warn[/yellow] ", "fault": "[red]fault[/red]"}


def doctor(*, json: Json = False) -> None:
    """Check servers, roles, migrations, the append-only guard, JetStream, projections, disk and clock.

    Exit code 1 if something is at fault; each fault is printed with its mend.
    """
    settings = load_settings()
    try:
        system = find(settings)
    except NotRunning as error:
        checks = [Check("system", "fault", str(error), "start it: `aicore up`")]
    else:
        with err.status("examining"):
            checks = list(run_async(examine(settings, system)))
    if json:
        print_json([check._asdict() for check in checks])
    else:
        for check in checks:
            out.print(f"{MARKS[check.verdict]} [bold]{check.name:<14}[/bold] {check.fact}", soft_wrap=True)
            if check.mend:
                out.print(f"      {'':<14} [bold]mend:[/bold] {check.mend}", soft_wrap=True)
    if any(check.verdict == "fault" for check in checks):
        raise typer.Exit(Exit.FAULT)
