"""Simulated players of a world of its own, who go from stall to stall, buy, hoard and sell again.

Their wishes are hashes of seed, day and name; what comes of them is decided as for any player, refusals
included. They are paid by a declared source, so that the money adds up.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from aicore.headless.world import World
from aicore.wiring.market import stalls_in_memory
from domain.kernel.chance import below, chance
from domain.kernel.decider import Rejected
from domain.market.stalls import Stall
from handlers.market.view import Stalls

OPERATOR, SERVICE = "operator:headless", "service:traders"
WAGES, WAGE = "source.wages", 2_000
NAMES = ("ann", "ben", "cid", "dot", "eli", "fay")
BUYS_MAX = 4
HOARDS = 80
"""How often, in thousandths, one buys all that a stall has of a good."""

KEEPS_DAYS = 6
STEPS_MAX = 3
"""Stalls that one tries to go to on a day."""

BUYS, HOARD, WHAT, MUCH, SELLS = range(1, 6)
"""What dice are for."""


@dataclass
class Trader:
    """One of them.

    Attributes:
        at: number of the stall in their round where they are.
        has: goods that they bought.
    """

    name: str
    round: Sequence[Stall]
    at: int = 0
    has: Counter[str] = field(default_factory=Counter)

    @property
    def stall(self) -> Stall:
        """Where they are, or are bound for."""
        return self.round[self.at % len(self.round)]


@dataclass
class Traders:
    """All of them; ``refused`` counts what was refused, by code."""

    world: World
    seed: int
    traders: list[Trader] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    trades: int = 0

    async def arrive(self) -> None:
        """Come into the world, each at a stall of their side, with an account."""
        view: Stalls = self.world.parts.opened[stalls_in_memory]
        sides: dict[str, list[Stall]] = {}
        for stall in view.stalls.values():
            sides.setdefault(stall.side, []).append(stall)
        await self._say("ledger.declare_flow", {"account": WAGES, "says": "Wages"}, OPERATOR)
        for number, name in enumerate(NAMES if sides else ()):
            stalls = sides[sorted(sides)[number % len(sides)]]
            trader = Trader(name, stalls, at=number * len(stalls) // len(NAMES))
            self.traders.append(trader)
            await self._say("ledger.open_account", {"account": f"player.{name}"}, OPERATOR)
            await self._say("session.open", {"player": name, "build": ""})
            await self._say("places.enter", {**self._mine(trader), "place": trader.stall.market})

    async def trade(self, day: int) -> None:
        """Be paid, buy something, and now and then sell what is kept."""
        for trader in self.traders:
            stall = trader.stall
            account = f"player.{trader.name}"
            move = {"unit": stall.currency, "payer": WAGES, "payee": account, "amount": WAGE}
            await self._say("ledger.transfer", {"moves": [move], "reason": "wages"}, OPERATOR)
            goods = sorted(stall.terms)
            good = goods[self._dice(WHAT, day, trader, len(goods))]
            quantity = 1 + self._dice(MUCH, day, trader, BUYS_MAX)
            if self._dice(HOARD, day, trader, 1_000) < HOARDS:
                quantity = stall.terms[good].shelf
            await self._order("market.buy", trader, good, quantity)
            kept = [each for each in goods if trader.has[each]]
            if kept and day % KEEPS_DAYS == crc32(trader.name.encode()) % KEEPS_DAYS:
                sold = kept[self._dice(SELLS, day, trader, len(kept))]
                await self._order("market.sell", trader, sold, trader.has[sold])

    async def go_on(self) -> None:
        """Set out for the next stall of the round."""
        for trader in self.traders:
            for step in range(1, STEPS_MAX + 1):  # a door or a way may be shut
                to = trader.round[(trader.at + step) % len(trader.round)].market
                asked = {**self._mine(trader), "to": to, "means": "foot"}
                if await self._say("places.depart", asked) is not None:
                    trader.at += step
                    break

    def _mine(self, trader: Trader) -> dict[str, Any]:
        return {"player": trader.name, "session": 1}

    def _dice(self, what: int, day: int, trader: Trader, of: int) -> int:
        return below(chance(self.seed, day, what, crc32(trader.name.encode())), of)

    async def _order(self, command: str, trader: Trader, good: str, quantity: int) -> None:
        account = f"player.{trader.name}"
        asked = {"market": trader.stall.market, "good": good, "quantity": quantity, "account": account}
        if await self._say(command, asked) is not None:
            trader.has[good] += quantity if command == "market.buy" else -quantity
            self.trades += 1

    async def _say(
        self, command: str, payload: Mapping[str, Any], by: str = SERVICE
    ) -> Mapping[str, Any] | None:
        """Have a command carried out; None, and counted, if it is refused."""
        try:
            return (await self.world.say(command, payload, by=by)).result
        except Rejected as refusal:
            self.refused[refusal.code] += 1
            return None
