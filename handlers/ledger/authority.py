"""Who may give away what is a player's: whoever holds the player's session, and operators.

The sessions in memory are a moment behind the log. They are enough to let through; before anything is refused
the player's own stream is asked, so that who has just opened a session is not turned away.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from bus.codec import EventCodec
from bus.ports import EventLog, RecordedEvent
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.ledger.commands import Holding, LedgerCommand, Link, Reversing, Single, Transferring
from domain.ledger.messages import HoldPosted, Transferred
from domain.ledger.vocabulary import owner_of
from domain.places.moving import stream_of
from domain.session.authority import OPERATORS, Sessions, evolve
from domain.session.messages import SessionClosed, SessionOpened
from handlers.kernel.follow import MemoryView

PLAYER = "player."
OURS = "component:"
"""Our own processes act by the rules that started them."""

PAGE = 1_000


class Holders(MemoryView):
    """Who holds each player's session. Run `run` in a task."""

    name: ClassVar[str] = "ledger_sessions"
    types: ClassVar[tuple[str, ...]] = (SessionOpened.event_name, SessionClosed.event_name)

    def __init__(self, log: EventLog, codec: EventCodec) -> None:
        super().__init__(log, decode=codec.decode)
        self._log = log
        self._codec = codec
        self._holders: dict[str, str] = {}

    def apply(self, event: Event, _: RecordedEvent) -> None:
        """Take an event in."""
        match event:
            case SessionOpened():
                self._holders[event.player] = event.service
            case SessionClosed():
                self._holders.pop(event.player, None)
            case _:
                pass

    async def see_may(self, command: LedgerCommand, by: str, originals: Mapping[str, Event]) -> None:
        """See that who sent a command may give away what it gives.

        A hold that was made may be posted by whoever got its id.

        Raises:
            Rejected: ``not_your_player``.
            LogUnavailable: the log cannot be asked.
        """
        for field, payer in _payers(command, originals):
            await self.see_may_give(payer, by, field)

    async def see_may_give(self, payer: str, by: str, field: str) -> None:
        """See that somebody may give away what is in an account; raises as `see_may` does."""
        if not payer.startswith(PLAYER) or by.startswith((OPERATORS, OURS)):
            return
        player = owner_of(payer).removeprefix(PLAYER)
        if by != self._holders.get(player) and by != await self._newest(player):
            raise Rejected(
                "not_your_player",
                f"{payer} is a player's, whose session this service does not hold",
                field=field,
                remedy="open the player's session with session.open; operators need none",
            )

    async def _newest(self, player: str) -> str | None:
        """Return who holds a player's session as the log has it now; None if nobody does."""
        sessions, after = Sessions(), 0
        while True:
            page = await self._log.read_stream(stream_of(player), after=after, limit=PAGE)
            for recorded in page:
                after = recorded.version
                event = self._codec.decode(recorded) if recorded.type in self.types else None
                if isinstance(event, SessionOpened | SessionClosed):
                    sessions = evolve(sessions, event)
            if len(page) < PAGE:
                return sessions.holder or None


def _payers(command: LedgerCommand, originals: Mapping[str, Event]) -> Iterator[tuple[str, str]]:
    """Yield the accounts that a command takes from, each with the field that says so."""
    if isinstance(command, Link):
        for number, step in enumerate(command.steps):
            yield from ((f"steps.{number}.{at}", payer) for at, payer in _payers_of(step, originals))
    else:
        yield from _payers_of(command, originals)


def _payers_of(command: LedgerCommand | Single, originals: Mapping[str, Event]) -> Iterator[tuple[str, str]]:
    match command:
        case Transferring() | Holding():
            yield from ((f"moves.{n}.payer", move.payer) for n, move in enumerate(command.moves))
        case Reversing():
            original = originals.get(command.reverses)
            if isinstance(original, Transferred | HoldPosted):
                yield from (("reverses", move.payee) for move in original.moves)
        case _:
            pass
