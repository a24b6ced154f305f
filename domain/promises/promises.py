"""What may become of a promise. One stream for each who promises. Pure.

Who may make one, and whether events have kept or broken it, is decided before (`handlers.promises`,
`domain.promises.watching`); here each promise is made once and ends once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from domain.kernel.decider import Decider, Rejected
from domain.kernel.event import Command
from domain.promises.messages import (
    PromiseBroken,
    PromiseEvent,
    PromiseExpired,
    PromiseKept,
    PromiseMade,
    PromiseReleased,
    Terms,
)

ENDED_MAX = 100
OPEN_MAX = 100
"""Open promises of one who promises: a bound for what each decision reads."""

Outcome = Literal["kept", "broken", "expired"]


class RecordPromise(Command):
    """Our own: that somebody promised."""

    made: PromiseMade


class SettlePromise(Command):
    """Our own: how a promise ended, and by which event."""

    promise: str
    by: str
    outcome: Outcome
    why: str = ""
    gone: str = ""
    event: str = ""
    at_ms: int


class RecordRelease(Command):
    """Our own: that whom it was made to let somebody off."""

    promise: str
    by: str
    to: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody has promised.

    Attributes:
        open: by id, the promises that wait.
        ended: by id, whether they were let off; the newest `ENDED_MAX`, by which a repeat is known.
    """

    open: Mapping[str, PromiseMade] = field(default_factory=dict)
    ended: Mapping[str, bool] = field(default_factory=dict)


NOTHING = Given()
Asked = RecordPromise | SettlePromise | RecordRelease


def evolve(state: Given, event: PromiseEvent) -> Given:
    """Return what somebody has promised after an event."""
    if isinstance(event, PromiseMade):
        return Given({**state.open, event.promise: event}, state.ended)
    ended = {**state.ended, event.promise: isinstance(event, PromiseReleased)}
    return Given(
        {id_: made for id_, made in state.open.items() if id_ != event.promise},
        dict(islice(ended.items(), max(0, len(ended) - ENDED_MAX), None)),
    )


def decide(command: Asked, state: Given) -> Sequence[PromiseEvent]:
    """Return what follows: nothing if a promise that ends has ended.

    Raises:
        Rejected: ``already_promised``, ``too_many_promises``, ``not_open``.
    """
    match command:
        case RecordPromise():
            return _made(command.made, state)
        case SettlePromise():
            made = state.open.get(command.promise)
            return [_settled(made, command)] if made else []
        case RecordRelease():
            made = state.open.get(command.promise)
            if state.ended.get(command.promise):
                return []
            if made is None or made.to != command.to:
                what = f"{command.by} has no open promise {command.promise} to {command.to}"
                remedy = "memories.promises tells which are open"
                raise Rejected("not_open", what, field="promise", remedy=remedy)
            return [PromiseReleased(**terms_of(made), at_ms=command.at_ms)]


def _made(made: PromiseMade, state: Given) -> Sequence[PromiseEvent]:
    if made.promise in state.open or made.promise in state.ended:
        return []
    for other in state.open.values():
        if _same(made, other):
            what = f"{made.by} has promised {made.to} the same, which is open"
            raise Rejected("already_promised", what, field="what", remedy="release that one first")
    if len(state.open) >= OPEN_MAX:
        what = f"{made.by} has {len(state.open)} open promises"
        raise Rejected("too_many_promises", what, field="by", remedy="keep some of them, or release them")
    return [made]


def _same(one: PromiseMade, other: PromiseMade) -> bool:
    return (one.to, one.kind, one.deed, one.what) == (other.to, other.kind, other.deed, other.what)


def _settled(made: PromiseMade, command: SettlePromise) -> PromiseEvent:
    said = {**terms_of(made), "event": command.event, "at_ms": command.at_ms}
    match command.outcome:
        case "kept":
            return PromiseKept.model_validate(said)
        case "broken":
            return PromiseBroken.model_validate({**said, "why": command.why})
        case "expired":
            return PromiseExpired.model_validate({**said, "why": command.why, "gone": command.gone})


def terms_of(event: Terms) -> Mapping[str, object]:
    """Return the terms that an event of a promise says."""
    return {name: getattr(event, name) for name in Terms.model_fields}


PROMISES: Decider[Asked, PromiseEvent, Given] = Decider(NOTHING, decide, evolve)
