"""A way closes and opens: one stream per way, ``way-{id}``. Pure."""

from collections.abc import Sequence
from typing import Any

from domain.kernel.decider import Decider, Rejected
from domain.places.asking import Asked
from domain.places.messages import CloseWay, OpenWay, WayClosed, WayOpened

WayEvent = WayClosed | WayOpened


def stream_of(way: str) -> str:
    """Return the stream of a way."""
    return f"way-{way}"


def evolve(_: bool, event: WayEvent) -> bool:
    """Return whether the way is closed after an event."""
    return isinstance(event, WayClosed)


def decide(asked: Asked[Any], closed: bool) -> Sequence[WayEvent]:
    """Return what follows; nothing if it is already so.

    Raises:
        Rejected: ``way_unknown``.
    """
    command: CloseWay | OpenWay = asked.command
    way, moment = asked.city.ways.get(command.way), asked.moment
    wanted = isinstance(command, CloseWay)
    if wanted == closed:
        return []
    if way is None:
        raise Rejected(
            "way_unknown",
            f"there is no way {command.way!r} in this world",
            field="way",
            remedy="ask places.map for the ways",
        )
    ends, at_ms, at_us = [way.start, way.end], moment.game_ms, moment.real_us
    if isinstance(command, CloseWay):
        return [WayClosed(way=way.id, ends=ends, grounds=command.grounds, at_ms=at_ms, at_us=at_us)]
    return [WayOpened(way=way.id, ends=ends, at_ms=at_ms, at_us=at_us)]


WAY: Decider[Asked[Any], WayEvent, bool] = Decider(False, decide, evolve)
