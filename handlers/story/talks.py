"""Takes what players say to people: who may, who hears it; and has the person answer, in one event.

Everything that follows is in that event: what the player claims, what the person states, and why. So there is
nothing to finish after it, and nothing half done if the process dies before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from pydantic import ValidationError

from bus.codec import EventCodec
from bus.ids import derived_id
from bus.ports import EventLog
from domain.beliefs.beliefs import Beliefs
from domain.beliefs.ground import ground_of
from domain.beliefs.messages import HEARERS_MAX
from domain.beliefs.telling import Audience, hearers
from domain.beliefs.words import reader
from domain.definition.definition import Definition
from domain.definition.people import Person
from domain.kernel.decider import Rejected
from domain.kernel.parse import parse
from domain.memories.memories import Memories
from domain.places.moving import Player
from domain.places.moving import stream_of as player_stream
from domain.promises.making import Scene as Around
from domain.promises.making import see_makeable
from domain.promises.messages import MakePromise, PromiseMade
from domain.promises.promises import RecordPromise
from domain.session.authority import held
from domain.story.forms import Does
from domain.story.knowing import Known, Speaker
from domain.story.messages import LineSaid, MadeOf, OfScene, Say, stream_of
from domain.story.mouth import Mouth
from domain.story.naming import Naming, naming_of, trades_of
from domain.story.pins import PinLine, pins_for
from domain.story.planning import plan
from domain.story.pledging import Occasion, pledge_of
from domain.story.scene import Scene
from domain.story.talk import (
    TALKING,
    Draft,
    RecordLine,
    Talk,
    Told,
    drafted,
    explains,
    known_of,
    line_of,
    spoken,
)
from domain.story.temper import Being, temper_of
from domain.story.understanding import Before, Ear, Understanding, ear_of
from handlers.kernel.commands import Binding, CommandRunner, Outcome, caused_by, refs_of
from handlers.promises.promising import PROMISING
from handlers.story.lore import Lore
from handlers.story.realiser import Asked, Gates, Realiser, realised
from protocol.messages import CommandMessage, EventRef, Reply

TALKED: Binding[RecordLine, LineSaid, Talk] = Binding(
    commands=(RecordLine,),
    stream_of=lambda command: stream_of(command.player),
    decider=TALKING,
    explains=explains,
)

OF_OUR_OWN = frozenset({Does.ASK_MEMORY, Does.REMIND, Does.TELL})
OWED = frozenset({"promised", "owes", "kept_promise", "broke_promise"})
"""What one denies if one knows nothing of it, so nothing of it may be still on its way."""

TRIES = 8
TALK_MS = 2 * 3_600_000
"""Game time within which "he", "there" and "why" mean what was talked of last."""


@dataclass(frozen=True)
class Unspoken:
    """A player who says nothing: ``to`` speaks in a scene that is played for them."""

    player: str
    to: str
    stage: int = 0

    @property
    def text(self) -> str:
        """Return nothing."""
        return ""


class World(Protocol):
    """What a talk depends on beside the player's session."""

    async def audience(self, place: str) -> Audience:
        """Return who is in a place, as the log has it."""
        ...

    async def definition(self) -> tuple[int, Definition]:
        """Return the version of the world's definition, and the definition."""
        ...

    async def needs(self, person: str) -> Mapping[str, int]:
        """Return how full a person's needs are, in thousandths; empty: nothing is known of them."""
        ...

    def game_ms(self) -> int | None:
        """Return the game time; None: there is no clock."""
        ...

    def day_ms(self) -> int:
        """Return how long a game day is."""
        ...

    async def up_to_date(self) -> None:
        """Return once everything that is in the log is believed, remembered and promised."""
        ...

    def beliefs(self) -> tuple[Beliefs, int]:
        """Return what is believed, and the position of the log up to which it is."""
        ...

    def memories(self) -> Memories:
        """Return what everybody remembers."""
        ...

    def pins(self) -> Sequence[PinLine]:
        """Return the lines that are pinned."""
        ...

    async def mouth(self) -> Mouth:
        """Return the corpus."""
        ...


@dataclass(frozen=True)
class Tools:
    """What is made once for each definition."""

    definition: Definition
    ear: Ear
    naming: Naming


@dataclass(frozen=True)
class Setting:
    """One saying: who, to whom, where, when; ``scene``: of which it is part, if it is of one."""

    command: Say | Unspoken
    person: Person
    place: str
    present: Sequence[str]
    now_ms: int
    version: int
    tools: Tools
    mouth: Mouth
    voice: str
    day_ms: int
    scene: OfScene | None = None

    @property
    def player(self) -> str:
        """Who speaks, as a holder of beliefs."""
        return f"player.{self.command.player}"


@dataclass(frozen=True)
class By:
    """Who helps to find words: what is written down, what reads words back, who has words of their own."""

    lore: Lore
    gates: Gates
    realisers: Sequence[Realiser] = ()


class Talks:
    """Takes ``story.say``. ``players`` tells how players' streams are read."""

    def __init__(
        self, log: EventLog, codec: EventCodec, world: World, *, players: Binding[Any, Any, Player], by: By
    ) -> None:
        self._log = log
        self._runner = CommandRunner(log, codec, [TALKED, PROMISING])
        self._world = world
        self._players = players
        self._by = by
        self._tools: Tools | None = None

    async def __call__(self, message: CommandMessage) -> Reply:
        """Have a player speak to a person, and the person answer.

        Raises:
            Rejected: as the command's declaration tells.
            IdConflict: the command id belongs to another command.
            LogUnavailable, Fenced: the caller may retry with the same id.
        """
        command = parse(Say, message.payload)
        player = await self._runner.recall(self._players, player_stream(command.player))
        held(player.state.sessions, message.meta.actor, command.session)
        if (first := await self._log.find(derived_id(message.id, 0))) is not None:
            outcome = await self._record(message, command, None, 0)
            return _reply(outcome, await refs_of(self._log, message.id, first))
        setting = await self.setting(command, player.state.place)
        for last in range(TRIES - 1, -1, -1):
            talk = (await self._runner.recall(TALKED, stream_of(command.player))).state
            line = await self._line(setting, talk)
            try:
                outcome = await self._record(
                    message, command, line, talk.count, promised(message, setting, line)
                )
                return _reply(outcome, outcome.events)
            except Rejected as error:
                if error.code != "talk_moved" or not last:
                    raise
        raise AssertionError("the last try returns or raises")

    async def would_answer(self, command: Say, place: str, talk: Talk) -> LineSaid:
        """Return what the person would answer to a player who is in a place; nothing is recorded.

        Args:
            command: what the player says; of the session nothing is asked.
            place: where both are.
            talk: what was said to the player before.

        Raises:
            Rejected: as the command's declaration tells, but for the session.
        """
        return await self._line(await self.setting(command, place), talk)

    async def _record(
        self,
        message: CommandMessage,
        command: Say,
        line: LineSaid | None,
        after: int,
        along: Sequence[RecordPromise] = (),
    ) -> Outcome[Talk]:
        record = RecordLine(
            player=command.player, to=command.to, utterance=command.text, after=after, line=line
        )
        return await self._runner.execute(record, message.id, meta=caused_by(message), along=along)

    async def setting(self, command: Say | Unspoken, place: str, scene: OfScene | None = None) -> Setting:
        """Return who speaks to whom where, with what is made of the world's definition.

        Raises:
            Rejected: ``no_clock``, ``not_there``, ``nobody_hears``, ``no_voice``.
        """
        now_ms = self._world.game_ms()
        if now_ms is None:
            remedy = "start the realm's clock: clock.start"
            raise Rejected("no_clock", "the realm has no clock yet", remedy=remedy)
        audience = await self._world.audience(place)
        hearers(command.player, [command.to], audience)
        others = [each for each in audience.awake if each not in (command.to, f"player.{command.player}")]
        version, definition = await self._world.definition()
        mouth = await self._world.mouth()
        id_ = command.to.partition(".")[2]
        person = next((each for each in definition.people if each.id == id_), None)
        voice = mouth.voice_of(person, definition) if person else ""
        if person is None or not voice:
            remedy = "speak to somebody of the world's definition, and have a corpus with a voice"
            raise Rejected("no_voice", f"{command.to} has no voice here", field="to", remedy=remedy)
        tools, present = self._tools_of(definition, mouth), others[: HEARERS_MAX - 1]
        day_ms = self._world.day_ms()
        return Setting(command, person, place, present, now_ms, version, tools, mouth, voice, day_ms, scene)

    def _tools_of(self, definition: Definition, mouth: Mouth) -> Tools:
        """Return what is made of a definition; it takes some 20 ms, so it is kept."""
        if self._tools is None or self._tools.definition is not definition:
            ground = ground_of(definition)
            naming = naming_of(definition, ground, mouth.signatures, mouth.clauses)
            ear = ear_of(reader(ground), naming.genders, trades_of(definition))
            self._tools = Tools(definition, ear, naming)
        return self._tools

    async def _line(self, setting: Setting, talk: Talk) -> LineSaid:
        """Return what the person answers."""
        command = setting.command
        turns = talk.with_(command.to, setting.now_ms - TALK_MS)
        before = Before(
            [argument for turn in turns for argument in turn.about], turns[0].asks if turns else ()
        )
        heard = setting.tools.ear.understand(command.text, setting.player, command.to, before)
        lore = await self._lore_for(setting, heard)
        needs = await self._world.needs(setting.person.id)
        if heard.does in OF_OUR_OWN or OWED & {*heard.asks}:
            await self._world.up_to_date()  # or what was promised a moment ago would be denied
        beliefs, known = self._world.beliefs()
        speaker = Speaker(command.to, beliefs, command.stage, lore, setting.player, f"place.{setting.place}")
        being = Being(
            setting.person, setting.tools.definition, needs, [turn.does for turn in turns], setting.now_ms
        )
        told = {each.claim for turn in turns for each in turn.claims}
        scene = Scene(
            speaker,
            setting.player,
            setting.tools.naming,
            temper_of(being, speaker, setting.player),
            setting.now_ms,
            setting.day_ms,
            told,
            [known_of(each) for each in turns[0].claims] if turns else (),
            self._world.memories(),
        )
        return await self.spoken(setting, talk, heard, drafted(plan(heard, scene)), known)

    async def _lore_for(self, setting: Setting, heard: Understanding) -> Sequence[Known]:
        if heard.does not in (Does.ASK, Does.ASK_OPINION):
            return ()
        command, words = setting.command, setting.tools.ear.reader.ground.vocabulary
        return await self._by.lore.claims(command.text, command.to, command.stage, words)

    async def spoken(
        self, setting: Setting, talk: Talk, heard: Understanding, draft: Draft, known: int
    ) -> LineSaid:
        """Return a plan's line: words of all rungs, read back, and the best of those that passed.

        Args:
            setting: who says it to whom.
            talk: what the player has heard.
            heard: what the player's words were taken for.
            draft: the plan.
            known: position of the log up to which the speaker knows what they say.
        """
        command, number = setting.command, talk.count + 1
        seed = f"{command.player}.{number}"
        tongue = setting.mouth.tongues[setting.voice]
        pins = pins_for(self._world.pins(), command.to, setting.voice)
        made = spoken(draft.saying, talk, tongue, pins, seed)
        asked = Asked(
            draft.saying,
            setting.voice,
            talk.heard,
            seed,
            made[-1].text,
            setting.tools.naming.names,
            frozenset((command.to, setting.player, *setting.present)),
            tongue.voice.given,
        )
        more = [] if made[0].rung == "pinned" else await realised(self._by.realisers, asked, self._by.gates)
        told = Told(
            command.player,
            command.to,
            setting.present,
            setting.place,
            setting.now_ms,
            command.text,
            MadeOf(
                voice=setting.voice,
                seed=seed,
                corpus=setting.mouth.digest,
                definition=setting.version,
                known=known,
            ),
            number,
            setting.scene,
        )
        return line_of(draft, told, heard, [*made, *more])


def promised(message: CommandMessage, setting: Setting, line: LineSaid) -> Sequence[RecordPromise]:
    """Return what the player promises by their words, of themselves, to who is spoken to; or nothing.

    The promise has the id of the command that the line has as its cause: there the words stand.
    """
    if line.heard.act != Does.PROMISE:
        return ()
    command, tools, day_ms = setting.command, setting.tools, setting.day_ms
    occasion = Occasion(command.to, setting.place, line.at_ms, day_ms)
    pledge = pledge_of(command.text, tools.ear.reader, tools.definition, occasion)
    if pledge is None:
        return ()
    terms = {"promise": message.id.hex, "by": setting.player, "to": command.to, **asdict(pledge)}
    try:
        asked = MakePromise.model_validate({name: terms[name] for name in terms if name != "promise"})
        awake = {setting.player, command.to}
        see_makeable(asked, Around(setting.place, awake, awake), tools.definition, line.at_ms)
    except (ValidationError, Rejected):
        return ()  # more than can be counted, or of what this world has not: words that were said
    made = PromiseMade(**terms, place=setting.place, at_ms=line.at_ms)
    return [RecordPromise(made=made)]


def _reply(outcome: Outcome[Talk], events: Sequence[EventRef]) -> Reply:
    line = outcome.state.last
    assert line is not None, "a line was recorded"
    result = {
        "line": line.line,
        "speaker": line.speaker,
        "text": line.text,
        "rung": line.rung,
        "act": line.plan.act,
        "claims": [{"claim": each.claim, "over": each.over} for each in line.plan.claims],
        "heard": [{"claim": each.claim, "over": each.over} for each in line.heard.claims],
        "direction": line.direction.model_dump(),
        "hearers": [f"player.{line.player}", *line.present],
    }
    return Reply(result, [*events], duplicate=outcome.duplicate)
