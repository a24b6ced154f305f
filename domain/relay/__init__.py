"""Decisions of operators about the log's copy in JetStream."""

from domain.kernel.context import Context
from domain.relay.messages import ConfirmLog, LogConfirmed

CONTEXT = Context(
    "relay",
    events=(LogConfirmed,),
    commands=(ConfirmLog,),
)
