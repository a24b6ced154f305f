"""Commands that a second operator must confirm, as the settings ask for it."""

from aicore.clock import now_us
from aicore.embedded.keyring import keyring_for
from aicore.settings import Settings
from aicore.wiring.parts import Part, Parts
from domain.four_eyes.messages import ConfirmOrder, OrdersQuery
from handlers.four_eyes.holding import BINDING, FourEyes


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(serve={"commands": _commands})


async def four_eyes(parts: Parts) -> FourEyes:
    """Open what holds commands (`Parts.once`); the composition root puts it before those declared so."""
    return FourEyes(
        parts.log,
        parts.runner(BINDING),
        operators=keyring_for(parts.settings, parts.system.state_dir),
        now_us=now_us,
        minutes=parts.settings.four_eyes_minutes,
    )


async def _commands(parts: Parts) -> None:
    eyes = await parts.once(four_eyes)
    parts.served.commands[ConfirmOrder.command_name] = eyes.confirm
    parts.served.queries[OrdersQuery] = eyes.answer
