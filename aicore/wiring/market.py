"""Markets: stalls in memory, orders, who keeps a stall, and this process's readiness to open each day."""

from collections.abc import Callable
from functools import partial

from aicore.settings import Settings
from aicore.wiring.clock import clock_in_memory
from aicore.wiring.ledger import ledger_desk
from aicore.wiring.parts import Part, Parts
from aicore.wiring.places import FollowedClock, player_limits, whereabouts
from domain.clock.units import GameTime, RealTime
from domain.ledger.book import STREAM
from domain.market.commands import Keeping, ShutStall, TakeOverStall
from domain.market.market import MARKET, Market
from domain.market.messages import MarketEvent
from domain.market.queries import BoardQuery, MarketsQuery, PricesQuery
from domain.market.stalls import Stall, stream_of
from domain.people.lives import who_of
from domain.places.city import TimeOfDay
from domain.session.limits import OverAllowance
from handlers.clock.view import ClockView
from handlers.kernel.commands import Binding
from handlers.market.access import Access
from handlers.market.answers import StallAnswers
from handlers.market.keeper import StallKeeper
from handlers.market.orders import KINDS, PLAYER, Handler, Orders, of_known
from handlers.market.view import Stalls
from handlers.places.limits import PlayerLimits
from handlers.places.whereabouts import Whereabouts
from projections.market.prices import MARKET_PRICES, prices
from protocol.messages import CommandMessage, Reply

PLAYER_CHARACTERS_MAX = 128

KEEPING: Binding[Keeping, MarketEvent, Market] = Binding(
    commands=(ShutStall, TakeOverStall),
    stream_of=lambda command: stream_of(command.market),
    decider=MARKET,
    answer=lambda command, market: {"market": command.market, "shut": market.shut},
)


class Around:
    """Clock and whereabouts, as `handlers.market.orders.Surroundings` wants them."""

    def __init__(self, clock: FollowedClock, there: Whereabouts, now_us: Callable[[], int]) -> None:
        self._clock = clock
        self._there = there
        self._now_us = now_us

    def now(self) -> TimeOfDay:
        """Return what a clock on the wall shows; raises as `FollowedClock` does."""
        return self._clock.day(self._clock.game_ms(self._now_us()))

    def place_of(self, player: str) -> str:
        """Return where a player is."""
        return self._there.place_of(player)

    async def caught_up(self) -> None:
        """Return once everybody's whereabouts are known."""
        await self._there.caught_up()

    def away(self, stall: Stall) -> str:
        """Return who of a stall's keepers are away, if all are; before people live the hours alone count."""
        there = {name: who_of(person) for person, name in stall.keepers.items()}
        in_world = {name: who for name, who in there.items() if self._lives(who)}
        if not in_world or stall.market in map(self._there.place_of, in_world.values()):
            return ""
        return f"{' and '.join(in_world)} {'are' if len(in_world) > 1 else 'is'} away"

    def _lives(self, who: str) -> bool:
        return bool(self._there.place_of(who)) or self._there.under_way(who)


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(
        bindings=(KEEPING,),
        views=(MARKET_PRICES,),
        answers={PricesQuery: prices},
        serve={"commands": _orders, "queries": _queries},
        lanes=dict.fromkeys(KINDS, STREAM),
    )


async def stalls_in_memory(parts: Parts) -> Stalls:
    """Open the stalls as the log has them (`Parts.once`)."""
    return await parts.view(Stalls(parts.log, decode=parts.codec.decode))


async def surroundings(parts: Parts) -> Around:
    """Open what orders depend on beside (`Parts.once`)."""
    clock = FollowedClock(await parts.once(clock_in_memory))
    return Around(clock, await parts.once(whereabouts), parts.now_us)


async def _orders(parts: Parts) -> None:
    """Take orders; open each stall's day whenever no other process does."""
    view, commands = await parts.once(stalls_in_memory), parts.served.commands
    access = Access(parts.log, parts.codec, view, await parts.once(ledger_desk))
    orders = Orders(access, await parts.once(surroundings))
    commands |= dict.fromkeys(KINDS, within(await parts.once(player_limits), orders))
    for kind in KEEPING.commands:
        commands[kind.command_name] = of_known(view, commands[kind.command_name])
    clock, realm = await parts.once(clock_in_memory), parts.system.realm
    today, begins_us = partial(_today, clock, parts.now_us), partial(_begins_us, clock)
    await parts.lead("market", StallKeeper(access, today=today, realm=realm, begins_us=begins_us))


async def _queries(parts: Parts) -> None:
    answers = StallAnswers(await parts.once(stalls_in_memory), await parts.once(surroundings))
    parts.served.queries |= {MarketsQuery: answers.markets, BoardQuery: answers.board}


def within(limits: PlayerLimits, handler: Handler) -> Handler:
    """Return ``handler`` for those orders that are within their player's allowance; people have none."""

    async def limited(message: CommandMessage) -> Reply:
        account = message.payload.get("account")
        if isinstance(account, str) and account.startswith(PLAYER):
            try:
                limits.take(message.meta.actor, account.split(".")[1][:PLAYER_CHARACTERS_MAX])
            except OverAllowance as refusal:
                refusal.field = "account"
                raise
        return await handler(message)

    return limited


def _today(view: ClockView, now_us: Callable[[], int]) -> int | None:
    """Return the game day; None before there is a clock."""
    clock = view.clock
    return clock.line.at(RealTime(now_us())).ms // clock.almanac.day_ms if clock else None


def _begins_us(view: ClockView, day: int) -> int | None:
    """Return when a game day begins, in µs since 1970; None: never, as the clock goes."""
    clock = view.clock
    when = clock.line.when(GameTime(day * clock.almanac.day_ms)) if clock else None
    return when.us if when else None
