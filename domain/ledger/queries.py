"""Queries of the ledger."""

from typing import ClassVar

from pydantic import Field

from domain.kernel.event import Query
from domain.kernel.roles import GRANTED, PEOPLE
from domain.kernel.vocabulary import Count
from domain.ledger.vocabulary import AccountId, UnitId

PAGE_MAX = 500

AS_OF = Field(None, description="Position of the log; nil: as far as is known.")


class BalanceQuery(Query, name="ledger.balance", may=(GRANTED, *PEOPLE)):
    """Ask for what an account has, now or at any position of the log.

    The result is a list of maps with ``unit``, ``balance``, ``held`` and ``position`` (of the last change),
    ordered by unit; a unit that the account never had to do with is not in it.
    """

    example: ClassVar = {"account": "player.ann", "unit": None, "as_of": None}

    account: AccountId
    unit: UnitId | None = Field(None, description="Only this unit.")
    as_of: Count | None = AS_OF


class HistoryQuery(Query, name="ledger.history", may=(GRANTED, *PEOPLE)):
    """Ask for what happened to an account, the newest first.

    The result is a list of maps with ``position``, ``recorded_us``, ``unit``, ``kind`` (the event's, e.g.
    transferred), ``reason``, ``delta`` and ``held_delta``, ``balance`` and ``held``.
    """

    example: ClassVar = {"account": "player.ann", "unit": None, "before": None, "limit": 50}

    account: AccountId
    unit: UnitId | None = Field(None, description="Only this unit.")
    before: Count | None = Field(None, description="Only what is before this position, for the next page.")
    limit: int = Field(50, ge=1, le=PAGE_MAX, description="At most so many.")


class SupplyQuery(Query, name="ledger.supply", may=(GRANTED, *PEOPLE)):
    """Ask how much there is of each unit, and where it came from and went.

    The result is a list of maps by unit: ``unit``, ``issued`` (by sources, less what came back),
    ``destroyed`` (in sinks), ``circulating`` (what all others have, debts subtracted), ``held``,
    ``difference`` (issued less destroyed less circulating: 0, or the ledger is wrong) and ``flows``, a list
    of ``account``, ``reason`` and ``amount`` (into the world; below zero: out of it), which add up to what
    circulates.
    """

    example: ClassVar = {"unit": "crown"}

    unit: UnitId | None = Field(None, description="Only this unit; nil: all, at most 500.")
