"""Players who walk about the city, trade, talk and take quests over the public wire."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from aicore.client import Client
from aicore.demos.attention import Attention
from aicore.demos.deeds import Player, Say, fill_purses, go_on, look_round, talk, trade

LATE_S = 0.3
STRAYS = 0.3
"""How often one goes elsewhere than where the quest leads: the way there may be shut for long."""


async def walk(
    client: Client, names: Sequence[str], *, seconds: float, say: Say, draw: Random
) -> Mapping[str, int]:
    """Have players of these names live in the world for a while; return what came of it, counted."""
    world = (await client.query("places.map")).result
    stalls = {each["market"]: each for each in (await client.query("market.markets")).result}
    counts: Counter[str] = Counter()
    attention = Attention()
    walkers = [
        _Walker(Player(client, name, Random(draw.random()), counts, say), world, stalls, attention)
        for name in names
    ]
    for walker in walkers:
        await walker.open()
    await fill_purses(client, names, sorted({each["currency"] for each in stalls.values()}))
    clock = (await client.query("clock.now")).result  # there is one, or nobody could have opened a session
    scale = max(1.0, clock["rate_num"] / clock["rate_den"])
    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            group.create_task(attention.run(client))
            for walker in walkers:
                group.create_task(walker.run(scale))
    except TimeoutError:
        pass
    return counts


class _Walker:
    """Where one player goes. Every player's choices are drawn from a seed of their own."""

    def __init__(
        self, player: Player, world: Mapping[str, Any], stalls: Mapping[str, Any], attention: Attention
    ) -> None:
        self.player = player
        self._attention = attention
        self._world = world
        self._stalls = stalls
        self._last = ""
        """Where they are, or were last; "" for who was nowhere yet."""
        self._wanted = ""
        """Where a quest leads."""

    async def open(self) -> None:
        """Open the player's session, and enter the world, or wait for the end of a walk of the last time."""
        player = self.player
        while not self._last:
            opened = (await player.client.command("session.open", {"player": player.name})).result
            player.session, self._last = opened["session"], opened["place"]
            if not self._last:
                place = opened["last"] or player.draw.choice(self._world["arrivals"])
                if await player.try_("places.enter", {**player.mine, "place": place}) is None:
                    await asyncio.sleep(player.again_s)

    async def run(self, scale: float) -> None:
        """Live until cancelled; leave the world in order. ``scale``: game time per real time."""
        try:
            while True:
                await self._go(scale)
                await talk(self.player, self._last)
                await look_round(self.player, self._last)
                if self._last in self._stalls:
                    await trade(self.player, self._last)
                await self._attention.attend(self.player.name)
                self._wanted = await go_on(self.player, self._last)
                player = self.player
                sought = await self._attention.sought(player.client, player.name, player.draw)
                self._wanted = sought or self._wanted
        finally:
            await asyncio.shield(self.player.client.command("session.close", self.player.mine))

    async def _go(self, scale: float) -> None:
        """Go where a quest leads, or to somewhere near; return once there."""
        draw = self.player.draw
        to = self._wanted if self._wanted and draw.random() >= STRAYS else draw.choice(self._near())
        route = await self.player.try_("places.depart", {**self.player.mine, "to": to})
        if route is None:
            await asyncio.sleep(self.player.again_s)
            return
        times: Sequence[int] = route.get("times_ms", (0,))
        self.player.counts["journeys"] += 1
        self.player.say(f"{self.player.name} goes from {self._last} to {to}")
        await asyncio.sleep((times[-1] - times[0]) / 1e3 / scale + LATE_S)
        self._last = to

    def _near(self) -> Sequence[str]:
        """Return where one can go on foot, open or not; at least where one is."""
        found = [
            way["end"] if way["start"] == self._last else way["start"]
            for way in self._world["ways"]
            if self._last in (way["start"], way["end"]) and "foot" in way["seconds"]
        ]
        return found or [self._last]
