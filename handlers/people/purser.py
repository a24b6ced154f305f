"""Who sees to people's purses: opens them, pays wages and carries orders to the stalls, each once.

What is bought and paid is decided by the people's leader, in its stream. It is told to the ledger under ids
of person and decision, so who leads next may tell it again: what was done before is found, and has no second
effect. While the ledger cannot be reached it is tried again; until it is known what came of it, the person
decides nothing (`domain.people.errands`).
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from uuid import UUID, uuid5

import structlog

from bus.ids import derived_id
from bus.ports import IdConflict, LogError
from domain.kernel.decider import Rejected
from domain.kernel.event import Command
from domain.ledger.commands import DeclareFlow, OpenAccount, Transfer
from domain.ledger.messages import Transferred
from domain.ledger.vocabulary import Move
from domain.people.cast import Cast
from domain.people.errands import Errand
from domain.people.living import PAID, SAVED, SAVINGS, Wage, account_of, flows, pay, tills_of
from domain.people.messages import Bought
from domain.people.purchases import Order, Outcome, choose, missed_by
from handlers.market.access import Access
from handlers.market.orders import Orders
from protocol.messages import CommandMessage
from protocol.meta import Meta

ACTOR = "component:people"
AGAIN_S = 0.25
"""Before something is tried again that the ledger could not take."""

AT_ONCE = 50
LOOK_S = 1.0
"""How often it is looked whether somebody has no purse yet."""

Done = tuple[Errand, Outcome | None]
logger = structlog.get_logger(__name__)


class Purser:
    """One process's; only the leader of the people uses it."""

    def __init__(self, access: Access, orders: Orders, *, realm: str) -> None:
        """Prepare; ``orders`` carries out what customers ask."""
        self._access = access
        self._view = access.view
        self._orders = orders
        self._space = uuid5(uuid5(UUID(int=0), f"{realm}/people"), "purses")
        self._cast: Cast | None = None
        self._complete: Cast | None = None
        """Of whom everybody has a purse."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._done: list[Done] = []
        self._looked_s = 0.0
        self._furnishing: asyncio.Task[None] | None = None

    def coins(self, person: str) -> int | None:
        """Return what somebody has to spend; None: they have no purse yet."""
        cast = self._cast
        if cast is None or (row := cast.rows.get(person)) is None:
            return None
        return self._view.known(account_of(person), cast.living.currencies[row])

    # --- what is to be done ---------------------------------------------------------------------------------

    def begin(self, errands: Sequence[Errand]) -> None:
        """Begin to see to errands: wages first, then orders, those of a stall one after the other."""
        if errands:
            task = asyncio.ensure_future(self._run(errands))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def done(self, within_s: float) -> Sequence[Done]:
        """Return what was done by now; waits for the rest as long as that at most."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s)
        found, self._done = self._done, []
        if found:
            await self._view.caught_up()  # so that they know what they have
        return found

    async def see_to(self, errand: Errand) -> Outcome | None:
        """Do an errand, however long it takes; return what came of it."""
        while True:
            try:
                if isinstance(errand, Order):
                    return await self._buy(errand)
                await self._pay(errand)
                return None
            except LogError as error:
                logger.info("errand_waits", person=errand.person, error=str(error))
                await asyncio.sleep(AGAIN_S)

    async def stop(self) -> None:
        """Leave what is not done yet to who leads next."""
        tasks = [*self._tasks, *([self._furnishing] if self._furnishing else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks, self._done, self._furnishing = set(), [], None

    async def _run(self, errands: Sequence[Errand]) -> None:
        queues: dict[str, list[Errand]] = defaultdict(list)
        for errand in errands:
            if isinstance(errand, Order):
                queues[errand.market].append(errand)
        await asyncio.gather(*(self._see_to([each]) for each in errands if isinstance(each, Wage)))
        await asyncio.gather(*(self._see_to(queue) for queue in queues.values()))

    async def _see_to(self, errands: Iterable[Errand]) -> None:
        for errand in errands:
            self._done.append((errand, await self.see_to(errand)))

    async def _buy(self, wanted: Order) -> Outcome:
        id_ = self._id(f"order/{wanted.person}/{wanted.number}")
        if (before := await self._bought(wanted, id_)) is not None:
            return before
        stall, market = self._view.stalls.get(wanted.market), self._view.market(wanted.market)
        if stall is None or not market.posted:
            return "closed"
        coins = self._view.amount(account_of(wanted.person), stall.currency)
        asked = choose(wanted, market, lambda good: self._view.amount(stall.account, good), coins)
        if asked is None:
            return "sold_out"
        try:
            reply = await self._orders(_message(id_, asked))
        except Rejected as refusal:
            return missed_by(refusal.code)
        except IdConflict:  # a leader before had it, and bought something else
            return await self._bought(wanted, id_) or "closed"
        return Bought.model_validate(reply.result)

    async def _bought(self, wanted: Order, id_: UUID) -> Bought | None:
        """Return what an order came to if it was carried out before."""
        recorded = await self._access.log.find(derived_id(id_, 0))
        event = self._access.codec.decode(recorded) if recorded else None
        if not isinstance(event, Transferred):
            return None
        coins, goods = event.moves
        return Bought(market=wanted.market, good=goods.unit, quantity=goods.amount, coins=coins.amount)

    async def _pay(self, wage: Wage) -> None:
        id_ = self._id(f"wage/{wage.person}/{wage.number}")
        full = tills_of(wage, self._view.stalls, self._view.amount)
        for tills in (full, ()):  # should one have been emptied meanwhile, the trade's source pays all
            transfer = Transfer(moves=list(pay(wage, tills)), reason=PAID)
            try:
                await self._access.carry_out(_message(id_, transfer))
            except IdConflict:
                return  # a leader before paid it, out of another till
            except Rejected as refusal:
                logger.warning("wage_refused", person=wage.person, why=str(refusal))
                continue
            return

    # --- purses ---------------------------------------------------------------------------------------------

    def take_in(self, cast: Cast) -> None:
        """See that everybody has a purse; it may take a moment until they do."""
        now_s = asyncio.get_running_loop().time()
        if cast is self._cast and now_s < self._looked_s + LOOK_S:
            return
        self._cast, self._looked_s = cast, now_s
        if cast is self._complete:
            return
        if self._furnishing is None or self._furnishing.done():
            self._furnishing = asyncio.ensure_future(self._furnish(AT_ONCE))

    async def furnish(self, cast: Cast) -> None:
        """See that everybody has a purse, at once: one command after the other."""
        self._cast = cast
        if cast is not self._complete:
            await self._furnish(1)

    async def _furnish(self, at_once: int) -> None:
        cast = self._cast
        assert cast is not None
        while wanted := list(self._missing(cast)):
            for start in range(0, len(wanted), at_once):
                part = wanted[start : start + at_once]
                done = await asyncio.gather(*(self._tell(name, command) for name, command in part))
                if not all(done):
                    return  # what is missing then is asked for again
            with suppress(LogError):
                await self._view.caught_up()
        if set(cast.living.currencies) - {""} <= self._view.units:
            self._complete = cast

    def _missing(self, cast: Cast) -> Iterator[tuple[str, Command]]:
        view, living = self._view, cast.living
        for flow, says in flows(living, cast.acts).items() if view.units else ():
            if flow not in view.accounts:
                yield f"open/{flow}", DeclareFlow(account=flow, says=says)
        for row, person in enumerate(cast.people):
            purse, unit, account = int(living.purses[row]), living.currencies[row], account_of(person.id)
            if not purse or unit not in view.units:
                continue
            if account not in view.accounts:
                yield f"open/{account}", OpenAccount(account=account, says=person.name)
            elif view.known(account, unit) is None and SAVINGS in view.accounts:
                move = Move(unit=unit, payer=SAVINGS, payee=account, amount=purse)
                yield f"savings/{person.id}", Transfer(moves=[move], reason=SAVED)

    async def _tell(self, name: str, command: Command) -> bool:
        try:
            await self._access.carry_out(_message(self._id(name), command))
        except (Rejected, LogError) as refusal:
            logger.info("purse_not_opened", name=name, why=str(refusal))
            return False
        return True

    def _id(self, name: str) -> UUID:
        return uuid5(self._space, name)


def _message(id_: UUID, command: Command) -> CommandMessage:
    return CommandMessage(id_, type(command).command_name, command.model_dump(), meta=Meta(actor=ACTOR))
