"""Who opens each stall's game day: posts its prices, and has the ledger told what arrives.

Whoever holds the lead (`bus.relay.leadership`) does. A posting is appended at the exact version of its
stall's stream, under an id of stall and day: who was overtaken, or stopped and wakes, is refused. What
arrives is told to the ledger under ids of the same kind, after the posting; who leads next tells it again,
and the ledger knows. So a leader may die between any two steps, and nothing comes twice or is left out.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from uuid import UUID, uuid5

import structlog

from bus.ports import Fenced, IdConflict, LogError, LogUnavailable, StreamWrite, VersionConflict
from domain.clock.messages import EVENTS as CLOCK_EVENTS
from domain.definition.messages import VersionPublished
from domain.kernel.decider import Rejected
from domain.kernel.event import Command
from domain.ledger.commands import DeclareFlow, OpenAccount, OpenUnit, Transfer
from domain.market.deliveries import coffers, deliveries, flows, reason_of
from domain.market.market import bereft, open_day
from domain.market.messages import EVENTS
from domain.market.stalls import Stall, stream_of
from domain.people.harm_messages import Died
from handlers.market.access import Access
from handlers.market.orders import COMPONENT
from protocol.messages import CommandMessage
from protocol.meta import Meta

REST_S = 0.5
MADE_UP_DAYS_MAX = 30
"""Game days that are opened one after the other when the clock has jumped; what was before stays unopened."""

AGAIN_S = 10.0
"""Until a delivery that the ledger refused is tried again."""

STIRRED_BY = tuple(kind.event_name for kind in (*CLOCK_EVENTS, *EVENTS, Died, VersionPublished))

AT_ONCE = 50
DIGITS = 2
"""A currency's smallest coin is a hundredth of it (`domain.definition.goods`)."""

logger = structlog.get_logger(__name__)


class StallKeeper:
    """One process's readiness to lead; ``view`` follows the stalls all the time."""

    stirred_by: tuple[str, ...] = STIRRED_BY

    def __init__(
        self,
        access: Access,
        *,
        today: Callable[[], int | None],
        realm: str,
        begins_us: Callable[[int], int | None] = lambda _: None,
    ) -> None:
        """Prepare.

        Args:
            access: the log, the stalls, the ledger's desk.
            today: returns the game day, None before there is a clock.
            realm: whose ids are derived.
            begins_us: when a game day begins, in µs since 1970, as the clock goes now; None: never.
        """
        self._access = access
        self._view = access.view
        self._today = today
        self._begins_us = begins_us
        self._space = uuid5(UUID(int=0), f"{realm}/market")
        self._delivered: dict[str, int] = {}
        """By stall, the last day whose goods have arrived as far as this leader knows."""
        self._again_s: dict[str, float] = {}

    async def lead(self) -> None:
        """Open days until cancelled.

        Raises:
            LogUnavailable: the log is away.
        """
        self._delivered.clear()
        self._again_s.clear()
        while True:
            try:
                await self.turn()
            except LogUnavailable:
                raise
            except LogError as error:
                logger.warning("stalls_not_opened", why=str(error))
            await asyncio.sleep(REST_S)

    async def turn(self) -> None:
        """Open what is to be opened now."""
        await self._view.caught_up()
        today = self._today()
        if today is None or not self._view.stalls:
            return
        await self._furnish()
        stalls = [self._days(stall, today) for stall in self._view.stalls.values()]
        for failure in await asyncio.gather(*stalls, return_exceptions=True):
            if failure is not None:
                raise failure

    def due_us(self) -> int | None:
        """Return when the next day begins, or what was refused is tried again, in µs since 1970."""
        today = self._today()
        if today is None or not self._view.stalls:
            return None
        now_us = self._access.log.now_us()
        again = [int(at_s * 1e6) + 1 for at_s in self._again_s.values() if at_s * 1e6 >= now_us]
        return min(filter(None, [self._begins_us(today + 1), *again]), default=None)

    async def _days(self, stall: Stall, today: int) -> None:
        """Open a stall's days up to today; shut it, if those are dead who kept it."""
        try:
            await self._shut(stall)
            while await self._deliver(stall) and await self._open(stall, today):
                await self._view.caught_up()
        except (VersionConflict, IdConflict, Fenced) as refusal:
            logger.info("stall_opened_by_another", market=stall.market, why=str(refusal))

    async def _open(self, stall: Stall, today: int) -> bool:
        """Open a stall's next day, if there is one; say whether there was."""
        market = self._view.market(stall.market)
        day = today if market.day is None else max(market.day + 1, today - MADE_UP_DAYS_MAX + 1)
        if day > today:
            return False
        events = open_day(stall, market, self._view.closing(stall, day))
        ids = [self._id(f"{stall.market}/{day}/{number}") for number in range(len(events))]
        metas = [Meta(actor=COMPONENT), *[Meta(ids[0], ids[0], COMPONENT)] * (len(events) - 1)]
        new = [self._access.codec.encode(*each) for each in zip(events, ids, metas, strict=True)]
        version = self._view.versions.get(stall.market, 0)
        await self._access.log.append(StreamWrite(stream_of(stall.market), new, expected=version))
        return True

    async def _shut(self, stall: Stall) -> None:
        """Shut a stall whose keepers are dead. Once for each version of its stream: so says the id."""
        market, version = self._view.market(stall.market), self._view.versions.get(stall.market, 0)
        if not (events := bereft(stall, market, self._view.deaths)):
            return
        id_ = self._id(f"{stall.market}/bereft/{version}")
        new = [self._access.codec.encode(event, id_, Meta(actor=COMPONENT)) for event in events]
        await self._access.log.append(StreamWrite(stream_of(stall.market), new, expected=version))
        await self._view.caught_up()

    async def _deliver(self, stall: Stall) -> bool:
        """Have what a stall's last posting says arrive; say whether all of it has."""
        before, posted = self._view.postings.get(stall.market, (None, None))
        if posted is None or self._delivered.get(stall.market) == posted.day:
            return True
        now_s = self._access.log.now_us() / 1e6
        if self._again_s.get(stall.market, 0.0) > now_s:
            return self._today() != posted.day
        self._again_s.pop(stall.market, None)
        for number, moves in enumerate(deliveries(stall, before, posted)):
            transfer = Transfer(moves=list(moves), reason=reason_of(before))
            try:
                await self._tell(f"{stall.market}/{posted.day}/arrives/{number}", transfer)
            except (Rejected, IdConflict) as refusal:
                logger.warning("delivery_refused", market=stall.market, day=posted.day, why=str(refusal))
                self._again_s[stall.market] = now_s + AGAIN_S
        if stall.market in self._again_s:
            return False
        self._delivered[stall.market] = posted.day
        await self._view.caught_up()
        return True

    async def _furnish(self) -> None:
        """Have the ledger count what stalls sell, and open the accounts that they need."""
        wanted = list(self._missing())
        for start in range(0, len(wanted), AT_ONCE):
            async with asyncio.TaskGroup() as group:
                for name, command in wanted[start : start + AT_ONCE]:
                    group.create_task(self._set_up(name, command))
        if wanted:
            await self._view.caught_up()

    def _missing(self) -> Iterable[tuple[str, Command]]:
        stalls: Sequence[Stall] = list(self._view.stalls.values())
        for currency in sorted({stall.currency for stall in stalls} - self._view.units):
            yield currency, OpenUnit(unit=currency, kind="currency", digits=DIGITS, says=currency)
        terms = {good: terms for stall in stalls for good, terms in stall.terms.items()}
        for good in sorted(terms.keys() - self._view.units):
            kind = "item" if terms[good].unique else "good"
            yield good, OpenUnit(unit=good, kind=kind, digits=0, says=terms[good].name[:200])
        for flow, says in flows(stalls).items():
            if flow not in self._view.accounts:
                yield flow, DeclareFlow(account=flow, says=says)
        for stall in stalls:
            if stall.account not in self._view.accounts:
                yield stall.account, OpenAccount(account=stall.account, says=stall.name)
        for account, says in coffers(stalls).items():
            if account not in self._view.accounts:
                yield account, OpenAccount(account=account, says=says)

    async def _set_up(self, name: str, command: Command) -> None:
        try:
            await self._tell(f"open/{name}", command)
        except (Rejected, LogError) as refusal:  # what is missing then is asked for again
            logger.warning("market_not_furnished", name=name, why=str(refusal))

    async def _tell(self, name: str, command: Command) -> None:
        sent = CommandMessage(
            self._id(name), type(command).command_name, command.model_dump(), meta=Meta(actor=COMPONENT)
        )
        await self._access.carry_out(sent)

    def _id(self, name: str) -> UUID:
        return uuid5(self._space, name)
