"""The stage before commands for players: so many for each, in memory, per process."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from domain.session.limits import Allowance, OverAllowance
from protocol.messages import CommandMessage, Reply

PLAYERS_MAX = 100_000
"""Players remembered; who is forgotten begins with a full allowance."""

Handler = Callable[[CommandMessage], Awaitable[Reply]]


class PlayerLimits:
    """Keeps the allowances. ``clock`` counts seconds and only goes forward.

    One is kept for each player *and sender*: who sends for another's player uses up nothing of theirs.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left: OrderedDict[tuple[str, str], Allowance] = OrderedDict()

    def before(self, handler: Handler) -> Handler:
        """Return ``handler`` for those commands that are within their player's allowance."""

        async def limited(message: CommandMessage) -> Reply:
            player = message.payload.get("player")
            if isinstance(player, str):
                self.take(message.meta.actor, player[:128])
            return await handler(message)

        return limited

    def take(self, actor: str, player: str) -> None:
        """Count a command.

        Raises:
            OverAllowance: with the time to come again.
        """
        now_ms, key = self._clock() * 1e3, (actor, player)
        left, wait_ms, rate = (self._left.pop(key, None) or Allowance.full(now_ms)).used(now_ms)
        self._left[key] = left
        if len(self._left) > PLAYERS_MAX:
            self._left.popitem(last=False)
        if wait_ms:
            raise OverAllowance(player, rate, wait_ms)
