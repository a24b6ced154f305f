"""What players do where they are: trade, talk, go on with a quest; over the public wire."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aicore.client import Client, Refused, Unanswered

PAUSE_S = 1.0
"""Before another wish, where nothing says when to come again."""

PURSES, PURSE = "source.purses", 50_000
SELLS, BUYS_MAX = 0.5, 3
TALKS = 0.2
"""How often one who meets somebody says something."""

LOOKS = 0.3
"""How often one who comes somewhere looks what is to be seen there."""

SAID = ("Who are you?", "Any news?", "Where is {}?", "Tell me about {}.", "Why?", "Good day.")
SAID_MAX = 100

Say = Callable[[str], None]


@dataclass(slots=True)
class Player:
    """One player, as a game service has them.

    Attributes:
        has: goods that were bought on this walk.
        again_s: when what was refused last is worth another try.
    """

    client: Client
    name: str
    draw: Random
    counts: Counter[str]
    say: Say
    session: int = 0
    has: Counter[str] = field(default_factory=Counter)
    again_s: float = PAUSE_S

    @property
    def mine(self) -> dict[str, Any]:
        """Return what each command of theirs names."""
        return {"player": self.name, "session": self.session}

    async def try_(self, command: str, payload: Mapping[str, Any]) -> Any:
        """Send a command and return its result; None, and counted, if refused or not served."""
        try:
            return (await self.client.command(command, payload)).result
        except Refused as refusal:
            wait_ms, why = refusal.error.retry_after_ms, refusal.error.code
        except Unanswered:
            wait_ms, why = None, "unanswered"
        self.again_s = wait_ms / 1e3 if wait_ms else PAUSE_S
        self.counts[why] += 1
        return None


def account_of(player: str) -> str:
    """Return a player's account."""
    return f"player.{player}"


async def fill_purses(client: Client, names: Sequence[str], currencies: Sequence[str]) -> None:
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


async def trade(player: Player, here: str) -> None:
    """Buy something at a stall, or sell what one has."""
    goods = (await player.client.query("market.board", {"market": here})).result["goods"]
    if not goods:
        return
    good = player.draw.choice(goods)["good"]
    had = player.has[good]
    sells = had > 0 and player.draw.random() < SELLS
    quantity = player.draw.randint(1, had if sells else BUYS_MAX)
    asked = {"market": here, "good": good, "quantity": quantity, "account": account_of(player.name)}
    done = await player.try_("market.sell" if sells else "market.buy", asked)
    if done is None:
        return
    player.has[good] += -quantity if sells else quantity
    player.counts["trades"] += 1
    what = f"{'sells' if sells else 'buys'} {quantity} {good}"
    player.say(f"{player.name} {what} at {here} for {done['coins']} {done['currency']}")


async def talk(player: Player, here: str) -> None:
    """Say something to somebody who is here, now and then."""
    if player.draw.random() >= TALKS:
        return
    there = (await player.client.query("people.here", {"place": here})).result
    if not there:
        return
    person, other = player.draw.choice(there), player.draw.choice(there)
    words = player.draw.choice(SAID).format(other["name"])
    answer = await player.try_("story.say", {**player.mine, "to": person["who"], "text": words})
    if answer is not None:
        player.counts["talks"] += 1
        player.say(f"{player.name} to {person['name']}: {words} - {answer['text'][:SAID_MAX]}")


async def look_round(player: Player, here: str) -> None:
    """Discover what is to be seen here, now and then: the plainest that one has not found yet."""
    if player.draw.random() >= LOOKS:
        return
    seen: Sequence[Mapping[str, Any]] = ()
    with suppress(Refused, Unanswered):  # a place of another world's, or a realm where nobody looks
        asked = {"place": here, "player": player.name}
        seen = (await player.client.query("traces.at", asked)).result["traces"]
    new = next((each for each in seen if not each["found"]), None)
    if new is None:
        return
    found = await player.try_("traces.discover", {**player.mine, "trace": new["trace"]})
    if found is not None:
        player.counts["finds"] += 1
        player.say(f"{player.name} finds: {new['sees']}")


async def go_on(player: Player, here: str) -> str:
    """Take a quest, or do here what one asks for; return where it leads next, or ``""``."""
    running = (await player.client.query("quests.journal", {"player": player.name, "running": True})).result
    if not running:
        await _take(player)
        return ""
    quest = running[0]
    for number, (kind, what, _, done) in enumerate(quest["objectives"]):
        if kind == "go" and not done:
            return str(what)
        if kind == "talk" and not done:
            return await _meet(player, here, quest, number)
    return ""


async def _take(player: Player) -> None:
    offers = (await player.client.query("quests.offers", {"player": player.name})).result
    free = [offer["quest"] for offer in offers if not offer["why"]]
    if not free:
        return
    quest = player.draw.choice(free)
    if await player.try_("quests.accept", {**player.mine, "quest": quest}) is not None:
        player.counts["quests"] += 1
        player.say(f"{player.name} takes the quest {quest}")


async def _meet(player: Player, here: str, quest: Mapping[str, Any], number: int) -> str:
    """Say that an objective was done with whom it names, if they are here; else return where they are."""
    whom = quest["objectives"][number][1]
    at = (await player.client.query("people.person", {"person": whom})).result
    if at is None or at["place"] != here:
        return str(at["place"]) if at else ""
    step = {"instance": quest["instance"], "stage": quest["stage"], "objective": number}
    if await player.try_("quests.advance", {**player.mine, **step}) is not None:
        player.counts["steps"] += 1
        player.say(f"{player.name} goes on with {quest['quest']}, with {whom}")
    return ""
