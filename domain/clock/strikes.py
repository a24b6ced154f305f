"""What the leader has to tell now, in its order: boundaries that were crossed, alarms that are due. Pure."""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import NamedTuple
from uuid import UUID, uuid5

from domain.clock.alarm_messages import AlarmFired, AlarmPassed
from domain.clock.alarms import Alarm
from domain.clock.clock import Clock
from domain.clock.messages import PhaseBegan, SeasonBegan
from domain.clock.units import GameTime, RealSpan, RealTime

SPACE = UUID("a1f0c9d4-2f0a-5d0e-9a58-6d1c4be0c107")
"""Of the ids of what leaders tell; the same in every realm and version."""

Struck = PhaseBegan | SeasonBegan | AlarmFired | AlarmPassed


def strike_id(realm: str, name: str, number: int) -> UUID:
    """Return the event id of a realm's ``number``-th thing of a name: UUIDv5, so that anybody derives it.

    Names: ``term``, ``phase``, ``season``, and ``alarm/{serial}`` by occurrence, whether it fired or passed.
    """
    return uuid5(uuid5(SPACE, realm), f"{name}/{number}")


class Strike(NamedTuple):
    """Something to tell: ``name`` and ``number`` make its id."""

    event: Struck
    name: str
    number: int


def strikes(clock: Clock, now: RealTime, limit: int) -> Sequence[Strike]:
    """Return what is to be told at ``now``, at most ``limit``, in the order in which it came due."""
    game = clock.line.at(now)
    sources = [
        *(_of_alarm(clock, alarm, game.ms) for alarm in clock.game.due(game.ms)),
        *(_of_alarm(clock, alarm, now.us) for alarm in clock.real.due(now.us)),
        _boundaries(clock, game),
    ]
    return [strike for *_, strike in islice(merge(*sources, key=lambda each: each[:3]), limit)]


_Keyed = tuple[int, int, int, Strike]
"""When it came due, in real µs and in its own kind of time, the alarm's number, and what."""


def _of_alarm(clock: Clock, alarm: Alarm, time: int) -> Iterator[_Keyed]:
    for due, event in alarm.strikes(time):
        real = _when(clock, GameTime(due)) if alarm.of.game else due
        number = event.occurrence if isinstance(event, AlarmFired) else event.last
        yield real, due, alarm.of.serial, Strike(event, f"alarm/{alarm.of.serial}", number)


def _boundaries(clock: Clock, game: GameTime) -> Iterator[_Keyed]:
    """Yield the phase and the season that it is now, where another one was told last."""
    almanac, found = clock.almanac, list[tuple[GameTime, int, Strike]]()
    phase, season = almanac.phase_index(game), almanac.season_index(game.ms // almanac.day_ms)
    if phase != clock.phase.index:
        begin, count = almanac.phase_begins(phase), clock.phase.count
        passed = max(0, phase - clock.phase.index - 1)
        told = PhaseBegan(
            phase=almanac.phase(phase), index=phase, number=count, due_game_ms=begin.ms, passed=passed
        )
        found.append((begin, -1, Strike(told, "phase", count)))
    if season != clock.season.index:
        begin, count = GameTime(almanac.season_begins(season) * almanac.day_ms), clock.season.count
        passed = max(0, season - clock.season.index - 1)
        began = SeasonBegan(
            season=almanac.season(season), index=season, number=count, due_game_ms=begin.ms, passed=passed
        )
        found.append((begin, -2, Strike(began, "season", count)))
    yield from sorted((_when(clock, begin), begin.ms, order, strike) for begin, order, strike in found)


def _when(clock: Clock, game: GameTime) -> int:
    """Return when it was a game time, in real µs: since the anchor, or at the anchor where it was before."""
    when = clock.line.when(game)
    return clock.line.real.us if when is None else when.us


def next_due(clock: Clock, now: RealTime) -> RealTime | None:
    """Return when there is something to tell, as seen at ``now``; None: never, as things are.

    In the past: something is due.
    """
    game = clock.line.at(now)
    almanac, day = clock.almanac, game.ms // clock.almanac.day_ms
    phase, season = almanac.phase_index(game), almanac.season_index(day)
    phase += phase == clock.phase.index
    season += season == clock.season.index
    wanted = [almanac.phase_begins(phase), GameTime(almanac.season_begins(season) * almanac.day_ms)]
    if clock.game.first is not None:
        wanted.append(GameTime(clock.game.first))
    found = [when for each in wanted if (when := clock.line.when(each)) is not None]
    if clock.real.first is not None:
        found.append(RealTime(clock.real.first))
    return min(found, default=None)


def lateness(clock: Clock, now: RealTime) -> RealSpan:
    """Return for how long something has been due."""
    due = next_due(clock, now)
    return RealSpan(max(0, (now - due).us)) if due is not None else RealSpan(0)
