"""Declared senders: the field of a command that names who sent it.

``operator: Annotated[str, Sender()]``. What a caller writes there is only a word: where commands are received
it gives way to the identity that the connection proves (`handlers.kernel.senders`), and is kept as a label.
"""

from dataclasses import dataclass
from functools import cache

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Sender:
    """Marks a field that names who sent the command."""


@cache
def sender_fields(kind: type[BaseModel]) -> tuple[str, ...]:
    """Return the names of a declaration's own fields that name its sender."""
    return tuple(
        name
        for name, field in kind.model_fields.items()
        if any(isinstance(mark, Sender) for mark in field.metadata)
    )
