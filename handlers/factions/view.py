"""The factions in memory, kept up to date by the log, and the queries over them."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from bus.ports import EventLog, RecordedEvent
from domain.factions.factions import NOBODY, STREAM, Factions, evolve
from domain.factions.messages import EVENTS, Emerged, FactionsEvent
from domain.factions.queries import EmergedQuery, FactionsQuery
from domain.kernel.event import Event
from domain.kernel.parse import parse
from handlers.clock.view import ClockView
from handlers.kernel.follow import Decode, MemoryView

KEPT = 1_000
"""What emerged last, at hand."""


class FactionsView(MemoryView):
    """Run `run` in a task; everything else answers from memory."""

    name = "factions"
    types = tuple(kind.event_name for kind in EVENTS)
    pause_s = 0.1

    def __init__(self, log: EventLog, clock: ClockView, *, decode: Decode) -> None:
        super().__init__(log, decode=decode)
        self.clock = clock
        self.state: Factions = NOBODY
        self.version = 0
        """Of the stream's last event that is known."""
        self.news = asyncio.Event()
        """Set at whatever happens to the factions; whoever waits for it clears it."""
        self.gap = ""
        """What is not known of their past, so that nobody may decide by it; "" if all is."""
        self._emerged: OrderedDict[int, Emerged] = OrderedDict()
        self.ids: dict[int, UUID] = {}
        """Events from which something may still follow, by its number; a deed's is its command's."""

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        if recorded.stream != STREAM or not isinstance(event, FactionsEvent):
            return
        if recorded.version != self.version + 1:
            self.gap = self.gap or f"the factions' event {self.version + 1} could not be read"
        self.state, self.version = evolve(self.state, event), recorded.version
        if isinstance(event, Emerged):
            self._emerged[event.number] = event
            while len(self._emerged) > KEPT:
                self._emerged.popitem(last=False)
            alive = {number for number, _ in self.state.pending}
            self.ids = {number: id_ for number, id_ in self.ids.items() if number in alive}
            if event.number in alive:
                self.ids[event.number] = recorded.id

    async def settle(self) -> None:
        """Tell who waits."""
        self.news.set()

    async def answer_now(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``factions.now``."""
        parse(FactionsQuery, query)
        return shown(self.state), self.position

    async def answer_told(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``factions.told``."""
        asked = parse(EmergedQuery, query)
        found = [
            {**each.model_dump(), "chain": self._chain(each)}
            for each in reversed(self._emerged.values())
            if each.salience >= asked.salience and (asked.before is None or each.number < asked.before)
        ]
        return found[: asked.limit], self.position

    def _chain(self, event: Emerged) -> list[int]:
        chain: list[int] = []
        cause = event.cause
        while cause is not None:
            chain.append(cause)
            before = self._emerged.get(cause)
            cause = before.cause if before else None
        return chain[::-1]


def shown(state: Factions) -> Mapping[str, Any] | None:
    """Return the answer to ``factions.now``."""
    if state.ground is None:
        return None
    factions = [
        {
            "faction": each.faction,
            "side": each.side,
            "power": state.powers[each.faction],
            "home": each.power,
            "floor": each.floor,
            "territories": state.held(each.faction),
            "allies": state.tied(state.allied, each.faction),
            "feuds": state.tied(state.feuds, each.faction),
            "crisis": state.crises.get(each.faction),
        }
        for each in state.ground.factions
    ]
    territories = [
        {"territory": id_, "holder": each.holder, "place": each.of.place, "since": each.since}
        for id_, each in state.territories.items()
    ]
    regards = [
        {"one": one, "other": other, "regard": regard}
        for (one, other), regard in sorted(state.regards.items())
    ]
    return {"day": state.day, "factions": factions, "territories": territories, "regards": regards}
