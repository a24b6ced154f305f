"""Every branch of every shipped quest, played by a bot over the wire (slow: minutes)."""

import pytest

from aicore.client import Client
from aicore.content.calendar import shipped_calendar
from aicore.content.loading import carry_out, change_to
from aicore.content.sample_world import sample_entries
from aicore.running import System
from aicore.settings import Settings
from bus.nats.connection import connect
from tests.integration.quest_bot import Bot, Library
from tests.integration.test_declared_is_served import program, system
from tests.integration.test_places import a_clock_goes
from tests.unit.kit import until

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(3_600)]
__all__ = ["system"]


async def test_every_branch_of_every_shipped_quest_is_played_over_the_wire(system: System) -> None:
    library, played = Library(), set[tuple[str, str, str]]()
    async with (
        program(Settings(), system, ("commands", "queries", "projections")),
        connect(system.nats_url, name="game") as nc,
    ):
        client = Client(nc, system.realm)
        await a_clock_goes(client)
        change = await change_to(client, sample_entries(), shipped_calendar())
        await carry_out(client, change, "test", "a test")

        async def there_is_weather() -> bool:
            return bool((await client.query("weather.now")).result)

        await until(there_is_weather)
        for quest, (offer, _) in library.quests.items():
            for number, script in enumerate(library.scripts(quest)):
                bot = Bot(client, f"{quest}-{number}", [f"{quest}-{other}" for other in range(number)])
                await bot.opens()
                for earlier in library.before(offer.quest, script.to):
                    await bot.plays(earlier)
                entry = await bot.plays(script)
                assert script.to in (entry["end"], entry["stage"]), (quest, script.to)
                played.add((quest, script.left, script.to))
    for quest, (offer, _) in library.quests.items():
        stages = offer.quest.stages
        assert {(quest, stage.id, branch.to) for stage in stages for branch in stage.branches} <= played
        assert {(quest, stage.id, stage.late) for stage in stages if stage.late} <= played
