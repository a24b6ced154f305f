"""Players in the world over NATS, in a running program: sessions, journeys, limits, and who sees it."""

import asyncio
from collections import Counter
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from aicore.city_watch import CityWatch
from aicore.client import Client, Refused
from aicore.content.calendar import shipped_calendar
from aicore.demos.walkers import walk
from aicore.running import System
from aicore.settings import Settings
from aicore.wiring import places
from bus.nats.connection import connect
from protocol.identity import UNNAMED
from tests.integration.test_declared_is_served import program, system
from tests.unit.kit import until
from tests.unit.places.kit import city
from tests.unit.places.trace import reference

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

REFERENCE = reference()
__all__ = ["system"]


async def refused(client: Client, command: str, **payload: Any) -> Any:
    with pytest.raises(Refused) as refusal:
        await client.command(command, payload)
    return refusal.value.error


async def a_clock_goes(client: Client) -> None:
    """Start the world's clock, and wait until commands know of it."""
    by = {"operator": "test", "reason": "a test"}
    await client.command("clock.start", {"calendar": shipped_calendar().model_dump(), **by})

    async def opens() -> bool:
        try:
            await client.command("session.open", {"player": "nobody"})
        except Refused as refusal:
            assert refusal.error.code == "no_clock"
            return False
        return True

    await until(opens)


async def test_players_walk_and_others_see_it(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "sample_city", city)
    async with (
        program(Settings(), system, ("commands", "queries")),
        program(Settings(), system, ("relay",)),
        connect(system.nats_url, name="game") as nc,
    ):
        client = Client(nc, system.realm)
        assert (await refused(client, "session.open", player="ann")).code == "no_clock"
        await a_clock_goes(client)
        await _one_walks(client, REFERENCE.PlaceFeed(nc, system.realm, str(UNNAMED)))
        await _others_walk_and_somebody_watches(client)


async def _one_walks(client: Client, feed: Any) -> None:
    ann = {"player": "ann", "session": 1}
    await feed.join("quay")
    await feed.join("square")
    assert (await client.command("session.open", {"player": "ann"})).result["session"] == 1
    assert (await refused(client, "places.depart", **ann, to="square")).code == "not_in_world"
    await client.command("places.enter", {**ann, "place": "quay"})
    await until(lambda: "ann" in feed.room("quay").present)

    id_ = uuid4()
    went = await client.command("places.depart", {**ann, "to": "square"}, id=id_)
    assert went.result["places"] == ["quay", "square"]
    await until(lambda: "ann" in feed.room("square").ways and "ann" not in feed.room("quay").present)
    assert (await refused(client, "places.depart", **ann, to="inn")).code == "under_way"
    await until(lambda: "ann" in feed.room("square").present)
    again = await client.command("places.depart", {**ann, "to": "square"}, id=id_)
    assert (again.duplicate, again.events) == (True, went.events)

    await client.command("places.close_way", {"way": "b_steps", "grounds": "a wall fell"})
    await until(lambda: feed.room("square").shut == {"b_steps"})

    async def mapped() -> bool:  # the map is another read model than the feed
        world = (await client.query("places.map")).result
        assert len(world["places"]) == len(city().places)
        return [way["id"] for way in world["ways"] if way["closed"]] == ["b_steps"]

    await until(mapped)

    hops = (refused(client, "places.turn_back", **{**ann, "session": 2}) for _ in range(60))
    asked = await asyncio.gather(*hops)
    limited = next(problem for problem in asked if problem.code == "over_allowance")
    assert limited.retry == "later"
    assert limited.retry_after_ms > 0
    assert {problem.code for problem in asked} == {"session_over", "over_allowance"}
    for place in ("quay", "square"):
        await feed.leave(place)


async def _others_walk_and_somebody_watches(client: Client) -> None:
    watch = CityWatch(client)
    await watch.open()
    assert watch.rate == 60
    said: list[str] = []
    counts = Counter[str]()
    while counts["journeys"] < 5:  # on a machine that has much to do they come less far
        names = [f"walker-{counts['turns']}-{n}" for n in range(5)]
        counts.update(await walk(client, names, seconds=1.5, say=said.append, draw=Random(4)), turns=1)
    assert len([line for line in said if " goes from " in line]) == counts["journeys"]

    async def only_ann() -> bool:
        await watch.refresh()
        shown = [room.state() for room in watch.rooms.values()]
        here = [who for state in shown for who, *_ in state["present"]]
        return here == ["ann"] and not any(state["ways"] for state in shown)

    await until(only_ann)
    assert sum(room.seq for room in watch.rooms.values()) > 20
