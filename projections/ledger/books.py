"""What every account has and had, where units came from and went; and the answers to who asks for it."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.kernel.parse import parse
from domain.ledger.messages import (
    Held,
    HoldExpired,
    HoldPosted,
    HoldVoided,
    Moving,
    Reversed,
    Transferred,
)
from domain.ledger.queries import BalanceQuery, HistoryQuery, SupplyQuery
from domain.ledger.vocabulary import is_sink, is_source
from projections.kernel.reading import Answer, Reader
from projections.kernel.view import Fact, Key, Row, View

UNITS_MAX = 500
MOVING = (Transferred, Held, HoldPosted, HoldVoided, HoldExpired, Reversed)
MOVED = (Transferred, HoldPosted, Reversed)


def _keys_of_balances(fact: Fact) -> Sequence[Key]:
    return [(each.account, each.unit) for each in _moving(fact).after]


def _balance(_: Row | None, fact: Fact, key: Key) -> Row:
    after = _after(fact, key)
    return {**after, "position": fact.position}


def _keys_of_entries(fact: Fact) -> Sequence[Key]:
    return [(*key, fact.position) for key in _keys_of_balances(fact)]


def _entry(_: Row | None, fact: Fact, key: Key) -> Row:
    event = _moving(fact)
    return {
        **_after(fact, key),
        "position": fact.position,
        "recorded_us": fact.recorded_us,
        "kind": event.event_name.rpartition(".")[2],
        "reason": getattr(event, "reason", ""),
    }


def _after(fact: Fact, key: Key) -> dict[str, Any]:
    found = next(each for each in _moving(fact).after if (each.account, each.unit) == key[:2])
    return found.model_dump()


def _flows(fact: Fact) -> Mapping[Key, int]:
    """Return how much went into the world, by the key of its row."""
    flows: dict[Key, int] = {}
    event = fact.event
    if isinstance(event, MOVED):
        for move in event.moves:
            for account, amount in ((move.payer, move.amount), (move.payee, -move.amount)):
                if is_source(account) or is_sink(account):
                    key = (move.unit, account, event.reason)
                    flows[key] = flows.get(key, 0) + amount
    return flows


def _keys_of_flows(fact: Fact) -> Sequence[Key]:
    return list(_flows(fact))


def _flow(row: Row | None, fact: Fact, key: Key) -> Row:
    unit, account, reason = key
    before = row["amount"] if row else 0
    return {"unit": unit, "account": account, "reason": reason, "amount": before + _flows(fact)[key]}


def _moving(fact: Fact) -> Moving:
    assert isinstance(fact.event, MOVING)
    return fact.event


_NAMES = frozenset(kind.event_name for kind in MOVING)

LEDGER_BALANCES = View(
    name="ledger_balances",
    version=1,
    types=_NAMES,
    key=("account", "unit"),
    keys_of=_keys_of_balances,
    apply=_balance,
)
LEDGER_ENTRIES = View(
    name="ledger_entries",
    version=1,
    types=_NAMES,
    key=("account", "unit", "position"),
    keys_of=_keys_of_entries,
    apply=_entry,
)
LEDGER_FLOWS = View(
    name="ledger_flows",
    version=1,
    types=frozenset(kind.event_name for kind in MOVED),
    key=("unit", "account", "reason"),
    keys_of=_keys_of_flows,
    apply=_flow,
)

# Purpose: the last entry of each unit up to a position. Index: ledger_entries_pkey, read backwards. No lock.
_BALANCE = """
SELECT (SELECT position FROM projection_checkpoint WHERE name = $1) AS position,
       (SELECT json_agg(row_to_json(b) ORDER BY b.unit)::text FROM
           (SELECT DISTINCT ON (unit) unit, balance, held, position FROM ledger_entries
            WHERE account = $2 AND ($3::text IS NULL OR unit = $3) AND ($4::bigint IS NULL OR position <= $4)
            ORDER BY unit, position DESC) AS b) AS rows
"""

# Purpose: what the newest entries changed. Index: ledger_entries_account backwards, then the primary key once
# for each row, for what was there before it. No lock.
_HISTORY = """
SELECT (SELECT position FROM projection_checkpoint WHERE name = $1) AS position,
       (SELECT json_agg(row_to_json(h))::text FROM
           (SELECT e.position, e.recorded_us, e.unit, e.kind, e.reason,
                   e.balance - coalesce(b.balance, 0) AS delta, e.held - coalesce(b.held, 0) AS held_delta,
                   e.balance, e.held
            FROM ledger_entries AS e LEFT JOIN LATERAL
                (SELECT balance, held FROM ledger_entries AS p
                 WHERE p.account = e.account AND p.unit = e.unit AND p.position < e.position
                 ORDER BY p.position DESC LIMIT 1) AS b ON true
            WHERE e.account = $2 AND ($3::text IS NULL OR e.unit = $3)
              AND ($4::bigint IS NULL OR e.position < $4)
            ORDER BY e.position DESC, e.unit LIMIT $5) AS h) AS rows
"""

# Purpose: each unit's sums over all accounts, which are as many as there are owners; read whole. No lock.
_SUPPLY = """
SELECT (SELECT position FROM projection_checkpoint WHERE name = $1) AS position,
       (SELECT json_agg(row_to_json(s))::text FROM
           (SELECT unit, issued, destroyed, circulating, held, issued - destroyed - circulating AS difference,
                (SELECT coalesce(json_agg(row_to_json(f)), '[]') FROM
                    (SELECT account, reason, amount FROM ledger_flows AS l
                     WHERE l.unit = sums.unit ORDER BY account, reason) AS f) AS flows
            FROM (SELECT unit,
                    -coalesce(sum(balance) FILTER (WHERE account LIKE 'source.%'), 0)::bigint AS issued,
                    coalesce(sum(balance) FILTER (WHERE account LIKE 'sink.%'), 0)::bigint AS destroyed,
                    coalesce(sum(balance) FILTER (WHERE account NOT LIKE 'source.%'
                        AND account NOT LIKE 'sink.%'), 0)::bigint AS circulating,
                    sum(held)::bigint AS held
                  FROM ledger_balances WHERE $2::text IS NULL OR unit = $2
                  GROUP BY unit ORDER BY unit LIMIT $3) AS sums) AS s) AS rows
"""


async def balance(reader: Reader, query: Mapping[str, Any]) -> Answer:
    """Answer the query ``ledger.balance``."""
    asked = parse(BalanceQuery, query)
    return await reader.rows(_BALANCE, LEDGER_ENTRIES.name, asked.account, asked.unit, asked.as_of)


async def history(reader: Reader, query: Mapping[str, Any]) -> Answer:
    """Answer the query ``ledger.history``."""
    asked = parse(HistoryQuery, query)
    return await reader.rows(
        _HISTORY, LEDGER_ENTRIES.name, asked.account, asked.unit, asked.before, asked.limit
    )


async def supply(reader: Reader, query: Mapping[str, Any]) -> Answer:
    """Answer the query ``ledger.supply``."""
    return await reader.rows(_SUPPLY, LEDGER_BALANCES.name, parse(SupplyQuery, query).unit, UNITS_MAX)
