"""`aicore story say` and `preview`: what would be said, before anybody hears it. Nothing is recorded."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from aicore.audit.lines import NoSuchLine
from aicore.audit.rehearsing import Resaid, Sources, Spot, WrongStage, previewed, resaid, told
from aicore.cli.lore import definition_of
from aicore.cli.saying import COUNT, say_plan
from aicore.cli.terminal import Exit, Failure, Json, out, print_json, run_async, running
from aicore.cli.vouching import vouched
from aicore.clock import now_us
from aicore.content.line_files import read_mouth
from aicore.content.lore import check_lore
from aicore.wiring.people import PLAYERS
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import EventLog
from bus.postgres.log import open_log
from domain.definition.definition import Definition
from domain.definition.faults import Fault
from domain.kernel.decider import Rejected
from domain.lore.messages import Content
from domain.story.messages import LineSaid
from domain.story.staging import Asked

T = TypeVar("T")
PREVIEW = "preview"
"""The realm of a log in memory, and its player where none is named."""

Words = Annotated[str, typer.Option("--words", help="What the player says instead.")]
At = Annotated[str, typer.Option("--at", help="Place: ropewalk_quay.", show_default="the person's home")]
With = Annotated[list[str] | None, typer.Option("--with", help="Person who is there, too; again for more.")]
Hour = Annotated[str, typer.Option(help="Hour of the day: 22, or 22:30.")]
Weather = Annotated[str, typer.Option(help="Weather over the place: fog.")]
So = Annotated[
    list[str] | None,
    typer.Option("--so", help="What happens there and then: 'dead(person.nib)'; again for more."),
]
Over = Annotated[list[str] | None, typer.Option("--over", help="What holds no more.")]
Knows = Annotated[list[str] | None, typer.Option("--knows", help="What the person alone has seen.")]
Stage = Annotated[int | None, typer.Option(min=0, max=100, help="Stage of the story.")]
Mood = Annotated[str, typer.Option(help="What the person feels: sad.")]
Attitude = Annotated[str, typer.Option(help="How the person stands to the player: wary.")]
Register = Annotated[str, typer.Option(help="Level of speech: coarse.")]
Voice = Annotated[str, typer.Option(help="Voice of the corpus: harbour/ferryman.")]
Seed = Annotated[str, typer.Option(help="Another word chooses otherwise.")]
Lines = Annotated[
    Path | None,
    typer.Option(
        "--lines", help="Folder of a corpus: other written lines.", show_default="the one that comes along"
    ),
]
Lore = Annotated[Path | None, typer.Option("--lore", help="Documents that count, too: a file or a folder.")]
Running = Annotated[bool, typer.Option("--running", help="In the running world, as it is now.")]
World = Annotated[
    Path | None, typer.Option("--world", help="Folder of a world.", show_default="the sample world")
]


def say(  # noqa: PLR0913 - one parameter per option of the command line
    what: Annotated[
        str,
        typer.Argument(metavar="LINE|VOICE", help="A line that was said, ann.17; or a voice, harbour/clerk."),
    ],
    plan: Annotated[str, typer.Argument(help="Of a voice: a header of the corpus, 'tell dead(A)'.")] = "",
    *,
    let: Annotated[str, typer.Option(help="Of a plan: what letters stand for, 'A=Ada Vey, she'.")] = "",
    count: Annotated[int, typer.Option(help="Of a plan: how often.", min=1, max=100)] = COUNT,
    words: Words = "",
    hour: Hour = "",
    weather: Weather = "",
    so: So = None,
    over: Over = None,
    knows: Knows = None,
    stage: Stage = None,
    mood: Mood = "",
    attitude: Attitude = "",
    register: Register = "",
    voice: Voice = "",
    seed: Seed = "",
    lore: Lore = None,
    lines: Lines = None,
    anew: Annotated[bool, typer.Option("--anew", help="As if the player had heard nothing before.")] = False,
    json: Json = False,
) -> None:
    """Say a recorded line again in other circumstances, side by side; or a plan in a voice.

    Nothing is recorded. A line needs the running system, a plan nothing. Of a plan each row begins with how
    it came about: `line` (written), `lines` (two of them), `clause` (no line says it).
    """
    if "/" in what or plan:
        say_plan(what, plan, let=let, count=count, seed=seed, json=json)
        return
    asked = Asked(
        words=words,
        hour=hour,
        weather=weather,
        so=so or (),
        over=over or (),
        knows=knows or (),
        stage=stage,
        mood=mood,
        attitude=attitude,
        register=register,
        voice=voice,
        seed=seed,
        anew=anew,
    )
    _, system = running()
    vouched(system)

    async def work() -> Resaid:
        async with open_log(system.dsn_of("aicore_reader"), system.realm, now_us=now_us, writer=False) as log:
            return await resaid(_sources(log, None, lore, lines), what, asked)

    found = _tried(work, what)
    if json:
        rows = {name: {"before": one, "after": other} for name, (one, other) in found.changed.items()}
        print_json({"before": _row(found.before), "after": _row(found.after), "changed": rows})
        return
    for row in side_by_side(found):
        out.print(row, markup=False, soft_wrap=True)


def preview(  # noqa: PLR0913 - one parameter per option of the command line
    person: Annotated[str, typer.Argument(help="Who answers: una_pell.")],
    words: Annotated[str, typer.Argument(help="What a player says to them.")],
    *,
    at: At = "",
    beside: With = None,
    day: Annotated[int, typer.Option(min=0, help="Day of the game.")] = 0,
    hour: Hour = "",
    weather: Weather = "",
    so: So = None,
    over: Over = None,
    knows: Knows = None,
    stage: Stage = None,
    mood: Mood = "",
    attitude: Attitude = "",
    register: Register = "",
    voice: Voice = "",
    seed: Seed = "",
    lore: Lore = None,
    lines: Lines = None,
    world: World = None,
    live: Running = False,
    json: Json = False,
) -> None:
    """Show what somebody would answer to a player's words in a state that you set. Nothing is recorded.

    Nothing needs to run: in a world in which nothing has happened but what `--so` and `--knows` say.
    """
    asked = Asked(
        words=words,
        at=at,
        beside=beside or (),
        hour=hour,
        weather=weather,
        so=so or (),
        over=over or (),
        knows=knows or (),
        stage=stage,
        mood=mood,
        attitude=attitude,
        register=register,
        voice=voice,
        seed=seed,
    )
    spot = Spot(PREVIEW, person, day)

    async def work() -> LineSaid:
        if not live:
            return await previewed(_sources(MemoryLog(PREVIEW, now_us), world, lore, lines), spot, asked)
        _, system = running()
        async with open_log(system.dsn_of("aicore_reader"), system.realm, now_us=now_us, writer=False) as log:
            return await previewed(_sources(log, world, lore, lines), spot, asked)

    line = _tried(work, person)
    if json:
        print_json(_row(line))
        return
    for name, value in told(line).items():
        if value:
            out.print(f"{name:<10} {value}", markup=False, soft_wrap=True)


def _sources(log: EventLog, world: Path | None, lore: Path | None, lines: Path | None) -> Sources:
    definition = definition_of(world)
    codec, mouth = EventCodec(domain_catalogue()), read_mouth(lines)
    return Sources(log, codec, lambda: definition, mouth, PLAYERS, _lore(lore, definition))


def _lore(folder: Path | None, definition: Definition) -> Sequence[Content]:
    if folder is None:
        return ()
    found = check_lore(folder, definition)
    if found.faults:
        fault = found.faults[0]
        remedy = f"`aicore lore check {folder}` tells them all"
        raise Failure(f"{fault.mark}: {fault.fault.found}", remedy=remedy, code=Exit.USAGE)
    return found.contents


def _tried(work: Callable[[], Coroutine[Any, Any, T]], name: str) -> T:
    """Return what ``work`` returns; a fault of what was set is told by its field.

    Raises:
        Failure: there is no such line, a field is wrong, or nobody can answer.
    """
    try:
        return run_async(work())
    except NoSuchLine:
        raise Failure(
            f"the log has no line {name!r}",
            remedy="story.say returns each line's id; `aicore log tail` shows story.said",
            code=Exit.USAGE,
        ) from None
    except WrongStage as wrong:
        for fault in wrong.faults[:-1]:
            out.print(_wrong(fault), markup=False, soft_wrap=True)
        last = wrong.faults[-1]
        raise Failure(_wrong(last), remedy=last.allowed, code=Exit.USAGE) from None
    except Rejected as refusal:
        raise Failure(str(refusal), remedy=refusal.remedy, code=Exit.USAGE) from None


def _wrong(fault: Fault) -> str:
    near = f"; did you mean {fault.nearest}?" if fault.nearest else ""
    return f"{fault.path}: {fault.found}; allowed: {fault.allowed}{near}"


def side_by_side(found: Resaid) -> list[str]:
    """Return what was said and what would be, with what changed it."""
    before, after = told(found.before), told(found.after)
    rows = [f"line       {found.before.line}, said by {found.before.speaker} at {found.before.place}"]
    for name, one in before.items():
        other = after[name]
        if name == "line":
            rows += [f"was        {one}", f"would be   {other}"]
        elif one != other:
            rows.append(f"{name:<10} {one or 'none'} -> {other or 'none'}")
        elif one:
            rows.append(f"{name:<10} {one}")
    return rows if found.changed else [*rows, "nothing is another: as it was recorded"]


def _row(line: LineSaid) -> Mapping[str, Any]:
    return {**told(line), "claims": [str(each.claim) for each in line.plan.claims], "speaker": line.speaker}
