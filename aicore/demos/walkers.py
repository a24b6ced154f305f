"""Players who walk about, trade and take quests over the public wire, as a game service would have them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from aicore.client import Client, Refused

LATE_S = 0.3
PAUSE_S = 1.0
"""Before another wish, where nothing says when to come again."""

PURSES, PURSE = "source.purses", 50_000
SELLS, BUYS_MAX = 0.5, 3
ERRANDS, OBJECTIVES = 0.25, 2
"""How often one thinks of quests on arriving; objectives of a stage that are tried."""

Say = Callable[[str], None]


async def walk(client: Client, *, players: int, seconds: float, say: Say, draw: Random) -> Mapping[str, int]:
    """Have so many players walk for a while; return what came of it, counted."""
    world = (await client.query("places.map")).result
    counts: Counter[str] = Counter()
    names = [f"walker-{number}" for number in range(players)]
    stalls = {each["market"]: each for each in (await client.query("market.markets")).result}
    walkers = [_Walker(client, name, world, counts, Random(draw.random())) for name in names]
    for walker in walkers:
        await walker.open()
    await _fill_purses(client, names, sorted({each["currency"] for each in stalls.values()}))
    for walker in walkers:
        walker.stalls = frozenset(stalls)
    clock = (await client.query("clock.now")).result  # there is one, or nobody could have opened a session
    scale = max(1.0, clock["rate_num"] / clock["rate_den"])
    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for walker in walkers:
                group.create_task(walker.run(say, scale))
    except TimeoutError:
        pass
    return counts


async def _fill_purses(client: Client, names: Sequence[str], currencies: Sequence[str]) -> None:
    """Give each player coins, from a source that says what for."""
    if not currencies:
        return
    says = "Purses of players in the demo"
    await client.command("ledger.declare_flow", {"account": PURSES, "says": says})
    for account in map(account_of, names):
        await client.command("ledger.open_account", {"account": account})
        moves = [{"unit": unit, "payer": PURSES, "payee": account, "amount": PURSE} for unit in currencies]
        with suppress(Refused):  # nobody trades in that currency before the first morning
            await client.command("ledger.transfer", {"moves": moves, "reason": "demo"})


def account_of(player: str) -> str:
    """Return a player's account."""
    return f"player.{player}"


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
        self._whims = Random(name)
        self._opened: Mapping[str, Any] = {}
        self.stalls: frozenset[str] = frozenset()
        self._quest: Mapping[str, Any] = {}
        """What was last told of the quest that the player is on."""
        self._has: Counter[str] = Counter()
        """Goods that were bought on this walk."""

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
                if here in self.stalls:
                    await self._trade(here, say)
                if game_ms and self._whims.random() < ERRANDS:
                    await self._errand(mine, say)
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

    async def _trade(self, here: str, say: Say) -> None:
        """Buy something at a stall, or sell what one has; a refusal is counted as it is told."""
        goods = (await self._client.query("market.board", {"market": here})).result["goods"]
        if not goods:
            return
        ware = self._draw.choice(goods)
        had = self._has[ware["good"]]
        sells = had > 0 and self._draw.random() < SELLS
        quantity = self._draw.randint(1, had if sells else BUYS_MAX)
        asked = {
            "market": here,
            "good": ware["good"],
            "quantity": quantity,
            "account": account_of(self._name),
        }
        try:
            done = (await self._client.command("market.sell" if sells else "market.buy", asked)).result
        except Refused as refusal:
            self._counts[refusal.error.code] += 1
            return
        self._has[ware["good"]] += -quantity if sells else quantity
        self._counts["trades"] += 1
        what = "sells" if sells else "buys"
        say(f"{self._name} {what} {quantity} {ware['good']} at {here} for {done['coins']} {done['currency']}")

    def _near(self, here: str) -> Sequence[str]:
        """Return where one can go from a place on foot, open or not; at least the place itself."""
        found = [
            way["end"] if way["start"] == here else way["start"]
            for way in self._world["ways"]
            if here in (way["start"], way["end"]) and "foot" in way["seconds"]
        ]
        return found or [here]

    async def _errand(self, mine: Mapping[str, Any], say: Say) -> None:
        """Take a quest, or try to go on with the one that there is; where they go brings it on, too."""
        if not self._quest:
            made = await self._asked("quests.generate", mine)
            self._quest = await self._asked("quests.accept", {**mine, "quest": made["quest"]}) if made else {}
            if self._quest:
                self._counts["quests"] += 1
                say(f"{self._name} takes {self._quest['quest']}")
            return
        quest = self._quest
        on = {**mine, "instance": quest["instance"], "stage": quest["stage"]}
        tries = [("quests.advance", {"objective": number}) for number in range(OBJECTIVES)]
        for command, what in [*tries, ("quests.choose", {"choice": 0})]:
            if found := await self._asked(command, {**on, **what}):
                self._quest = found
                if found["over"]:
                    say(f"{self._name} has {found['over']} {found['quest']}")
                    self._quest = {}
                return

    async def _asked(self, command: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a command came to; {} if it was refused, which is counted, or it is over by itself."""
        try:
            return (await self._client.command(command, dict(payload))).result
        except Refused as refusal:
            self._counts[refusal.error.code] += 1
            self._quest = {} if refusal.error.code == "quest_over" else self._quest
            return {}
