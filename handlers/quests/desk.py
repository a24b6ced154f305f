"""Commands about quests ride along at the ledger's desk: what happens, is given and paid is one append."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bus.codec import EventCodec
from bus.ids import derived_id
from bus.ports import EventLog, RecordedEvent
from domain.kernel.decider import Rejected
from domain.kernel.event import Command, Event
from domain.ledger.book import Book, Now
from domain.places.moving import Player
from domain.places.moving import stream_of as player_stream
from domain.quests.commands import (
    COMMANDS,
    Abandon,
    Accept,
    Advance,
    Choose,
    Join,
    Look,
    MakeQuest,
    OfPlayer,
    QuestCommand,
)
from domain.quests.generator import task_id
from domain.quests.instance import Along, Instance, Offered, State
from domain.quests.messages import (
    QUEST_EVENTS,
    Abandoned,
    Accepted,
    Happened,
    Joined,
    OfferMade,
    Parted,
)
from domain.quests.quests import QUEST, Asked, Offer, may_again
from domain.quests.settling import settled
from domain.quests.vocabulary import instance_of, stream_of
from domain.session.authority import held
from handlers.kernel.commands import Binding, CommandRunner, refs_of
from handlers.ledger.riders import Beside, Ridden, Ride
from handlers.quests.board import QuestBoard
from protocol.messages import CommandMessage, Reply

COMPONENT = "component:quests"
PAGE = 1_000
KINDS: Mapping[str, type[Command]] = {kind.command_name: kind for kind in (*COMMANDS, Look)}

QUESTS: Binding[Any, Any, State] = Binding(
    commands=(), stream_of=lambda command: stream_of(command.instance), decider=QUEST
)
"""How a quest's stream is read; what is written is decided at the desk."""


@dataclass(frozen=True, slots=True)
class QuestRide:
    """A command with its quest, as the log has it, and what else it is decided by."""

    command: QuestCommand
    board: QuestBoard
    instance: str
    state: State
    version: int
    here: Mapping[str, str]
    offer: Offer | None = None
    number: int = 1
    again: bool = True
    open: int = 0
    own_stream: str = ""
    """For who comes along: the stream that would be their own quest's."""
    own_version: int = 0

    @property
    def stream(self) -> str:
        """The quest's stream."""
        return stream_of(self.instance)

    @property
    def streams(self) -> Sequence[str]:
        """The quest's stream; and for who comes along, the one that would be their own quest's."""
        return [self.stream, *([self.own_stream] if self.own_stream else [])]

    def decide(self, book: Book, now: Now) -> Ridden:
        """Return what follows; see `Ride`."""
        if now.game is None:
            remedy = "start the realm's clock: clock.start"
            raise Rejected("no_clock", "the realm has no clock yet", remedy=remedy)
        state = self.state if isinstance(self.state, Instance | Offered) else None
        facts = self.board.facts(state, now.game.ms, book, self.here)
        asked = Asked(self.command, facts, self.offer, self.number, self.again, self.open)
        decided = QUEST.decide(asked, self.state)
        events, ledger = settled(decided, book, now, self.board.units)
        beside = [Beside(self.stream, self.version, events)] if events else []
        if events and self.own_stream:
            joined = [event for event in events if isinstance(event, Joined)]
            beside.append(Beside(self.own_stream, self.own_version, joined))
        return Ridden(beside, ledger, shown(QUEST.fold(events, self.state)))


class QuestRider:
    """Makes quests' commands ready for the desk. ``players`` tells how players' streams are read."""

    def __init__(
        self,
        log: EventLog,
        codec: EventCodec,
        board: QuestBoard,
        *,
        players: Binding[Any, Any, Player],
    ) -> None:
        self._log = log
        self._codec = codec
        self._board = board
        self._players = players
        self._runner = CommandRunner(log, codec, [])

    @property
    def commands(self) -> Mapping[str, type[Command]]:
        """Its commands by name."""
        return KINDS

    async def ready(self, message: CommandMessage, command: Command) -> Ride:
        """Read what a command needs; see `Rider`."""
        assert isinstance(command, QuestCommand)
        here: dict[str, str] = {}
        if isinstance(command, OfPlayer):
            player = await self._player(command, message.meta.actor)
            here[command.player] = player.place
        await self._board.all_known()
        match command:
            case Accept():
                return await self._accepting(command, here)
            case MakeQuest():
                return await self._making(command)
            case Join():
                return await self._joining(command, here)
            case Advance() | Choose() | Abandon() | Look():
                state, version = await self._quest(command.instance)
                return QuestRide(command, self._board, command.instance, state, version, here)

    async def _player(self, command: OfPlayer, actor: str) -> Player:
        """Return the player, in the session that the sender holds.

        Raises:
            Rejected: ``no_session``, ``not_your_session``, ``session_over``.
        """
        found = await self._runner.recall(self._players, player_stream(command.player))
        held(found.state.sessions, actor, command.session)
        return found.state

    async def _quest(self, instance: str) -> tuple[State, int]:
        """Return a quest as the log has it, with the version of its stream."""
        found = await self._runner.recall(QUESTS, stream_of(instance))
        return found.state, len(found.events)

    async def _accepting(self, command: Accept, here: Mapping[str, str]) -> Ride:
        quest, player = command.quest, command.player
        number, instance, state, version = await self._last(quest, player)
        if isinstance(state, Along):
            instance = state.of
            state, version = await self._quest(instance)
        offer = self._board.offer(quest, player)
        return QuestRide(command, self._board, instance, state, version, here, offer, number)

    async def _making(self, command: MakeQuest) -> Ride:
        """Return the ride with a quest that was made; the number is the first whose stream is not begun."""
        number, player, board = self._board.board.made[command.player] + 1, command.player, self._board
        while True:
            quest = task_id(board.definition.world.seed, player, number)
            instance = instance_of(quest, player, 1)
            state, version = await self._quest(instance)
            if state is None:
                break
            number += 1
        offer = await asyncio.to_thread(board.make, player, number)
        waiting = len(board.board.made_for(player))
        return QuestRide(command, board, instance, state, version, {}, offer, open=waiting)

    async def _joining(self, command: Join, here: Mapping[str, str]) -> Ride:
        state, version = await self._quest(command.instance)
        ride = QuestRide(command, self._board, command.instance, state, version, here)
        if not isinstance(state, Instance) or command.player in state.players:
            return ride
        number, own, mine, own_version = await self._last(state.quest.id, command.player)
        return QuestRide(
            *(command, self._board, command.instance, state, version, here),
            number=number,
            again=mine is None,
            own_stream=stream_of(own),
            own_version=own_version,
        )

    async def _last(self, quest: str, player: str) -> tuple[int, str, State, int]:
        """Return number, instance, state and version of the quest that a player took last, or may begin.

        The state of one that they may begin is None.
        """
        number = self._board.board.taken.get((player, quest), (1, ""))[0]
        while True:
            instance = instance_of(quest, player, number)
            state, version = await self._quest(instance)
            if not await self._may_begin_after(state, player):
                return number, instance, state, version
            number += 1

    async def _may_begin_after(self, state: State, player: str) -> bool:
        """Say whether a quest is so far over that its player may take it anew."""
        now_ms = self._board.clock.now_ms(self._log.now_us())
        if isinstance(state, Along):
            state, _ = await self._quest(state.of)
        if not isinstance(state, Instance) or now_ms is None:
            return False
        return may_again(state, now_ms) if player in state.players else state.quest.again is not None

    async def recall(self, message: CommandMessage, command: Command, first: RecordedEvent) -> Reply | None:
        """Return what a command came to; see `Rider`."""
        assert isinstance(command, QuestCommand)
        names = {kind.event_name for kind in QUEST_EVENTS}
        if first.type not in names or not _came_of(command, self._codec.decode(first)):
            return None
        refs = await refs_of(self._log, message.id, first)
        last = max(each.version for each in refs if each.stream == first.stream)
        history = await self._history(first.stream, last)
        return Reply(shown(QUEST.fold(history)), refs, duplicate=True)

    async def _history(self, stream: str, until: int) -> Sequence[Any]:
        events: list[Event] = []
        while len(events) < until:
            page = await self._log.read_stream(stream, after=len(events), limit=PAGE)
            if not page:
                break
            events += [self._codec.decode(each) for each in page]
        return events[:until]


def shown(state: State) -> Mapping[str, Any]:
    """Return what who asked is told of a quest."""
    if isinstance(state, Offered):
        said = {"instance": state.id, "quest": state.quest.id, "players": [*state.players]}
        return {**said, "until_ms": state.until_ms, "over": state.over}
    if not isinstance(state, Instance):
        return {}
    return {
        "instance": state.id,
        "quest": state.quest.id,
        "players": [*state.players],
        "stage": state.stage,
        "done": sorted(number for stage, number in state.done if stage == state.stage),
        "due_ms": state.due_ms,
        "over": state.over,
        "end": state.end,
    }


def look_id(state: Instance | Offered) -> UUID:
    """Return the id under which a quest is looked at: one for each version of it."""
    return derived_id(UUID(state.id), state.size, "look")


def _came_of(command: QuestCommand, event: Event) -> bool:
    """Say whether an event may be the first of those that a command led to."""
    match command, event:
        case Accept(), Accepted():
            return (command.player, command.quest) == (event.players[0], event.quest)
        case Join(), Joined():
            return (command.player, command.instance) == (event.player, event.instance)
        case MakeQuest(), OfferMade():
            return command.player == event.players[0]
        case Abandon(), Abandoned():
            return (command.player, command.instance) == (event.players[0], event.instance)
        case Abandon(), Parted():
            return (command.player, command.instance) == (event.player, event.instance)
        case ((Advance() | Choose()), (Abandoned() | Parted() | Joined() | Accepted())):
            return False
        case ((Advance() | Choose()), Happened()):
            chosen = getattr(event, "by", "") == "chosen" and not isinstance(command, Choose)
            return not chosen and command.instance == event.instance and command.player in event.players
        case Look(), Happened():
            return command.instance == event.instance
        case _:
            pass
    return False
