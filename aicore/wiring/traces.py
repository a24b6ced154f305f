"""Traces: what is to be seen, in memory where it is asked and found; discoveries at the ledger's desk."""

from aicore.content.sample_world import sample_definition
from aicore.settings import Settings
from aicore.wiring.clock import clock_in_memory
from aicore.wiring.ledger import ledger_desk
from aicore.wiring.parts import Part, Parts
from aicore.wiring.people import PLAYERS
from aicore.wiring.places import player_limits
from domain.kernel.event import Query
from domain.ledger.book import STREAM
from domain.traces.queries import DescribeQuery, TracesQuery
from handlers.traces.rider import KINDS, TraceRider
from handlers.traces.view import TracesView
from projections.kernel.reading import QueryHandler


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(
        serve={"commands": _commands, "queries": _queries},
        lanes=dict.fromkeys(KINDS, STREAM),
    )


async def traces_in_memory(parts: Parts) -> TracesView:
    """Open what is to be seen (`Parts.once`)."""
    clock = await parts.once(clock_in_memory)

    def game_ms() -> int | None:
        return clock.clock.line.at(clock.now()).ms if clock.clock else None

    view = TracesView(parts.log, sample_definition(), decode=parts.codec.decode, game_ms=game_ms)
    return await parts.view(view)


async def _commands(parts: Parts) -> None:
    """Have the ledger's desk decide who finds what, within what a player may ask for."""
    view, desk = await parts.once(traces_in_memory), await parts.once(ledger_desk)
    desk.carry(TraceRider(parts.log, parts.codec, view, players=PLAYERS))
    limits = await parts.once(player_limits)
    parts.served.commands |= {name: limits.before(desk) for name in KINDS}


async def _queries(parts: Parts) -> None:
    view = await parts.once(traces_in_memory)
    answers: dict[type[Query], QueryHandler] = {
        TracesQuery: view.answer_at,
        DescribeQuery: view.answer_describe,
    }
    parts.served.queries |= answers
