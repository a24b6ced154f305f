"""What may be asked of the ledger. A command's id is its transfer's: sent again, it takes effect once."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from domain.kernel.event import Command
from domain.kernel.roles import GRANTED, OPERATOR
from domain.kernel.visibility import Discreet
from domain.ledger.messages import MOVE, UUID, Digits, Floor, Says
from domain.ledger.vocabulary import (
    AMOUNT_MAX,
    MOVES_MAX,
    STEPS_MAX,
    AccountId,
    EventName,
    HoldId,
    Kind,
    Moves,
    UnitId,
    Why,
)

SPAN_MS_MAX = 10 * 366 * 86_400_000
"""Ten years of either time."""

SpanMs = Annotated[int, Field(ge=1, le=SPAN_MS_MAX, json_schema_extra={"unit": "ms"})]


class OpenUnit(Command, name="ledger.open_unit"):
    """Begin to count something. Refused with ``unit_exists`` if it is another thing already."""

    unit: UnitId
    kind: Kind
    digits: Digits = 0
    says: Says = ""

    example: ClassVar = {"unit": "crown", "kind": "currency", "digits": 0, "says": "Coin of Cindermouth"}


class RetireUnit(Command, name="ledger.retire_unit"):
    """Let a unit only leave the world. Refused with ``unit_unknown``."""

    unit: UnitId

    example: ClassVar = {"unit": "crown"}


class OpenAccount(Command, name="ledger.open_account", may=(GRANTED, OPERATOR)):
    """Open an account that holds what it is given.

    Refused with ``account_closed``, and with ``flow`` for a source or a sink: those are declared.
    """

    account: AccountId
    says: Says = ""

    example: ClassVar = {"account": "player.ann", "says": ""}


class DeclareFlow(Command, name="ledger.declare_flow"):
    """Declare a source or a sink, and what for. Refused with ``no_flow`` for another account."""

    account: AccountId
    says: Says

    example: ClassVar = {"account": "source.quest_rewards", "says": "Pay for quests"}


class CloseAccount(Command, name="ledger.close_account", may=(GRANTED, OPERATOR)):
    """Close an account for ever. Refused with ``account_unknown``, ``account_in_use``."""

    account: AccountId

    example: ClassVar = {"account": "player.ann"}


class AllowCredit(Command, name="ledger.allow_credit"):
    """Let an account go below zero, or no more; who is below then stays there until they are paid.

    Refused with ``account_unknown``, ``account_closed``, ``unit_unknown``, ``no_credit``.
    """

    account: AccountId
    unit: UnitId
    floor: Floor

    example: ClassVar = {"account": "player.ann", "unit": "crown", "floor": -50}


class Transferring(Discreet):
    """What a transfer says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    moves: Moves
    reason: Why


class Transfer(Transferring, Command, name="ledger.transfer", may=(GRANTED, OPERATOR)):
    """Move units between accounts, all moves or none.

    Refused with ``account_unknown``, ``account_closed``, ``unit_unknown``, ``unit_retired``,
    ``same_account``, ``source_only_gives``, ``sink_keeps``, ``insufficient``, ``item_is_one``,
    ``item_exists``, ``balance_overflow``; and with ``not_your_player`` for a player's account, unless the
    sender holds the player's session.
    """

    example: ClassVar[Any] = {"moves": [MOVE], "reason": "lamp_sale"}


class Holding(Discreet):
    """What a hold says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    moves: Moves
    reason: Why
    game_ms: Annotated[SpanMs | None, Field(description="Game time until it ends by itself.")] = None
    real_ms: Annotated[SpanMs | None, Field(description="Real time until it ends by itself.")] = None


class Hold(Holding, Command, name="ledger.hold", may=(GRANTED, OPERATOR)):
    """Promise moves: what they need stays with the payers, who cannot give it elsewhere.

    The hold ends when it is posted or voided, or after one of the two spans; without any it stays. Refused as
    a transfer is, with ``source_holds_nothing``, and with ``no_clock`` if game time has not begun.
    """

    example: ClassVar[Any] = {"moves": [MOVE], "reason": "lamp_sale", "game_ms": None, "real_ms": 60_000}


class Posting(Discreet):
    """What a hold's posting says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hold_id: HoldId
    amounts: Annotated[
        list[Annotated[int, Field(ge=0, le=AMOUNT_MAX)]] | None,
        Field(
            min_length=1,
            max_length=MOVES_MAX,
            description="How much of each move, in their order; nil: all.",
            json_schema_extra={"unit": "minor units"},
        ),
    ] = None


class PostHold(Posting, Command, name="ledger.post_hold", may=(GRANTED, OPERATOR)):
    """Make a hold's moves, wholly or in part; what is not moved is free again, and the hold is over.

    Refused with ``hold_not_open``, ``hold_expired``, ``invalid_part``, and with ``account_closed`` or
    ``balance_overflow``.
    """

    example: ClassVar[Any] = {"hold_id": UUID, "amounts": [20]}


class Voiding(Discreet):
    """What a hold's release says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hold_id: HoldId
    reason: Why


class VoidHold(Voiding, Command, name="ledger.void_hold", may=(GRANTED, OPERATOR)):
    """Let a hold go. Refused with ``hold_not_open``."""

    example: ClassVar[Any] = {"hold_id": UUID, "reason": "no_deal"}


class Reversing(Discreet):
    """What a reversal says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reverses: EventName
    reason: Why


class Reverse(Reversing, Command, name="ledger.reverse", may=(GRANTED, OPERATOR)):
    """Undo a transfer or a hold's posting: its moves backwards. It works once.

    Refused with ``original_unknown``, ``not_reversible`` (a reversal, say), ``already_reversed``, and as a
    transfer is: what somebody has spent cannot be taken back.
    """

    example: ClassVar[Any] = {"reverses": UUID, "reason": "refund"}


class TransferStep(Transferring):
    """A transfer as a step."""

    do: Literal["transfer"]


class HoldStep(Holding):
    """A hold as a step."""

    do: Literal["hold"]


class PostStep(Posting):
    """A hold's posting as a step."""

    do: Literal["post_hold"]


class VoidStep(Voiding):
    """A hold's release as a step."""

    do: Literal["void_hold"]


class ReverseStep(Reversing):
    """A reversal as a step."""

    do: Literal["reverse"]


Step = Annotated[TransferStep | HoldStep | PostStep | VoidStep | ReverseStep, Field(discriminator="do")]


class Link(Command, name="ledger.link", may=(GRANTED, OPERATOR)):
    """Do several things, all or nothing, in one append: each on what the ones before it left.

    Refused as its steps are; the refusal's field begins with ``steps.{number from 0}``.
    """

    steps: Annotated[
        list[Step],
        Field(min_length=1, max_length=STEPS_MAX, description="What to do, each with its kind in ``do``."),
    ]

    example: ClassVar[Any] = {
        "steps": [
            {"do": "post_hold", "hold_id": UUID, "amounts": None},
            {"do": "transfer", "moves": [{**MOVE, "unit": "brass_lamp", "amount": 1}], "reason": "lamp_sale"},
        ]
    }


Single = Transferring | Holding | Posting | Voiding | Reversing
"""What a command or a step says."""

Setting = OpenUnit | RetireUnit | OpenAccount | DeclareFlow | CloseAccount | AllowCredit
LedgerCommand = Setting | Transfer | Hold | PostHold | VoidHold | Reverse | Link
COMMANDS: tuple[type[LedgerCommand], ...] = (
    OpenUnit,
    RetireUnit,
    OpenAccount,
    DeclareFlow,
    CloseAccount,
    AllowCredit,
    Transfer,
    Hold,
    PostHold,
    VoidHold,
    Reverse,
    Link,
)
