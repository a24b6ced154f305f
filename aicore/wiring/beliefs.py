"""Facts and beliefs: in memory where queries are answered."""

from aicore.content.sample_world import sample_definition
from aicore.settings import Settings
from aicore.wiring.parts import Part, Parts
from domain.beliefs.queries import BelievedQuery, FactsQuery, WhyQuery
from domain.kernel.event import Query
from handlers.beliefs.view import BeliefsView
from projections.kernel.reading import QueryHandler


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(serve={"queries": _queries})


async def beliefs_in_memory(parts: Parts) -> BeliefsView:
    """Open what is true and who knows it (`Parts.once`)."""
    return await parts.view(BeliefsView(parts.log, sample_definition(), decode=parts.codec.decode))


async def _queries(parts: Parts) -> None:
    view = await parts.once(beliefs_in_memory)
    answers: dict[type[Query], QueryHandler] = {
        FactsQuery: view.answer_facts,
        BelievedQuery: view.answer_known,
        WhyQuery: view.answer_why,
    }
    parts.served.queries |= answers
