"""`aicore clock`: the game's time and calendar, and the alarms that wait."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import typer

from aicore.cli.terminal import Exit, Failure, Json, Kind, Listing, out, print_json, print_rows
from aicore.cli.wire import Operator, Reason, over_wire, tell
from aicore.client import Client
from aicore.clock import new_id
from aicore.content.calendar import shipped_calendar
from domain.clock.almanac import Almanac, Date
from domain.clock.calendar import Calendar
from domain.clock.units import GameTime
from protocol.messages import Reply

app = typer.Typer(no_args_is_help=True, help="Game time, the calendar and its alarms.")

MOMENT = re.compile(r"(-?\d+)-([a-z][a-z0-9_]*)-(\d+)(?:[ T](\d+):(\d\d)(?::(\d\d))?)?")
SPAN = re.compile(r"([+-]?)(\d+)([smhd])")
SCALE = re.compile(r"(\d+)(?:/(\d+))?")

To = Annotated[
    str,
    typer.Argument(help="+6h, -2d (game seconds, minutes, hours or days), or a date: '1-thaw-3 18:00'."),
]
AlarmId = Annotated[str, typer.Argument(help="The alarm's id.")]


@app.command()
def show(*, json: Json = False) -> None:
    """Show what time it is in the game, how it goes, and who leads the clock."""
    found = over_wire(_now)
    if json:
        print_json(found)
        return
    for line in lines_of(found):
        out.print(line, markup=False, soft_wrap=True)


def lines_of(found: Mapping[str, Any]) -> Sequence[str]:
    """Return what is shown of the clock."""
    seen = found["reading"]
    names = Calendar.model_validate(found["calendar"])
    month = next(month for month in names.months if month.id == seen["month"])
    day = month.name if month.intercalary and month.days == 1 else f"{seen['day']} {month.name}"
    weekday = f"{seen['weekday']}, " if seen["weekday"] else ""
    moons = ", ".join(f"{moon.name} {seen['moons'][moon.id]}" for moon in names.moons)
    late = f"; late by {found['late_us'] / 1e6:.1f} s" if found["late_us"] else ""
    leader = f"{found['leader']}, term {found['term']}" if found["term"] else "nobody yet"
    return [
        f"time    {weekday}{day} {seen['year']}, {seen['hour']:02}:{seen['minute']:02}:{seen['second']:02}",
        f"sky     {seen['phase']}, {seen['season']}; sun {_hour(names, seen['sunrise_s'])} to "
        f"{_hour(names, seen['sunset_s'])}{'; ' if moons else ''}{moons}",
        f"course  {_course(found)}",
        f"alarms  {found['alarms']:,} waiting{late}",
        f"leader  {leader}",
    ]


def _hour(calendar: Calendar, seconds: int) -> str:
    hours, minutes = divmod(seconds // 60, calendar.minutes)
    return f"{hours:02}:{minutes:02}"


def _course(found: Mapping[str, Any]) -> str:
    scale = f"{found['scale_num'] / found['scale_den']:g} game seconds a second"
    if found["paused"]:
        return f"paused; {scale} before"
    if (found["dilation_num"], found["dilation_den"]) == (1, 1):
        return scale
    return f"{scale}, slowed down to {found['dilation_num']}/{found['dilation_den']} because the work is late"


@app.command()
def start(
    operator: Operator,
    reason: Reason,
    calendar: Annotated[
        Path | None, typer.Option(help="JSON file of a calendar; default: the sample world's.")
    ] = None,
    scale: Annotated[str, typer.Option(help="Game time per real time: 60, or 1/2.")] = "60",
    *,
    json: Json = False,
) -> None:
    """Start the realm's clock at 7 o'clock of its calendar's first day."""
    file = shipped_calendar().model_dump() if calendar is None else _json_of(calendar)
    payload = {"calendar": file, **_scale_of(scale), "operator": operator, "reason": reason}
    tell(over_wire(lambda client: client.command("clock.start", payload)), "the clock goes", json=json)


@app.command()
def pause(operator: Operator, reason: Reason, *, json: Json = False) -> None:
    """Have game time stand still; alarms in real time go on."""
    _say("clock.pause", {}, "game time stands still", (operator, reason), json=json)


@app.command()
def resume(operator: Operator, reason: Reason, *, json: Json = False) -> None:
    """Have game time go on."""
    _say("clock.resume", {}, "game time goes on", (operator, reason), json=json)


@app.command()
def scale(
    rate: Annotated[str, typer.Argument(help="Game time per real time: 60, or 1/2.")],
    operator: Operator,
    reason: Reason,
    *,
    json: Json = False,
) -> None:
    """Have game time go faster or slower."""
    _say("clock.scale", _scale_of(rate), f"game time goes at {rate}", (operator, reason), json=json)


@app.command(context_settings={"ignore_unknown_options": True})  # -2d is no option
def jump(to: To, operator: Operator, reason: Reason, *, json: Json = False) -> None:
    """Make it another game time; alarms in between follow their policies, and nothing fires again."""

    async def work(client: Client) -> Reply:
        target = moment_of(to, await _now(client))
        payload = {"jump_id": new_id().hex, "to_game_ms": target, "operator": operator, "reason": reason}
        return await client.command("clock.jump", payload)

    tell(over_wire(work), f"the clock jumped to {to}", json=json)


@app.command("calendar")
def set_calendar(
    file: Annotated[Path, typer.Argument(help="JSON file of the calendar.")],
    operator: Operator,
    reason: Reason,
    *,
    json: Json = False,
) -> None:
    """Count and name days by another calendar."""
    words = {"calendar": _json_of(file)}
    _say("clock.set_calendar", words, "days are counted in another way", (operator, reason), json=json)


@app.command("alarms")
def list_alarms(*, json: Json = False) -> None:
    """List the next 100 alarms."""

    async def work(client: Client) -> tuple[Any, Any]:
        return (await client.query("clock.alarms")).result, await _now(client)

    alarms, clock = over_wire(work)
    if json:
        print_json(alarms)
        return
    print_rows(listing(alarms, clock), "no alarm waits; see `aicore clock set-alarm --help`")


COLUMNS = {
    "alarm": Kind.NAME,
    "due": Kind.NAME,
    "late ones": Kind.NAME,
    "time": Kind.SPARE,
    "what": Kind.TEXT,
}


def listing(alarms: Sequence[Mapping[str, Any]], clock: Mapping[str, Any]) -> Listing:
    """Return the table of alarms."""
    almanac = Almanac(Calendar.model_validate(clock["calendar"]))
    return Listing(
        COLUMNS,
        [
            [alarm["alarm_id"], _due(alarm, almanac), alarm["late"], str(alarm["next"] + 1), alarm["what"]]
            for alarm in alarms
        ],
    )


def _due(alarm: Mapping[str, Any], almanac: Almanac) -> str:
    if alarm["due_game_ms"] is None:
        return f"{datetime.fromtimestamp(alarm['due_real_us'] / 1e6, UTC):%Y-%m-%d %H:%M:%S} UTC"
    seen = almanac.read(GameTime(alarm["due_game_ms"]))
    year, month, day = seen.date
    return f"{year}-{month}-{day} {seen.hour:02}:{seen.minute:02}"


@app.command("set-alarm")
def set_alarm(  # noqa: PLR0913 - one parameter per option of the command line
    alarm_id: AlarmId,
    at: Annotated[str | None, typer.Option(help="A date of the game: '1-thaw-3 18:00'.")] = None,
    after: Annotated[str | None, typer.Option(help="So long from now: 90s, 15m, 6h or 2d.")] = None,
    every: Annotated[str | None, typer.Option(help="And again each time after so long.")] = None,
    late: Annotated[Literal["each", "once", "skip"], typer.Option(help="Policy for late times.")] = "each",
    what: Annotated[str, typer.Option(help="What it is for, for who hears of it.")] = "",
    *,
    real: Annotated[bool, typer.Option(help="In real time, which no pause and no jump changes.")] = False,
    json: Json = False,
) -> None:
    """Set an alarm: it fires once at each of its times, whatever dies meanwhile."""

    async def work(client: Client) -> Reply:
        clock = await _now(client)
        due = _real_due(at, after, every) if real else _game_due(at, after, every, clock)
        payload = {"alarm_id": alarm_id, "late": late, "what": what, "real" if real else "game": due}
        return await client.command("clock.set_alarm", payload)

    tell(over_wire(work), f"alarm {alarm_id} waits", json=json)


def _game_due(
    at: str | None, after: str | None, every: str | None, clock: Mapping[str, Any]
) -> dict[str, Any]:
    calendar = Calendar.model_validate(clock["calendar"])
    return {
        "at_ms": at if at is None else moment_of(at, clock),
        "after_ms": after if after is None else span_s(after, calendar) * 1_000,
        "every_ms": every if every is None else span_s(every, calendar) * 1_000,
    }


def _real_due(at: str | None, after: str | None, every: str | None) -> dict[str, Any]:
    if at is not None:
        raise Failure("a date of the game is no real time", remedy="use --after", code=Exit.USAGE)
    return {
        "after_us": after if after is None else span_s(after) * 1_000_000,
        "every_us": every if every is None else span_s(every) * 1_000_000,
    }


@app.command("cancel-alarm")
def cancel_alarm(alarm_id: AlarmId, *, json: Json = False) -> None:
    """Cancel an alarm."""
    payload = {"alarm_id": alarm_id}
    reply = over_wire(lambda client: client.command("clock.cancel_alarm", payload))
    tell(reply, f"alarm {alarm_id} waits no more", json=json)


async def _now(client: Client) -> dict[str, Any]:
    """Return the clock.

    Raises:
        Failure: there is none yet.
    """
    found: dict[str, Any] | None = (await client.query("clock.now")).result
    if found is None:
        raise Failure("the realm has no clock yet", remedy="start one: `aicore clock start`")
    return found


def _say(command: str, words: Mapping[str, Any], said: str, by: tuple[str, str], *, json: bool) -> None:
    """Send a command of an operator, given with the reason, and print what it came to."""
    payload = {**words, "operator": by[0], "reason": by[1]}
    tell(over_wire(lambda client: client.command(command, payload)), said, json=json)


def moment_of(text: str, clock: Mapping[str, Any]) -> int:
    """Return the game time in ms that ``+6h``, ``-2d`` or ``1-thaw-3 18:00`` means.

    Raises:
        Failure: none.
    """
    calendar = Calendar.model_validate(clock["calendar"])
    if SPAN.fullmatch(text):
        return int(clock["game_ms"]) + span_s(text, calendar) * 1_000
    found = MOMENT.fullmatch(text)
    if found is None:
        raise Failure(
            f"{text!r} is no time of the game",
            remedy="write +6h, -2d or '1-thaw-3 18:00'",
            code=Exit.USAGE,
        )
    year, month, day, *hours = found.groups()
    try:
        time = Almanac(calendar).time(Date(int(year), month, int(day)), *(int(each or 0) for each in hours))
    except ValueError as error:
        raise Failure(str(error), code=Exit.USAGE) from None
    return time.ms


def span_s(text: str, calendar: Calendar | None = None) -> int:
    """Return the seconds that ``90s``, ``15m``, ``6h`` or ``2d`` mean, of the game's where it has a calendar.

    Raises:
        Failure: it is no such span.
    """
    found = SPAN.fullmatch(text)
    if found is None:
        raise Failure(f"{text!r} is no span of time", remedy="write 90s, 15m, 6h or 2d", code=Exit.USAGE)
    hour_s = 60 * (calendar.minutes if calendar else 60)
    day_s = calendar.day_s if calendar else 24 * hour_s
    unit_s = {"s": 1, "m": 60, "h": hour_s, "d": day_s}[found[3]]
    return int(f"{found[1]}{found[2]}") * unit_s


def _scale_of(text: str) -> dict[str, int]:
    found = SCALE.fullmatch(text)
    if found is None:
        raise Failure(f"{text!r} is no scale", remedy="write 60, or 1/2", code=Exit.USAGE)
    return {"scale_num": int(found[1]), "scale_den": int(found[2] or 1)}


def _json_of(file: Path) -> Any:
    try:
        return orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise Failure(f"{file}: no JSON ({error})", code=Exit.USAGE) from None
