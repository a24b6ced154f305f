"""`aicore talk`: go to somebody of the world as a player, and speak with them."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import typer

from aicore.cli.called import id_of
from aicore.cli.terminal import Failure, Json, err, out, print_json
from aicore.cli.wire import over_wire
from aicore.client import Client

WAYS_MAX = 5
"""Times that somebody is followed who has gone elsewhere meanwhile."""
LATE_S = 0.3
"""After an arrival until every process knows of it."""


def talk(
    person: Annotated[str, typer.Argument(help="Whom to; `aicore people list`.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(help="What is said, each in quotes.", show_default="lines that you type"),
    ] = None,
    *,
    player: Annotated[str, typer.Option(help="Id of the player who goes there and speaks.")] = "you",
    json: Json = False,
) -> None:
    """Go to somebody of the world as a player and speak with them; what is said is recorded.

    The player walks there, which takes its time. Each line can be asked about: `aicore explain line you.1`.
    """
    whom, spoken = id_of(person, "person"), list[Mapping[str, Any]]()

    async def work(client: Client) -> None:
        async with _beside(client, id_of(player, "player"), whom) as session:
            async for text in _typed(words or []):
                said = {**session, "to": f"person.{whom}", "text": text}
                spoken.append((await client.command("story.say", said)).result)
                if not json:
                    _tell(spoken[-1])

    over_wire(work)
    if json:
        print_json(spoken)


def _tell(line: Mapping[str, Any]) -> None:
    out.print(line["text"], style="bold", markup=False, soft_wrap=True)
    out.print(f"[dim]line {line['line']} · {line['rung']}[/dim]")


async def _typed(words: Sequence[str]) -> AsyncIterator[str]:
    """Yield what is said: the words that were given, or lines until an empty one."""
    for each in words:
        yield each
    while not words:
        if sys.stdin.isatty():
            err.print("> ", end="")
        text = (await asyncio.to_thread(sys.stdin.readline)).strip()
        if not text:
            return
        yield text


@asynccontextmanager
async def _beside(client: Client, player: str, person: str) -> AsyncIterator[Mapping[str, Any]]:
    """Bring a player to a person; yield the player and the session."""
    opened = (await client.command("session.open", {"player": player})).result
    session = {"player": player, "session": opened["session"]}
    try:
        here = opened["place"] or await _entered(client, session, opened["last"], person)
        for _ in range(WAYS_MAX):
            there = await _place_of(client, person)
            if there == here:
                break
            here = await _gone(client, session, there)
        yield session
    finally:
        await client.command("session.close", session)


async def _place_of(client: Client, person: str) -> str:
    """Return where somebody is.

    Raises:
        Failure: nobody is called so, or they are on the way.
    """
    found = (await client.query("people.person", {"person": person})).result
    if found is None:
        raise Failure(f"nobody called {person!r} lives here", remedy="`aicore people list` names everybody")
    if not found["place"]:
        raise Failure(f"{found['name']} is on the way to {found['bound_for']}", remedy="try again in a while")
    place: str = found["place"]
    return place


async def _entered(client: Client, session: Mapping[str, Any], last: str | None, person: str) -> str:
    """Have a player come into the world where they left it, or near somebody."""
    there = await _place_of(client, person)
    arrivals = (await client.query("places.map")).result["arrivals"]
    place = last or (there if there in arrivals else arrivals[0])
    await client.command("places.enter", {**session, "place": place})
    await asyncio.sleep(LATE_S)
    return str(place)


async def _gone(client: Client, session: Mapping[str, Any], to: str) -> str:
    """Have a player go to a place; return once there."""
    route = (await client.command("places.depart", {**session, "to": to})).result
    clock = (await client.query("clock.now")).result
    times = route["times_ms"]
    seconds = (times[-1] - times[0]) / 1e3 * clock["rate_den"] / max(1, clock["rate_num"])
    with err.status(f"{session['player']} walks to {to}, {seconds:.0f} s"):
        await asyncio.sleep(seconds + LATE_S)
    return to
