"""What is seen in every place, followed over the wire: for whoever draws it."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from nats.aio.msg import Msg

from aicore.client import Client
from domain.places.feed import Cell, Room
from protocol.errors import WireError
from protocol.short_frames import decode_short, long_row
from protocol.subjects import places_subjects


class Walker(NamedTuple):
    """Somebody on a way, at a moment: so many thousandths of it from one place to another."""

    who: str
    kind: str
    start: str
    end: str
    per_mille: int


class CityWatch:
    """Follows all places. `open` first; then `refresh` every second or so for what was missed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._missed: set[Cell] = set()
        self.map: Mapping[str, Any] = {}
        self.rooms: dict[Cell, Room] = {}
        self.weather: Mapping[str, str] = {}
        """The weather by zone; empty before there is any."""
        self.game_ms = 0
        """Game time of the last answer."""
        self.rate = Fraction(0)
        """Game time per real time since then."""

    async def open(self) -> None:
        """Ask for the map, and hear what changes from now on."""
        self.map = (await self._client.query("places.map")).result
        _, short = places_subjects(self._client.realm)
        await self._client.hear(short, self._hear)
        self._missed = {Cell(place["id"], 0) for place in self.map["places"]}
        await self.refresh()

    async def refresh(self) -> None:
        """Ask for what was missed, and for the time."""
        if clock := (await self._client.query("clock.now")).result:
            self.game_ms, self.rate = clock["game_ms"], Fraction(clock["rate_num"], clock["rate_den"])
        if weather := (await self._client.query("weather.now")).result:
            self.weather = {each["zone"]: each["state"] for each in weather["zones"]}
        for cell in sorted(self._missed):
            asked = {"place": cell.place, "cell": cell.number, "form": 2}
            found = (await self._client.query("places.snapshot", asked)).result
            room = self.rooms.get(cell)
            if room is None or found["seq"] >= room.seq:
                self.rooms[cell] = _room(found)
            self._missed.discard(cell)
            more = {Cell(cell.place, number) for number in range(found["cells"])}
            self._missed |= more - self.rooms.keys()

    async def _hear(self, message: Msg) -> None:
        *_, place, number = message.subject.split(".")
        cell = Cell(place, int(number))
        try:
            frame = decode_short(message.data)
        except WireError:
            return
        room = self.rooms.get(cell)
        if room is None or frame.after > room.seq:
            self._missed.add(cell)
            return
        for change in frame.changes[max(0, room.seq - frame.after) :]:
            room.take(change[0], [tuple(op) for op in change[1:]])

    def present(self, place: str) -> list[tuple[str, str]]:
        """Return who is in a place, with their kind, by id."""
        rooms = (room for cell, room in self.rooms.items() if cell.place == place)
        return sorted((who, more[0]) for room in rooms for who, more in room.present.items())

    def shut(self) -> set[str]:
        """Return the closed ways."""
        return {way for room in self.rooms.values() for way in room.shut}

    def walkers(self, game_ms: int) -> Iterator[Walker]:
        """Yield who is between two places at a game time; each once, though both places know of it."""
        for cell, room in list(self.rooms.items()):
            for who, (kind, _from, _start, to, here_ms, end_ms) in room.ways.items():
                if to and here_ms <= game_ms < end_ms:
                    gone = 1_000 * (game_ms - here_ms) // max(1, end_ms - here_ms)
                    yield Walker(who, kind, cell.place, to, gone)


def _room(found: Mapping[str, Any]) -> Room:
    return Room(
        seq=found["seq"],
        present={who: tuple(long_row(more)) for who, *more in found["present"]},
        ways={who: tuple(long_row(more)) for who, *more in found["ways"]},
        shut=set(found["shut"]),
    )
