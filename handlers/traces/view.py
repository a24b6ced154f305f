"""What is to be seen at each place, in memory, kept up by the log; and the queries over it."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from bus.ports import EventLog, RecordedEvent
from domain.beliefs.table import TABLE
from domain.definition.definition import Definition
from domain.definition.loading import LOADED, definition_of, evolve
from domain.definition.messages import EntryDefined, EntryRetired, VersionPublished
from domain.kernel.event import Event
from domain.kernel.parse import parse
from domain.ledger.commands import OpenUnit
from domain.quests.settling import units_of
from domain.traces import showing
from domain.traces.messages import Discovered
from domain.traces.queries import DescribeQuery, TracesQuery
from domain.traces.traces import Traces, setting_of
from domain.weather.messages import WeatherChanged
from handlers.kernel.follow import Decode, MemoryView

DEFINING = (EntryDefined, EntryRetired, VersionPublished)
HEARD: frozenset[type[Event]] = frozenset((*TABLE, WeatherChanged, Discovered, *DEFINING))


class TracesView(MemoryView):
    """Run `run` in a task; answers come from memory. ``game_ms`` tells the game time; None: no clock."""

    name: ClassVar[str] = "traces"
    types: ClassVar[tuple[str, ...]] = tuple(sorted(kind.event_name for kind in HEARD))

    def __init__(
        self,
        log: EventLog,
        definition: Definition,
        *,
        decode: Decode,
        game_ms: Callable[[], int | None],
    ) -> None:
        """Prepare; ``definition`` holds until another is published."""
        super().__init__(log, decode=decode)
        self._defined = LOADED
        self._game_ms = game_ms
        self.traces = Traces.of(setting_of(definition))
        self.units: Mapping[str, OpenUnit] = units_of(definition).opened

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        if isinstance(event, DEFINING):
            self._defined = evolve(self._defined, event)
            if isinstance(event, VersionPublished) and (found := definition_of(self._defined)):
                self.traces.redefine(setting_of(found))
                self.units = units_of(found).opened
            return
        self.traces.apply(event, str(recorded.id), recorded.position)

    def now_ms(self) -> int:
        """Return the game time; without a clock the latest that an event told of."""
        game_ms = self._game_ms()
        return self.traces.told.now_ms if game_ms is None else game_ms

    async def answer_at(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``traces.at``."""
        return showing.at(self.traces, parse(TracesQuery, query), self.now_ms()), self.position

    async def answer_describe(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``traces.describe``."""
        return showing.described(self.traces, parse(DescribeQuery, query), self.now_ms()), self.position
