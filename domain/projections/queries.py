"""Queries of the read models themselves."""

from domain.kernel.event import Query


class StatusQuery(Query, name="projections.status"):
    """Ask how far each projection is.

    The result is a list of maps: ``name``, ``view_version``, ``position``, ``lag`` (in events),
    ``updated_us`` (its last batch) and ``error`` (empty if it has none).
    """
