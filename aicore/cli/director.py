"""What the director plays: `aicore explain silence`, `aicore story scenes`, `aicore story arcs`."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from aicore.audit.director import NothingKnown, arcs_of, direction_of, played, silence
from aicore.cli.called import id_of
from aicore.cli.terminal import Exit, Failure, Json, out, print_json, run_async, running
from aicore.cli.vouching import vouched
from aicore.cli.wire import over_wire
from aicore.clock import now_us
from aicore.content.sample_world import sample_definition
from aicore.running import System
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import EventLog
from bus.postgres.log import open_log
from domain.director.explaining import shown
from domain.director.messages import (
    ArcEnded,
    DirectorEvent,
    SceneClosed,
    SceneOpened,
    Stirred,
    TensionChanged,
)
from domain.director.queries import NEAREST_DEFAULT, NEAREST_MAX
from domain.story.messages import LineSaid

LOOK_S = 1.0


def explain_silence(
    player: Annotated[str, typer.Argument(help="The player's id.")],
    at: Annotated[
        int | None,
        typer.Option(min=1, help="As of this position: the log is folded up to there, and nothing is asked."),
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=NEAREST_MAX, help="How many storylets.")] = NEAREST_DEFAULT,
    *,
    json: Json = False,
) -> None:
    """Show why no storylet is played for a player: for the nearest ones, which conditions do not hold."""
    who = id_of(player, "player")
    found = _silence_now(who, most) if at is None else _silence_at(who, most, at)
    if found is None:
        raise Failure(
            f"{player!r} is in no place, by the log",
            remedy="who is on the way is in none; `aicore story arcs` lists who was directed",
            code=Exit.USAGE,
        )
    if json:
        print_json(found)
        return
    for line in lines_of(found):
        out.print(line, markup=False, soft_wrap=True)


def _silence_now(player: str, most: int) -> Mapping[str, Any] | None:
    """Return what a running process has in memory: it takes no longer where the log is long."""
    asked = {"player": player, "most": most}
    found: Mapping[str, Any] | None = over_wire(lambda client: client.query("director.silence", asked)).result
    return found


def _silence_at(player: str, most: int, at: int) -> Mapping[str, Any] | None:
    _, system = running()
    vouched(system)
    codec = EventCodec(domain_catalogue())

    async def work() -> Mapping[str, Any] | None:
        async with open_log(system.dsn_of("aicore_reader"), system.realm, now_us=now_us, writer=False) as log:
            try:
                found = await silence(
                    log, codec, player, at=at, now_us=now_us(), otherwise=sample_definition, most=most
                )
            except NothingKnown:
                return None
            return shown(found)

    return run_async(work())


def lines_of(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield why nothing is played, as ``director.silence`` tells it, in words."""
    minute = found["now_ms"] // 60_000 % 1_440
    clock = f"{minute // 60:02}:{minute % 60:02}"
    sky = found["weather"] or "no weather"
    yield f"at {clock}, up to event {found['position']}: {found['place']}, {found['phase']}, {sky}"
    yield f"tension {found['tension']}, {found['level'] / 10:g} %; of the realm {found['realm']}"
    for each in found["stirred"]:
        yield f"  {_stir(each['claims'], each['by'])}, {each['ago_ms'] // 60_000} min of the game ago"
    if found["scene"]:
        yield f"{found['scene']} is being played"
    elif found["waits_ms"]:
        yield f"the next scene may begin in {-(-found['waits_ms'] // 60_000)} min of the game"
    if found["would"]:
        yield f"{found['would']} could be played"
    for each in found["nearest"]:
        yield f"  {each['storylet']}"
        for it in each["missing"]:
            yield f"    {it['field']}: wants {it['wanted']}; {it['found']}"


def scenes(
    player: Annotated[str, typer.Option(help="Only of this player.")] = "",
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what comes, until Ctrl-C.")] = False,
    json: Json = False,
) -> None:
    """Show what was played: scenes in plain sentences, what was said, how arcs ended, how tense it got."""
    _, system = running()
    vouched(system)
    run_async(_show_scenes(system, player, follow=follow, json=json))


async def _show_scenes(system: System, player: str, *, follow: bool, json: bool) -> None:
    codec, after = EventCodec(domain_catalogue()), 0
    async with open_log(system.dsn_of("aicore_reader"), system.realm, now_us=now_us, writer=False) as log:
        while True:
            async for position, event in played(log, codec, after):
                after = position
                if not player or getattr(event, "player", None) == player:
                    _show(event, json=json)
            if not follow:
                return
            await asyncio.sleep(LOOK_S)


def _show(event: DirectorEvent | LineSaid, *, json: bool) -> None:
    if json:
        print_json({"event": event.event_name, **event.model_dump(mode="json")})
        return
    for line in sentences(event):
        out.print(line, markup=False, soft_wrap=True)


def sentences(event: DirectorEvent | LineSaid) -> Iterator[str]:
    """Yield what an event means, in plain sentences; nothing of what only programs need."""
    match event:
        case SceneOpened():
            yield f"[{event.player} at {event.place}] {event.says}"
            if event.quest:
                yield f"    (a task comes up: {event.quest})"
        case LineSaid():
            to = "" if event.listener == f"player.{event.player}" else f" to {event.things[1].name}"
            yield f"[{event.player}]   {event.things[0].name}{to}: {event.text}"
        case SceneClosed(sways=[_, *_]):
            for each in event.sways:
                to = f", and regard for {each.other} by {each.regard / 1000:+g}" if each.other else ""
                yield f"[{event.player}] {each.faction}: power {each.power / 1000:+g}{to}"
        case ArcEnded():
            yield f"[{event.player}] {event.arc} ends ({event.outcome}): {event.text}"
        case Stirred():
            yield f"[{event.player}] {_stir(event.claims, event.by)}"
        case TensionChanged():
            yield f"[{event.player or 'the realm'}] tension: {event.state}"
        case _:
            return


def _stir(claims: Sequence[str], by: int) -> str:
    return f"saw {', '.join(claims)}: {'tenser' if by > 0 else 'calmer'} by {abs(by) / 10:g} %"


def arcs(
    player: Annotated[str, typer.Argument(help="Of this player; else of all.")] = "", *, json: Json = False
) -> None:
    """Show the arcs that players are in, where they are in them and with whom, and how others ended."""
    _, system = running()
    vouched(system)
    codec = EventCodec(domain_catalogue())

    async def work() -> list[dict[str, str]]:
        async with open_log(system.dsn_of("aicore_reader"), system.realm, now_us=now_us, writer=False) as log:
            return await _arcs(log, codec, id_of(player, "player") if player else "")

    rows = run_async(work())
    if json:
        print_json(rows)
        return
    for row in rows:
        out.print(f"{row['player']:<14} {row['arc']:<22} {row['at']}  {row['cast']}", markup=False)
    if not rows:
        out.print("nobody is or was in an arc", markup=False)


async def _arcs(log: EventLog, codec: EventCodec, player: str) -> list[dict[str, str]]:
    direction = await direction_of(log, codec)
    return [
        {"player": who, "arc": arc, "at": at, "cast": cast}
        for who, told_ in sorted(direction.players.items())
        if player in ("", who)
        for arc, at, cast in arcs_of(told_)
    ]
