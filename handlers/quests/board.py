"""The board of quests in memory, kept up by the log, and the facts that it and the clock make."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import ClassVar

from bus.ports import EventLog, LogUnavailable, RecordedEvent, Where
from domain.clock.clock import Clock
from domain.clock.messages import CalendarSet, ClockJumped, PhaseBegan
from domain.clock.units import GameTime, RealTime
from domain.definition.definition import Definition
from domain.definition.entries import Entries, digest_of
from domain.definition.loading import LOADED, Loaded, definition_of, evolve
from domain.definition.messages import EntryDefined, EntryRetired, VersionPublished
from domain.factions.messages import DayTold, Emerged
from domain.kernel.event import Event
from domain.ledger.book import Book
from domain.ledger.messages import HoldPosted, Reversed, Transferred, UnitOpened
from domain.people.harm_messages import Died
from domain.places.city import city_of
from domain.places.messages import Arrived, Departed, Entered, Left
from domain.quests.board import Board
from domain.quests.checker.search import checked
from domain.quests.checker.world import World, world_of
from domain.quests.facts import Facts, Moment, unmet
from domain.quests.generator import News, Roll, ground_of, made, task_id
from domain.quests.instance import Instance, Offered
from domain.quests.messages import EVENTS
from domain.quests.quests import Offer, offers_of
from domain.quests.settling import Units, units_of
from domain.quests.terms import quest_of
from domain.weather.messages import WeatherChanged
from handlers.kernel.follow import Decode, MemoryView

DEFINING = (EntryDefined, EntryRetired, VersionPublished)
HEARD = (
    *EVENTS,
    *DEFINING,
    *(Entered, Arrived, Left, Departed),
    Died,
    *(UnitOpened, Transferred, HoldPosted, Reversed),
    *(PhaseBegan, ClockJumped, CalendarSet, WeatherChanged),
    *(DayTold, Emerged),
)
NEWS_DAYS, NEWS_MAX = 3, 16
"""Game days after which nobody asks for help by what emerged, and how much of it is kept."""
KNOWN_WITHIN_S = 5.0
ATTEMPTS_MAX = 8
PAGE = 1_000


class QuestBoard(MemoryView):
    """What quests go by. Run `run` in a task."""

    name: ClassVar[str] = "quests"
    types: ClassVar[tuple[str, ...]] = tuple(kind.event_name for kind in HEARD)

    def __init__(
        self, log: EventLog, definition: Definition, entries: Entries, *, decode: Decode, clock: "Clocked"
    ) -> None:
        """Prepare; the definition holds until a version of the world's is published."""
        super().__init__(log, decode=decode)
        self.board = Board()
        self.clock = clock
        self.definition, self._zones = definition, _zones(definition)
        self.units, self.offers = _defined(definition, entries)
        self._world: World | None = None
        self._loaded: Loaded = LOADED
        self._redefined = False
        self._emerged: deque[Emerged] = deque(maxlen=NEWS_MAX)
        self._day = 0
        self._checked = 0
        """Position up to which the log was asked for what is not known here."""

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        self.board.cause = recorded.id
        if isinstance(event, DEFINING):
            self._loaded = evolve(self._loaded, event)
            self._redefined = self._redefined or isinstance(event, VersionPublished)
        elif isinstance(event, DayTold):
            self._day = event.day
        elif isinstance(event, Emerged):
            self._emerged.appendleft(event)
        else:
            self.board.take(event)

    async def settle(self) -> None:
        """Take over a version once for a batch."""
        if self._redefined:
            self._redefined = False
            definition = await asyncio.to_thread(definition_of, self._loaded)
            if definition:
                self.units, self.offers = _defined(definition, self._loaded.published)
                self.definition, self._zones, self._world = definition, _zones(definition), None
            self.board.retire(self._loaded)

    @property
    def world(self) -> World:
        """What the definition makes possible; computed when it is first asked for."""
        if self._world is None:
            self._world = world_of(self.definition, city_of(self.definition).arrivals)
        return self._world

    def offer(self, quest: str, player: str) -> Offer | None:
        """Return a quest that a player may take: of the definition, or made for them."""
        for each in self.board.made_for(player):
            if each.quest.id == quest:
                return Offer(each.quest, dict(self.board.written[each.id]), each.digest)
        return self.offers.get(quest)

    def make(self, player: str, number: int) -> Offer | None:
        """Make a player's so-manieth quest, and try it; None if the world has nothing for one that holds."""
        seed = self.definition.world.seed
        id_ = task_id(seed, player, number)
        ground = ground_of(self.definition, self.world, self.board.gone, self._news())
        for attempt in range(ATTEMPTS_MAX):
            if (written := made(ground, Roll(f"{seed}/{player}/{number}/{attempt}"))) is None:
                return None
            offer = Offer(quest_of(id_, written), written, digest_of(written))
            if not checked(offer, self.world):
                return offer
        return None

    def _news(self) -> list[News]:
        """Return what emerged lately, the newest first."""
        return [
            News(each.kind, each.place, (each.faction, *([each.other] if each.other else [])))
            for each in self._emerged
            if each.day >= self._day - NEWS_DAYS
        ]

    async def all_known(self) -> None:
        """Return once all that the log has by now is known here: who has just been told so builds on it.

        Raises:
            LogUnavailable: it is not, in time.
        """
        head = (await self._log.head()).position
        after, where = max(self.position, self._checked), Where(types=self.types)
        while after < head:
            page = await self._log.read_all(after=after, limit=PAGE, where=where)
            if not page:
                break
            after = page[-1].position
        try:
            async with asyncio.timeout(KNOWN_WITHIN_S):
                if after > max(self.position, self._checked):
                    await self.reached(after)
        except TimeoutError as error:
            raise LogUnavailable("quests lie behind the log; retry with the same id") from error
        self._checked = max(self._checked, head)

    def facts(
        self, state: Instance | Offered | None, game_ms: int, book: Book, here: Mapping[str, str]
    ) -> Facts:
        """Return what a decision about a quest goes by.

        Args:
            state: the quest; None: it is to be taken.
            game_ms: now.
            book: the ledger.
            here: places of players that are known better than the board knows them.
        """
        board = self.board

        def holds(player: str, good: str) -> int:
            balance, held = book.volume(f"player.{player}", good)
            return balance - held

        def at(ms: int) -> Facts:
            return Facts(
                moment=self.clock.moment(ms),
                place=lambda player: here.get(player) or board.places.get(player, ""),
                holds=holds,
                standing=lambda player, faction: board.standings[player, faction],
                done=lambda player, quest: quest in board.completed.get(player, ()),
                weather=lambda place: board.skies.get(self._zones.get(place, ""), ""),
                gone=board.gone,
            )

        now, seen = at(game_ms), dict[tuple[str, int], int]()
        if not isinstance(state, Instance):
            return now
        for number, times in board.arrivals.get(state.id, {}).items():
            if number not in state.left:
                continue
            objective = state.objective(number)
            for ms in times:
                if not unmet(objective.when, at(ms), state.players, objective.place or ""):
                    seen.setdefault((state.stage, number), ms)
        return Facts(now.moment, now.place, holds, now.standing, now.done, now.weather, now.gone, seen)


class Clocked:
    """Moments of game time, by the world's clock as this process knows it."""

    def __init__(self, clock: Callable[[], Clock | None]) -> None:
        self._clock = clock

    def now_ms(self, real_us: int) -> int | None:
        """Return the game time of a real time; None before there is a clock."""
        clock = self._clock()
        return clock.line.at(RealTime(real_us)).ms if clock else None

    def when_us(self, game_ms: int) -> int | None:
        """Return when it is a game time, in µs since 1970; None: never, as the clock goes."""
        clock = self._clock()
        when = clock.line.when(GameTime(game_ms)) if clock else None
        return when.us if when else None

    def moment(self, game_ms: int) -> Moment:
        """Return what conditions read of a game time."""
        clock = self._clock()
        if clock is None:
            return Moment(game_ms)
        almanac = clock.almanac
        day, ms = divmod(game_ms, almanac.day_ms)
        names = almanac.calendar.weekdays
        today, before = (almanac.weekday(each) for each in (day, day - 1))
        return Moment(
            game_ms,
            almanac.phase(almanac.phase_index(GameTime(game_ms))),
            ms // 60_000,
            None if today is None else names[today],
            None if before is None else names[before],
        )


def _zones(definition: Definition) -> Mapping[str, str]:
    """Return the zone of each place, whose weather it has."""
    zones = {district.id: district.zone for district in definition.districts}
    return {place.id: zones.get(place.district, "") for place in definition.places}


def _defined(definition: Definition, entries: Entries) -> tuple[Units, Mapping[str, Offer]]:
    """Return the units of a definition, and its quests with what is written of them."""
    written = {key.id: entry for key, entry in entries.items() if key.section == "quests"}
    return units_of(definition), offers_of(definition, written)
