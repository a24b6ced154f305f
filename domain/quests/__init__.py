"""Quests that players take, and what becomes of them."""

from domain.kernel.context import Context
from domain.quests.commands import COMMANDS, Look, TellGone
from domain.quests.messages import EVENTS
from domain.quests.queries import JournalQuery, OffersQuery

CONTEXT = Context(
    "quests",
    events=EVENTS,
    commands=(*COMMANDS, TellGone),
    internal=(Look,),
    queries=(JournalQuery, OffersQuery),
)
