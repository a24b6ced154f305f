"""What stalls posted, day by day; and the answer to who asks for it."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.kernel.parse import parse
from domain.market.messages import PricesPosted
from domain.market.queries import PricesQuery
from projections.kernel.reading import Answer, Reader
from projections.kernel.view import Fact, Key, Row, View


def _keys_of(fact: Fact) -> Sequence[Key]:
    event = fact.event
    assert isinstance(event, PricesPosted)
    return [(event.market, each.good, fact.position) for each in event.prices]


def _apply(_: Row | None, fact: Fact, key: Key) -> Row:
    event = fact.event
    assert isinstance(event, PricesPosted)
    market, good, position = key
    posted = next(each for each in event.prices if each.good == good)
    return {"market": market, "position": position, "day": event.day, **posted.model_dump()}


MARKET_PRICES = View(
    name="market_prices",
    version=1,
    types=frozenset({PricesPosted.event_name}),
    key=("market", "good", "position"),
    keys_of=_keys_of,
    apply=_apply,
)

# Purpose: a stall's newest postings up to a position. Index: market_prices_newest backwards; with a good
# market_prices_pkey. No lock.
_PRICES = """
SELECT (SELECT position FROM projection_checkpoint WHERE name = $1) AS position,
       (SELECT json_agg(row_to_json(p))::text FROM
           (SELECT position, day, good, price, level, stock, bought, sold, wanted, arrives, coming
            FROM market_prices
            WHERE market = $2 AND ($3::text IS NULL OR good = $3) AND ($4::bigint IS NULL OR position <= $4)
            ORDER BY position DESC, good LIMIT $5) AS p) AS rows
"""


async def prices(reader: Reader, query: Mapping[str, Any]) -> Answer:
    """Answer the query ``market.prices``."""
    asked = parse(PricesQuery, query)
    return await reader.rows(_PRICES, MARKET_PRICES.name, asked.market, asked.good, asked.as_of, asked.limit)
