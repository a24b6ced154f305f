"""What may be said of the log's copy in JetStream, and what was said.

Names and versions of events are storage format: they stay in the log for ever.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from domain.kernel.declared import Declared
from domain.kernel.event import Command, Event
from domain.kernel.vocabulary import COUNT_MAX, Operator, Reason


class Lost(Declared):
    """The newest event that JetStream holds and the log does not."""

    lost_position: int = Field(
        ge=1, le=COUNT_MAX, description="Position of the newest event that only JetStream holds."
    )
    lost_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="Its chain hash, 64 hexadecimal digits; zeros: the message itself is no longer kept."
    )


class LogConfirmed(Lost, Event, name="relay.log_confirmed", version=1):
    """An operator said that the log is right without events that JetStream holds: those are given up."""

    operator: Operator
    reason: Reason

    example: ClassVar = {
        "lost_position": 402,
        "lost_hash": "9c" * 32,
        "operator": "mira",
        "reason": "restored from last night's backup after the disk failed",
    }


class ConfirmLog(Lost, Command, name="relay.confirm_log", four_eyes=True):
    """Say that the log is right, though JetStream holds events that it does not: the stream is made anew.

    It holds for what it names alone; should the log lose events again, somebody must look again.
    """

    operator: Operator
    reason: Reason

    example: ClassVar = dict(LogConfirmed.example)
