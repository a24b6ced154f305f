"""Queries of the factions."""

from typing import ClassVar

from pydantic import Field

from domain.kernel.event import Query
from domain.kernel.roles import PEOPLE, SERVICE
from domain.kernel.vocabulary import Count


class FactionsQuery(Query, name="factions.now", may=(SERVICE, *PEOPLE)):
    """Ask how the factions stand.

    The result is nil before there are any, or a map: ``day``, ``factions`` (``faction``, ``side``,
    ``power``, ``home``: what was authored, ``floor``, ``territories``, ``allies``, ``feuds`` and
    ``crisis``: the day on which one began, or nil), ``territories`` (``territory``, ``holder`` or nil,
    ``place``, ``since``: the day) and ``regards`` (``one``, ``other``, ``regard``).
    """


class EmergedQuery(Query, name="factions.told", may=(SERVICE, *PEOPLE)):
    """Ask for what emerged, the newest first.

    The result is a list of maps: the fields of factions.emerged, and ``chain``: the numbers of its causes,
    the first one first. The last 1,000 are kept at hand.
    """

    example: ClassVar = {"limit": 20, "salience": 500}

    limit: int = Field(20, ge=1, le=500, description="At most so many.")
    salience: int = Field(0, ge=0, le=1_000, description="Only what matters as much or more.")
    before: Count | None = Field(None, description="Only what has a lower number; nil: from the newest on.")
