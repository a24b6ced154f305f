"""Queries of markets."""

from typing import ClassVar

from pydantic import Field

from domain.kernel.event import Query
from domain.kernel.roles import GRANTED, PEOPLE
from domain.kernel.vocabulary import Count
from domain.market.vocabulary import GoodRef, MarketRef

PAGE_MAX = 500


class MarketsQuery(Query, name="market.markets", may=(GRANTED, *PEOPLE)):
    """Ask which stalls there are.

    The result is a list of maps by market: ``market``, ``name``, ``side``, ``currency``, ``goods`` (how many
    kinds), ``short`` (of how many it is short), ``shut`` (why nobody is served now; "" if somebody is).
    """


class BoardQuery(Query, name="market.board", may=(GRANTED, *PEOPLE)):
    """Ask for a stall's price board.

    The result is a map: ``market``, ``name``, ``account`` (of the stall in the ledger), ``currency``,
    ``shut`` (as in ``market.markets``), ``day`` (game day of the posting; nil: none yet) and ``goods``, a
    list of ``good``, ``name``, ``price``, ``pays`` (for one; 0: nothing), ``stock``, ``level``, ``usual``
    (price), ``coming`` and ``short``. Refused with ``market_unknown``.
    """

    example: ClassVar = {"market": "lamp_yard"}

    market: MarketRef


class PricesQuery(Query, name="market.prices", may=(GRANTED, *PEOPLE)):
    """Ask what a stall posted, the newest first; with ``as_of``, as it was at that position of the log.

    The result is a list of maps: ``position``, ``day``, ``good``, ``price``, ``level``, ``stock``,
    ``bought``, ``sold``, ``wanted``, ``arrives``, ``coming``.
    """

    example: ClassVar = {"market": "lamp_yard", "good": "lamp_oil", "as_of": None, "limit": 30}

    market: MarketRef
    good: GoodRef | None = Field(None, description="Only this good.")
    as_of: Count | None = Field(None, description="Position of the log; nil: as far as is known.")
    limit: int = Field(30, ge=1, le=PAGE_MAX, description="At most so many.")
