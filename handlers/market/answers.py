"""Answers about stalls, from memory."""

from collections.abc import Mapping
from typing import Any

from domain.kernel.decider import Rejected
from domain.kernel.parse import parse
from domain.market.queries import BoardQuery, MarketsQuery
from domain.market.stalls import Stall
from handlers.market.orders import Surroundings, shut_now
from handlers.market.view import Stalls


class StallAnswers:
    """Answers ``market.markets`` and ``market.board``."""

    def __init__(self, view: Stalls, around: Surroundings) -> None:
        self._view = view
        self._around = around

    async def markets(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Return every stall."""
        parse(MarketsQuery, query)
        rows = [
            {
                "market": stall.market,
                "name": stall.name,
                "side": stall.side,
                "currency": stall.currency,
                "goods": len(stall.terms),
                "short": len(self._view.market(stall.market).short),
                "shut": self._shut(stall),
            }
            for stall in self._view.stalls.values()
        ]
        return rows, self._view.position

    async def board(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Return a stall's price board.

        Raises:
            Rejected: ``market_unknown``.
        """
        asked = parse(BoardQuery, query)
        if (stall := self._view.stalls.get(asked.market)) is None:
            what, remedy = f"there is no stall at {asked.market}", "market.markets has them all"
            raise Rejected("market_unknown", what, field="market", remedy=remedy)
        market = self._view.market(stall.market)
        head = {
            "market": stall.market,
            "name": stall.name,
            "account": stall.account,
            "currency": stall.currency,
            "shut": self._shut(stall),
            "day": market.day,
        }
        return {**head, "goods": self._goods(stall)}, self._view.position

    def _goods(self, stall: Stall) -> list[dict[str, Any]]:
        market = self._view.market(stall.market)
        return [
            {
                "good": good,
                "name": terms.name,
                "price": posted.price,
                "pays": terms.pays(posted.level, 1),
                "stock": self._view.amount(stall.account, good),
                "level": posted.level,
                "usual": terms.usual,
                "coming": posted.coming,
                "short": good in market.short,
            }
            for good, terms in stall.terms.items()
            if (posted := market.posted.get(good)) is not None
        ]

    def _shut(self, stall: Stall) -> str:
        try:
            return shut_now(self._view, stall, self._around)
        except Rejected as refusal:  # before there is a clock
            return refusal.message
