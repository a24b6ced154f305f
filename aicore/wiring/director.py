"""The director: who directs, where a setting asks for it, what scenes do to factions, and what is said."""

from aicore.content.sample_world import sample_definition
from aicore.settings import Settings
from aicore.wiring.beliefs import beliefs_in_memory
from aicore.wiring.clock import clock_in_memory
from aicore.wiring.factions import DEEDS
from aicore.wiring.parts import Part, Parts
from aicore.wiring.people import PLAYERS
from aicore.wiring.places import FollowedClock
from aicore.wiring.story import running_world, talks_in_memory
from domain.director.consequences import CONSEQUENCES
from domain.director.queries import SilenceQuery
from domain.director.speaking import speaking
from handlers.director.leader import DirectorLeader
from handlers.director.silences import DirectionView, Silences
from handlers.director.view import DirectorView
from handlers.story.scenes import SceneLines


def wire(settings: Settings) -> Part:
    """Return what the context brings."""
    return Part(serve={"queries": _queries} | ({"commands": _leader} if settings.director else {}))


async def contents_in_memory(parts: Parts) -> DirectorView:
    """Open what may be played, and the news (`Parts.once`)."""
    return await parts.view(DirectorView(parts.log, sample_definition, decode=parts.codec.decode))


async def _queries(parts: Parts) -> None:
    direction = await parts.view(DirectionView(parts.log, decode=parts.codec.decode))
    view, beliefs = await parts.once(contents_in_memory), await parts.once(beliefs_in_memory)
    silences = Silences(direction, view, beliefs, await parts.once(clock_in_memory))
    parts.served.queries |= {SilenceQuery: silences.answer}


async def _leader(parts: Parts) -> None:
    """Direct whenever no other process does."""
    view = await parts.once(contents_in_memory)
    beliefs, clock = await parts.once(beliefs_in_memory), await parts.once(clock_in_memory)
    realm, name = parts.system.realm, parts.name
    leader = DirectorLeader(parts.log, parts.codec, view, beliefs, clock, realm=realm, name=name)
    await parts.lead("director", leader, view, beliefs, clock)
    await parts.process(CONSEQUENCES, DEEDS)
    world, talks = await parts.once(running_world), await parts.once(talks_in_memory)
    lines = SceneLines(parts.log, parts.codec, world, players=PLAYERS, talks=talks)
    await parts.follow(speaking(FollowedClock(clock).known_ms), lines)
