"""The sample world's people, living by themselves, and what one may expect of how they live."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from aicore.content.sample_world import sample_definition
from domain.kernel.event import Event
from domain.people.agenda import Agenda
from domain.people.cast import NONE, Cast, cast_of
from domain.people.lives import Life, People
from domain.people.messages import PersonDecided
from domain.people.needs import levels_at
from domain.people.rules import DAY_MINUTES, HOUR_MS, MINUTE_MS, RULES, Rules
from domain.people.scene import Times, World
from domain.places.city import City, TimeOfDay, city_of

DAY_MS = DAY_MINUTES * MINUTE_MS
START_MS = 7 * HOUR_MS
LOOK_MS = 20 * MINUTE_MS
STATED = frozenset({"need", "closed", "taken", "alone", "no_way", "sold_out", "no_coin"})


def day(game_ms: int) -> TimeOfDay:
    """The time of the day, in the sample world's week."""
    number, ms = divmod(game_ms, DAY_MS)
    names = sample_definition().calendar.weekdays
    return TimeOfDay(ms // MINUTE_MS, names[number % len(names)], names[(number - 1) % len(names)])


def real_us(game_ms: int) -> int:
    """A game minute a second."""
    return game_ms * 1_000 // 60


@lru_cache(1)
def city() -> City:
    return city_of(sample_definition())


@lru_cache(1)
def cast() -> Cast:
    return cast_of(sample_definition(), city(), RULES)


def world(rules: Rules = RULES) -> World:
    return World(sample_definition(), city(), Times(day, real_us), rules=rules, cast=cast())


def begun(made: World | None = None) -> tuple[Agenda, list[Event]]:
    """Everybody, at 7 o'clock of the first day."""
    agenda = Agenda(People(), made or world())
    return agenda, agenda.outside(START_MS)


def lived(
    days: int, made: World | None = None, *, look: Callable[[Agenda, int], None] | None = None
) -> tuple[Agenda, list[Event]]:
    """Let everybody live for some days; ``look`` is called every so often."""
    agenda, events = begun(made)
    for now in range(START_MS + LOOK_MS, START_MS + days * DAY_MS + 1, LOOK_MS):
        events += agenda.run(now)
        if look:
            look(agenda, now)
    return agenda, events


# --- what one may expect ------------------------------------------------------------------------------------


@dataclass
class Seen:
    """Shares of what was seen of everybody, at each look."""

    looks: int = 0
    filled: int = 0
    needs: int = 0
    expected: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)

    def look(self, agenda: Agenda, now: int) -> None:
        """Look at everybody."""
        cast, people = agenda.world.cast, agenda.people
        lives = sorted(people.lives.values(), key=lambda life: life.person)
        moment = agenda.world.day(now)
        schedule = cast.schedule(moment.weekday, moment.day_before)
        for life in lives:
            row = cast.rows[life.person]
            for need, level in enumerate(levels_at(cast, life, now)):
                if cast.drains[row, need]:
                    self.needs += 1
                    self.filled += level >= cast.alarms[need]
            if (entry := int(schedule[row, now // MINUTE_MS % DAY_MINUTES])) != NONE:
                self.expected += 1
                there = life.at == cast.places[int(cast.where[entry])] or life.reason in STATED
                self.right += there
                if not there:
                    self.wrong.append(f"{now // MINUTE_MS} {life}")


def dithering(events: Iterable[Event], within_ms: int = 10 * MINUTE_MS) -> float:
    """Return the share of decisions that go back to what was done before, within so much time."""
    before: dict[str, list[PersonDecided]] = {}
    back = count = 0
    for event in decisions(events):
        history = before.setdefault(event.person, [])
        count += 1
        if len(history) > 1:
            first, second = history[-2:]
            same = (first.action, first.place) == (event.action, event.place)
            other = (second.action, second.place) != (event.action, event.place)
            back += same and other and event.at_ms - second.at_ms <= within_ms
        history.append(event)
    return back / count


def decisions(events: Iterable[Event]) -> Iterable[PersonDecided]:
    return (event for event in events if isinstance(event, PersonDecided))


def of(events: Sequence[Event], person: str) -> list[PersonDecided]:
    return [event for event in decisions(events) if event.person == person]


def per_day(events: Iterable[Event], since_ms: int = START_MS) -> Mapping[tuple[str, int], int]:
    """Return how many events there are of each person and game day."""
    found: dict[tuple[str, int], int] = {}
    for event in events:
        person = getattr(event, "person", "") or getattr(event, "who", "").removeprefix("person.")
        at_ms = getattr(event, "at_ms", None)
        if at_ms is None:
            at_ms = event.times_ms[0]  # type: ignore[attr-defined]
        key = person, (at_ms - since_ms) // DAY_MS
        found[key] = found.get(key, 0) + 1
    return found


def life_of(agenda: Agenda, person: str) -> Life:
    return agenda.people.lives[person]
