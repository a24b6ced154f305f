"""A system of its own for the ten things: started, killed and started again, asked over the public wire.

What is looked up in the log (how often something was told, over a crash) is read by the role that may only
read it.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID

from aicore.client import Client, Refused, Unanswered, connect
from aicore.clock import new_id, now_us
from aicore.content.calendar import shipped_calendar
from aicore.content.sample_files import SAMPLE
from aicore.running import System, find
from aicore.settings import Settings
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import EventLog, Where
from bus.postgres.log import open_log
from bus.retry import until_seen
from domain.kernel.event import Event
from protocol.envelope import Envelope
from protocol.messages import Reply

UP_S, STOP_S, WITHIN_S, LOOK_S, QUIET_S = 120.0, 20.0, 120.0, 0.1, 2.0
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
BEGIN_MS = 4 * HOUR_MS + 30 * MINUTE_MS
"""Half past four in the morning of the first day."""

SLOW, FAST = 60, 1_800
"""Game time per real time: the default; and half a game hour a second, for what takes its time."""

SERVICE = "ten"
MAY = ("session", "places", "people", "market", "quests", "ledger", "clock")
BY = {"operator": "demo", "reason": "ten things people notice"}
PURSES = "source.purses"

Say = Callable[[str], None]


class NotSo(Exception):
    """What one of the ten things says is not so; the message says what was found."""


class Stage:
    """The system, with an operator and a game service connected to it. Make it with `staged`."""

    def __init__(self, folder: Path, say: Say) -> None:
        """Prepare in a folder; ``say`` tells a person what is done and what the world answers."""
        self.folder, self.say = folder, say
        self.world = folder / "world"
        self.operator: Client
        self.service: Client
        self.log: EventLog
        self.codec = EventCodec(domain_catalogue())
        self.sessions: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._open = AsyncExitStack()

    # --- the process ----------------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes: no setting but the folder."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AICORE_")}
        return {**kept, "AICORE_STATE_DIR": str(self.folder / "state")}

    @property
    def system(self) -> System:
        """Where it is."""
        return find(Settings(state_dir=self.folder / "state"))

    async def start(self) -> None:
        """Start it, and connect.

        Raises:
            NotSo: it does not come up.
        """
        with (self.folder / "up.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it goes on beside us
                [sys.executable, "-m", "aicore", "up"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await self.until(self._connected, "the system is up", within_s=UP_S)

    async def _connected(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise NotSo(f"aicore up ended with {self._process.returncode}; see {self.folder / 'up.log'}")
        try:
            system = self.system
            if system.pid != self._process.pid:
                return False
            connected = connect(system.nats_url, system.realm)
            client = await self._open.enter_async_context(connected)
            await client.query("clock.now")
        except (Unanswered, OSError, RuntimeError):
            await self._open.aclose()
            return False
        self.operator = self.service = client
        dsn, realm = system.dsn_of("aicore_reader"), system.realm
        self.log = await self._open.enter_async_context(open_log(dsn, realm, now_us=now_us, writer=False))
        if self.sessions:
            await self._connect_service()
        return True

    async def employ(self) -> None:
        """Make a game service, and connect as it."""
        granted = [word for name in MAY for word in ("--may", f"{name}.*")]
        await self.cli("services", "add", SERVICE, *granted)
        await self._connect_service()

    async def _connect_service(self) -> None:
        found = json.loads(await self.cli("env", "--identity", f"service-{SERVICE}", "--json"))
        server, seed = found["NATS_URL"], Path(found["NATS_NKEY"]).read_text().strip()  # noqa: ASYNC240 - small
        url = server.replace("://", f"://{found['NATS_IDENTITY']}:{seed}@", 1)
        self.service = await self._open.enter_async_context(connect(url, self.system.realm))

    async def kill(self) -> None:
        """Pull the plug: it has no time to say anything more, and its servers end with it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(self._process.wait)
        await self._open.aclose()

    async def stop(self) -> None:
        """Stop it in order."""
        await self._open.aclose()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.to_thread(self._process.wait, STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()

    async def cli(self, *arguments: str, code: int = 0) -> str:
        """Run a command of the CLI beside it, and return what it said.

        Raises:
            NotSo: it ended with another code.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "aicore", *arguments),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = (part.decode() for part in await process.communicate())
        if process.returncode != code:
            raise NotSo(f"aicore {' '.join(arguments)} ended with {process.returncode}: {out}{err}")
        return out

    # --- asking ---------------------------------------------------------------------------------------------

    async def do(self, command: str, *, id: UUID | None = None, **payload: Any) -> Reply:
        """Send a command as the service."""
        return await self.service.command(command, payload, id=id)

    async def order(self, command: str, **payload: Any) -> Any:
        """Send a command as the operator, and return its result."""
        return (await self.operator.command(command, payload)).result

    async def ask(self, query: str, **params: Any) -> Any:
        """Ask as the operator."""
        return (await self.operator.query(query, params)).result

    async def refused(self, command: str, **payload: Any) -> str:
        """Send a command that is to be refused, and return how: code and message.

        Raises:
            NotSo: it was taken.
        """
        try:
            reply = await self.do(command, **payload)
        except Refused as refusal:
            return str(refusal)
        raise NotSo(f"{command} was taken: {reply.result}")

    async def events(self, kind: type[Event], *, after: int = 0) -> list[Any]:
        """Return all events of a type, as the log has them."""
        found, where = list[Any](), Where(types=[kind.event_name])
        while page := await self.log.read_all(after=after, limit=1_000, where=where):
            found += [self.codec.decode(each) for each in page]
            after = page[-1].position
        return found

    async def until(
        self, look: Callable[[], Awaitable[Any]], what: str, *, within_s: float = WITHIN_S
    ) -> Any:
        """Return what ``look`` sees once that is something.

        Raises:
            NotSo: it saw nothing in time.
        """

        async def seen() -> Any:
            return await look() or None

        if (found := await until_seen(seen, every_s=LOOK_S, within_s=within_s)) is None:
            raise NotSo(f"within {within_s:g} s it did not come about that {what}")
        return found

    async def taken(self, command: str, **payload: Any) -> Reply:
        """Send a command until it is taken: somebody may just be on their way."""

        async def sent() -> Reply | None:
            try:
                return await self.do(command, **payload)
            except Refused as refusal:
                if refusal.error.code not in ("not_there", "over_allowance", "market_shut"):
                    raise
                return None

        found: Reply = await self.until(sent, f"{command} is taken")
        return found

    # --- time -----------------------------------------------------------------------------------------------

    async def now_ms(self) -> int:
        """Return the game time."""
        return int((await self.ask("clock.now"))["game_ms"])

    async def pace(self, scale: int) -> None:
        """Have game time go so many times as fast as real time."""
        await self.order("clock.scale", scale_num=scale, scale_den=1, **BY)

    async def to(self, game_ms: int, *, until: Callable[[], Awaitable[Any]] | None = None) -> Any:
        """Let time pass quickly to a game time; with ``until`` only as long as that sees nothing."""
        await self.pace(FAST)
        found = None
        while (now := await self.now_ms()) < game_ms:
            if until is not None and (found := await until()):
                break
            await asyncio.sleep(min(LOOK_S, (game_ms - now) / 1e3 / FAST))
        await self.pace(SLOW)
        return found

    async def pause(self) -> None:
        """Have the clock stand still; return once all that was due by then is told."""
        await self.order("clock.pause", **BY)

        async def paused() -> bool:
            return bool((await self.ask("clock.now"))["paused"])

        await self.until(paused, "the clock stands still")
        before = -1
        while (now := (await self.log.head()).position) != before:
            before = now
            await asyncio.sleep(QUIET_S)

    # --- people and players ---------------------------------------------------------------------------------

    async def enter(self, player: str, place: str) -> None:
        """Open a session for a player, and have them come into the world in a place."""
        opened = (await self.do("session.open", player=player)).result
        self.sessions[player] = opened["session"]
        await self.do("places.enter", player=player, session=opened["session"], place=place)

    def by(self, player: str) -> dict[str, Any]:
        """Return what each command of a player names."""
        return {"player": player, "session": self.sessions[player]}

    async def purse(self, account: str, unit: str, amount: int) -> None:
        """Give somebody something from a source that says what for."""
        for owner in (PURSES, account):
            name = "ledger.declare_flow" if owner == PURSES else "ledger.open_account"
            await self.order(name, account=owner, says="the ten things")
        moves = [{"unit": unit, "payer": PURSES, "payee": account, "amount": amount}]

        async def given() -> bool:
            try:
                await self.order("ledger.transfer", moves=moves, reason="demo")
            except Refused as refusal:
                if refusal.error.code != "unit_unknown":  # the first stalls open in a moment
                    raise
                return False
            return True

        await self.until(given, f"{account} has {amount} {unit}")

    async def has(self, account: str, unit: str) -> int:
        """Return how much of a unit somebody has, as the newest event of it says."""
        found = await self.ask("ledger.balance", account=account, unit=unit)
        return int(found[0]["balance"]) if found else 0

    async def know(self, what: str) -> Mapping[str, Mapping[str, Any]]:
        """Return who of all people knows of an event of a type, with how."""
        people = [each["person"] for each in await self.ask("people.here")]
        known = await asyncio.gather(*(self.ask("people.known", person=person) for person in people))
        return {
            person: thing
            for person, things in zip(people, known, strict=True)
            for thing in things
            if thing["what"] == what
        }


def world_in(folder: Path) -> Path:
    """Write the files of the world into a folder, and return theirs: Cindermouth's, and one more."""
    found = folder / "world"
    shutil.copytree(str(files("aicore.content") / SAMPLE), found)
    own = files("aicore.demos.ten_things") / "stage.yaml"
    (found / own.name).write_text(own.read_text())
    return found


@asynccontextmanager
async def staged(folder: Path, say: Say) -> AsyncIterator[Stage]:
    """Yield a system whose world is Cindermouth with a loft more; it is half past four in the morning."""
    stage = Stage(folder, say)
    world_in(folder)
    try:
        await stage.start()
        await stage.employ()
        await stage.cli("world", "load", str(stage.world), "--operator", "demo", "--reason", "ten things")
        calendar = shipped_calendar().model_dump()
        await stage.order(
            "clock.start", at_game_ms=BEGIN_MS, calendar=calendar, scale_num=SLOW, scale_den=1, **BY
        )
        await stage.order("people.begin", **BY)
        yield stage
    finally:
        await stage.stop()


async def heard(client: Client, kind: str, true: Callable[[Envelope], bool]) -> Envelope:
    """Return the next event of a type that comes over a connection and is as wanted."""
    async with aclosing(client.events()) as events:
        async for event in events:
            if event.type == kind and true(event):
                return event
    raise NotSo(f"the connection ended before {kind} came")


def see(true: object, what: str) -> None:
    """See that something is so.

    Raises:
        NotSo: it is not.
    """
    if not true:
        raise NotSo(what)


def ids(count: int) -> Sequence[UUID]:
    """Return ids for commands that may have to be sent again."""
    return [new_id() for _ in range(count)]
