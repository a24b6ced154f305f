"""The ledger: its desk, this process's readiness to lead it, and its read models."""

from aicore.clock import new_id
from aicore.settings import Settings
from aicore.wiring.clock import clock_in_memory
from aicore.wiring.parts import Part, Parts
from bus.nats.peers import NatsLead
from domain.clock.units import GameTime
from domain.ledger.book import STREAM
from domain.ledger.queries import BalanceQuery, HistoryQuery, SupplyQuery
from handlers.ledger.authority import Holders
from handlers.ledger.desk import KINDS, Desk
from handlers.ledger.known import Known
from projections.ledger.books import (
    LEDGER_BALANCES,
    LEDGER_ENTRIES,
    LEDGER_FLOWS,
    balance,
    history,
    supply,
)


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(
        views=(LEDGER_BALANCES, LEDGER_ENTRIES, LEDGER_FLOWS),
        answers={BalanceQuery: balance, HistoryQuery: history, SupplyQuery: supply},
        serve={"commands": _desk},
        lanes=dict.fromkeys(KINDS, STREAM),
    )


async def ledger_desk(parts: Parts) -> Desk:
    """Open the desk; it decides what is asked of the ledger whenever no other process does (`Parts.once`)."""
    clock, realm, name = await parts.once(clock_in_memory), parts.system.realm, parts.name

    def game() -> GameTime | None:
        return clock.clock.line.at(clock.now()) if clock.clock else None

    known = Known(parts.log, parts.codec, game)
    holders = await parts.view(Holders(parts.log, parts.codec))
    desk = Desk(known, holders, NatsLead(parts.nc, realm, "ledger", new_id), realm=realm, name=name)
    await parts.background(desk.stand_by())
    await parts.lead("ledger", desk)
    return desk


async def _desk(parts: Parts) -> None:
    parts.served.commands |= dict.fromkeys(KINDS, await parts.once(ledger_desk))
