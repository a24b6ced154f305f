"""Promises: their commands, and the process that ends them by what happens."""

from aicore.settings import Settings
from aicore.wiring.beliefs import around_players
from aicore.wiring.clock import clock_in_memory
from aicore.wiring.parts import Part, Parts
from aicore.wiring.people import PLAYERS
from aicore.wiring.places import FollowedClock, player_limits
from domain.promises.messages import COMMANDS
from domain.promises.watching import promise_keeper
from handlers.promises.promising import PROMISING, Promising


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(serve={"commands": _commands})


async def _commands(parts: Parts) -> None:
    """Take promises, and end them."""
    around, limits = await parts.once(around_players), await parts.once(player_limits)
    promising = Promising(parts.log, parts.codec, around, players=PLAYERS, allow=limits.take)
    parts.served.commands |= {kind.command_name: promising for kind in COMMANDS}
    clock = FollowedClock(await parts.once(clock_in_memory))
    await parts.process(promise_keeper(clock.known_ms), PROMISING)
