"""What orders and postings are made with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bus.codec import EventCodec
from bus.ports import EventLog
from handlers.market.view import Stalls
from protocol.messages import CommandMessage, Reply


@dataclass(frozen=True, slots=True)
class Access:
    """The log, the stalls in memory, and the ledger's desk, which raises as `handlers.ledger.desk` says."""

    log: EventLog
    codec: EventCodec
    view: Stalls
    carry_out: Callable[[CommandMessage], Awaitable[Reply]]
