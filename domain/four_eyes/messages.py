"""What may be said of commands that wait for a second operator, and what was said.

Names and versions of events are storage format: they stay in the log for ever.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from domain.kernel.declared import Declared
from domain.kernel.event import Command, Event, Query
from domain.kernel.roles import AUDITOR, OPERATOR
from domain.kernel.visibility import Private
from domain.kernel.vocabulary import COUNT_MAX, ConfigurationValue, Operator, Reason, TimeUs

OrderId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{32}$",
        description="Id of the command that waits, 32 hexadecimal digits; its sender chose it.",
    ),
]
Expected = Annotated[
    Annotated[int, Field(ge=1, le=COUNT_MAX)] | Literal["none", "exists", "any"],
    Field(description="The version that the command wants its stream to have."),
]


class Order(Declared):
    """A command that waits: what is carried out is this, and nothing that is sent later."""

    order_id: OrderId
    command: str = Field(max_length=128, description="Its name, e.g. registry.promote_model.")
    payload: Annotated[
        dict[str, ConfigurationValue],
        Field(description="Its payload, as it will be carried out."),
        Private(),
    ]
    expected: Expected = "any"
    operator: Operator
    role: str = Field("", max_length=32, description="The sender's role; empty: it was not known.")
    expires_us: Annotated[TimeUs, Field(description="From then on nobody may confirm it.")]


_ORDER: dict[str, object] = {
    "order_id": "0190a6c0f3a87cc2b5a2d6e1f0a1b2c3",
    "command": "registry.promote_model",
    "payload": {
        "use_case": "npc_dialogue",
        "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "operator": "operator:mira",
        "reason": "the candidate is silent in the raid",
        "override": "its evaluation is not through yet",
    },
    "expected": "any",
    "operator": "operator:mira",
    "role": "operator",
    "expires_us": 1_790_003_600_000_000,
}
_CONFIRMED: dict[str, object] = {
    "order_id": "0190a6c0f3a87cc2b5a2d6e1f0a1b2c3",
    "operator": "operator:jan",
    "reason": "seen with mira; the raid is in an hour",
}


# --- what happened ------------------------------------------------------------------------------------------


class CommandProposed(Order, Event, name="four_eyes.proposed", version=1):
    """A command was sent that needs a second operator; it has no effect yet."""

    example: ClassVar = _ORDER


class OrderConfirmed(Event, name="four_eyes.confirmed", version=1):
    """A second operator confirmed a command; it is carried out as its sender's."""

    order_id: OrderId
    operator: Operator
    reason: Reason

    example: ClassVar = _CONFIRMED


OrderEvent = CommandProposed | OrderConfirmed


# --- what may be asked --------------------------------------------------------------------------------------


class ConfirmOrder(Command, name="four_eyes.confirm", may=(OPERATOR, AUDITOR)):
    """Confirm a command that another operator sent; it is carried out at once, as that operator's.

    Sent again, it is carried out again if it was not yet. Its result is kept for its sender, who sends it
    again with the same id.
    Refused with ``order_not_found``, ``order_expired``, ``same_operator``, ``role_missing`` to who could not
    send the command itself, or as the command is refused.
    """

    order_id: OrderId
    operator: Operator
    reason: Reason

    example: ClassVar = _CONFIRMED


class OrdersQuery(Query, name="four_eyes.orders"):
    """Ask for commands that wait for a second operator, or waited.

    The result is a list of maps, the newest first: the fields of four_eyes.proposed, ``state`` (open,
    confirmed or expired), and of a confirmed one ``confirmed_by`` and ``confirmed_because``.
    """

    order_id: str = Field("", pattern=r"^[0-9a-f]{0,32}$", description="Only those whose id begins so.")
    open_only: bool = Field(False, description="Only those that may still be confirmed.")
    limit: int = Field(200, ge=1, le=500, description="At most so many, the newest.")

    shows: ClassVar = {"payload": Private()}


# --- what our own handlers say ------------------------------------------------------------------------------


class ProposeCommand(Order, Command, name="four_eyes.propose"):
    """Record a command that needs a second operator. Refused with ``order_differs`` if the id is taken."""

    example: ClassVar = _ORDER


class GiveConfirmation(Command, name="four_eyes.give"):
    """Record a second operator's word, and when it was given; refused as ``four_eyes.confirm`` is."""

    order_id: OrderId
    operator: Operator
    reason: Reason
    at_us: Annotated[TimeUs, Field(description="When it was given.")]

    example: ClassVar = {**_CONFIRMED, "at_us": 1_790_000_000_000_000}


OrderCommand = ProposeCommand | GiveConfirmation
