"""A small city: four places in a row by the harbour, a house with a room, and the dark side of the quay."""

from domain.definition.places import District, Lock, Means, Opening, Place, Point, TravelTime, Way
from domain.places.city import City

DISTRICTS = (
    District("ropewalk", "the Ropewalk", "light", "ropewalk_dark", "harbour"),
    District("ropewalk_dark", "the Ropewalk below", "dark", "ropewalk", "harbour"),
)
NIGHT = (Opening(22 * 60, 6 * 60),)
"""Open from ten in the evening until six."""

FOOT, BOAT = Means("foot", "on foot", 80), Means("boat", "by boat", 200, carries=6)


def place(id_: str, x: int, y: int = 0, **more: object) -> Place:
    values = {"name": id_, "side": "light", "district": "ropewalk", "kind": "street", **more}
    return Place(id=id_, at=Point(x, y), **values)  # type: ignore[arg-type]


def way(id_: str, start: str, end: str, seconds: int, means: str = "foot", **more: object) -> Way:
    return Way(id_, start, end, seconds, (TravelTime(means, seconds),), **more)  # type: ignore[arg-type]


def city() -> City:
    """quay - square - lane - gate; the ferry from quay to gate; an inn with a room at the square."""
    places = (
        place("quay", 0, twin="quay_dark", territory="docks"),
        place("square", 100, territory="docks"),
        place("lane", 200, territory="walk"),
        place("gate", 300, hours=(Opening(6 * 60, 22 * 60),)),
        place("inn", 100, 40, kind="inn", capacity=2),
        place("room", 100, 45, kind="bedroom", within="inn", lock=Lock("brass_key")),
        place("quay_dark", 0, side="dark", district="ropewalk_dark", twin="quay", kind="quay"),
    )
    ways = (
        way("a_rope", "quay", "square", 60),
        way("b_steps", "square", "lane", 90),
        way("c_alley", "lane", "gate", 120),
        way("d_ferry", "quay", "gate", 200, "boat"),
        way("e_door", "square", "inn", 20),
        way("f_stairs", "inn", "room", 10),
        way("g_drop", "lane", "quay", 30, one_way=True),
        way("h_well", "quay", "quay_dark", 15, hours=NIGHT),
    )
    return City.of(places, ways, (FOOT, BOAT), DISTRICTS, arrivals=("quay",))
