"""The circumstances in which commands about places are decided, and the bindings of those commands."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from domain.kernel.event import Command
from domain.places.asking import Asked, Moment
from domain.places.city import TimeOfDay
from domain.places.closures import WAY
from domain.places.closures import stream_of as stream_of_way
from domain.places.messages import (
    Arrive,
    Arrived,
    CloseWay,
    CutJourney,
    Depart,
    Departed,
    Enter,
    Entered,
    JourneyCut,
    OpenWay,
    TurnBack,
    TurnedBack,
    WayClosed,
    WayOpened,
)
from domain.places.moving import PLAYER, Player, stream_of
from domain.session.messages import CloseSession, OpenSession, SessionClosed, SessionOpened
from handlers.kernel.commands import Binding
from handlers.places.whereabouts import Whereabouts
from protocol.meta import Meta

Carried = Callable[[str], Collection[str]]


class GameClock(Protocol):
    """The game's time, as a function of real time."""

    def game_ms(self, real_us: int) -> int:
        """Return the game time of a moment.

        Raises:
            Rejected: ``no_clock``, before the world has one.
        """
        ...

    @property
    def scale(self) -> Fraction:
        """Game time per real time, as operators set it."""
        ...

    def day(self, game_ms: int) -> TimeOfDay:
        """Return what a clock on the wall shows at a game time."""
        ...


@dataclass(slots=True)
class Circumstances:
    """Where commands are decided: the clock and the city, once they are followed (`follow`)."""

    now_us: Callable[[], int]
    there: tuple[GameClock, Whereabouts] | None = None
    carried: Carried = lambda _player: ()
    """Goods that a player carries, for locks."""

    def follow(self, clock: GameClock, whereabouts: Whereabouts, carried: Carried | None = None) -> None:
        """Decide by these from now on."""
        self.there = clock, whereabouts
        self.carried = carried or self.carried

    def __call__(self, command: Command, meta: Meta) -> Asked[Any]:
        """Return a command with who says it, when, and what the city is like.

        Raises:
            Rejected: ``no_clock``.
        """
        assert self.there is not None, "the city is followed before commands are served"
        clock, whereabouts = self.there
        now = self.now_us()
        moment = Moment(now, clock.game_ms(now), clock.scale, clock.day)
        keys = self.carried(getattr(command, "player", ""))
        return Asked(command, meta.actor, moment, whereabouts.city, whereabouts, keys)


def player_commands(asked: Circumstances) -> Binding[Any, Any, Player]:
    """Return the binding of what services say about players."""
    return Binding(
        commands=(OpenSession, CloseSession, Enter, Depart, TurnBack),
        stream_of=lambda command: stream_of(command.player),
        decider=PLAYER,
        answer=_answer,
        situate=asked,
        explains=explains,
    )


def journey_records(asked: Circumstances) -> Binding[Any, Any, Player]:
    """Return the binding of what our own process says; never taken from the wire."""
    return Binding(
        commands=(Arrive, CutJourney),
        stream_of=lambda command: stream_of(command.who),
        decider=PLAYER,
        situate=asked,
        explains=explains,
    )


def way_commands(asked: Circumstances) -> Binding[Any, Any, bool]:
    """Return the binding of what closes and opens ways."""
    return Binding(
        commands=(CloseWay, OpenWay),
        stream_of=lambda command: stream_of_way(command.way),
        decider=WAY,
        answer=lambda command, closed: {"way": command.way, "closed": closed},
        situate=asked,
        explains=explains,
    )


def _answer(command: Any, state: Player) -> Mapping[str, Any]:
    found: dict[str, Any] = {"player": command.player, "session": state.sessions.count}
    if not isinstance(command, CloseSession):
        found |= {"place": state.place, "last": state.last}
        if journey := state.journey:
            found |= {"places": [*journey.places], "ways": [*journey.ways], "times_ms": [*journey.times]}
    return found


def explains(command: Any, event: Any) -> bool:
    """Say whether an event may be the first of those that a command led to, whatever it was decided by."""
    match command, event:
        case OpenSession(), SessionOpened():
            return bool((command.player, command.build) == (event.player, event.build))
        case CloseSession(), SessionClosed():
            return bool((command.player, command.session) == (event.player, event.session))
        case Enter(), Entered():
            return bool((command.player, command.place) == (event.who, event.place))
        case Depart(), Departed():
            asked = command.player, command.to, command.means, command.errand
            return bool(asked == (event.who, event.places[-1], event.means, event.errand))
        case TurnBack(), TurnedBack():
            return bool(command.player == event.who)
        case Arrive(), Arrived():
            return bool((command.who, command.arrives_ms) == (event.who, event.at_ms))
        case CutJourney(), JourneyCut():
            return bool((command.who, command.way) == (event.who, event.way))
        case CloseWay(), WayClosed():
            return bool((command.way, command.grounds) == (event.way, event.grounds))
        case OpenWay(), WayOpened():
            return bool(command.way == event.way)
    return False
