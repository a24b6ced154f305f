"""`aicore world watch`: a map of the city that lives, until Ctrl-C."""

import asyncio
import time
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from aicore.city_map import drawn, listed
from aicore.city_watch import CityWatch
from aicore.cli.terminal import out
from aicore.cli.wire import over_wire
from aicore.client import Client

FRAME_S = 0.25
REFRESH_S = 2.0
MARGIN, LISTED_LINES = 6, 8


def watch(
    side: Annotated[str, typer.Option(help="Which side of the city: light or dark.")] = "light",
) -> None:
    """Show who is where, and on the way: a number in each place, a dot for who walks. Ends with Ctrl-C."""

    async def live(client: Client) -> None:
        city = CityWatch(client)
        await city.open()
        asked_at = time.monotonic()
        with Live(console=out, screen=False) as shown:
            while True:
                passed_s = time.monotonic() - asked_at
                shown.update(page(city, side, city.game_ms + int(passed_s * 1_000 * city.rate)))
                await asyncio.sleep(FRAME_S)
                if passed_s >= REFRESH_S:
                    await city.refresh()
                    asked_at = time.monotonic()

    over_wire(live)


def page(city: CityWatch, side: str, game_ms: int) -> Group:
    """Return the map with who is where below it."""
    width, height = out.size
    lines = max(6, height - LISTED_LINES - MARGIN)
    minute = game_ms // 60_000 % 1_440
    walking = sum(1 for _ in city.walkers(game_ms))
    sky = "".join(f"; {zone}: {state.replace('_', ' ')}" for zone, state in city.weather.items())
    head = Text(f"{minute // 60:02}:{minute % 60:02}, the {side} side; {walking} on the way{sky}", "bold")
    plan = [Text(line, no_wrap=True) for line in drawn(city, side, game_ms, columns=width - 2, lines=lines)]
    below = [Text(line, "dim", no_wrap=True, overflow="ellipsis") for line in listed(city, side)]
    return Group(head, *plan, *below[:LISTED_LINES])
