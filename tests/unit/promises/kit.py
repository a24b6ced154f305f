"""A log in memory with promises in it, the process that ends them, and what is remembered of both."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any
from uuid import UUID, uuid5

from pydantic import JsonValue

from aicore.content.sample_world import sample_definition, sample_entries
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import StreamWrite, Where
from domain.definition.entries import Key
from domain.definition.loading import LOADED, WORLD, Loaded, plan_of
from domain.definition.messages import ChangeWorld
from domain.kernel.event import Event
from domain.ledger.messages import Transferred
from domain.places.messages import Arrived, Entered
from domain.promises.messages import EVENTS, PromiseMade
from domain.promises.promises import RecordPromise
from domain.promises.watching import RECENT, Watch, promise_keeper
from handlers.kernel.commands import CommandRunner
from handlers.kernel.follow import ProcessRunner
from handlers.memories.view import MemoriesView
from handlers.promises.promising import PROMISING
from protocol.meta import Meta
from tests.unit.kit import until

CODEC = EventCodec(domain_catalogue())
SPACE = UUID("b7d5a3c6-91d0-4a52-a2c1-4b0e7d1f6c39")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

HEARD = Where(types=tuple(kind.event_name for kind in (*EVENTS, *RECENT)))


class Parish:
    """A log, its time (game ms are real ms), and processes that may die."""

    def __init__(self) -> None:
        self.now_ms = HOUR_MS
        self.log = MemoryLog("unit", lambda: self.now_ms * 1_000)
        self.runner = CommandRunner(self.log, CODEC, [PROMISING])
        self.keeper = self._keeper()
        self.count = 0

    def _keeper(self) -> ProcessRunner[Watch]:
        runner = CommandRunner(self.log, CODEC, [PROMISING])
        process = promise_keeper(lambda real_us: real_us // 1_000)
        return ProcessRunner(self.log, runner, process, decode=CODEC.decode, now_us=self.log.now_us)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Run a process that ends promises, one that knows nothing but the log; it dies at the end."""
        self.keeper = self._keeper()
        task = asyncio.create_task(self.keeper.run())
        try:
            await until(lambda: self.keeper.live)
            yield
            await self.settled()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def settled(self) -> None:
        """Return once all that follows is recorded."""

        async def quiet() -> bool:
            news = await self.log.read_all(after=self.keeper.position, limit=1, where=HEARD)
            if not news:
                await self.keeper.react(tick_us=self.log.now_us())
            return not news and not self.keeper.state.due

        await until(quiet)

    async def add(self, *events: Event, stream: str = "world-unit") -> str:
        """Record what happens; return the id of the last event."""
        for event in events:
            self.count += 1
            id_ = uuid5(SPACE, str(self.count))
            await self.log.append(StreamWrite(stream, [CODEC.encode(event, id_)]))
        return str(id_)

    async def promise(self, by: str, to: str, kind: str, what: str, **more: Any) -> PromiseMade:
        """Have somebody promise something, as the command does once all is checked."""
        self.count += 1
        id_ = uuid5(SPACE, f"promise {self.count}")
        terms = {"promise": id_.hex, "by": by, "to": to, "kind": kind, "what": what, **more}
        made = PromiseMade.model_validate({**terms, "place": "ropewalk_quay", "at_ms": self.now_ms})
        await self.runner.execute(RecordPromise(made=made), id_, meta=Meta())
        return made

    async def remembered(self) -> MemoriesView:
        """Return a read model that a process folds anew."""
        view = MemoriesView(self.log, sample_definition(), decode=CODEC.decode)
        while batch := await self.log.read_all(after=view.position, limit=10_000):
            await view.take(batch)
        assert not view.standing.error
        return view

    async def promises(self, **asked: Any) -> list[Mapping[str, Any]]:
        """Return promises as the query tells them."""
        answer, _ = await (await self.remembered()).answer_promises(asked)
        rows: list[Mapping[str, Any]] = answer["promises"]
        return rows


def gave(payer: str, payee: str, unit: str, amount: int = 1, *, reason: str = "gift") -> Event:
    move = {"unit": unit, "payer": payer, "payee": payee, "amount": amount}
    return Transferred.model_validate({"moves": [move], "reason": reason, "after": []})


def came(who: str, place: str, at_ms: int) -> Event:
    return Arrived(who=who, place=place, at_ms=at_ms, at_us=0)


def entered(who: str, place: str, at_ms: int) -> Event:
    kind = "person" if who.startswith("person.") else "player"
    at = {"place": place, "at_ms": at_ms, "at_us": 0}
    return Entered.model_validate({"who": who, "kind": kind, **at})


@cache
def versions() -> tuple[tuple[Event, ...], tuple[Event, ...]]:
    """Return the events of two versions: the sample world with Wick Sorrel and star oil, then without."""
    whole = sample_entries()
    more: dict[Key, JsonValue] = {
        **whole,
        Key("goods", "star_oil"): _like(whole[Key("goods", "lamp_oil")], name="a flask of star oil"),
        Key("people", "wick_sorrel"): _like(whole[Key("people", "nib")], name="Wick Sorrel"),
    }
    first, state = _published(LOADED, more)
    second, _ = _published(state, whole)
    return first, second


def _like(entry: JsonValue, **other: str) -> JsonValue:
    assert isinstance(entry, dict)
    return {**entry, **other}


def _published(state: Loaded, wanted: Mapping[Key, JsonValue]) -> tuple[tuple[Event, ...], Loaded]:
    plan = plan_of(state.version, state.digests, dict(wanted))
    change = ChangeWorld.model_validate(
        {
            "base": state.version,
            "define": [
                {"section": key.section, "entry_id": key.id, "written": content}
                for key, content in {**plan.added, **plan.changed}.items()
            ],
            "retire": [{"section": key.section, "entry_id": key.id} for key in plan.retired],
            "publish": plan.digest,
            "operator": "ops",
            "reason": "another version",
        }
    )
    events = WORLD.decide(change, state)
    for event in events:
        state = WORLD.evolve(state, event)
    return tuple(events), state
