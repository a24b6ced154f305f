"""The quests that a player may take, from memory."""

from collections.abc import Callable, Mapping
from typing import Any

from domain.kernel.parse import parse
from domain.ledger.book import Book
from domain.quests.facts import unmet
from domain.quests.needs import completable
from domain.quests.queries import OffersQuery
from domain.quests.vocabulary import Thing
from handlers.quests.board import QuestBoard


class Offers:
    """Answers from the board; ``now_us`` tells the time."""

    def __init__(self, board: QuestBoard, now_us: Callable[[], int]) -> None:
        self._board = board
        self._now_us = now_us

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``quests.offers``."""
        player = parse(OffersQuery, query).player
        return [*self._offered(player)], self._board.position

    def _offered(self, player: str) -> list[Mapping[str, Any]]:
        now_ms = self._board.clock.now_ms(self._now_us()) or 0
        facts, board = self._board.facts(None, now_ms, Book(), {}), self._board.board
        found: list[Mapping[str, Any]] = []
        for id_, offer in self._board.offers.items():
            quest = offer.quest
            lost = Thing("person", quest.giver) in facts.gone
            lost = lost or not completable(quest, quest.stages[0].id, facts.gone)
            _, last = board.taken.get((player, id_), (0, ""))
            if lost or last in board.running or (last and quest.again is None):
                continue
            why = unmet(quest.offered, facts, [player])
            shown = {"quest": id_, "name": quest.name, "aim": quest.aim, "giver": quest.giver}
            found.append({**shown, "party": quest.party, "why": why, "until_ms": None})
        return [*found, *self._made(player, now_ms)]

    def _made(self, player: str, now_ms: int) -> list[Mapping[str, Any]]:
        """Return the quests that were made for a player."""
        return [
            {
                "quest": each.quest.id,
                "name": each.quest.name,
                "aim": each.quest.aim,
                "giver": each.quest.giver,
                "party": False,
                "why": "",
                "until_ms": each.until_ms,
            }
            for each in self._board.board.made_for(player)
            if now_ms <= each.until_ms
        ]
