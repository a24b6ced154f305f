"""Shared parts of a process's components, and the contribution of each context to the program.

A context's file here has ``wire(settings) -> Part``. What several contexts need (the models in memory, the
router, the policy that holds) is opened by the first that asks (`Parts.once`) and closed in reverse order.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

import asyncpg
from nats.aio.client import Client as Nats

from aicore.clock import now_us
from aicore.running import System
from aicore.settings import Settings
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.service import CommandHandler
from bus.ports import EventLog
from bus.relay.leadership import WRITER, Work, while_leading
from domain.kernel.event import Query
from domain.kernel.process import Process
from handlers.kernel.commands import Binding, CommandRunner
from handlers.kernel.follow import Executes, Follower, MemoryView, ProcessRunner, Restarts
from projections.kernel.reading import Answer, QueryHandler, Reader
from projections.kernel.view import View
from protocol.errors import WireError

T = TypeVar("T")
S = TypeVar("S")
V = TypeVar("V", bound=MemoryView)

COMPONENTS = ("commands", "inference", "queries", "relay", "projections")
"""Components that may run as processes of their own."""


@dataclass(slots=True)
class Served:
    """Handlers of this process's services, by command name and by query."""

    commands: dict[str, CommandHandler] = field(default_factory=dict)
    queries: dict[type[Query], QueryHandler] = field(default_factory=dict)
    malformed: dict[str, Callable[[WireError], None]] = field(default_factory=dict)
    """Listeners to messages of a command that cannot be read."""


def process_name() -> str:
    """Return what operators call this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Leader(Protocol):
    """Whoever leads some work of the realm while this process may; a `Turns` does so step by step, too."""

    async def lead(self) -> None:
        """Lead until another one does, or this process cannot."""
        ...


class Keeper(Protocol):
    """Whoever looks after something in each process."""

    async def run(self) -> None:
        """Look for ever."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """Shared parts of one process's components; all are opened by `aicore.wiring.components`."""

    settings: Settings
    system: System
    log: EventLog
    nc: Nats
    components: frozenset[str] = frozenset()
    pools: Mapping[str, asyncpg.Pool] = field(default_factory=dict)
    codec: EventCodec = field(default_factory=lambda: EventCodec(domain_catalogue()))
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    """Closes what the services opened, when they end."""

    served: Served = field(default_factory=Served)
    followers: list[Follower] = field(default_factory=list)
    """Followers of the log in this process; doctor asks for their state."""

    leaders: list[Follower] = field(default_factory=list)
    """Leaders in this process; doctor asks what made them begin anew."""

    opened: dict[Callable[["Parts"], Awaitable[Any]], Any] = field(default_factory=dict)
    now_us: Callable[[], int] = now_us
    """Real time of the decisions that are made here, in µs since 1970."""

    name: str = field(default_factory=process_name)
    """What operators call this process."""

    async def once(self, open_: Callable[["Parts"], Awaitable[T]]) -> T:
        """Return what ``open_`` opens; it is opened once, however many ask. Contexts are wired in turn."""
        if open_ not in self.opened:
            self.opened[open_] = await open_(self)
        found: T = self.opened[open_]
        return found

    async def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` beside everything else until the services end; its error ends them."""
        await self.stack.enter_async_context(_running(work))

    async def lead(self, work: Work, leader: Leader, *knows: MemoryView) -> None:
        """Have ``leader`` lead the realm's ``work`` whenever no other process does.

        It begins once ``knows``, the read models that it decides by, know what the log holds: after a start
        they are behind for a moment. After an error that nobody expected it begins anew, here or elsewhere.
        """
        dsn, realm = self.system.dsn_of(WRITER), self.system.realm
        restarts = Restarts(f"{work}_leader")
        self.leaders.append(restarts)
        informed = partial(_informed, leader, knows)
        leading = partial(while_leading, dsn, realm, informed, work=work, name=self.name)
        await self.background(restarts.keep_going(leading))

    async def keep(self, keeper: Keeper) -> None:
        """Have ``keeper`` look for ever after what needs no leader of its own."""
        await self.background(keeper.run())

    async def view(self, view: V) -> V:
        """Have a read model in memory follow the log, and return it."""
        self.followers.append(view)
        await self.background(view.run())
        return view

    async def process(self, process: Process[S], *bindings: Binding[Any, Any, Any]) -> ProcessRunner[S]:
        """Have a process follow the log; its commands go to the deciders of ``bindings``."""
        return await self.follow(process, self.runner(*bindings))

    async def follow(self, process: Process[S], by: Executes) -> ProcessRunner[S]:
        """Have a process follow the log; its commands are carried out by ``by``."""
        runner = ProcessRunner(self.log, by, process, decode=self.codec.decode, now_us=self.log.now_us)
        self.followers.append(runner)
        await self.background(runner.run())
        return runner

    def runner(self, *bindings: Binding[Any, Any, Any]) -> CommandRunner:
        """Return a command loop of its own for ``bindings``."""
        return CommandRunner(self.log, self.codec, bindings)


async def _informed(leader: Leader, knows: Sequence[MemoryView]) -> None:
    for view in knows:
        await view.caught_up()
    await leader.lead()


Serve = Callable[[Parts], Awaitable[None]]
"""Opens what a component needs of a context, and adds to `Parts.served` what it answers."""

Ask = Callable[[Reader, Mapping[str, Any]], Awaitable[Answer]]
"""Answers a query from the read models."""


@dataclass(frozen=True, slots=True)
class Part:
    """Contribution of a context to the program.

    Attributes:
        bindings: commands that the command loop runs against a decider; served by ``commands``.
        views: read models that ``projections`` keeps in Postgres.
        answers: what ``queries`` answers from them.
        serve: by component, what else it opens and serves.
        keep: what ``projections`` keeps besides, that no pure view can (a model is asked, say).
        lanes: of commands so served that the durable inbox takes, too: the lane that each goes in.
    """

    bindings: Sequence[Binding[Any, Any, Any]] = ()
    views: Sequence[View] = ()
    answers: Mapping[type[Query], Ask] = field(default_factory=dict)
    serve: Mapping[str, Serve] = field(default_factory=dict)
    lanes: Mapping[str, str] = field(default_factory=dict)
    keep: Serve | None = None


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do ``work`` in the background while the context is open."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        yield
        task.cancel()
