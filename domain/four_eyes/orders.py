"""Commands that wait for a second operator: proposed by one, confirmed in time by another. Stream: `STREAM`.

Nothing is recorded when the time is over: whoever would confirm is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from domain.four_eyes.messages import (
    CommandProposed,
    GiveConfirmation,
    OrderCommand,
    OrderConfirmed,
    OrderEvent,
    ProposeCommand,
)
from domain.kernel.decider import Decider, Rejected
from domain.kernel.growing import Growing

STREAM = "four_eyes-orders"


@dataclass(frozen=True, slots=True)
class Orders:
    """Every order there was, and the confirmations, by order id."""

    proposed: Growing[CommandProposed] = field(default_factory=Growing)
    confirmed: Growing[OrderConfirmed] = field(default_factory=Growing)

    def state_of(self, order_id: str, now_us: int) -> str:
        """Return the state of an order that there is: open, confirmed or expired."""
        if order_id in self.confirmed:
            return "confirmed"
        return "open" if now_us < self.proposed[order_id].expires_us else "expired"


def evolve(state: Orders, event: OrderEvent) -> Orders:
    """Return the state after ``event``."""
    match event:
        case CommandProposed():
            return replace(state, proposed=state.proposed.with_({event.order_id: event}))
        case OrderConfirmed():
            return replace(state, confirmed=state.confirmed.with_({event.order_id: event}))
        case _:
            assert_never(event)


def decide(command: OrderCommand, state: Orders) -> Sequence[OrderEvent]:
    """Return what follows from ``command``: nothing if it is already so.

    Raises:
        Rejected: a rule refuses it; see each command's description.
    """
    match command:
        case ProposeCommand():
            return _propose(command, state)
        case GiveConfirmation():
            return _confirm(command, state)
        case _:
            assert_never(command)


def _propose(command: ProposeCommand, state: Orders) -> Sequence[OrderEvent]:
    proposed = CommandProposed(**command.model_dump())
    known = state.proposed.get(command.order_id)
    if known is None:
        return [proposed]
    if same_order(known, proposed):
        return []
    raise Rejected(
        "order_differs",
        f"{command.order_id} is the id of another command that needed a second operator",
        field="id",
        remedy="choose a fresh id for every new command",
    )


def same_order(one: CommandProposed, other: CommandProposed) -> bool:
    """Say whether two orders are the same command of the same sender, whenever they were sent."""
    return one == other.model_copy(update={"expires_us": one.expires_us, "role": one.role})


def _confirm(command: GiveConfirmation, state: Orders) -> Sequence[OrderEvent]:
    order = state.proposed.get(command.order_id)
    if order is None:
        raise Rejected(
            "order_not_found",
            f"no command {command.order_id} waits for a second operator",
            field="order_id",
            remedy="ask four_eyes.orders for those that do",
        )
    if command.operator == order.operator:
        raise Rejected(
            "same_operator",
            f"{order.operator} sent the command, and cannot confirm it",
            field="operator",
            remedy="another operator must confirm it",
        )
    if command.order_id in state.confirmed:
        return []
    if command.at_us >= order.expires_us:
        raise Rejected(
            "order_expired",
            f"{order.command} of {order.operator} waited too long for a second operator",
            field="order_id",
            remedy="its sender may send it anew, with another id",
        )
    return [OrderConfirmed(**command.model_dump(exclude={"at_us"}))]


ORDERS: Decider[OrderCommand, OrderEvent, Orders] = Decider(Orders(), decide, evolve)
