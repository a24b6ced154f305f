"""When people look at their lives again, and the course of the world from one game minute to the next. Pure.

Nobody is asked each minute. Somebody decides when what they do is over, when an engagement begins or ends,
when a need crosses a band, when a door is shut or a way closes; and keeps at something for a while before
a need counts, unless it has become critical. Where players watch, that is at the next game minute; elsewhere
at the next of every tenth minute, another for each person, so that they do not all decide at once.
Engagements begin and end to the minute everywhere, and people arrive to the minute.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from zlib import crc32

from domain.kernel.event import Event
from domain.people.crowd import Crowd
from domain.people.deciding import decide_all
from domain.people.errands import Errand, Errands, NoPurses, Purses
from domain.people.fear import notices
from domain.people.lives import Life, People, minute_after, who_of
from domain.people.memory import Memories
from domain.people.messages import IDLE, PeopleSkipped, PersonGone, PersonJoined
from domain.people.needs import crossings
from domain.people.purchases import Outcome
from domain.people.rules import DAY_MINUTES, MINUTE_MS
from domain.people.scene import World
from domain.people.seeds import first_levels
from domain.people.telling import told
from domain.places.messages import Arrived, Entered, JourneyCut, Left

UNWATCHED_MINUTES = 10
SKIP_MS = 6 * 60 * MINUTE_MS
"""What was due for longer is not made up for: `PeopleSkipped`."""


NEVER_MS = 2**62


def look_at(life: Life, world: World, after_ms: int) -> int:
    """Return the game minute at which somebody decides next, after one at which they last did or could."""
    if life.journey is not None:
        return minute_after(life.journey.ends_ms)
    edge = after_ms // MINUTE_MS
    row, of_day = world.cast.rows[life.person], edge % DAY_MINUTES
    edge += min(world.cast.next_edge(row, of_day), world.cast.next_shut(row, life.place, of_day))
    least = life.begins_ms + (0 if life.action == IDLE else world.rules.least_ms)
    due = life.until_ms
    if after_ms < life.until_ms:
        for when, critical in crossings(world.cast, life, max(after_ms, life.begins_ms)):
            due = min(due, when if critical else max(when, least))
    return min(edge * MINUTE_MS, _tick(life, world, max(due, after_ms + 1)), _startled(life, world, after_ms))


def _startled(life: Life, world: World, after_ms: int) -> int:
    """Return when somebody looks because of a danger where they are: a few times, as it may be heard late."""
    danger = world.dangers.get(life.place)
    if danger is None or after_ms >= danger.at_ms + world.rules.startle_ms:
        return NEVER_MS
    due = minute_after(max(after_ms, danger.at_ms) + 1)
    return due if notices(life, world, due) else NEVER_MS


def _tick(life: Life, world: World, due_ms: int) -> int:
    minute = minute_after(due_ms) // MINUTE_MS
    if life.place not in world.watched:
        minute += (crc32(life.person.encode()) - minute) % UNWATCHED_MINUTES
    return minute * MINUTE_MS


class Agenda:
    """When everybody decides next. `run` brings lives up to a game time and returns what happened."""

    def __init__(
        self,
        people: People,
        world: World,
        memories: Memories | None = None,
        purses: Purses = NoPurses,
    ) -> None:
        """Prepare, as somebody who knows the log alone: everything up to its last minute was decided.

        Args:
            people: everybody's lives; changed.
            world: all that they decide by.
            memories: what they know and tell; whoever calls keeps it up by the log.
            purses: what somebody has to spend; whoever calls runs their `errands`.
        """
        self.people = people
        self.world = world
        self.memories = memories or Memories()
        self.errands = Errands(people, world.cast, purses)
        self._looked: dict[str, int] = {}
        self._due: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []
        self.crowd = Crowd(people, world.cast, self.errands.pockets)
        for life in people.lives.values():
            self._note(life, life.since_ms)

    def take_in(self, world: World) -> None:
        """Go on in a world with other ways, doors or people, or where others are watched."""
        before, self.world = self.world, world
        if before.cast is not world.cast:
            self._set_out(world)
        same = before.cast is world.cast and before.city is world.city
        changed = before.watched ^ world.watched
        changed |= {place for place, danger in world.dangers.items() if before.dangers.get(place) != danger}
        lives = [life for life in self.people.lives.values() if not same or life.place in changed]
        if not same:
            self._heap, self._due = [], {}
        for life in lives:
            self._note(life, self._looked.get(life.person, life.since_ms))

    def _set_out(self, world: World) -> None:
        self.errands.take_in(world.cast)
        self.crowd = Crowd(self.people, world.cast, self.errands.pockets)

    def _anew(self) -> None:
        self._heap, self._due = [], {}
        self._set_out(self.world)
        for life in self.people.lives.values():
            self._note(life, self._looked.get(life.person, life.since_ms))

    @property
    def next_ms(self) -> int | None:
        """The game minute at which somebody decides or arrives next; None: nobody does."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _note(self, life: Life, looked_ms: int) -> None:
        """Note when somebody looks next; what was due up to the last minute told of was decided then."""
        if life.person not in self.world.cast.rows:
            return
        due = look_at(life, self.world, looked_ms)
        while due <= self.people.tick_ms and life.journey is None and due < life.until_ms:
            looked_ms = due
            due = look_at(life, self.world, looked_ms)
        self._looked[life.person] = looked_ms
        due = max(due, self.people.tick_ms + MINUTE_MS) if life.journey is None else due
        if life.journey is None and self.errands.pockets.missed(life.person) is not None:
            due = self.people.tick_ms + MINUTE_MS  # they got nothing, and see what else there is
        self._due[life.person] = due
        heappush(self._heap, (due, life.person))

    # --- the course of the world ----------------------------------------------------------------------------

    def run(self, until_ms: int, events_max: int = 2**31) -> list[Event]:
        """Return what happens up to a game time, minute by minute, and take it in.

        Ends early after ``events_max``, and once there is something to buy or to pay (`errands`), but never
        within a minute: what a minute brings belongs together.
        """
        found: list[Event] = []
        while (now_ms := self.next_ms) is not None and now_ms <= until_ms and len(found) < events_max:
            found += self._minute(now_ms)
            if self.errands.fresh:
                break
        return found

    def settle(self, errand: Errand, outcome: Outcome | None) -> None:
        """Take in what came of an errand; until then somebody decides nothing else."""
        life = self.errands.settle(errand, outcome)
        if life is not None:
            self.crowd.note(life)
            self._note(life, self._looked.get(life.person, life.since_ms))

    def _minute(self, now_ms: int) -> list[Event]:
        due = self._taken(now_ms)
        arrive = sorted(
            (life for life in due if life.journey is not None),
            key=lambda life: (life.journey.ends_ms if life.journey else 0, life.person),
        )
        found: list[Event] = [self._arrived(life, now_ms) for life in arrive]
        self.people.evolve_all(found)
        for life in arrive:
            self.crowd.note(life)
        came = {life.person for life in arrive if life.place == life.at}
        waits = came | self.errands.waiting
        deciding = [life for life in due if life.person not in waits]
        self.errands.look(deciding)
        decided = decide_all(self.crowd, self.world, deciding, now_ms)
        found += decided
        begin = [life for life in due if now_ms - MINUTE_MS < life.begins_ms <= now_ms]
        found += told(self.memories, self.crowd, self.world.rules, begin, now_ms)
        self.errands.add(decided, begin)
        for life in due:
            looked_ms = self._looked.get(life.person, life.since_ms) if life.person in came else now_ms
            self._note(life, looked_ms)
        return found

    def _taken(self, now_ms: int) -> list[Life]:
        found: dict[str, Life] = {}
        while self.next_ms == now_ms:
            _, person = heappop(self._heap)
            self._due.pop(person, None)
            found[person] = self.people.lives[person]
        return list(found.values())

    def _arrived(self, life: Life, now_ms: int) -> Arrived:
        assert life.journey is not None
        at_us = self.world.real_us(now_ms)
        return Arrived(
            who=who_of(life.person), place=life.journey.end, at_ms=life.journey.ends_ms, at_us=at_us
        )

    # --- what comes from outside ----------------------------------------------------------------------------

    def outside(self, now_ms: int) -> list[Event]:
        """Return what deaths, closed ways or another definition bring at a game minute, and take it in."""
        found = [*self._leaving(now_ms), *self._cuts(now_ms), *self._joining(now_ms)]
        if found:
            self.people.evolve_all(found)
            self._anew()
        return found

    def _cuts(self, now_ms: int) -> Iterator[Event]:
        closed = self.world.city.closed
        for life in self.people.lives.values() if closed else ():
            for way in life.journey.ways if life.journey else ():
                before = life.journey.ahead(way, now_ms) if life.journey and way in closed else None
                if life.journey and before is not None:
                    at_us = self.world.real_us(now_ms)
                    place = life.journey.places[before]
                    yield JourneyCut(who=who_of(life.person), place=place, way=way, at_us=at_us)
                    break

    def _leaving(self, now_ms: int) -> Iterator[Event]:
        places, at_us = self.world.cast.place_rows, self.world.real_us(now_ms)
        for life in list(self.people.lives.values()):
            gone = life.person not in self.world.cast.rows or life.person in self.world.dead
            if gone or life.place not in places:
                yield Left(who=who_of(life.person), place=life.place, at_ms=now_ms, at_us=at_us)
                yield PersonGone(person=life.person, at_ms=now_ms)

    def _joining(self, now_ms: int) -> Iterator[Event]:
        cast, at_us = self.world.cast, self.world.real_us(now_ms)
        day = self.world.day(now_ms)
        engaged = cast.schedule(day.weekday, day.day_before)[:, now_ms // MINUTE_MS % DAY_MINUTES]
        for row, person in enumerate(cast.people):
            if person.id in self.people.lives and self.people.lives[person.id].place in cast.place_rows:
                continue
            if person.id in self.world.dead:
                continue
            at = int(cast.where[engaged[row]]) if engaged[row] >= 0 else int(cast.homes[row])
            place = cast.places[at]
            levels = first_levels(self.world.definition.world.seed, person.id, cast.needs)
            yield PersonJoined(person=person.id, place=place, levels=levels, at_ms=now_ms)
            yield Entered(who=who_of(person.id), kind="person", place=place, at_ms=now_ms, at_us=at_us)

    def skip(self, now_ms: int) -> list[Event]:
        """Return what follows when so much time has passed, or the clock was set back; nothing if neither.

        ``now_ms`` is a whole game minute.
        """
        last, due = self.people.tick_ms, self.next_ms
        late = due is not None and now_ms - due > SKIP_MS
        if not self.people.lives or not (late or now_ms < last):
            return []
        found: list[Event] = []
        for life in sorted(self.people.lives.values(), key=lambda life: life.person):
            if life.journey is not None:
                at_ms = min(life.journey.ends_ms, now_ms)
                at_us = self.world.real_us(now_ms)
                found.append(
                    Arrived(who=who_of(life.person), place=life.journey.end, at_ms=at_ms, at_us=at_us)
                )
        found.append(PeopleSkipped(from_ms=last, to_ms=now_ms))
        self.people.evolve_all(found)
        self._looked.clear()
        self._anew()
        return found
