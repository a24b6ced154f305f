"""Quests: their commands at the ledger's desk, who looks at them, and the journal."""

from typing import Any

from aicore.content.sample_world import sample_definition, sample_entries
from aicore.settings import Settings
from aicore.wiring.clock import clock_in_memory
from aicore.wiring.ledger import ledger_desk
from aicore.wiring.parts import Part, Parts
from aicore.wiring.places import player_limits
from domain.ledger.book import STREAM
from domain.places.moving import PLAYER, stream_of
from domain.quests.commands import COMMANDS, TellGone
from domain.quests.gone import GONE
from domain.quests.gone import STREAM as GONE_STREAM
from domain.quests.messages import GoneTold
from domain.quests.queries import JournalQuery, OffersQuery
from domain.quests.vocabulary import Thing
from handlers.kernel.commands import Binding
from handlers.quests.board import Clocked, QuestBoard
from handlers.quests.desk import QuestRider
from handlers.quests.keeper import Keeper
from handlers.quests.offers import Offers
from projections.quests.journal import QUEST_JOURNAL, journal

LOSSES: Binding[TellGone, GoneTold, frozenset[Thing]] = Binding(
    commands=(TellGone,),
    stream_of=lambda _: GONE_STREAM,
    decider=GONE,
    answer=lambda command, _: {"kind": command.kind, "thing": command.thing},
)
PLAYERS: Binding[Any, Any, Any] = Binding(
    commands=(), stream_of=lambda command: stream_of(command.player), decider=PLAYER
)
"""How players' streams are read, for who holds their session and where they are."""


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(
        bindings=(LOSSES,),
        views=(QUEST_JOURNAL,),
        answers={JournalQuery: journal},
        serve={"commands": _commands, "queries": _queries},
        lanes=dict.fromkeys((kind.command_name for kind in COMMANDS), STREAM),
    )


async def quests_in_memory(parts: Parts) -> QuestBoard:
    """Open what quests go by (`Parts.once`)."""
    view = await parts.once(clock_in_memory)
    clocked = Clocked(lambda: view.clock)
    board = QuestBoard(
        *(parts.log, sample_definition(), sample_entries()), decode=parts.codec.decode, clock=clocked
    )
    return await parts.view(board)


async def _commands(parts: Parts) -> None:
    """Have the ledger's desk decide them, within what a player may ask for."""
    board, desk = await parts.once(quests_in_memory), await parts.once(ledger_desk)
    desk.carry(QuestRider(parts.log, parts.codec, board, players=PLAYERS))
    limits = await parts.once(player_limits)
    parts.served.commands |= {kind.command_name: limits.before(desk) for kind in COMMANDS}
    await parts.keep(Keeper(parts.log, board, desk))


async def _queries(parts: Parts) -> None:
    offers = Offers(await parts.once(quests_in_memory), parts.now_us)
    parts.served.queries |= {OffersQuery: offers.answer}
