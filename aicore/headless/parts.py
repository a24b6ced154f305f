"""The contexts of the world, wired as in the program, to a log in memory and a clock that is set.

`aicore.wiring` makes the same views, deciders, processes and leaders as for servers. What it would run in
tasks of its own is kept here instead, to be done a turn at a time: so nothing depends on who runs first.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeVar

from aicore.headless.log import WorldCodec
from aicore.running import System
from aicore.settings import Settings
from aicore.wiring.clock import clock_in_memory
from aicore.wiring.ledger import ledger_desk
from aicore.wiring.parts import Keeper, Leader, Part, Parts
from aicore.wiring.places import player_limits
from bus.catalogue import domain_catalogue
from bus.memory import MemoryLead
from bus.ports import EventLog
from bus.relay.leadership import Work
from domain.clock.units import GameTime
from domain.contexts import CONTEXTS
from domain.kernel.process import Process
from handlers.kernel.commands import Binding
from handlers.kernel.follow import MemoryView, ProcessRunner
from handlers.kernel.leading import Turns
from handlers.kernel.senders import Proven
from handlers.ledger.authority import Holders
from handlers.ledger.desk import Desk
from handlers.ledger.known import Known
from handlers.places.limits import PlayerLimits
from protocol.messages import CommandMessage, Reply

S = TypeVar("S")
V = TypeVar("V", bound=MemoryView)

WORLD = frozenset(
    {
        *("clock", "definition", "session", "places", "weather"),
        *("people", "factions", "ledger", "market", "quests"),
    }
)
"""Contexts of the world that need no model and no read model of Postgres."""

ORDER: Sequence[str] = ("clock", "weather", "places", "people", "factions", "market", "ledger", "quests")
"""In which those that lead take their turns at a moment: the sky before those who live under it."""

NAME = "headless"


class OwnDesk(Desk):
    """The ledger's desk where nobody else leads: what is asked is decided at once."""

    @property
    def leads(self) -> bool:
        """Whether this process decides what comes: always."""
        return True

    async def __call__(self, message: CommandMessage) -> Reply:
        """Carry out a command; raises as `Desk` does."""
        await self.begin()
        asked = asyncio.ensure_future(self.answer_peer(message))
        while not asked.done():
            await asyncio.sleep(0)
            await self.turn()
        return await asked


@dataclass
class Taken:
    """Whoever takes turns, by the work that they do."""

    work: str
    turns: Turns


@dataclass(frozen=True, slots=True)
class WorldParts(Parts):
    """Keeps what the program would run, instead of running it."""

    views: list[MemoryView] = field(default_factory=list)
    processes: list[tuple[Process[Any], ProcessRunner[Any]]] = field(default_factory=list)
    turns: list[Taken] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """What a context has done beside, and what is not done here."""

    async def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Leave it out: it would go by another clock."""
        self.left_out.append(getattr(work, "__qualname__", str(work)))
        work.close()

    async def lead(self, work: Work, leader: Leader, *_: MemoryView) -> None:
        """Keep who leads."""
        assert isinstance(leader, Turns), f"{work} is led by turns"
        self.turns.append(Taken(work, leader))

    async def keep(self, keeper: Keeper) -> None:
        """Keep who looks after something."""
        assert isinstance(keeper, Turns), f"{type(keeper).__name__} keeps by turns"
        self.turns.append(Taken(type(keeper).__module__.split(".")[1], keeper))

    async def view(self, view: V) -> V:
        """Have a read model hear of each event."""
        self.views.append(view)
        return view

    async def process(self, process: Process[S], *bindings: Binding[Any, Any, Any]) -> ProcessRunner[S]:
        """Have a process hear of each event, once whoever appended it is done."""
        runner = ProcessRunner(
            self.log, self.runner(*bindings), process, decode=self.codec.decode, now_us=self.now_us
        )
        runner.live = True
        self.processes.append((process, runner))
        return runner


async def wired(log: EventLog) -> WorldParts:
    """Return the contexts of the world on a log: their commands are in ``served``."""
    system = System(realm=NAME, postgres_dsn="", nats_url="")
    parts = WorldParts(
        Settings.model_construct(),
        system,
        log,
        nc=None,  # type: ignore[arg-type]  # nobody here speaks to NATS
        components=frozenset({"commands"}),
        codec=WorldCodec(),
        now_us=log.now_us,
        name=NAME,
    )
    parts.opened[player_limits] = PlayerLimits(lambda: log.now_us() / 1e6)
    parts.opened[ledger_desk] = await _desk(parts)
    brought = [_part(context.name) for context in CONTEXTS if context.name in WORLD]
    runner = parts.runner(*(binding for part in brought for binding in part.bindings))
    parts.served.commands |= dict.fromkeys(runner.commands, runner)
    for part in brought:
        if open_ := part.serve.get("commands"):
            await open_(parts)
    commands, kinds = parts.served.commands, domain_catalogue().commands
    for name, run in commands.items():  # as for servers: who sends it is written into it, whatever it says
        commands[name] = Proven(kinds[name], run, lambda _: None)
    parts.turns.sort(key=lambda each: ORDER.index(each.work) if each.work in ORDER else len(ORDER))
    return parts


def _part(name: str) -> Part:
    part: Part = import_module(f"aicore.wiring.{name}").wire(Settings.model_construct())
    return part


async def _desk(parts: WorldParts) -> OwnDesk:
    """Return the desk; `aicore.wiring.ledger` opens one that asks others who leads."""
    clock = await parts.once(clock_in_memory)

    def game() -> GameTime | None:
        return clock.clock.line.at(clock.now()) if clock.clock else None

    holders = await parts.view(Holders(parts.log, parts.codec))
    known = Known(parts.log, parts.codec, game)
    desk = OwnDesk(known, holders, MemoryLead(), realm=NAME, name=NAME)
    parts.turns.append(Taken("ledger", desk))
    return desk
