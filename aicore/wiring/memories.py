"""What everybody remembers: in memory where queries are answered, with facts and beliefs."""

from aicore.settings import Settings
from aicore.wiring.beliefs import beliefs_in_memory
from aicore.wiring.parts import Part, Parts
from domain.kernel.event import Query
from domain.memories.queries import PromisesQuery, RecallQuery, SummaryQuery
from projections.kernel.reading import QueryHandler


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(serve={"queries": _queries})


async def _queries(parts: Parts) -> None:
    view = await parts.once(beliefs_in_memory)
    answers: dict[type[Query], QueryHandler] = {
        RecallQuery: view.answer_recall,
        SummaryQuery: view.answer_summary,
        PromisesQuery: view.answer_promises,
    }
    parts.served.queries |= answers
