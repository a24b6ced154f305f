"""The stage before ``factions.deed``: a service names a player only while it holds the player's session."""

from typing import Any

from domain.factions.messages import Deed
from domain.kernel.parse import parse
from domain.places.moving import Player, stream_of
from domain.session.authority import OPERATORS, held
from handlers.kernel.commands import Binding, CommandRunner
from handlers.places.limits import Handler
from protocol.messages import CommandMessage, Reply


class Authorship:
    """Sees whose deed it is. ``players`` tells how players' streams are read."""

    def __init__(self, runner: CommandRunner, *, players: Binding[Any, Any, Player]) -> None:
        self._runner = runner
        self._players = players

    def before(self, handler: Handler) -> Handler:
        """Return ``handler`` for those deeds that name nobody, or a player for whom the sender acts."""

        async def seen(message: CommandMessage) -> Reply:
            await self.see(parse(Deed, message.payload), message.meta.actor)
            return await handler(message)

        return seen

    async def see(self, deed: Deed, actor: str) -> None:
        """See that ``actor`` may say that the player did it; operators may of everybody.

        Raises:
            Rejected: ``no_session``, ``not_your_session``, ``session_over``.
        """
        if deed.player is None or actor.startswith(OPERATORS):
            return
        player = await self._runner.recall(self._players, stream_of(deed.player))
        held(player.state.sessions, actor, deed.session or 0)  # none is numbered 0: it says which one is open
