"""Who directs: looks at every player twice a second of real time, and appends what follows.

Whoever holds the lead folds the director's stream, writes down that it leads, and appends at the exact
version: a leader that was stopped and wakes is refused by what its successor wrote first. Its fold is ahead
of the log while an append is under way; if that is refused, it is folded anew. Scenes end by game time, and
arcs of who stays away come to their end, so whatever a process left open the next one closes.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid5

import structlog

from bus.codec import EventCodec
from bus.ports import EventLog, Fenced, IdConflict, StreamWrite, VersionConflict
from domain.director.direction import Direction
from domain.director.messages import EVENTS, STREAM, DirectorEvent, DirectorLed
from domain.director.seen_world import SeenWorld
from domain.director.stage import Stage
from domain.kernel.event import Event
from handlers.beliefs.view import BeliefsView
from handlers.clock.view import ClockView
from handlers.director.view import DirectorView
from handlers.kernel.leading import TooOld
from protocol.meta import Meta

ACTOR = "component:director"
REST_S = 0.5
BEGIN_TRIES_MAX = 20
REFUSED_S = 0.05
PAGE = 1_000

logger = structlog.get_logger(__name__)


async def read_direction(log: EventLog, codec: EventCodec) -> tuple[Direction, int]:
    """Return what is being played, and the version of the stream.

    Raises:
        TooOld: there is an event that this program does not know.
    """
    direction, version = Direction(), 0
    while True:
        page = await log.read_stream(STREAM, after=version, limit=PAGE)
        for recorded in page:
            event = codec.decode(recorded)
            if not isinstance(event, EVENTS):
                raise TooOld(f"{recorded.type} version {recorded.schema_version} is not known here")
            direction.evolve(event)
            version = recorded.version
        if len(page) < PAGE:
            return direction, version


class DirectorLeader:
    """One process's readiness to direct; clock, facts and contents are followed all the time."""

    def __init__(  # noqa: PLR0913 - each is one thing that it needs
        self,
        log: EventLog,
        codec: EventCodec,
        view: DirectorView,
        beliefs: BeliefsView,
        clock: ClockView,
        *,
        realm: str,
        name: str,
    ) -> None:
        self._log = log
        self._codec = codec
        self._view = view
        self._beliefs = beliefs
        self._clock = clock
        self._space = uuid5(UUID(int=0), f"{realm}/director")
        self._name = name
        self._stage: Stage | None = None
        self._version = 0

    async def lead(self) -> None:
        """Direct until another process does, or this one cannot.

        Raises:
            LogUnavailable: the log is away.
        """
        if not (why := self._unable()):
            try:
                if await self._begun():
                    await self._direct()
            except TooOld as error:
                why = str(error)
        if why := why or self._unable():
            logger.warning("cannot_direct", why=why)
        await asyncio.sleep(REST_S)

    def _unable(self) -> str:
        """Return why this process must not direct, or ""."""
        behind = self._view.standing.error or self._beliefs.standing.error
        return self._log.clock_wrong or self._clock.gap or behind

    async def _begun(self) -> bool:
        """Fold what was, and write down that this process directs; say whether it does."""
        for _ in range(BEGIN_TRIES_MAX):
            self._stage = None
            direction, self._version = await read_direction(self._log, self._codec)
            led = DirectorLed(term=direction.term + 1, leader=self._name)
            if await self._append([led]):
                direction.evolve(led)
                await asyncio.to_thread(self._view.contents.__getitem__, self._view.contents.version)
                self._stage = self._staged(direction)
                logger.info("directs", term=led.term, version=self._version)
                return True
            await asyncio.sleep(REFUSED_S)
        return False

    def _staged(self, direction: Direction) -> Stage | None:
        world = self._world()
        if world is None:
            return None
        contents = self._view.contents
        seed = contents[contents.version].definition.world.seed
        return Stage(direction, contents, contents.version, world, seed)

    def _world(self) -> SeenWorld | None:
        """Return the world as it is known now; None: there is no clock yet."""
        if self._clock.clock is None:
            return None
        return SeenWorld(
            self._beliefs.beliefs,
            self._view.newsroom,
            self._clock.clock.almanac,
            self._beliefs.position,
            self._view.contents.people(),
        )

    async def _direct(self) -> None:
        while not self._unable():
            if not await self.turn():
                logger.info("directs_no_more", version=self._version)
                return
            await asyncio.sleep(REST_S)

    async def turn(self) -> bool:
        """Do what is due for everybody; say whether this process still directs."""
        world, clock = self._world(), self._clock.clock
        if world is None or clock is None:
            return True
        await asyncio.to_thread(self._view.contents.__getitem__, self._view.contents.version)
        if self._stage is None:
            direction, self._version = await read_direction(self._log, self._codec)
            self._stage = self._staged(direction)
        stage = self._stage
        if stage is None:
            return True
        stage.world, stage.version = world, self._view.contents.version
        events = self._due(stage, world, clock.line.at(self._clock.now()).ms)
        return not events or await self._append(events)

    def _due(self, stage: Stage, world: SeenWorld, now_ms: int) -> Sequence[DirectorEvent]:
        """Return what is due: for who is in the world, and for who left something open."""
        players = {*world.players(), *(scene.player for scene in stage.direction.scenes.values())}
        players |= {player for player, told in stage.direction.players.items() if told.runs}
        found = list(stage.realm_turn(now_ms))
        for player in sorted(players):
            found += stage.turn(player, now_ms)
        return found

    async def _append(self, events: Sequence[Event]) -> bool:
        """Append at the version that is known; say whether it was so."""
        new = [
            self._codec.encode(event, uuid5(self._space, str(self._version + n)), Meta(actor=ACTOR))
            for n, event in enumerate(events, 1)
        ]
        try:
            await self._log.append(StreamWrite(STREAM, new, expected=self._version))
        except (VersionConflict, IdConflict, Fenced) as refusal:
            logger.info("director_append_refused", error=str(refusal))
            self._stage = None
            return False
        self._version += len(new)
        return True
