"""`aicore world simulate`: days of a world without servers, at many times its pace, the same everywhere."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aicore.cli.terminal import Failure, Json, Kind, Listing, out, print_json, print_rows, progress, run_async
from aicore.logs import set_up

if TYPE_CHECKING:
    from aicore.audit.world_year import Year
    from aicore.headless.script import Script
    from aicore.headless.simulation import Hour, Made

DAY_HOURS = 24
SHOWN = 16
"""Digits of a digest that are shown; with --json all of them."""

HOURS = {"day": Kind.NAME, "hour": Kind.NAME, "events": Kind.NAME, "log": Kind.NAME, "state": Kind.NAME}
COUNTS = {"events": Kind.NAME, "of type": Kind.TEXT}


def simulate(  # noqa: PLR0913 - one parameter per option of the command line
    folder: Annotated[
        Path | None, typer.Argument(help="The world's folder of YAML files.", show_default="the sample world")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="Game days.")] = 1,
    seed: Annotated[
        int | None, typer.Option(help="Other chances.", show_default="the world's", min=0)
    ] = None,
    commands: Annotated[
        Path | None,
        typer.Option("--script", exists=True, help="Who says what at which game time (tests/golden/day)."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--out", help="Write every event to this file, one JSON object a line.")
    ] = None,
    *,
    hourly: Annotated[bool, typer.Option("--hourly", help="Show each game hour, and not each day.")] = False,
    json: Json = False,
) -> None:
    """Simulate a whole world without running it: every context, by the rules that servers go by.

    The same world and seed give the same digests on every machine: of the log, and of what contexts know.
    """
    from aicore.headless.record import lines_of  # noqa: PLC0415 - numpy and every context, for this alone
    from aicore.headless.script import Played, Unlike  # noqa: PLC0415 - as below
    from aicore.headless.simulation import counts_of, hours, opened  # noqa: PLC0415

    set_up("warning", "console")
    script = _script(commands)
    made = _made(folder, script.seed if script and seed is None else seed)
    if file is not None:
        _write(file, b"")  # before minutes have gone into what cannot be kept

    async def work() -> dict[str, Any]:
        world = await opened(made, script.at_ms if script else None)
        play = Played(world, script) if script else None
        began_s, seen = time.perf_counter(), list["Hour"]()
        with progress() as bar:
            task = bar.add_task("game hours", total=days * DAY_HOURS)
            async for hour in hours(world, days * DAY_HOURS, play):
                seen.append(hour)
                bar.advance(task)
        took_s = time.perf_counter() - began_s
        if file is not None:
            _write(file, b"".join(lines_of(world.log.since(0))))
        lived_s = (world.now_us - world.began_us) / 1e6
        return {
            "days": days,
            "seed": made.seed,
            "hours": [hour._asdict() for hour in seen],
            "counts": dict(counts_of(world)),
            "left_out": world.parts.left_out,
            "took_s": round(took_s, 3),
            "times_real_time": round(lived_s / took_s),
        }

    try:
        found = run_async(work())
    except Unlike as error:
        raise Failure(f"{commands}: {error}") from None
    if json:
        print_json(found)
    else:
        _tell(found, hourly=hourly)


def together(year: "Year", folder: Path | None, seed: int) -> None:
    """Take into a year what all contexts lived together, showing progress."""
    from aicore.headless.year import joint_year  # noqa: PLC0415 - as above

    set_up("warning", "console")
    made = _made(folder, seed)

    async def work() -> None:
        joint = await joint_year(made)
        with progress() as bar:
            task = bar.add_task("game days", total=year.days)
            async for _ in joint.days(year.days):
                bar.advance(task)
        found, traders = joint.lived, joint.traders
        events, players = sum(found.counts.values()), len(traders.traders)
        year.powers, year.holders, year.told = found.powers, found.holders, found.told
        year.levels = found.levels
        apart = {unit: by for unit, by in joint.unexplained().items() if by}
        year.facts = [
            f"{events:,} events, {traders.trades:,} trades of {players} players",
            f"{found.in_band:.2%} of prices in their bands",
            f"{found.above_alarm:.2%} of needs above their alarm",
            f"{found.chains} things emerged at the end of a chain of three or more",
            f"money and goods: {'explained to the coin' if not apart else f'wrong by {apart}'}",
        ]

    run_async(work())


def _made(folder: Path | None, seed: int | None) -> "Made":
    from aicore.content.definition import check_folder  # noqa: PLC0415 - as above
    from aicore.content.sample_world import sample_entries  # noqa: PLC0415
    from aicore.headless.simulation import Made  # noqa: PLC0415
    from domain.definition.entries import entries_of  # noqa: PLC0415

    if folder is None:
        return Made.of(sample_entries(), seed)
    checked = check_folder(folder)
    if checked.faults:
        raise Failure(f"{folder} has faults", remedy=f"see them: `aicore world check {folder}`")
    return Made.of(entries_of(checked.data), seed)


def _script(file: Path | None) -> "Script | None":
    from aicore.headless.script import WrongScript, read_script  # noqa: PLC0415 - as above

    try:
        return read_script(file) if file is not None else None
    except (WrongScript, OSError) as error:
        raise Failure(str(error)) from None


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise Failure(f"{file} cannot be written: {error}") from None


def _tell(found: Mapping[str, Any], *, hourly: bool) -> None:
    rows = [
        [
            str((hour["number"] - 1) // DAY_HOURS + 1),
            str(hour["number"]),
            f"{hour['position']:,}",
            hour["log"][:SHOWN],
            hour["state"][:SHOWN],
        ]
        for hour in found["hours"]
        if hourly or hour["number"] % DAY_HOURS == 0
    ]
    print_rows(Listing(HOURS, rows), "no hour has passed")
    counts = [[f"{count:,}", name] for name, count in found["counts"].items()]
    print_rows(Listing(COUNTS, counts), "nothing happened")
    speed = f"{found['days']} days in {found['took_s']:.1f} s: {found['times_real_time']:,} times real time"
    out.print(speed, markup=False)
    for name in found["left_out"]:
        out.print(f"left out, as it goes by a clock of its own: {name}", markup=False)
