"""What the ledger replies, and whether what is recorded under a command's id came of that command."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from bus.ids import derived_id
from bus.ports import IdConflict, RecordedEvent
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.ledger.commands import (
    AllowCredit,
    CloseAccount,
    DeclareFlow,
    Holding,
    LedgerCommand,
    Link,
    OpenAccount,
    OpenUnit,
    Posting,
    RetireUnit,
    Reversing,
    Single,
    Transferring,
    Voiding,
)
from domain.ledger.messages import (
    AccountClosed,
    AccountOpened,
    CreditAllowed,
    Held,
    HoldPosted,
    HoldVoided,
    Reversed,
    Transferred,
    UnitOpened,
    UnitRetired,
)
from protocol.messages import ErrorReply, EventRef

BECOMES: Mapping[type[LedgerCommand | Single], type[Event]] = {
    OpenUnit: UnitOpened,
    RetireUnit: UnitRetired,
    OpenAccount: AccountOpened,
    DeclareFlow: AccountOpened,
    CloseAccount: AccountClosed,
    AllowCredit: CreditAllowed,
    Transferring: Transferred,
    Holding: Held,
    Posting: HoldPosted,
    Voiding: HoldVoided,
    Reversing: Reversed,
}


class PassedOn(Rejected):
    """The leader refused; told as it said."""

    def __init__(self, reply: ErrorReply) -> None:
        super().__init__(reply.code, reply.message, field=reply.field, remedy=reply.remedy)
        self.retry_after_ms = reply.retry_after_ms


def result_of(events: Sequence[Event]) -> Mapping[str, Any]:
    """Return what a caller wants to know of what happened; {} if it was so already."""
    shown = [_shown(event) for event in events]
    return shown[0] if len(shown) == 1 else {"steps": shown} if shown else {}


def _shown(event: Event) -> dict[str, Any]:
    if isinstance(event, Transferred):  # nearly all are; this is half the time
        return {"after": [{**each.__dict__} for each in event.after]}
    found = event.model_dump(mode="json", include={"hold_id", "after", "expires_game_ms", "expires_real_us"})
    return found or event.model_dump(mode="json", include={"unit", "account"})


def events_of(command: LedgerCommand) -> int:
    """Return how many events come of a command at most."""
    return len(command.steps) if isinstance(command, Link) else 1


def came_of(command: LedgerCommand, events: Sequence[Event]) -> bool:
    """Say whether events that are recorded under a command's id are that command's."""
    steps = command.steps if isinstance(command, Link) else [command]
    return len(steps) == len(events) and all(map(_one_came_of, steps, events))


def _one_came_of(command: LedgerCommand | Single, event: Event) -> bool:
    kind = next((kind for kind in BECOMES if isinstance(command, kind)), None)
    if kind is None or not isinstance(event, BECOMES[kind]):
        return False
    said, recorded = command.model_dump(), event.model_dump()
    return all(recorded[name] == value for name, value in said.items() if name in recorded)


def used(command_id: UUID) -> IdConflict:
    """Return the refusal of an id that belongs to another command, or to somebody else's."""
    return IdConflict(derived_id(command_id, 0), f"was caused by another command with the id {command_id}")


def ref_of(recorded: RecordedEvent) -> EventRef:
    """Return what a reply says of an event."""
    return EventRef(recorded.id, recorded.type, recorded.stream, recorded.version, recorded.position)
