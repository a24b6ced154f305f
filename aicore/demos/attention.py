"""What is played for the demo's players: who is in a scene stays to its end, and seeks whom it is with."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress
from random import Random
from typing import Any

from aicore.client import Client
from protocol.envelope import Envelope
from protocol.packing import unpack

SCENES = "director.scene_opened", "director.scene_closed"
ARCS = "director.arc_begun", "director.arc_recast", "director.arc_ended"
STAYS_S_MAX = 20.0
"""A scene ends by itself; nobody waits longer for that."""

AFTER_S = 0.6
"""After coming somewhere: so long the director may take to see it."""

SEEKS = 0.5
"""How often one whose story has begun goes to somebody of it."""


class Attention:
    """Follows the realm's events. Run `run` in a task."""

    def __init__(self) -> None:
        self._open: dict[str, asyncio.Event] = {}
        self._casts: dict[str, dict[int, dict[str, str]]] = {}

    async def run(self, client: Client) -> None:
        """Listen for ever."""
        async with aclosing(client.events()) as events:
            async for event in events:
                self.hear(event)

    def hear(self, event: Envelope) -> None:
        """Take an event in."""
        if event.type not in (*SCENES, *ARCS):
            return
        told: Mapping[str, Any] = unpack(event.payload, "payload")
        player = told["player"]
        match event.type.partition(".")[2]:
            case "scene_opened":
                self._open[player] = asyncio.Event()
            case "scene_closed":
                if over := self._open.pop(player, None):
                    over.set()
            case "arc_begun":
                self._casts.setdefault(player, {})[told["run"]] = dict(told["cast"])
            case "arc_recast":
                self._casts.get(player, {}).get(told["run"], {})[told["role"]] = told["now"]
            case _:
                self._casts.get(player, {}).pop(told["run"], None)

    async def attend(self, player: str) -> None:
        """Return once no scene is played for a player."""
        await asyncio.sleep(AFTER_S)
        if over := self._open.get(player):
            with suppress(TimeoutError):
                async with asyncio.timeout(STAYS_S_MAX):
                    await over.wait()

    async def sought(self, client: Client, player: str, draw: Random) -> str:
        """Return where somebody of a player's story is; "" if none is sought."""
        people = sorted({who for cast in self._casts.get(player, {}).values() for who in cast.values()})
        if not people or draw.random() >= SEEKS:
            return ""
        at = (await client.query("people.person", {"person": draw.choice(people)})).result
        return str(at["place"]) if at else ""
