"""The rules of a player's stream: sessions, and where the player is. One stream orders both. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from domain.kernel.decider import Decider, Rejected
from domain.places.asking import Asked
from domain.places.journey import Journey
from domain.places.messages import (
    Arrive,
    Arrived,
    CutJourney,
    Depart,
    Departed,
    Enter,
    Entered,
    JourneyCut,
    Left,
    TurnBack,
    TurnedBack,
)
from domain.places.routes import pay, planned, real_ms, see_paid, see_place, see_room
from domain.session import authority
from domain.session.authority import Sessions, held
from domain.session.messages import CloseSession, OpenSession, SessionClosed, SessionOpened

PlayerCommand = OpenSession | CloseSession | Enter | Depart | TurnBack | Arrive | CutJourney
PlayerEvent = SessionOpened | SessionClosed | Entered | Departed | Arrived | TurnedBack | JourneyCut | Left


@dataclass(frozen=True, slots=True)
class Player:
    """A player as the stream tells.

    Attributes:
        place: where they are; "" while under way or out of the world.
        last: where they were last, and come back; "" if they were never anywhere.
        paid_us: real time until which their journeys are paid for.
    """

    sessions: Sessions = field(default_factory=Sessions)
    place: str = ""
    journey: Journey | None = None
    last: str = ""
    paid_us: int = 0


def stream_of(player: str) -> str:
    """Return the stream of a player."""
    return f"player-{player}"


def evolve(state: Player, event: PlayerEvent) -> Player:
    """Return the player after an event."""
    match event:
        case SessionOpened() | SessionClosed():
            return replace(state, sessions=authority.evolve(state.sessions, event))
        case Entered() | Arrived():
            return replace(state, place=event.place, last=event.place, journey=None)
        case Left():
            return replace(state, place="", last=event.place, journey=None)
        case Departed():
            paid = pay(state.paid_us, event.at_us, event.real_ms)
            return replace(state, place="", journey=Journey.of(event), paid_us=paid)
        case TurnedBack():
            return _changed(state, state.journey.turned(event) if state.journey else None)
        case JourneyCut():
            return _changed(state, state.journey.cut(event) if state.journey else None)
        case _:
            assert_never(event)


def _changed(state: Player, journey: Journey | None) -> Player:
    """Return the player on a changed journey; what it costs less or more is paid less or more."""
    before, after = state.journey, journey
    saved_ms = before.real_ms - after.real_ms if before and after else 0
    return replace(state, journey=journey, paid_us=state.paid_us - 1_000 * saved_ms)


def decide(asked: Asked[Any], state: Player) -> Sequence[PlayerEvent]:
    """Return what follows from a command; nothing if it is already so.

    Raises:
        Rejected: as the commands' declarations say.
    """
    command: PlayerCommand = asked.command
    match command:
        case OpenSession():
            return authority.opened(command, state.sessions, asked.actor, asked.moment.real_us)
        case CloseSession():
            return _close(asked, command, state)
        case Arrive():
            return _arrive(asked, command, state)
        case CutJourney():
            return _cut(asked, command, state)
    held(state.sessions, asked.actor, command.session)
    match command:
        case Enter():
            return _enter(asked, command, state)
        case Depart():
            return _depart(asked, command, state)
        case TurnBack():
            return _turn_back(asked, command, state)
        case _:
            assert_never(command)


def _close(asked: Asked[Any], command: CloseSession, state: Player) -> Sequence[PlayerEvent]:
    moment = asked.moment
    closed = authority.closed(command, state.sessions, asked.actor, moment.real_us)
    place = state.place
    if state.journey:
        place = state.journey.places[state.journey.reached(moment.game_ms)]
    if not closed or not place:
        return closed
    return [*closed, Left(who=command.player, place=place, at_ms=moment.game_ms, at_us=moment.real_us)]


def _enter(asked: Asked[Any], command: Enter, state: Player) -> Sequence[PlayerEvent]:
    city = asked.city
    if state.place == command.place:
        return []
    if state.journey:
        raise _under_way(state.journey)
    if state.place:
        raise Rejected(
            "in_the_world",
            f"the player is in {state.place}",
            field="place",
            remedy="move with places.depart; one enters only after having left",
        )
    see_place(asked, command.place, "place")
    if state.last in city.places and command.place != state.last:
        raise Rejected(
            "not_there",
            f"the player left the world in {state.last}",
            field="place",
            remedy=f"enter {state.last}, and go from there",
        )
    if state.last not in city.places and city.arrivals and command.place not in city.arrivals:
        raise Rejected(
            "not_there",
            f"nobody begins in {command.place}",
            field="place",
            remedy=f"one begins in {', '.join(sorted(city.arrivals))}",
        )
    see_room(asked, city.places[command.place], "place")
    moment = asked.moment
    return [
        Entered(
            who=command.player,
            kind="player",
            place=command.place,
            at_ms=moment.game_ms,
            at_us=moment.real_us,
        )
    ]


def _depart(asked: Asked[Any], command: Depart, state: Player) -> Sequence[PlayerEvent]:
    journey, moment = state.journey, asked.moment
    if state.place == command.to:
        return []
    if journey and (journey.end, journey.means, journey.back) == (command.to, command.means, False):
        return []
    if journey:
        raise _under_way(journey)
    if not state.place:
        raise Rejected(
            "not_in_world",
            "the player is nowhere",
            field="player",
            remedy=f"enter {state.last or 'a place where one begins'} with places.enter",
        )
    see_paid(state.paid_us, moment.real_us)
    legs, times = planned(asked, state.place, command.to, command.means)
    return [
        Departed(
            who=command.player,
            kind="player",
            places=[state.place, *(to for _, to, _ in legs)],
            ways=[way.id for way, _, _ in legs],
            times_ms=times,
            means=command.means,
            real_ms=real_ms(times[-1] - times[0], moment.scale),
            errand=command.errand,
            at_us=moment.real_us,
        )
    ]


def _turn_back(asked: Asked[Any], command: TurnBack, state: Player) -> Sequence[PlayerEvent]:
    journey, now = state.journey, asked.moment.game_ms
    if journey and journey.back:
        return []
    if not journey or now >= journey.ends_ms:
        raise Rejected(
            "not_under_way",
            "the player is on no way",
            field="player",
            remedy="set out with places.depart",
        )
    at = journey.reached(now)
    way = asked.city.ways.get(journey.ways[at])
    if way is not None and way.one_way:
        raise Rejected(
            "one_way",
            f"{way.id} leads to {way.end} only",
            field="player",
            remedy="go on to its end",
        )
    left, due = journey.times[at], journey.times[at + 1]
    back = now + max(0, now - left)
    return [
        TurnedBack(
            who=command.player,
            place=journey.places[at],
            away=journey.places[at + 1],
            left_ms=back - (due - left),
            arrives_ms=back,
            at_us=asked.moment.real_us,
        )
    ]


def _arrive(asked: Asked[Any], command: Arrive, state: Player) -> Sequence[PlayerEvent]:
    journey, moment = state.journey, asked.moment
    if not journey or journey.ends_ms != command.arrives_ms:
        return []  # it ended otherwise meanwhile
    if moment.game_ms < journey.ends_ms:
        raise Rejected(
            "not_yet",
            f"the journey takes {journey.ends_ms - moment.game_ms} game ms more",
            field="arrives_ms",
            remedy="say it when it is over",
        )
    return [
        Arrived(who=command.who, place=journey.end, at_ms=journey.ends_ms, at_us=moment.real_us),
    ]


def _cut(asked: Asked[Any], command: CutJourney, state: Player) -> Sequence[PlayerEvent]:
    journey = state.journey
    before = journey.ahead(command.way, command.closed_ms) if journey else None
    if journey is None or before is None:
        return []
    place = journey.places[before]
    return [JourneyCut(who=command.who, place=place, way=command.way, at_us=asked.moment.real_us)]


def _under_way(journey: Journey) -> Rejected:
    return Rejected(
        "under_way",
        f"the player is on the way to {journey.end}",
        field="player",
        remedy="wait for the arrival, or turn back with places.turn_back",
    )


PLAYER: Decider[Asked[Any], PlayerEvent, Player] = Decider(Player(), decide, evolve)
