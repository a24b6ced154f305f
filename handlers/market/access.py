"""What orders and postings are made with."""

from dataclasses import dataclass
from typing import Protocol

from bus.codec import EventCodec
from bus.ports import EventLog
from handlers.market.view import Stalls
from protocol.messages import CommandMessage, Reply


class Desk(Protocol):
    """The ledger's; it raises as `handlers.ledger.desk` says."""

    async def __call__(self, message: CommandMessage) -> Reply:
        """Carry out a command of the ledger."""
        ...

    async def see_may_give(self, account: str, by: str) -> None:
        """See that somebody may give away what is in an account."""
        ...


@dataclass(frozen=True, slots=True)
class Access:
    """The log, the stalls in memory, and the ledger's desk."""

    log: EventLog
    codec: EventCodec
    view: Stalls
    carry_out: Desk
