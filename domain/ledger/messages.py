"""What happens in the ledger. Names and versions of events are storage format: they stay in the log for ever.

Whatever changes balances says what they are then (``after``): a reader needs no sums to know a balance at any
position of the log, and a fold needs no rules.
"""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from domain.kernel.event import Event
from domain.kernel.vocabulary import Count, Text, TimeUs
from domain.ledger.vocabulary import AMOUNT_MAX, AccountId, After, EventName, HoldId, Kind, Moves, UnitId, Why

Says = Annotated[Text, Field(max_length=200, description="What it is, for a person.")]
Digits = Annotated[
    int, Field(ge=0, le=9, description="Digits after the point when shown; amounts are in the smallest part.")
]
ExpiresGame = Annotated[
    int | None,
    Field(ge=0, le=AMOUNT_MAX, description="Game time at which it ends.", json_schema_extra={"unit": "ms"}),
]
ExpiresReal = Annotated[TimeUs | None, Field(description="Real time at which it ends.")]
Floor = Annotated[
    int,
    Field(
        ge=-AMOUNT_MAX,
        le=0,
        description="How far below zero the account may go, of that unit.",
        json_schema_extra={"unit": "minor units"},
    ),
]

UUID = "0197a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"
MOVE = {"unit": "crown", "payer": "player.ann", "payee": "stall.lamps", "amount": 30}
AFTER = [
    {"account": "player.ann", "unit": "crown", "balance": 70, "held": 0},
    {"account": "stall.lamps", "unit": "crown", "balance": 30, "held": 0},
]
HELD = [
    {"account": "player.ann", "unit": "crown", "balance": 100, "held": 30},
    {"account": "stall.lamps", "unit": "crown", "balance": 0, "held": 0},
]
FREED = [{**HELD[0], "held": 0}, HELD[1]]


class UnitOpened(Event, name="ledger.unit_opened", version=1):
    """There is something to count."""

    unit: UnitId
    kind: Kind
    digits: Digits
    says: Says

    example: ClassVar = {"unit": "crown", "kind": "currency", "digits": 0, "says": "Coin of Cindermouth"}


class UnitRetired(Event, name="ledger.unit_retired", version=1):
    """A unit only leaves the world from now on: into sinks, and by holds that were there before."""

    unit: UnitId

    example: ClassVar = {"unit": "crown"}


class AccountOpened(Event, name="ledger.account_opened", version=1):
    """There is an account; sources and sinks are told by their names."""

    account: AccountId
    says: Says

    example: ClassVar = {"account": "source.quest_rewards", "says": "Pay for quests"}


class AccountClosed(Event, name="ledger.account_closed", version=1):
    """An empty account takes part in nothing any more."""

    account: AccountId

    example: ClassVar = {"account": "player.ann"}


class CreditAllowed(Event, name="ledger.credit_allowed", version=1):
    """An account may go below zero, of one unit."""

    account: AccountId
    unit: UnitId
    floor: Floor

    example: ClassVar = {"account": "player.ann", "unit": "crown", "floor": -50}


class Transferred(Event, name="ledger.transferred", version=1):
    """Units went from accounts to accounts."""

    moves: Moves
    reason: Why
    after: After

    example: ClassVar[Any] = {"moves": [MOVE], "reason": "lamp_sale", "after": AFTER}


class Held(Event, name="ledger.held", version=1):
    """Units are promised: their owners keep them, and cannot give them to anybody else."""

    hold_id: HoldId
    moves: Moves
    reason: Why
    expires_game_ms: ExpiresGame
    expires_real_us: ExpiresReal
    after: After

    example: ClassVar[Any] = {
        "hold_id": UUID,
        "moves": [MOVE],
        "reason": "lamp_sale",
        "expires_game_ms": None,
        "expires_real_us": 1_764_500_000_000_000,
        "after": HELD,
    }


class HoldPosted(Event, name="ledger.hold_posted", version=1):
    """A promise was kept, as far as ``moves`` say; the rest of it is free again."""

    hold_id: HoldId
    moves: Moves
    reason: Why
    after: After

    example: ClassVar[Any] = {"hold_id": UUID, "moves": [MOVE], "reason": "lamp_sale", "after": AFTER}


class HoldVoided(Event, name="ledger.hold_voided", version=1):
    """Somebody let a promise go."""

    hold_id: HoldId
    reason: Why
    after: After

    example: ClassVar[Any] = {"hold_id": UUID, "reason": "no_deal", "after": FREED}


class HoldExpired(Event, name="ledger.hold_expired", version=1):
    """A promise's time is over; told by the leader."""

    hold_id: HoldId
    after: After

    example: ClassVar[Any] = {"hold_id": UUID, "after": FREED}


class Reversed(Event, name="ledger.reversed", version=1):
    """A transfer, or a hold's posting, was undone: its moves backwards, the last first. Once."""

    reverses: EventName
    moves: Moves
    reason: Why
    after: After

    example: ClassVar[Any] = {
        "reverses": UUID,
        "moves": [{**MOVE, "payer": "stall.lamps", "payee": "player.ann"}],
        "reason": "refund",
        "after": [{**HELD[0], "held": 0}, HELD[1]],
    }


class Led(Event, name="ledger.led", version=1):
    """A process decides from now on; whoever did before is refused by the stream's version."""

    term: Annotated[Count, Field(description="1 for the first leader, one more for each next.")]
    leader: Annotated[Text, Field(max_length=200, description="The process, as operators call it.")]

    example: ClassVar = {"term": 3, "leader": "quay:4711"}


Moving = Transferred | Held | HoldPosted | HoldVoided | HoldExpired | Reversed
"""What changes balances."""

LedgerEvent = Moving | UnitOpened | UnitRetired | AccountOpened | AccountClosed | CreditAllowed | Led
EVENTS: tuple[type[LedgerEvent], ...] = (
    UnitOpened,
    UnitRetired,
    AccountOpened,
    AccountClosed,
    CreditAllowed,
    Transferred,
    Held,
    HoldPosted,
    HoldVoided,
    HoldExpired,
    Reversed,
    Led,
)
