"""Who sent a command, written into it as the connection proves it, before any handler sees it.

A name that the payload says of its sender gives way to ``meta.actor``, and becomes a label beside it; an
operator's role comes along as ``meta.role``. So no event can record a name that nobody proved.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import Any

from domain.kernel.event import Command
from domain.kernel.roles import Role, acting_role
from domain.kernel.sender import sender_fields
from domain.kernel.vocabulary import OPERATOR_CHARACTERS_MAX
from protocol.messages import CommandMessage, Reply
from protocol.meta import LABEL, ROLE, SECOND

NOBODY = "nobody"
"""The sender of a command that proves none: of one that was put in before subjects named their senders."""

OPERATORS = "operator:"

PROVEN = frozenset({ROLE, SECOND})
"""Keys of metadata that no caller can set."""

Run = Callable[[CommandMessage], Awaitable[Reply]]

RolesOf = Callable[[str], Collection[Role] | None]
"""Return the roles of a proven actor; None: nobody here knows them."""


class Proven:
    """Runs commands of a kind as sent by whom the connection proves."""

    def __init__(self, kind: type[Command], run: Run, roles_of: RolesOf) -> None:
        """Prepare; ``run`` is what runs the commands."""
        self._kind = kind
        self._run = run
        self._roles_of = roles_of

    async def __call__(self, message: CommandMessage) -> Reply:
        """Run a command; raises as what runs it does."""
        actor = message.meta.actor
        role = None
        if actor.startswith(OPERATORS):
            role = acting_role(self._kind.may, self._roles_of(actor))
        return await self._run(as_proven(self._kind, message, role))


def as_proven(kind: type[Command], message: CommandMessage, role: Role | None) -> CommandMessage:
    """Return a command that names its proven sender, and nobody else, wherever it names one.

    A name that could not be recorded stays as it is: it is refused like any other value of a wrong form.
    """
    fields, said_of_itself = sender_fields(kind), message.meta.extra
    if not fields and role is None and not PROVEN & said_of_itself.keys():
        return message
    extra: dict[str, Any] = {key: value for key, value in said_of_itself.items() if key not in PROVEN}
    payload, proven = dict(message.payload), message.meta.actor or NOBODY
    for name in fields:
        said = payload.get(name)
        if not isinstance(said, str) or not 0 < len(said) <= OPERATOR_CHARACTERS_MAX or "\x00" in said:
            continue
        payload[name] = proven
        if said not in (proven, proven.partition(":")[2]):
            extra.setdefault(LABEL, said)
    if role is not None:
        extra[ROLE] = role
    return replace(message, payload=payload, meta=replace(message.meta, extra=extra))
