"""A recorded line said again in other circumstances, and one that nobody has said yet. Nothing is recorded.

What the person believed is folded from the log up to the position that the line names, and only where the
change needs it; what concerns the words alone goes by the line's own plan.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aicore.audit.lines import NoSuchLine, pin_of
from aicore.audit.reading import events_until
from aicore.content.line_files import read_language, shipped_signatures
from bus.codec import EventCodec
from bus.ports import EventLog
from domain.beliefs.ground import Ground, ground_of
from domain.clock.almanac import Almanac
from domain.clock.clock import Clock, follow
from domain.clock.messages import EVENTS as CLOCK_EVENTS
from domain.clock.messages import ClockEvent
from domain.clock.units import RealTime
from domain.definition.definition import Definition
from domain.definition.faults import Fault, nearest, shown
from domain.definition.loading import LOADED, definition_of, evolve
from domain.kernel.decider import Rejected
from domain.kernel.visibility import Erased
from domain.lore.messages import Content
from domain.places.messages import Entered
from domain.places.moving import Player
from domain.story.knowing import LORE, Cite, Known
from domain.story.messages import LineSaid, SaidClaim, Say, stream_of
from domain.story.mouth import Mouth
from domain.story.pins import PinLine, pins_then
from domain.story.staging import MINUTE_MS, Asked, Staged, staged
from domain.story.talk import HEARD_MAX, Talk, known_of, saying_of
from handlers.definition.board import KINDS as DEFINING
from handlers.kernel.commands import Binding
from handlers.memories.view import MemoriesView
from handlers.story.gates import ReadingBack
from handlers.story.pinboard import PinBoard
from handlers.story.rehearsal import LoreBeside, Stage, answered, in_manner, talk_before
from handlers.story.talks import By, Talks
from handlers.story.verdicts import mouth_then

FORGOTTEN = "…"
"""What a player's words are taken for that were erased: nothing."""

CLOCK = tuple(kind.event_name for kind in CLOCK_EVENTS)


class WrongStage(Exception):
    """What was set is no state of this world; ``faults`` tell all that is wrong."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(", ".join(fault.path for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a rehearsal takes its world from.

    Attributes:
        otherwise: the definition that holds where none was loaded.
        mouth: the corpus. players: how their streams are read.
        lore: documents that count beside those that the line went by.
    """

    log: EventLog
    codec: EventCodec
    otherwise: Callable[[], Definition]
    mouth: Mouth
    players: Binding[Any, Any, Player]
    lore: Sequence[Content] = ()


@dataclass(frozen=True, slots=True)
class Resaid:
    """A line, and the same turn in other circumstances.

    Attributes:
        changed: by what differs (words, heard, plan, claims, manner, voice, text): before and after.
    """

    before: LineSaid
    after: LineSaid
    changed: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Spot:
    """Who speaks to whom where, of a line that nobody has said.

    Attributes:
        day: of the game.
    """

    player: str
    person: str
    day: int = 0


async def resaid(sources: Sources, name: str, asked: Asked) -> Resaid:
    """Return a recorded line beside what would be said in other circumstances.

    Args:
        sources: the log and what else it is made of.
        name: id of the line, ann.17.
        asked: what is changed.

    Raises:
        NoSuchLine: there is none of that id.
        WrongStage: what is changed is no state of this world.
        Rejected: nobody could answer there, or it was said in a scene and another plan is asked for.
    """
    line, before, position = await _recorded(sources, name)
    mouth = await mouth_then(sources.log, sources.codec, sources.mouth, line.made_of.corpus)
    sources = replace(sources, mouth=mouth)
    anew = asked.plans_anew or bool(sources.lore)
    known = line.made_of.known if anew else 0
    if anew and line.scene is not None:
        what = f"{name} was planned in scene {line.scene.number}, not by what somebody said"
        remedy = "set mood, attitude, register, voice or seed; or change the storylet"
        raise Rejected("of_a_scene", what, field="line", remedy=remedy)
    folded = await _folded(sources, known, position, line.made_of.definition)
    wanted = _staged(asked, folded.ground, sources.mouth)
    base, pins = (
        line,
        pins_then(
            folded.pinned,
            line.speaker,
            line.made_of.voice,
            saying_of(line.plan, line.things),
            await pin_of(sources.log, sources.codec, line, mouth),
        ),
    )
    if anew:
        there = [line.speaker, *line.present, *(f"person.{each}" for each in asked.beside)]
        stage = folded.stage(sources, line.place, _at_ms(line.at_ms, folded.day_ms, wanted), there, pins)
        by = LoreBeside(sources.lore, folded.definition, stage.at_ms // folded.day_ms, _by_lore(line))
        said = Say(
            player=line.player,
            session=1,
            to=line.speaker,
            text=asked.words or _words_of(line),
            stage=asked.stage or 0,
        )
        talk = talk_before(before, anew=asked.anew)
        answer = await answered(_talks(sources, stage, by), stage, said, talk, wanted)
        base, wanted = answer, _as_it_was(line, wanted)
    after = in_manner(base, before, wanted, sources.mouth, pins)
    return Resaid(line, after, differences(line, after))


async def previewed(sources: Sources, spot: Spot, asked: Asked) -> LineSaid:
    """Return what a person would answer to a player's words, in a state that is set.

    Args:
        sources: the log as it is now, or an empty one, and what else it is made of.
        spot: who speaks to whom.
        asked: the words and the state.

    Raises:
        WrongStage: what is set is no state of this world.
        Rejected: nobody could answer there.
    """
    head = (await sources.log.head()).position
    folded = await _folded(sources, head, head, None)
    wanted = _staged(asked, folded.ground, sources.mouth)
    known = {each.id: each for each in folded.definition.people}
    person = known.get(spot.person.removeprefix("person."))
    if person is None:
        path, allowed = "person", "the id of a person of the world"
        raise WrongStage([Fault("unknown", path, shown(spot.person), allowed, nearest(spot.person, known))])
    place = asked.at or person.home
    at_ms = _at_ms(spot.day * folded.day_ms + NOON * folded.day_ms // 24, folded.day_ms, wanted)
    there = [f"person.{person.id}", *(f"person.{each}" for each in asked.beside)]
    stage = folded.stage(sources, place, at_ms, there, folded.pinned)
    for who, kind in [*((each, "person") for each in there), (spot.player, "player")]:
        come = {"who": who, "kind": kind, "place": place, "at_ms": max(0, at_ms - COME_MS), "at_us": 0}
        stage.believed.apply(Entered.model_validate(come), "", head)
    said = Say(
        player=spot.player, session=1, to=f"person.{person.id}", text=asked.words, stage=asked.stage or 0
    )
    by = LoreBeside(sources.lore, folded.definition, spot.day)
    answer = await answered(_talks(sources, stage, by), stage, said, Talk(), wanted)
    return in_manner(answer, [], wanted, sources.mouth, folded.pinned)


NOON, COME_MS = 12, 60_000
"""The hour where none is set; who is put in a place came there a minute ago."""


def differences(before: LineSaid, after: LineSaid) -> Mapping[str, tuple[str, str]]:
    """Return what is another thing in two lines, each as it is and as it would be."""
    one, other = told(before), told(after)
    return {name: (one[name], other[name]) for name in one if one[name] != other[name]}


def told(line: LineSaid) -> Mapping[str, str]:
    """Return what there is to see of a line, by name."""
    plan, minute = line.plan, line.at_ms // MINUTE_MS % 1_440
    claims = [f"{'not ' * each.over}{each.claim} ({each.evidence.how})" for each in plan.claims]
    return {
        "words": _words_of(line),
        "time": f"{minute // 60:02}:{minute % 60:02}",
        "heard": line.heard.act,
        "act": plan.act,
        "claims": "; ".join(claims),
        "hides": "; ".join(plan.unsaid),
        "certainty": plan.certainty,
        "mood": plan.mood,
        "attitude": plan.attitude,
        "register": plan.level,
        "voice": line.made_of.voice,
        "rung": line.rung,
        "line": line.text,
    }


@dataclass(frozen=True, slots=True)
class _Folded:
    """What the log says of the world, up to a position."""

    view: MemoriesView
    definition: Definition
    ground: Ground
    version: int
    day_ms: int
    pinned: Sequence[PinLine]
    position: int

    def stage(
        self, sources: Sources, place: str, at_ms: int, there: Sequence[str], pins: Sequence[PinLine]
    ) -> Stage:
        return Stage(
            self.definition,
            self.version,
            self.view.beliefs,
            self.view.kept.memories,
            self.position,
            sources.mouth,
            at_ms,
            self.day_ms,
            list(dict.fromkeys(there)),
            pins,
            place,
        )


async def _folded(sources: Sources, known: int, position: int, version: int | None) -> _Folded:
    """Return the world as it was at a position of the log.

    Args:
        sources: the log.
        known: up to where beliefs are folded; 0: they are not asked for.
        position: up to where all else is.
        version: of the definition; None: the one that holds.
    """
    codec, log = sources.codec, sources.log
    view = MemoriesView(log, sources.otherwise(), decode=codec.decode)
    pins = PinBoard(log, decode=codec.decode, signatures=shipped_signatures)
    clock: Clock | None = None
    loaded = LOADED
    types = [*pins.types, *CLOCK, *(kind.event_name for kind in DEFINING), *(view.types if known else ())]
    async for recorded in events_until(log, types, position):
        event = codec.decode(recorded)
        if isinstance(event, DEFINING) and (version is None or loaded.version < version):
            loaded = evolve(loaded, event)
        if isinstance(event, ClockEvent):
            clock = follow(clock, event, RealTime(recorded.recorded_us))
        if recorded.type in pins.types:
            await pins.take([recorded])
        if recorded.type in view.types and recorded.position <= known:
            view.apply(event, recorded)
    definition = definition_of(loaded) or sources.otherwise()
    almanac = clock.almanac if clock else Almanac(definition.calendar)
    pinned, ground = list(pins.lines.values()), ground_of(definition)
    return _Folded(view, definition, ground, loaded.version, almanac.day_ms, pinned, known)


async def _recorded(sources: Sources, name: str) -> tuple[LineSaid, Sequence[LineSaid], int]:
    """Return a line, those before it, and its position."""
    player, _, number = name.rpartition(".")
    if not player or not number.isdigit() or int(number) < 1:
        raise NoSuchLine
    after = max(0, int(number) - 1 - HEARD_MAX)
    page = await sources.log.read_stream(stream_of(player), after=after, limit=int(number) - after)
    lines = [each for each in map(sources.codec.decode, page) if isinstance(each, LineSaid)]
    if not lines or lines[-1].line != name:
        raise NoSuchLine
    return lines[-1], lines[:-1], page[-1].position


def _staged(asked: Asked, ground: Ground, mouth: Mouth) -> Staged:
    wanted = staged(asked, ground, mouth.tongues)
    if wanted.faults:
        raise WrongStage(wanted.faults)
    return wanted


def _talks(sources: Sources, stage: Stage, lore: LoreBeside) -> Talks:
    by = By(lore, ReadingBack(read_language))
    return Talks(sources.log, sources.codec, stage, players=sources.players, by=by)


def _at_ms(before: int, day_ms: int, wanted: Staged) -> int:
    """Return the game time: of that day, at the hour that is set."""
    return before if wanted.hour_ms is None else before // day_ms * day_ms + wanted.hour_ms


def _by_lore(line: LineSaid) -> list[Known]:
    return [_cited(each) for each in line.plan.claims if each.evidence.how == LORE]


def _cited(claim: SaidClaim) -> Known:
    """Return by which sentences a line stated a claim of the lore."""
    cites = tuple(Cite(each.document, each.number, each.section, each.sentence) for each in claim.cites)
    return replace(known_of(claim), cites=cites)


def _words_of(line: LineSaid) -> str:
    return FORGOTTEN if isinstance(line.utterance, Erased) else line.utterance


def _as_it_was(line: LineSaid, wanted: Staged) -> Staged:
    """Return what is wanted, with the manner in which the line was said where none is set."""
    asked = wanted.asked
    manner = replace(
        asked,
        mood=asked.mood or line.plan.mood,
        attitude=asked.attitude or line.plan.attitude,
        register=asked.register or line.plan.level,
    )
    return replace(wanted, asked=manner)
