"""Queries of the router."""

from domain.kernel.event import Query
from domain.kernel.roles import PEOPLE, SERVICE


class TiersQuery(Query, name="inference.tiers", may=(SERVICE, *PEOPLE)):
    """Ask for every tier's promise and engines, as the router of the process that answers knows them.

    The result is a list of maps: ``tier``, ``promise`` (``ttft_ms``, ``token_ms`` and more), ``below`` (the
    tier that takes over) and ``engines`` (maps with ``name``, ``provider``, ``models``, ``ok``, ``reason``,
    ``circuit``, ``settings_fault`` (what its server refuses of its settings, "" if nothing), ``answered`` and
    ``failed`` for this tier; what is on the engine, and its measured times in ms, are of all tiers). The
    answer's position is 0, as the log is not asked.
    """
