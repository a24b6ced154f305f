"""Who finds a trace, and what the ledger does for it, in one append. Pure.

Everybody learns once from a trace; what lies there is taken once, by who finds it first. Nobody discovers
what they did themselves, so nobody is paid for leaving traces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from domain.definition.traces import Pay
from domain.kernel.decider import Decider, Rejected
from domain.kernel.event import Command
from domain.ledger.book import Book, Now, evolve
from domain.ledger.commands import DeclareFlow, LedgerCommand, OpenAccount, OpenUnit, Transfer
from domain.ledger.ledger import LEDGER
from domain.ledger.ledger import Asked as AskedOfLedger
from domain.ledger.messages import LedgerEvent
from domain.ledger.vocabulary import Move
from domain.traces.messages import Discovered, Taken
from domain.traces.showing import claim_of
from domain.traces.traces import Seen, Trace

SOURCE, REASON = "source.traces", "found"


class Find(Command):
    """Our own: that a player, at a place, would discover a trace."""

    player: str
    place: str
    trace: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A command with its circumstances.

    Attributes:
        command: who would discover which trace.
        trace: what is known of it; None: nothing is.
        seen: how it is to be seen now; None: it is not.
        now_ms: game time.
    """

    command: Find
    trace: Trace | None
    seen: Seen | None
    now_ms: int


@dataclass(frozen=True, slots=True)
class Found:
    """A trace's discoveries.

    Attributes:
        by: what each player found, in their order.
        taken: whether what lay there was taken.
    """

    by: Mapping[str, Discovered]
    taken: bool = False


NOT_FOUND = Found({})


def stream_of(trace: str) -> str:
    """Return the stream of a trace's discoveries."""
    return f"trace-{trace}"


def evolve_found(state: Found, event: Discovered) -> Found:
    """Return a trace's discoveries after another one."""
    return replace(state, by={**state.by, event.player: event}, taken=state.taken or bool(event.paid))


def decide(asked: Asked, state: Found) -> Sequence[Discovered]:
    """Return what follows: nothing if the player has found it before.

    Raises:
        Rejected: as the command's declaration tells.
    """
    command, trace = asked.command, asked.trace
    if command.player in state.by:
        return []
    if trace is None:
        raise _refused("trace_unknown", f"nothing is known of a trace {command.trace}")
    if trace.place != command.place:
        here = command.place or "no place"
        raise _refused("not_there", f"the trace is at {trace.place}, and {command.player} at {here}")
    if trace.claim.subject == f"player.{command.player}":
        raise _refused("own_trace", f"{command.player} left it, and discovers nothing by it")
    if state.taken:
        raise _refused("trace_taken", "somebody found it before, and took what lay there")
    if asked.seen is None:
        raise _refused("trace_faded", f"of {command.trace} nothing is to be seen any more")
    claim = claim_of(asked.seen)
    return [
        Discovered(
            trace=trace.id,
            rule=trace.rule,
            player=command.player,
            place=trace.place,
            at_ms=asked.now_ms,
            cause=trace.event,
            cause_position=trace.position,
            cause_ms=trace.at_ms,
            claim=None if claim is None else str(claim),
            certainty=asked.seen.rule.certainty,
            paid=_pay(asked.seen.rule.pays),
        )
    ]


DISCOVERY: Decider[Asked, Discovered, Found] = Decider(NOT_FOUND, decide, evolve_found)


def _refused(code: str, what: str) -> Rejected:
    return Rejected(code, what, field="trace", remedy="traces.at tells what is to be seen at a place")


def _pay(pays: Pay) -> list[Taken]:
    return [
        *(Taken(unit=each.currency, amount=each.amount) for each in pays.money),
        *(Taken(unit=good, amount=amount) for good, amount in pays.goods),
    ]


def paid(
    events: Sequence[Discovered], book: Book, now: Now, units: Mapping[str, OpenUnit]
) -> Sequence[LedgerEvent]:
    """Return the ledger's events that go with what was found.

    What is missing there, a unit or an account, is opened along with it.

    Raises:
        Rejected: as ledger.transfer is; then nothing was found either.
    """
    found = list[LedgerEvent]()
    for event in events:
        if not event.paid:
            continue
        account = f"player.{event.player}"
        moves = [Move(unit=each.unit, payer=SOURCE, payee=account, amount=each.amount) for each in event.paid]
        commands: list[LedgerCommand] = [
            units[unit]
            for unit in dict.fromkeys(move.unit for move in moves)
            if book.units.get(unit) is None and unit in units
        ]
        if book.accounts.get(SOURCE) is None:
            commands.append(DeclareFlow(account=SOURCE, says="What lies about, for who finds it"))
        if book.accounts.get(account) is None:
            commands.append(OpenAccount(account=account))
        for command in [*commands, Transfer(moves=moves, reason=REASON)]:
            for done in LEDGER.decide(AskedOfLedger(command, now, lambda _: ""), book):
                book = evolve(book, done)
                found.append(done)
    return found


def result_of(event: Discovered, *, again: bool = False) -> Mapping[str, Any]:
    """Return what who asked is told."""
    return {
        "trace": event.trace,
        "rule": event.rule,
        "place": event.place,
        "claim": event.claim,
        "certainty": event.certainty,
        "paid": [] if again else [each.model_dump() for each in event.paid],
        "again": again,
    }
