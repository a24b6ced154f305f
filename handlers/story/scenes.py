"""Says the lines of scenes as all lines are said: by plan, rungs and gates, in one event, once.

`domain.director.speaking` says which are due; their ids come of the scene, so whoever says one, and however
often, it is one event in the player's stream, beside what people answered to that player.
"""

from typing import Any
from uuid import UUID

import structlog

from bus.codec import EventCodec
from bus.ids import derived_id
from bus.ports import EventLog, Where
from domain.director.messages import SceneClosed
from domain.director.planned import planned, temper_in
from domain.director.speaking import SpeakLine
from domain.kernel.decider import Rejected
from domain.places.moving import Player
from domain.places.moving import stream_of as player_stream
from domain.story.forms import Does
from domain.story.knowing import Speaker
from domain.story.messages import LineSaid, OfScene, stream_of
from domain.story.scene import Scene
from domain.story.talk import RecordLine, Talk, drafted
from domain.story.understanding import Understanding
from handlers.kernel.commands import Binding, CommandRunner, Outcome
from handlers.story.talks import TALKED, TRIES, Setting, Talks, Unspoken, World
from protocol.meta import Meta

logger = structlog.get_logger(__name__)

CLOSED = SceneClosed.event_name
PAGE = 1_000
LISTENS = Understanding(Does.LISTEN)


class SceneLines:
    """Carries out `SpeakLine`. ``talks`` make lines, ``players`` tells how players' streams are read."""

    def __init__(
        self,
        log: EventLog,
        codec: EventCodec,
        world: World,
        *,
        players: Binding[Any, Any, Player],
        talks: Talks,
    ) -> None:
        self._log = log
        self._codec = codec
        self._runner = CommandRunner(log, codec, [TALKED])
        self._world = world
        self._players = players
        self._talks = talks

    async def execute(self, command: SpeakLine, command_id: UUID, *, meta: Meta) -> Outcome[Any]:
        """Have a line of a scene said, if it still can be; what was said stays as it is.

        Raises:
            Rejected: the scene is over, somebody of it is not there, or who speaks does not know it.
            LogUnavailable, Fenced: the caller may try again with the same id.
        """
        if await self._log.find(derived_id(command_id, 0)) is not None:
            return await self._record(command, command_id, meta, None, 0)
        setting = await self._setting(command)
        for last in range(TRIES - 1, -1, -1):
            talk = (await self._runner.recall(TALKED, stream_of(command.player))).state
            line = await self._line(command, setting, talk)
            await self._see_open(command)
            try:
                return await self._record(command, command_id, meta, line, talk.count)
            except Rejected as error:
                if error.code != "talk_moved" or not last:
                    raise
        raise AssertionError("the last try returns or raises")

    async def _record(
        self, command: SpeakLine, command_id: UUID, meta: Meta, line: LineSaid | None, after: int
    ) -> Outcome[Talk]:
        record = RecordLine(
            player=command.player, to=command.planned.by, utterance="", after=after, line=line
        )
        return await self._runner.execute(record, command_id, meta=meta)

    async def _setting(self, command: SpeakLine) -> Setting:
        """Return where it is said, with all who must be there awake."""
        player = await self._runner.recall(self._players, player_stream(command.player))
        if player.state.place != command.place:
            raise Rejected("not_there", f"{command.player} is not at {command.place}")
        to = command.planned.to
        unspoken = Unspoken(command.player, command.planned.by, command.stage)
        of = OfScene(number=command.number, storylet=command.storylet, line=command.line)
        setting = await self._talks.setting(unspoken, command.place, of)
        if to != setting.player and to not in setting.present:
            raise Rejected("nobody_hears", f"{to} is not at {command.place}, or asleep")
        return setting

    async def _line(self, command: SpeakLine, setting: Setting, talk: Talk) -> LineSaid:
        if command.planned.claims:
            await self._world.up_to_date()  # or they would not know what made the scene possible just now
        beliefs, known = self._world.beliefs()
        line, place = command.planned, f"place.{command.place}"
        speaker = Speaker(line.by, beliefs, command.stage, hearer=line.to, here=place)
        temper, naming = temper_in(line.manner), setting.tools.naming
        scene = Scene(speaker, setting.player, naming, temper, setting.now_ms, setting.day_ms)
        try:
            return await self._talks.spoken(setting, talk, LISTENS, drafted(planned(line, scene)), known)
        except (ValueError, KeyError) as error:  # or this one would keep all others from being said
            logger.warning("scene_line_has_no_words", scene=command.number, line=command.line, exc_info=error)
            raise Rejected("no_words", f"{setting.voice} has no words to {line.act}") from error

    async def _see_open(self, command: SpeakLine) -> None:
        """See that the scene is played: who was stopped for a while may not have heard that it is over.

        Raises:
            Rejected: ``scene_over``.
        """
        now_ms, after, page = self._world.game_ms(), command.known, PAGE
        over = now_ms is None or now_ms >= command.until_ms
        while page == PAGE and not over:
            news = await self._log.read_all(after=after, limit=PAGE, where=Where(types=(CLOSED,)))
            over = any(_closes(self._codec.decode(each), command.number) for each in news)
            page, after = len(news), news[-1].position if news else after
        if over:
            raise Rejected("scene_over", f"scene {command.number} is played no more")


def _closes(event: object, scene: int) -> bool:
    return isinstance(event, SceneClosed) and event.scene == scene
