"""A storm closes the ferry, over the wire: who is on it arrives, who has it before them does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from aicore.client import Client
from aicore.clock import now_us
from aicore.content.calendar import shipped_calendar
from aicore.content.loading import carry_out, change_to
from aicore.content.sample_world import sample_definition, sample_entries
from aicore.running import System
from aicore.settings import Settings
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.connection import connect
from bus.ports import Where
from bus.postgres.log import open_log
from domain.kernel.event import Event
from domain.places.messages import Arrived, JourneyCut, WayClosed, WayOpened
from protocol.meta import decode_meta
from tests.integration.nats_kit import until
from tests.integration.test_declared_is_served import program, system
from tests.integration.test_places import refused

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.timeout(120)]
__all__ = ["system"]

BY = {"operator": "mira", "reason": "a test"}
EVENING_MS = (19 * 60 + 10) * 60_000
"""When the ferry still goes, and one can cross already."""

LANDING, ACROSS, BELOW = "ferry_landing", "salt_pans", "still_landing"
"""The ferry goes from the first to the second; from the third one has to cross to the first."""

WAIT_S = 60.0
KINDS = (Arrived, JourneyCut, WayClosed, WayOpened)
CODEC = EventCodec(domain_catalogue())


@dataclass
class Crossing:
    """The world, its clock paused in the evening, under a clear sky."""

    client: Client
    system: System
    now_ms: int = EVENING_MS

    async def begin(self) -> None:
        calendar = shipped_calendar()
        start = {"calendar": calendar.model_dump(), "scale_num": 1, "at_game_ms": EVENING_MS, **BY}
        await self.client.command("clock.start", start)
        await self.client.command("clock.pause", BY)
        await until(self._stands, "the clock stands", timeout_s=WAIT_S)
        change = await change_to(self.client, sample_entries(), calendar)
        await carry_out(self.client, change, "mira", "a test")

        async def there_is_weather() -> bool:
            return bool((await self.client.query("weather.now")).result)

        await until(there_is_weather, "there is weather", timeout_s=WAIT_S)
        await self.sky("fair", "clear")

    async def _stands(self, since_ms: int = 0) -> bool:
        """Say whether the clock is known to stand, at a time or later; note when that is."""
        clock = (await self.client.query("clock.now")).result
        if clock is None or clock["rate_num"] or clock["game_ms"] < since_ms:
            return False
        self.now_ms = clock["game_ms"]
        return True

    async def sky(self, handle: str, state: str) -> None:
        """Set the weather over the ferry."""
        zones = sorted({each.zone for each in sample_definition().districts})
        said = {"handle": handle, "zones": zones, "state": state, "span_ms": 86_400_000, **BY}
        await self.client.command("weather.override", said)

    async def later(self, ms: int) -> None:
        """Have so much game time pass at once."""
        self.now_ms += ms
        await self.client.command("clock.jump", {"jump_id": str(uuid4()), "to_game_ms": self.now_ms, **BY})
        await until(lambda: self._stands(self.now_ms), "the clock has leapt", timeout_s=WAIT_S)

    async def comes(self, player: str, place: str) -> dict[str, Any]:
        """Have a player come into the world."""
        mine = {"player": player, "session": 1}
        await self.client.command("session.open", {"player": player})
        await self.client.command("places.enter", {**mine, "place": place})
        return mine

    async def sails(self, mine: Mapping[str, Any]) -> Sequence[str]:
        """Have a player set out over the water; return the ways."""
        said = {**mine, "to": ACROSS, "means": "ferry"}
        return list((await self.client.command("places.depart", said)).result["ways"])

    async def is_shut(self) -> bool:
        """Say whether the city in memory knows the ferry as closed; it is a moment behind the log."""
        ways = (await self.client.query("places.map")).result["ways"]
        return any(way["closed"] for way in ways if way["id"] == "ferry")

    async def told(self) -> Sequence[tuple[Event, str]]:
        """Return what the log has of journeys' ends and of ways, each with who said it."""
        where = Where(types=[kind.event_name for kind in KINDS])
        async with open_log(self.system.postgres_dsn, self.system.realm, now_us=now_us) as log:
            found = await log.read_all(limit=1_000, where=where)
        return [(CODEC.decode(each), decode_meta(each.meta).actor) for each in found]

    async def comes_about(self, kind: type[Event], **fields: Any) -> tuple[Event, str]:
        """Wait for an event; return it, and who said it."""
        found: list[tuple[Event, str]] = []

        async def look() -> bool:
            found[:] = [
                (event, actor)
                for event, actor in await self.told()
                if isinstance(event, kind) and all(getattr(event, k) == v for k, v in fields.items())
            ]
            return bool(found)

        await until(look, f"{kind.__name__} {fields}", timeout_s=WAIT_S)
        assert len(found) == 1, found
        return found[0]


async def test_a_storm_closes_the_ferry_and_opens_it_again(system: System) -> None:
    async with (
        program(Settings(), system, ("commands", "queries")),
        connect(system.nats_url, name="game") as nc,
    ):
        crossing = Crossing(Client(nc, system.realm), system)
        await crossing.begin()
        ann, ben, cay = [
            await crossing.comes(player, place)
            for player, place in (("ann", LANDING), ("ben", BELOW), ("cay", LANDING))
        ]
        assert await crossing.sails(ann) == ["ferry"]
        await crossing.later(60_000)
        assert await crossing.sails(ben) == ["landing_crossing", "ferry"]

        await crossing.sky("tempest", "storm")
        closed, by = await crossing.comes_about(WayClosed, way="ferry")
        assert isinstance(closed, WayClosed)
        assert (closed.grounds.partition(" ")[0], closed.at_ms, by) == (
            "storm",
            crossing.now_ms,
            "component:weather",
        )
        await crossing.comes_about(JourneyCut, who="ben", place=LANDING, way="ferry")
        await until(crossing.is_shut, "the city in memory knows", timeout_s=WAIT_S)
        assert (
            await refused(crossing.client, "places.depart", **cay, to=ACROSS, means="ferry")
        ).code == "no_way"

        await crossing.later(15 * 60_000)
        await crossing.comes_about(Arrived, who="ann", place=ACROSS)
        await crossing.comes_about(Arrived, who="ben", place=LANDING)
        assert await crossing.is_shut()

        await crossing.client.command("weather.lift", {"handle": "tempest", **BY})
        await crossing.comes_about(WayOpened, way="ferry")

        async def opens() -> bool:
            return not await crossing.is_shut()

        await until(opens, "the ferry goes", timeout_s=WAIT_S)
        assert await crossing.sails(cay) == ["ferry"]
        await crossing.later(15 * 60_000)
        await crossing.comes_about(Arrived, who="cay", place=ACROSS)
        assert [type(event) for event, _ in await crossing.told()].count(JourneyCut) == 1
