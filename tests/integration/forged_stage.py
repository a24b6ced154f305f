"""A world that stands still, with players who are in it, and clients of the wire with keys of their own."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from aicore.client import Client, connect
from aicore.clock import now_us
from aicore.content.calendar import shipped_calendar
from aicore.content.loading import carry_out, change_to
from aicore.content.sample_world import sample_entries
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from aicore.running import System
from aicore.settings import Settings
from bus.catalogue import domain_catalogue
from bus.permissions import Grants, granted
from bus.ports import EventLog
from bus.postgres.log import open_log
from domain.kernel.roles import PEOPLE
from protocol.identity import Identity
from protocol.messages import Reply
from tests.integration.nats_kit import until
from tests.integration.test_declared_is_served import program

CONTEXTS = (
    *("session", "places", "ledger", "market", "quests", "people", "beliefs", "traces", "story"),
    *("weather", "factions", "clock"),
)
MAY = granted(domain_catalogue(), [f"{context}.*" for context in CONTEXTS])
MIRA, VIEWER = Identity("operator", "mira"), Identity("operator", "viewer")
GAME, ROGUE, PLAIN = (Identity("service", name) for name in ("game", "rogue", "plain"))
GRANTS = (
    Grants(MIRA, roles=PEOPLE),
    Grants(VIEWER, roles=("viewer",)),
    Grants(GAME, may=MAY),
    Grants(ROGUE, may=MAY),
    Grants(PLAIN),
)
"""``rogue`` has all that ``game`` has, but other players."""

BY = {"operator": "mira", "reason": "a test"}
BEGIN_MS = 9 * 3_600_000
MARKET, GOOD, BEFORE = "counting_square", "broadsheet", "washing_court"
"""A stall that never shuts, and a place a walk of many minutes away from it."""

WAY = "wall_walk"
COINS = 10_000
WAIT_S = 60.0
STILL_S = 1.2
"""More than twice what any of those who lead rests before it looks again."""

SPACE = UUID("5f0a3d0e-6a0e-4f5d-9d67-5d3f7f1f2b10")


@dataclass(frozen=True, slots=True)
class Done:
    """A command of an honest client, and what it came to."""

    who: str
    name: str
    payload: Mapping[str, Any]
    id: UUID
    reply: Reply


@dataclass
class Stage:
    """What forged commands are sent to.

    Attributes:
        clients: by name.
        here: players who are at the market, in session 1.
        gone: players whose session 1 is closed.
        back: players who were there before: session 2 is open, and they are in no place, or `away`.
        away: players of ``back`` who are under way.
        quests: the instance that each of ``here`` is on.
        done: honest commands.
    """

    realm: str
    log: EventLog
    clients: Mapping[str, Client]
    here: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)
    away: list[str] = field(default_factory=list)
    quests: dict[str, str] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)
    ids: int = 0

    def fresh(self) -> UUID:
        """Return a command id that was not used; the same in every run."""
        self.ids += 1
        return uuid5(SPACE, str(self.ids))

    async def does(self, who: str, name: str, /, **payload: Any) -> Reply:
        """Have an honest client do something, and keep it."""
        id_ = self.fresh()
        reply = await self.clients[who].command(name, payload, id=id_)
        self.done.append(Done(who, name, payload, id_, reply))
        return reply

    async def position(self) -> int:
        """Return the log's end."""
        return (await self.log.head()).position


@asynccontextmanager
async def opened_stage(
    postgres: EmbeddedPostgres, realm: str, folder: Path, each: int
) -> AsyncIterator[Stage]:
    """Yield the stage: a program with all of the world in it, and ``each`` players of every sort."""
    nats = EmbeddedNats(folder, realm=realm)
    for grants in GRANTS:
        nats.keyring.give(grants)
    nats.start()
    system = System(realm=realm, state_dir=folder, postgres_dsn=postgres.dsn, nats_url=nats.url)
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(program(Settings(), system, ("commands", "queries")))
            clients = {
                who.identity.name: await stack.enter_async_context(connect(nats.url_of(who.identity), realm))
                for who in GRANTS
            }
            log = await stack.enter_async_context(open_log(postgres.dsn, realm, now_us=now_us))
            stage = Stage(realm, log, clients)
            await _world_goes(stage)
            await _players_come(stage, each)
            await _stands_still(stage)
            yield stage
    finally:
        nats.stop()


async def _world_goes(stage: Stage) -> None:
    """Start clock, weather, factions, stalls and people: game time as real time, from nine in the morning."""
    mira, calendar = stage.clients["mira"], shipped_calendar().model_dump()
    await stage.does("mira", "clock.start", calendar=calendar, scale_num=1, at_game_ms=BEGIN_MS, **BY)
    change = await change_to(mira, sample_entries(), shipped_calendar())
    await carry_out(mira, change, "mira", "a test")
    await stage.does("mira", "people.begin", **BY)

    async def goes() -> bool:
        asked = ("weather.now", "factions.now", "weather.forecast")
        if not all([(await mira.query(view)).result for view in asked]):
            return False
        if not (await mira.query("people.here")).result or not (await mira.query("market.markets")).result:
            return False
        board = (await mira.query("market.board", {"market": MARKET})).result
        return any(each["stock"] for each in board["goods"])

    await until(goes, "the world goes", timeout_s=WAIT_S)


async def _players_come(stage: Stage, each: int) -> None:
    for sort, players in (("here", stage.here), ("gone", stage.gone), ("back", stage.back)):
        for number in range(each):
            player = f"{sort}-{number}"
            players.append(player)
            await stage.does("game", "session.open", player=player)
            if sort != "here":
                await stage.does("game", "session.close", player=player, session=1)
            if sort == "back":
                await stage.does("game", "session.open", player=player)
    await _they_have_coins(stage)
    for player in stage.here:
        await stage.does("game", "places.enter", player=player, session=1, place=BEFORE)
        went = await stage.does("game", "places.depart", player=player, session=1, to=MARKET)
    arrives_ms = went.result["times_ms"][-1]
    await stage.does("mira", "clock.jump", jump_id="arrive", to_game_ms=arrives_ms + 1_000, **BY)
    await stage.does("mira", "clock.pause", **BY)

    async def arrived() -> bool:
        board = await stage.clients["mira"].query("places.snapshot", {"place": MARKET})
        return set(stage.here) <= {who for who, *_ in board.result["present"]}

    await until(arrived, "all are at the market", timeout_s=WAIT_S)
    await _they_act(stage)


async def _they_have_coins(stage: Stage) -> None:
    await stage.does("mira", "ledger.declare_flow", account="source.wages", says="Wages")
    for player in [*stage.here, *stage.gone, *stage.back]:
        account = f"player.{player}"
        await stage.does("mira", "ledger.open_account", account=account)
        move = {"unit": "crowns", "payer": "source.wages", "payee": account, "amount": COINS}
        await stage.does("mira", "ledger.transfer", moves=[move], reason="wages")


async def _they_act(stage: Stage) -> None:
    """Have honest clients do one thing of each kind."""
    for player in stage.here:
        mine = {"player": player, "session": 1}
        taken = await stage.does("game", "quests.accept", **mine, quest="three_bells")
        stage.quests[player] = taken.result["instance"]
    player = stage.here[0]
    account = f"player.{player}"
    await stage.does("game", "market.buy", market=MARKET, good=GOOD, quantity=1, account=account)
    move = {"unit": "crowns", "payer": account, "payee": "stall.counting_square", "amount": 1}
    await stage.does("game", "ledger.transfer", moves=[move], reason="trade")
    held = await stage.does("game", "ledger.hold", moves=[move], reason="rent", game_ms=10**10)
    await stage.does("game", "ledger.post_hold", hold_id=held.result["hold_id"])
    sky = {"handle": "fog", "zones": ["harbour"], "state": "clear", "span_ms": 10**9}
    await stage.does("game", "weather.override", **sky, **BY)
    deed = {"deed_id": "quest_7", "faction": "lamplighters", "power": 15}
    await stage.does("game", "factions.deed", **deed, **BY)
    alarm = {"at_ms": 10**10, "after_ms": None, "every_ms": None, "grace_ms": 900_000}
    await stage.does("game", "clock.set_alarm", alarm_id="dusk", game=alarm, real=None, late="once", what="d")
    shove = {"who": f"player.{stage.here[1]}", "amount": 1, "how": "a shove"}
    await stage.does("game", "people.harm", player=player, session=1, **shove)
    await stage.does("mira", "market.shut_stall", market="lamp_yard", cause="a death")
    await stage.does("mira", "places.close_way", way=WAY, grounds="a test")
    for player in stage.back[: len(stage.back) // 2]:
        stage.away.append(player)
        await stage.does("game", "places.enter", player=player, session=2, place=BEFORE)
        await stage.does("game", "places.depart", player=player, session=2, to=MARKET)


async def _stands_still(stage: Stage) -> None:
    """Wait until nothing happens any more: the clock is paused, and all that was due has been told."""
    loop = asyncio.get_running_loop()
    position, since = await stage.position(), loop.time()

    async def still() -> bool:
        nonlocal position, since
        now = await stage.position()
        if now != position:
            position, since = now, loop.time()
        await asyncio.sleep(0.02)
        return loop.time() - since > STILL_S

    await until(still, "the world stands still", timeout_s=WAIT_S)
