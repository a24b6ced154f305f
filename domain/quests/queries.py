"""Questions about quests."""

from typing import ClassVar

from pydantic import Field

from domain.kernel.event import Query
from domain.kernel.roles import GRANTED, PEOPLE
from domain.session.messages import PlayerId


class JournalQuery(Query, name="quests.journal", may=(GRANTED, *PEOPLE)):
    """Ask for a player's quests, the newest first.

    The result is a list of maps with instance, quest, name, number, players, giver (by now), stage, text
    (what the journal says), objectives (lists of kind, what, count, done), choices (the ways on that are to
    be chosen), due_ms, over (completed, failed, closed, abandoned, or empty), end, taken_ms, over_ms,
    position.
    """

    player: PlayerId
    running: bool = Field(False, description="Only those that are under way.")
    limit: int = Field(50, ge=1, le=500, description="At most so many.")

    example: ClassVar = {"player": "ann", "running": True, "limit": 50}


class OffersQuery(Query, name="quests.offers", may=(GRANTED, *PEOPLE)):
    """Ask for the quests that a player may take now.

    The result is a list of maps with quest, name, aim, giver, party, why (what is not so yet, or empty), and
    until_ms (of those that were made for the player).
    """

    player: PlayerId

    example: ClassVar = {"player": "ann"}
