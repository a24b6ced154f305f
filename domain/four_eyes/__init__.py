"""Commands that take effect when a second operator confirms them, where the settings ask for that."""

from domain.four_eyes.messages import (
    CommandProposed,
    ConfirmOrder,
    GiveConfirmation,
    OrderConfirmed,
    OrdersQuery,
    ProposeCommand,
)
from domain.kernel.context import Context

CONTEXT = Context(
    "four_eyes",
    events=(CommandProposed, OrderConfirmed),
    commands=(ConfirmOrder,),
    internal=(ProposeCommand, GiveConfirmation),
    queries=(OrdersQuery,),
)
