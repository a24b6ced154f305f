"""The command about the log's copy in JetStream, bound to its decider."""

from typing import Any

from domain.relay.confirmation import CONFIRMATION, STREAM
from domain.relay.messages import ConfirmLog, LogConfirmed
from handlers.kernel.commands import Binding

CONFIRMATIONS: Binding[Any, Any, LogConfirmed | None] = Binding(
    commands=(ConfirmLog,),
    stream_of=lambda _: STREAM,
    decider=CONFIRMATION,
    answer=lambda command, _: {"lost_position": command.lost_position, "lost_hash": command.lost_hash},
)
