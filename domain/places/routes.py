"""May somebody set out by a route: hours, locks, room, and the speed that real time allows. Pure."""

from fractions import Fraction
from typing import Any

from domain.definition.places import Place, Way
from domain.kernel.decider import Rejected
from domain.places.asking import Asked

TOLERANCE_US = 2_000_000
"""So much earlier than it is paid for may a journey begin: the network's delay, not a saving."""

FULL_RETRY_MS = 2_000
"""When a full place or way is worth another try."""

MS_PER_S = 1_000

Leg = tuple[Way, str, int]
"""A way, where it leads, and its game seconds."""


class Later(Rejected):
    """Refused for now: the same command may pass after a while."""

    def __init__(self, code: str, message: str, retry_after_ms: int, *, field: str = "") -> None:
        super().__init__(
            code, message, field=field, remedy=f"send the same command again in {retry_after_ms} ms"
        )
        self.retry_after_ms = retry_after_ms


def real_ms(game_ms: int, scale: Fraction) -> int:
    """Return the real time that so much game time takes, in ms, rounded up."""
    return int(-(-game_ms * scale.denominator // scale.numerator)) if scale else 0


def pay(paid_us: int, at_us: int, cost_ms: int) -> int:
    """Return until when journeys are paid for, in real µs, after one more."""
    return max(paid_us, at_us) + cost_ms * 1_000


def see_paid(paid_us: int, now_us: int) -> None:
    """See that the journeys before are paid for with real time: standing still saves up nothing.

    Raises:
        Later: ``too_fast``. Source for the rule: GCRA, ITU-T I.371.
    """
    early_us = paid_us - now_us - TOLERANCE_US
    if early_us > 0:
        wait_ms = -(-early_us // 1_000)
        raise Later(
            "too_fast", f"the journeys so far take {wait_ms} ms longer than real time has passed", wait_ms
        )


def planned(asked: Asked[Any], start: str, to: str, means: str) -> tuple[list[Leg], list[int]]:
    """Return the legs of the shortest open route and the game ms at which each place is reached.

    Raises:
        Rejected: ``place_unknown``, ``means_unknown``, ``no_way``, ``closed_then``, ``locked``.
        Later: ``place_full``, ``way_full``.
    """
    city = asked.city
    for place, field in ((start, ""), (to, "to")):
        see_place(asked, place, field)
    if means not in city.means:
        raise Rejected(
            "means_unknown",
            f"there is no means of travel {means!r}",
            field="means",
            remedy=f"there are {', '.join(sorted(city.means))}",
        )
    legs = city.route(means, start, to)
    if legs is None:
        raise Rejected(
            "no_way",
            f"no open way leads from {start} to {to} by {means}",
            field="to",
            remedy="go by other means, somewhere else, or wait for a way to open",
        )
    times = [asked.moment.game_ms]
    for leg in legs:
        times.append(times[-1] + leg[2] * MS_PER_S)
        _see_open(asked, leg, times[-2], times[-1])
    see_room(asked, city.places[to], "to")
    return legs, times


def see_place(asked: Asked[Any], place: str, field: str) -> None:
    """See that there is such a place.

    Raises:
        Rejected: ``place_unknown``.
    """
    if place not in asked.city.places:
        raise Rejected(
            "place_unknown",
            f"there is no place {place!r} in this world",
            field=field,
            remedy="ask places.map for the places",
        )


def see_room(asked: Asked[Any], place: Place, field: str) -> None:
    """See that somebody more fits into a place.

    Raises:
        Later: ``place_full``.
    """
    if place.capacity is not None and asked.crowd.in_place(place.id) >= place.capacity:
        raise Later(
            "place_full", f"{place.id} holds {place.capacity} and is full", FULL_RETRY_MS, field=field
        )


def _see_open(asked: Asked[Any], leg: Leg, start_ms: int, end_ms: int) -> None:
    way, to, _ = leg
    place, day = asked.city.places[to], asked.moment.day
    sets_out, comes = day(start_ms), day(end_ms)
    if not sets_out.opens(way.hours):
        raise _closed_then(f"the way {way.id}", sets_out.minute)
    if not comes.opens(place.hours):
        raise _closed_then(f"the place {place.id}", comes.minute)
    for lock, at, what in ((way.lock, sets_out, way.id), (place.lock, comes, place.id)):
        if lock is not None and at.opens(lock.hours) and lock.key not in asked.keys:
            raise Rejected(
                "locked", f"{what} is locked", field="to", remedy=f"have {lock.key}, or go somewhere else"
            )
    if way.capacity is not None and asked.crowd.on_way(way.id, start_ms, end_ms) >= way.capacity:
        raise Later("way_full", f"{way.id} carries {way.capacity} and is full", FULL_RETRY_MS, field="to")


def _closed_then(what: str, minute: int) -> Rejected:
    return Rejected(
        "closed_then",
        f"{what} is closed at {minute // 60:02}:{minute % 60:02}, when it would be reached",
        field="to",
        remedy="set out at another time, or go to a place before it",
    )
