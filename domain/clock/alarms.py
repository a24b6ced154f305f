"""Alarms that wait, and what of them is due. Pure.

Many alarms wait for long, and each event changes one: a dict that is copied for each would cost the square of
their number. Here they lie in parts, of which one is copied.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from zlib import crc32

from domain.clock.alarm_messages import AlarmFired, AlarmPassed, AlarmSet
from domain.clock.units import GameTime, RealTime

PARTS = 256

EACH_MAX = 10_000
"""Late times of one alarm that fire each; those before them fire as one, which bounds what a jump brings."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm that waits. Times are of its own kind: game ms or real µs.

    Attributes:
        first: when its first occurrence is due.
        every: between two; 0: there is one only.
        grace: what is later is late.
        next: the occurrence that is due next, from 0.
    """

    of: AlarmSet
    first: int
    every: int
    grace: int
    next: int = 0

    def due(self, occurrence: int) -> int:
        """Return when an occurrence is due."""
        return self.first + occurrence * self.every

    @property
    def due_next(self) -> int:
        """When the next one is due."""
        return self.due(self.next)

    def moment(self, occurrence: int) -> GameTime | RealTime:
        """Return when an occurrence is due, as what it is."""
        due = self.due(occurrence)
        return GameTime(due) if self.of.game else RealTime(due)

    def last_until(self, time: int) -> int:
        """Return the last occurrence that is due at ``time`` or before; before the next one: none is."""
        if time < self.due_next:
            return self.next - 1
        return (time - self.first) // self.every if self.every else 0

    def after(self, occurrence: int) -> "Alarm | None":
        """Return what waits after an occurrence; None: it was the last one."""
        return replace(self, next=max(self.next, occurrence + 1)) if self.every else None

    def strikes(self, time: int) -> Iterator[tuple[int, AlarmFired | AlarmPassed]]:
        """Yield what is due at ``time``, with its time and in order; late ones as the policy says."""
        last = self.last_until(time)
        late = last - EACH_MAX
        if self.of.late != "each":
            late = min(last, self.last_until(time - self.grace - 1))
        if late >= self.next and self.of.late == "skip":
            of = self.of
            passed = AlarmPassed(alarm_id=of.alarm_id, serial=of.serial, first=self.next, last=late)
            yield self.due(late), passed
        elif late >= self.next:
            yield self.due(late), self._fired(late, stands_for=late - self.next + 1)
        for occurrence in range(max(self.next, late + 1), last + 1):
            yield self.due(occurrence), self._fired(occurrence)

    def _fired(self, occurrence: int, stands_for: int = 1) -> AlarmFired:
        due = self.due(occurrence)
        return AlarmFired(
            alarm_id=self.of.alarm_id,
            serial=self.of.serial,
            occurrence=occurrence,
            due_game_ms=due if self.of.game else None,
            due_real_us=due if self.of.real else None,
            stands_for=stands_for,
            what=self.of.what,
        )


def alarm_of(event: AlarmSet, game: GameTime, real: RealTime) -> Alarm:
    """Return the alarm that was set at this game time and real time."""
    if due := event.game:
        first = game.ms + due.after_ms if due.after_ms is not None else due.at_ms
        return Alarm(event, first or 0, due.every_ms or 0, due.grace_ms)
    assert event.real is not None
    wanted = event.real
    first = real.us + wanted.after_us if wanted.after_us is not None else wanted.at_us
    return Alarm(event, first or 0, wanted.every_us or 0, wanted.grace_us)


class Alarms:
    """Alarms of one kind, by id; never changed."""

    __slots__ = ("_firsts", "_parts", "count")

    def __init__(self, parts: tuple[Mapping[str, Alarm], ...] = ({},) * PARTS, count: int = 0) -> None:
        self._parts = parts
        self.count = count
        self._firsts: tuple[int | None, ...] = (None,) * PARTS

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Alarm]:
        for part in self._parts:
            yield from part.values()

    def get(self, alarm_id: str) -> Alarm | None:
        """Return an alarm that waits, or None."""
        return self._parts[_part(alarm_id)].get(alarm_id)

    def with_(self, alarm: Alarm) -> "Alarms":
        """Return the alarms with this one, instead of another one of its id."""
        return self._changed(alarm.of.alarm_id, alarm)

    def without(self, alarm_id: str) -> "Alarms":
        """Return the alarms without one."""
        return self._changed(alarm_id, None)

    def _changed(self, alarm_id: str, alarm: Alarm | None) -> "Alarms":
        n = _part(alarm_id)
        part = dict(self._parts[n])
        before = len(part)
        part.pop(alarm_id, None)
        if alarm is not None:
            part[alarm_id] = alarm
        new = Alarms((*self._parts[:n], part, *self._parts[n + 1 :]), self.count + len(part) - before)
        first = min((each.due_next for each in part.values()), default=None)
        new._firsts = (*self._firsts[:n], first, *self._firsts[n + 1 :])
        return new

    @property
    def first(self) -> int | None:
        """When the next of them is due; None: none waits."""
        return min((first for first in self._firsts if first is not None), default=None)

    def due(self, time: int) -> list[Alarm]:
        """Return those that have an occurrence due at ``time`` or before, in no order."""
        return [
            alarm
            for first, part in zip(self._firsts, self._parts, strict=True)
            if first is not None and first <= time
            for alarm in part.values()
            if alarm.due_next <= time
        ]


def _part(alarm_id: str) -> int:
    """Return where an alarm lies: the same in every process, whatever its hash seed is."""
    return crc32(alarm_id.encode()) % PARTS
