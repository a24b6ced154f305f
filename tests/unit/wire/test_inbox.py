"""What the inbox makes of what came of a command."""

import pytest

from bus.nats.consumer import Delivery
from bus.nats.inbox import InboxOptions, _Carrier
from domain.kernel.decider import Rejected, Waits
from protocol.messages import CommandMessage, Reply
from tests.unit.kit import message


async def test_a_command_that_waits_for_something_is_over_and_a_refused_one_is_not() -> None:
    """It is recorded: as a dead letter it would be given back, and refused again."""

    async def run(sent: CommandMessage) -> Reply:
        raise (Waits if sent.command == "a.wait" else Rejected)("some_code", "m")

    options = InboxOptions(random=lambda: 0.5, now_us=lambda: 0)
    carrier = _Carrier({"a.wait": run, "a.refuse": run}, options)

    await carrier.carry_out(Delivery(message("a.wait", {}), 1, redriven=False))
    with pytest.raises(Rejected):
        await carrier.carry_out(Delivery(message("a.refuse", {}), 1, redriven=False))
