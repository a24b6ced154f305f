"""Ids derived from their cause, so that whatever is done again gets the same ones (UUIDv5, RFC 9562)."""

from uuid import UUID, uuid5


def derived_id(cause: UUID, index: int, handler: str = "") -> UUID:
    """Return the id of the ``index``-th thing that ``handler`` makes because of ``cause``."""
    return uuid5(cause, f"{handler}/{index}" if handler else str(index))
