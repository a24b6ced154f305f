"""Holds commands until a second operator confirms them, then has them carried out as their sender's.

Between the confirmation and the effect a process may end: the order is confirmed then, and whoever sends the
confirmation or the command again has it carried out. The command keeps its id, so it takes effect once.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol
from uuid import UUID

from bus.ids import derived_id
from bus.ports import EventLog
from domain.four_eyes.messages import (
    CommandProposed,
    ConfirmOrder,
    GiveConfirmation,
    OrdersQuery,
    ProposeCommand,
)
from domain.four_eyes.orders import ORDERS, STREAM, Orders, same_order
from domain.kernel.decider import Rejected, Waits
from domain.kernel.event import Command, needs_second
from domain.kernel.parse import parse
from domain.kernel.roles import Role, acting_role
from handlers.kernel.commands import Binding, CommandRunner, caused_by
from handlers.kernel.senders import OPERATORS
from protocol.messages import CommandMessage, Reply
from protocol.meta import ROLE, SECOND, Meta

HANDLER = "four_eyes"
"""In the ids of proposals: a command's own events keep theirs."""

MINUTE_US = 60_000_000

Run = Callable[[CommandMessage], Awaitable[Reply]]

BINDING: Binding[Any, Any, Orders] = Binding(
    commands=(ProposeCommand, GiveConfirmation),
    stream_of=lambda _: STREAM,
    decider=ORDERS,
    knows_repeats=True,
)


class Operators(Protocol):
    """Directory of the operators' keys, by proven actor."""

    def roles_of(self, actor: str) -> Collection[Role] | None:
        """Return the roles of a key; None: nobody here knows it."""

    def person_of(self, actor: str) -> str:
        """Return who has a key: keys of one person do not confirm each other's commands."""


class FourEyes:
    """Every command that may need a second operator, and those that wait. Safe for concurrent use."""

    def __init__(
        self,
        log: EventLog,
        runner: CommandRunner,
        *,
        operators: Operators,
        now_us: Callable[[], int],
        minutes: int,
    ) -> None:
        """Prepare; ``runner`` has `BINDING`, ``minutes``: for how long a command waits."""
        self._log = log
        self._runner = runner
        self._roles_of, self._person_of = operators.roles_of, operators.person_of
        self._now_us = now_us
        self._minutes = minutes
        self._runs: dict[str, tuple[type[Command], Run]] = {}

    def over(self, kind: type[Command], run: Run, *, asked: bool) -> Run:
        """Return what runs commands of a declared kind; ``asked``: a second operator must confirm."""
        self._runs[kind.command_name] = kind, run

        async def take(message: CommandMessage) -> Reply:
            if not needs_second(parse(kind, message.payload)):
                return await run(message)
            return await self._ordered(message)

        return take if asked else run

    async def _ordered(self, message: CommandMessage) -> Reply:
        """Record a command, or carry it out if it was confirmed.

        Raises:
            Waits: it is recorded, and nobody confirmed it yet.
            Rejected: ``role_missing``, nobody proved to send it; ``order_expired``; ``order_differs``.
        """
        sender = message.meta.actor
        if not sender:
            raise _no_role(message.command, "nobody")
        role, expires_us = str(message.meta.extra.get(ROLE, "")), self._now_us() + self._minutes * MINUTE_US
        order = CommandProposed(
            order_id=message.id.hex,
            command=message.command,
            payload=dict(message.payload),
            expected=message.expected,
            operator=sender,
            role=role,
            expires_us=expires_us,
        )
        state = (await self._runner.recall(BINDING, STREAM)).state
        known = state.proposed.get(order.order_id)
        if known and same_order(known, order):
            if order.order_id in state.confirmed:
                return await self._carry_out(known, state)
            if state.state_of(order.order_id, self._now_us()) == "expired":
                raise _expired(known)
        propose = ProposeCommand(**order.model_dump())
        id_ = derived_id(message.id, 0, HANDLER)
        await self._runner.execute(propose, id_, meta=caused_by(message))
        raise Waits(
            "awaits_second",
            f"{message.command} of {sender} takes effect when a second operator confirms it; it waits for "
            f"that as {order.order_id}, for {self._minutes} minutes",
            remedy=f"another operator confirms {order.order_id} with four_eyes.confirm",
        )

    async def confirm(self, message: CommandMessage) -> Reply:
        """Take a second operator's word, and have the command carried out.

        Raises:
            Rejected: as `ConfirmOrder` says, or as the command is refused.
        """
        asked = parse(ConfirmOrder, message.payload)
        state = (await self._runner.recall(BINDING, STREAM)).state
        if order := state.proposed.get(asked.order_id):
            self._check_role(order, message.meta.actor)
            self._check_person(order, message.meta.actor)
        give = GiveConfirmation(**asked.model_dump(), at_us=self._now_us())
        given = await self._runner.execute(
            give, message.id, meta=caused_by(message), expected=message.expected
        )
        order = given.state.proposed[asked.order_id]
        done = await self._carry_out(order, given.state)
        result = {"order_id": order.order_id, "command": order.command, "operator": order.operator}
        events = [*([] if given.duplicate else given.events), *done.events]
        return Reply(result=result, events=events, duplicate=given.duplicate)

    def _check_role(self, order: CommandProposed, actor: str) -> None:
        """Refuse a word of somebody who could not have sent the command.

        Where roles are not known, the server's permissions for ``four_eyes.confirm`` are all there is.
        """
        kind, _ = self._run_of(order)
        roles = self._roles_of(actor)
        if not actor.startswith(OPERATORS) or (roles is not None and acting_role(kind.may, roles) is None):
            raise _no_role(order.command, actor or "nobody")

    def _check_person(self, order: CommandProposed, actor: str) -> None:
        """Refuse another key of the person who sent the command; the same key is the decider's affair."""
        if actor != order.operator and self._person_of(actor) == (person := self._person_of(order.operator)):
            raise Rejected(
                "same_operator",
                f"{actor} is a key of {person}, who sent the command as {order.operator}",
                field="operator",
                remedy="another person must confirm it",
            )

    async def _carry_out(self, order: CommandProposed, state: Orders) -> Reply:
        _, run = self._run_of(order)
        id_ = UUID(order.order_id)
        late = self._now_us() >= order.expires_us
        if late and await self._log.find(derived_id(id_, 0)) is None:
            raise _expired(order)
        extra = {ROLE: order.role} if order.role else {}
        extra |= {SECOND: state.confirmed[order.order_id].operator}
        meta = Meta(actor=order.operator, extra=extra)
        return await run(CommandMessage(id_, order.command, order.payload, order.expected, meta))

    def _run_of(self, order: CommandProposed) -> tuple[type[Command], Run]:
        found = self._runs.get(order.command)
        if found is None:
            raise Rejected(
                "unknown_command",
                f"no {order.command!r} here, which {order.operator} sent",
                remedy="have it confirmed by a program that knows it",
            )
        return found

    async def answer(self, query: Mapping[str, Any]) -> tuple[object, int]:
        """Return the orders, the newest first, and the position of the log that they are true as of."""
        asked = parse(OrdersQuery, query)
        head = await self._log.head()
        state, now_us = (await self._runner.recall(BINDING, STREAM)).state, self._now_us()
        rows = [_row(order, state, now_us) for order in reversed([*state.proposed.values()])]
        found = [
            row
            for row in rows
            if row["order_id"].startswith(asked.order_id) and (row["state"] == "open" or not asked.open_only)
        ]
        return found[: asked.limit], head.position


def _row(order: CommandProposed, state: Orders, now_us: int) -> dict[str, Any]:
    word = state.confirmed.get(order.order_id)
    said = {"confirmed_by": word.operator, "confirmed_because": word.reason} if word else {}
    return {**order.model_dump(), "state": state.state_of(order.order_id, now_us), **said}


def _expired(order: CommandProposed) -> Rejected:
    return Rejected(
        "order_expired",
        f"{order.command} of {order.operator} waited too long for a second operator",
        field="order_id",
        remedy="its sender may send it anew, with another id",
    )


def _no_role(command: str, actor: str) -> Rejected:
    return Rejected(
        "role_missing",
        f"{actor} could not send {command}, and cannot confirm it",
        field="operator",
        remedy="an operator who may send it must confirm it",
    )
