"""Facts and beliefs: in memory where queries are answered; and what players say to people."""

from aicore.content.sample_world import sample_definition
from aicore.settings import Settings
from aicore.wiring.parts import Part, Parts
from aicore.wiring.people import PLAYERS, memories, surroundings
from aicore.wiring.places import player_limits
from domain.beliefs.messages import Tell
from domain.beliefs.queries import BelievedQuery, FactsQuery, WhyQuery
from domain.beliefs.telling import Audience
from domain.definition.definition import Definition
from domain.kernel.event import Query
from domain.promises.making import Scene
from handlers.beliefs.telling import Tellings
from handlers.memories.view import MemoriesView
from handlers.people.memories import PeopleMemories
from handlers.people.surroundings import Surroundings
from projections.kernel.reading import QueryHandler


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(serve={"commands": _commands, "queries": _queries})


class Around:
    """People and players, the definition and the clock, as `handlers.beliefs.telling.Around` wants them."""

    def __init__(self, there: PeopleMemories, world: Surroundings) -> None:
        self._there = there
        self._world = world

    async def audience(self, place: str) -> Audience:
        """Return who is in a place."""
        await self._there.caught_up()
        presence = self._there.memories.presence
        return Audience(place, presence.awake(place), list(presence.there(place)))

    async def scene(self, who: str) -> Scene:
        """Return where somebody is, and who else."""
        await self._there.caught_up()
        presence = self._there.memories.presence
        place = presence.where.get(who, "")
        return Scene(place, set(presence.there(place)), set(presence.awake(place)))

    async def definition(self) -> Definition:
        """Return the world's definition."""
        return (await self._world.world()).definition

    def game_ms(self) -> int | None:
        """Return the game time."""
        clock = self._world.clock
        return None if clock.clock is None else clock.clock.line.at(clock.now()).ms


async def beliefs_in_memory(parts: Parts) -> MemoriesView:
    """Open what is true, who knows it and what they remember (`Parts.once`)."""
    return await parts.view(MemoriesView(parts.log, sample_definition(), decode=parts.codec.decode))


async def around_players(parts: Parts) -> Around:
    """Open who is where, the definition and the clock (`Parts.once`)."""
    return Around(await parts.once(memories), await parts.once(surroundings))


async def _commands(parts: Parts) -> None:
    """Take what players say."""
    around = await parts.once(around_players)
    limits = await parts.once(player_limits)
    tellings = Tellings(parts.log, parts.codec, around, players=PLAYERS)
    parts.served.commands[Tell.command_name] = limits.before(tellings)


async def _queries(parts: Parts) -> None:
    view = await parts.once(beliefs_in_memory)
    answers: dict[type[Query], QueryHandler] = {
        FactsQuery: view.answer_facts,
        BelievedQuery: view.answer_known,
        WhyQuery: view.answer_why,
    }
    parts.served.queries |= answers
