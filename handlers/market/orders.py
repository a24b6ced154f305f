"""Orders of people and players: decided on what is posted, carried out by the ledger as one transfer.

Any process takes them, for nothing here has to be agreed on: whether coins and goods are there is the
ledger's to say, at one desk, and a price that was posted this very moment may or may not count yet. An
order's id is its transfer's, so that sent again it gives its first result, whatever it would cost by now.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol
from uuid import UUID, uuid5

from bus.ids import derived_id
from bus.ports import IdConflict, StreamWrite
from domain.kernel.decider import Rejected
from domain.kernel.parse import parse
from domain.ledger.commands import Transfer
from domain.ledger.messages import Transferred
from domain.ledger.vocabulary import Move
from domain.market.commands import Buy, Order, Sell
from domain.market.market import kept_by
from domain.market.messages import Wanted
from domain.market.orders import Counter, is_of, order
from domain.market.stalls import Stall, stream_of
from domain.places.city import TimeOfDay
from handlers.kernel.commands import caused_by
from handlers.market.access import Access
from handlers.market.view import Stalls
from protocol.messages import CommandMessage, EventRef, Reply
from protocol.meta import Meta, decode_meta

Handler = Callable[[CommandMessage], Awaitable[Reply]]

KINDS: Mapping[str, type[Order]] = {kind.command_name: kind for kind in (Buy, Sell)}
PLAYER = "player."
COMPONENT = "component:market"

DERIVED = "market"
"""Programs before gave a transfer an id derived of its order's, with this: those orders are done, too."""

STALE = frozenset(
    {"sold_out", "too_many", "stall_is_short", "not_there", "market_unknown", "not_sold_here", "market_shut"}
)
"""Refusals that what is known here may be too old for; they are decided again on all that there is."""


class Surroundings(Protocol):
    """What an order depends on beside stall and ledger."""

    def now(self) -> TimeOfDay:
        """Return what a clock on the wall shows.

        Raises:
            Rejected: ``no_clock``.
        """
        ...

    def place_of(self, player: str) -> str:
        """Return where a player is; "" on the way, or nowhere."""
        ...

    async def caught_up(self) -> None:
        """Return once everybody's whereabouts are known as the log has them."""
        ...

    def away(self, stall: Stall) -> str:
        """Return why nobody keeps a stall at the moment; "" if somebody does, or if nobody lives yet."""
        ...


def shut_now(view: Stalls, stall: Stall, around: Surroundings) -> str:
    """Return why nobody is served at a stall; "" if somebody is.

    Raises:
        Rejected: ``no_clock``.
    """
    if cause := view.market(stall.market).shut:
        return f"nobody keeps it: {cause}"
    if not around.now().opens(stall.hours):
        return "it is shut at this hour"
    return around.away(replace(stall, keepers=kept_by(stall, view.market(stall.market))))


class Orders:
    """Takes orders."""

    def __init__(self, access: Access, around: Surroundings) -> None:
        self._access = access
        self._log = access.log
        self._codec = access.codec
        self._view = access.view
        self._around = around

    async def __call__(self, message: CommandMessage) -> Reply:
        """Carry out an order.

        Raises:
            Rejected: as the command's declaration tells, or ``invalid_field``.
            IdConflict: the command id belongs to another command.
            LogUnavailable, Fenced: the caller may retry with the same id.
        """
        command = parse(KINDS[message.command], message.payload)
        if done := await self._recall(message, command, derived_id(message.id, 0, DERIVED)):
            return done
        try:
            return await self._try(message, command)
        except (Rejected, IdConflict) as refusal:
            if done := await self._recall(message, command, message.id):
                return done
            if not isinstance(refusal, Rejected) or refusal.code not in STALE:
                raise
        await self._view.caught_up()
        await self._around.caught_up()
        try:
            return await self._try(message, command)
        except Rejected as refusal:
            if refusal.code == "sold_out":
                await self._note_wanted(command)
            raise

    async def _try(self, message: CommandMessage, command: Order) -> Reply:
        # First of all: what was asked for in vain counts, too, so who may not ask is told so before.
        await self._access.carry_out.see_may_give(command.account, message.meta.actor)
        stall = self._view.stalls.get(command.market)
        if stall is None:
            raise _unknown(self._view, command.market)
        self._see_there(command)
        market = self._view.market(command.market)
        shut = shut_now(self._view, stall, self._around)
        transfer = order(command, Counter(stall, market, self._view.amount, shut))
        payload = transfer.model_dump()
        sent = CommandMessage(message.id, Transfer.command_name, payload, meta=caused_by(message))
        try:
            reply = await self._access.carry_out(sent)
        except Rejected as refusal:
            raise _told(refusal, command, stall) from None
        return Reply(result_of(command, transfer.moves), reply.events, reply.duplicate)

    def _see_there(self, command: Order) -> None:
        if command.account.startswith(PLAYER):
            player = command.account.split(".")[1]
            if (place := self._around.place_of(player)) != command.market:
                what = f"{player} is {f'at {place}' if place else 'at no place'}, not at {command.market}"
                raise Rejected("not_there", what, field="market", remedy="go there first: places.depart")

    async def _recall(self, message: CommandMessage, command: Order, cause: UUID) -> Reply | None:
        """Return what an order came to when its id was here before; None: it was not.

        Raises:
            IdConflict: the id belongs to another order, or to another's.
        """
        event_id = derived_id(cause, 0)
        found = await self._log.find(event_id)
        if found is None:
            return None
        event, actor = self._codec.decode(found), decode_meta(found.meta).actor
        if (
            not isinstance(event, Transferred)
            or not is_of(command, event.moves, event.reason)
            or actor != message.meta.actor
        ):
            raise IdConflict(event_id, "was caused by another order")
        ref = EventRef(found.id, found.type, found.stream, found.version, found.position)
        return Reply(result_of(command, event.moves), [ref], duplicate=True)

    async def _note_wanted(self, command: Order) -> None:
        """Write down that somebody who could pay was sent away; once a day of each."""
        stall, market = self._view.stalls[command.market], self._view.market(command.market)
        posted = market.posted[command.good]
        coins = self._view.amount(command.account, stall.currency)
        if market.day is None or coins < posted.price:
            return
        quantity = min(command.quantity, coins // posted.price)
        missed = Wanted(
            market=command.market,
            good=command.good,
            quantity=quantity,
            account=command.account,
            day=market.day,
        )
        name = f"{command.market}/{market.day}/{command.good}/{command.account}"
        new = self._codec.encode(missed, uuid5(UUID(int=0), f"market/wanted/{name}"), Meta(actor=COMPONENT))
        try:
            await self._log.append(StreamWrite(stream_of(command.market), [new]))
        except IdConflict:
            return  # they asked before today


def of_known(view: Stalls, handler: Handler) -> Handler:
    """Return ``handler`` for those commands whose stall there is."""

    async def known(message: CommandMessage) -> Reply:
        market = message.payload.get("market")
        if isinstance(market, str) and market not in view.stalls:
            await view.caught_up()
            if market not in view.stalls:
                raise _unknown(view, market)
        return await handler(message)

    return known


def _unknown(view: Stalls, market: str) -> Rejected:
    known = ", ".join(view.stalls) or "none: load a world with `aicore world load`"
    what = f"there is no stall at {market[:64]!r}"
    return Rejected("market_unknown", what, field="market", remedy=f"there are {known}")


def result_of(command: Order, moves: list[Move]) -> dict[str, Any]:
    """Return what a customer wants to know of an order."""
    coins, goods = moves
    return {
        "market": command.market,
        "good": goods.unit,
        "quantity": goods.amount,
        "coins": coins.amount,
        "currency": coins.unit,
        "account": command.account,
    }


def _told(refusal: Rejected, command: Order, stall: Stall) -> Rejected:
    """Return the ledger's refusal in an order's words."""
    coins = refusal.field.startswith("moves.0")
    if refusal.code == "insufficient" and coins != isinstance(command, Buy):
        code = "sold_out" if isinstance(command, Buy) else "stall_is_short"
        return Rejected(code, f"{stall.name}: {refusal.message}", field="quantity", remedy="take fewer")
    known = {"account_unknown", "account_closed", "not_your_player"}
    field = "account" if refusal.code in known else "quantity"
    return Rejected(refusal.code, refusal.message, field=field, remedy=refusal.remedy)
