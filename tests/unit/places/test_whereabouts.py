"""What a process knows of the city: who is where, what is closed, and which version of the world holds."""

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import StreamWrite
from domain.kernel.event import Event
from domain.places.messages import WayClosed
from handlers.places.whereabouts import Whereabouts
from tests.unit.definition.test_loading import change, decided, entries
from tests.unit.kit import ident, memory_log
from tests.unit.places.asked import CITY, NOON_MS, T0
from tests.unit.places.test_feed import ARRIVED, DEPARTED, ENTERED
from tests.unit.spec import changed

CODEC = EventCodec(domain_catalogue())


async def known(*events: Event) -> Whereabouts:
    """What is known after events."""
    log = memory_log()
    there = Whereabouts(log, CITY, decode=CODEC.decode)
    for event in events:
        await log.append(StreamWrite("player-x", [CODEC.encode(event, ident())]))
    await there.take(await log.read_all(limit=1_000))
    return there


async def test_who_is_where_is_counted() -> None:
    bo = changed(ENTERED, who="bo")
    there = await known(ENTERED, bo, DEPARTED)
    assert there.in_place("quay") == 1
    assert [there.on_way("a_rope", *span) for span in ((100, 101), (159, 170), (160, 170), (0, 100))] == [
        1, 1, 0, 0,
    ]  # fmt: skip
    there = await known(ENTERED, bo, DEPARTED, ARRIVED)
    assert (there.in_place("quay"), there.in_place("lane"), there.on_way("a_rope", 0, 999)) == (1, 1, 0)


async def test_a_closed_way_is_closed_in_the_city() -> None:
    closed = WayClosed(way="a_rope", ends=["quay", "square"], grounds="a plot", at_ms=NOON_MS, at_us=T0)
    assert (await known(closed)).city.closed == {"a_rope"}


async def test_a_version_of_the_world_that_is_published_holds_and_a_draft_does_not() -> None:
    wanted = entries()
    [*drafted, published], _ = decided(change(wanted))
    assert (await known(*drafted)).city is CITY
    there = await known(*drafted, published)
    assert there.city.places.keys() == {key.id for key in wanted if key.section == "places"} != set()
