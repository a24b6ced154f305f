"""SIGKILL in the commit of a line: it is said with all that follows from it, or it is not; and once.

What follows from a line follows from its event, or stands in the same append: nothing could be half done.
"""

import asyncio
import random
import secrets
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest

from aicore.client import Client, Refused, Unanswered
from aicore.clock import now_us
from aicore.running import System
from bus.ids import derived_id
from bus.nats.connection import connect
from bus.ports import StreamWrite
from bus.postgres.log import PostgresLog, open_log
from bus.postgres.migrate import migrate
from bus.postgres.verify import verify
from domain.director.messages import STREAM as DIRECTED
from domain.director.messages import PlannedLine, SceneOpened
from domain.promises.messages import PromiseMade
from domain.story.messages import LineSaid, stream_of
from protocol.messages import Reply
from tests.harness.warm import Forked
from tests.integration import story_child
from tests.integration.test_declared_is_served import system
from tests.integration.test_places import a_clock_goes
from tests.integration.test_story import CODEC, UNA, people_come
from tests.unit.kit import POLL_S

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

__all__ = ["system"]
END_S, ASK_S = 900.0, 2.0
"""What hangs ends with the test; who waits while processes are killed waits for as many as it takes."""

AGAIN_S = 0.1
"""After so long one says again what nobody answered: who asks all the time takes a core from what starts."""

KILLS, PLAYERS = 40, 8
LOAD_MAX_S = 0.6
T = TypeVar("T")
CLAIM = "I killed Gault"
LINES = ("greet", "joke")
"""Acts of a scene's lines; each may be said once an equal part of the scene's time is over."""

PLEDGES = {
    "before": "I promise to bring you lamp oil by tomorrow",
    "after": "I promise to pay you three crowns within two days",
}


async def until(condition: Callable[[], Awaitable[bool]], poll_s: float = POLL_S) -> None:
    """Wait until it is so; a program that starts may take long on a busy machine."""
    async with asyncio.timeout(END_S):
        while True:
            if await condition():
                return
            await asyncio.sleep(poll_s)


@dataclass
class Place:
    """A realm whose program may be killed, and what players were told was said."""

    system: System
    client: Client
    log: PostgresLog
    heard: dict[UUID, Reply] = field(default_factory=dict)

    @contextmanager
    def program(self, mode: str) -> Iterator[Forked]:
        """Run `story_child` while the context is open."""
        process = Forked(story_child.live, self.system, mode)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    async def begin(self, *players: str) -> None:
        """Have people at the quay, and players with them."""

        async def there() -> bool:
            return await self.answered(lambda: self.client.query("clock.now")) is not None

        await until(there)
        await a_clock_goes(self.client)
        await people_come(self.log)
        for player in players:
            await self.client.command("session.open", {"player": player})
            entered = {"player": player, "session": 1, "place": "ropewalk_quay"}
            await self.client.command("places.enter", entered)

    async def answered(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        """Return the answer; None if nobody is there or it is to be asked again."""
        try:
            return await ask()
        except (Refused, Unanswered, TimeoutError) as error:
            if isinstance(error, Refused) and error.error.retry == "never":
                raise
            return None

    async def say(self, player: str, text: str, id_: UUID) -> Reply:
        """Say something until it is answered, under one id."""
        asked = {"player": player, "session": 1, "to": UNA, "text": text}

        async def heard() -> bool:
            if (reply := await self.answered(lambda: self.once(asked, id_))) is not None:
                self.heard[id_] = reply
            return reply is not None

        await until(heard, AGAIN_S)
        return self.heard[id_]

    def counted(self) -> Counter[str]:
        """Return how many lines each player was told of."""
        return Counter(each.result["line"].rpartition(".")[0] for each in self.heard.values())

    async def play(self, acts: Sequence[str]) -> None:
        """Begin a scene as the director does, all lines of which are due."""
        now_ms = (await self.client.query("clock.now")).result["game_ms"]
        lines = [PlannedLine(by=UNA, to="player.ann", act=act, claims=[], manner=[]) for act in acts]
        changed = {"player": "ann", "place": "ropewalk_quay", "present": ["una_pell"], "lines": lines}
        times = {"at_ms": 0, "until_ms": len(LINES) * now_ms, "run": None}
        opened = SceneOpened.from_example().model_copy(update={**changed, **times})
        await self.log.append(StreamWrite(DIRECTED, [CODEC.encode(opened, uuid4())]))

    async def once(self, asked: dict[str, Any], id_: UUID) -> Reply:
        async with asyncio.timeout(ASK_S):  # who was killed answers nothing, and the same is asked again
            return await self.client.command("story.say", asked, id=id_)

    async def lines(self, player: str) -> list[LineSaid]:
        """Return what was said to a player, by the log."""
        page = await self.log.read_stream(stream_of(player), after=0, limit=10_000)
        events = [CODEC.decode(each) for each in page]
        return [each for each in events if isinstance(each, LineSaid)]

    async def promises(self, player: str) -> list[str]:
        """Return what a player promised, by the log."""
        page = await self.log.read_stream(f"promises_player-{player}", after=0, limit=100)
        events = [CODEC.decode(each) for each in page]
        return [each.promise for each in events if isinstance(each, PromiseMade)]

    async def once_each(self, player: str) -> None:
        """See that the lines of a player are those that were told of: each once, none besides."""
        lines = await self.lines(player)
        told = [r.result for r in self.heard.values() if r.result["line"].startswith(f"{player}.")]
        assert [each.line for each in lines] == [f"{player}.{n}" for n in range(1, len(lines) + 1)]
        assert sorted(each["line"] for each in told) == sorted(each.line for each in lines)
        assert {each["line"]: each["text"] for each in told} == {each.line: each.text for each in lines}
        for id_ in self.heard:
            assert await self.log.find(derived_id(id_, 0)) is not None


@pytest.fixture
async def place(system: System) -> AsyncIterator[Place]:
    await migrate(system.postgres_dsn, system.realm)
    async with (
        connect(system.nats_url, name="game") as nc,
        open_log(system.postgres_dsn, system.realm, now_us=now_us) as log,
    ):
        yield Place(system, Client(nc, system.realm), log)


async def test_a_process_killed_in_the_commit_of_a_line_has_said_all_of_it_or_nothing(place: Place) -> None:
    """A line by which a player promises something is two events; there are both of them, or none."""
    ids = {"before": uuid4(), "after": uuid4()}
    for mode, id_ in ids.items():
        with place.program(mode) as process:
            if mode == "before":
                await place.begin("ann")
            asking = asyncio.ensure_future(place.say("ann", PLEDGES[mode], id_))
            assert await asyncio.to_thread(process.wait, END_S) == -signal.SIGKILL
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        said = [ids["after"].hex] if mode == "after" else []
        assert (len(await place.lines("ann")), await place.promises("ann")) == (len(said), said)
    with place.program("serve"):
        after = await place.say("ann", PLEDGES["after"], ids["after"])
        before = await place.say("ann", PLEDGES["before"], ids["before"])
    assert after.duplicate, "it was said before the process died"
    assert (after.result["line"], before.result["line"]) == ("ann.1", "ann.2")
    assert await place.promises("ann") == [ids["after"].hex, ids["before"].hex]
    await place.once_each("ann")


@pytest.mark.slow
async def test_a_line_of_a_scene_is_said_once_whoever_is_killed_in_its_commit(place: Place) -> None:
    """Three processes one after the other, then two at once; nobody asks for the lines: they are due."""
    for mode, lines in (("before", 0), ("after", 1)):
        with place.program(f"scene-{mode}") as process:
            if mode == "before":
                await place.begin("ann")
                await place.play(LINES)
            assert await asyncio.to_thread(process.wait, END_S) == -signal.SIGKILL
        assert len(await place.lines("ann")) == lines

    async def all_said() -> bool:
        return len(await place.lines("ann")) >= len(LINES)

    with place.program("scene-serve"), place.program("scene-serve"):
        await until(all_said)
        answer = await place.say("ann", "Hello", uuid4())
    said = await place.lines("ann")
    assert answer.result["line"] == f"ann.{len(LINES) + 1}"
    assert [each.scene.line if each.scene else None for each in said] == [*range(len(LINES)), None]


@pytest.mark.slow
@pytest.mark.timeout(1_800)
async def test_whenever_the_process_is_killed_each_line_is_said_once(place: Place) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    draws, players = random.Random(seed), [f"p{n}" for n in range(PLAYERS)]
    with place.program("serve"):
        await place.begin(*players)
    over = asyncio.Event()
    talks = [asyncio.ensure_future(_talk(place, player, over)) for player in players]
    for _ in range(KILLS):
        with place.program("serve"):
            await _each_heard(place, players)
            await asyncio.sleep(draws.uniform(0.0, LOAD_MAX_S))
    over.set()
    with place.program("serve"):
        await asyncio.gather(*talks)
    for player in players:
        await place.once_each(player)
    verdict = await verify(place.system.postgres_dsn, place.system.realm)
    assert verdict.ok
    print(f"{len(place.heard)} lines, {KILLS} kills")


async def _each_heard(place: Place, players: Sequence[str]) -> None:
    """Return once each player has heard two lines more.

    The first may have been said by the process before; the second was asked for behind that. So nobody's
    words are cut off round after round.
    """
    before = place.counted()

    async def more() -> bool:
        now = place.counted()
        return all(now[player] >= before[player] + 2 for player in players)

    await until(more, AGAIN_S)


async def _talk(place: Place, player: str, over: asyncio.Event) -> None:
    """Have a player talk until it is over."""
    while not over.is_set():
        await place.say(player, CLAIM, uuid4())
