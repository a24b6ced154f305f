"""Errors of bytes and names: one typed error for everything that this package refuses."""

from typing import Literal

Retry = Literal["never", "later", "reload"]
"""Way out for the caller: nothing with this message; send it again later; read the state and decide anew."""

CODES: dict[str, Retry] = {
    "malformed_message": "never",
    "unsupported_version": "never",
    "too_large": "never",
    "unknown_command": "never",
    "unknown_query": "never",
    "invalid_field": "never",
    "version_conflict": "reload",
    "id_conflict": "never",
    "unavailable": "later",
    "overloaded": "later",
    "over_quota": "later",
    "engines_away": "later",
    "deadline_exceeded": "later",
    "internal": "later",
}
"""The codes that any request may get, as SPEC.md lists them; contexts have others of their own."""


class WireError(ValueError):
    """A message or a name that breaks the specification (protocol/SPEC.md).

    Attributes:
        code: problem code as on the wire: ``malformed_message``, ``unsupported_version``, ``too_large`` or
            ``invalid_field``.
        field: dotted path of the field at fault, or "".
        message: the fact, with kinds and limits but never with the value, which may be private.
    """

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.code = code
        self.field = field
        self.message = message
