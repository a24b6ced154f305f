"""Confirmations of the log against JetStream, by operator and lost event. One stream: `STREAM`."""

from collections.abc import Sequence

from domain.kernel.decider import Decider
from domain.relay.messages import ConfirmLog, LogConfirmed, Lost

STREAM = "relay-log"


def covers(confirmed: LogConfirmed | None, lost: Lost) -> bool:
    """Say whether a confirmation is for the very event that is missing now."""
    return confirmed is not None and (confirmed.lost_position, confirmed.lost_hash) == (
        lost.lost_position,
        lost.lost_hash,
    )


def evolve(_: LogConfirmed | None, event: LogConfirmed) -> LogConfirmed:
    """Return the state after ``event``: only the newest counts."""
    return event


def decide(command: ConfirmLog, state: LogConfirmed | None) -> Sequence[LogConfirmed]:
    """Return what follows from ``command``: nothing if it is already so."""
    return [] if covers(state, command) else [LogConfirmed.model_validate(command.model_dump())]


CONFIRMATION: Decider[ConfirmLog, LogConfirmed, LogConfirmed | None] = Decider(None, decide, evolve)
