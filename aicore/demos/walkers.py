"""Players who walk about the city over the public wire, as a game service would have them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from aicore.client import Client, Refused

LATE_S = 0.3
PAUSE_S = 1.0
"""Before another wish, where nothing says when to come again."""

Say = Callable[[str], None]


async def walk(client: Client, *, players: int, seconds: float, say: Say, draw: Random) -> Mapping[str, int]:
    """Have so many players walk for a while; return what came of it, counted."""
    world = (await client.query("places.map")).result
    counts: Counter[str] = Counter()
    names = [f"walker-{number}" for number in range(players)]
    walkers = [_Walker(client, name, world, counts, Random(draw.random())) for name in names]
    for walker in walkers:
        await walker.open()
    clock = (await client.query("clock.now")).result  # there is one, or nobody could have opened a session
    scale = max(1.0, clock["rate_num"] / clock["rate_den"])
    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for walker in walkers:
                group.create_task(walker.run(say, scale))
    except TimeoutError:
        pass
    return counts


class _Walker:
    """One player. Every player's choices are drawn from a seed of their own."""

    def __init__(
        self, client: Client, name: str, world: Mapping[str, Any], counts: Counter[str], draw: Random
    ) -> None:
        self._client = client
        self._name = name
        self._world = world
        self._counts = counts
        self._draw = draw
        self._opened: Mapping[str, Any] = {}

    async def open(self) -> None:
        """Open the player's session."""
        self._opened = (await self._client.command("session.open", {"player": self._name})).result

    async def run(self, say: Say, scale: float) -> None:
        """Walk until cancelled; leave the world in order. ``scale``: game time per real time."""
        mine = {"player": self._name, "session": self._opened["session"]}
        try:
            here = self._opened["place"] or await self._enter(mine, self._opened["last"])
            while True:
                here, game_ms = await self._go(mine, here, say)
                await asyncio.sleep(game_ms / 1e3 / scale + LATE_S)
        finally:
            await asyncio.shield(self._client.command("session.close", mine))

    async def _enter(self, mine: Mapping[str, Any], last: str) -> str:
        place = last or self._draw.choice(self._world["arrivals"])
        await self._client.command("places.enter", {**mine, "place": place})
        return str(place)

    async def _go(self, mine: Mapping[str, Any], here: str, say: Say) -> tuple[str, int]:
        """Set out for somewhere; return where the player is then, and after how much game time, in ms."""
        to = self._draw.choice(self._near(here))
        try:
            route = (await self._client.command("places.depart", {**mine, "to": to})).result
        except Refused as refusal:
            self._counts[refusal.error.code] += 1
            wait_ms = refusal.error.retry_after_ms
            await asyncio.sleep(wait_ms / 1e3 if wait_ms else PAUSE_S)
            return here, 0
        times: Sequence[int] = route.get("times_ms", (0,))
        self._counts["journeys"] += 1
        say(f"{self._name} goes from {here} to {to}")
        return to, times[-1] - times[0]

    def _near(self, here: str) -> Sequence[str]:
        """Return where one can go from a place on foot, open or not; at least the place itself."""
        found = [
            way["end"] if way["start"] == here else way["start"]
            for way in self._world["ways"]
            if here in (way["start"], way["end"]) and "foot" in way["seconds"]
        ]
        return found or [here]
