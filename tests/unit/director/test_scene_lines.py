"""A scene's lines are lines that were said: by plan, believed by who hears them, once, and made again."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid5

import pytest

from aicore.audit.director import played
from aicore.audit.lines import explain_line
from aicore.audit.rehearsing import Sources, resaid
from aicore.cli.director import sentences
from aicore.cli.explain import said_lines
from aicore.content.line_files import read_language
from aicore.content.sample_world import sample_definition
from aicore.wiring.people import PLAYERS
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import RecordedEvent, StreamWrite, VersionConflict
from domain.director.messages import STREAM, PlannedLine, SceneClosed, SceneOpened
from domain.director.planned import temper_in
from domain.director.speaking import Speaking, speaking
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.people.messages import STREAM as PEOPLE
from domain.places.messages import Entered
from domain.places.moving import stream_of as player_stream
from domain.story.clauses import Between
from domain.story.messages import LineSaid, Say, stream_of
from domain.story.plan import Act, Certainty
from domain.story.saying import Heard, Saying, Tongue
from domain.story.scene import person_named
from domain.story.staging import Asked
from domain.story.talk import TALKING
from handlers.kernel.follow import ProcessRunner
from handlers.memories.view import MemoriesView
from handlers.story.gates import ReadingBack
from handlers.story.rehearsal import LoreBeside, Stage
from handlers.story.scenes import SceneLines
from handlers.story.talks import By, Talks
from protocol.envelope import decode_envelope
from tests.unit.kit import in_case
from tests.unit.story.talk_kit import DAY_MS, mouth
from tests.vectors_make import released

CODEC = EventCodec(domain_catalogue())
SPACE = UUID("3d1be3f0-2c7f-5a53-8d53-7f3c0a0e5d10")
PLACE, NOON_MS, MINUTE_MS = "ropewalk_quay", 12 * 3_600_000, 60_000
MEMBER = "member(person.una_pell, faction.ninth_precinct)"
UNA, NIB, ANN = "person.una_pell", "person.nib", "player.ann"


def line(by: str, act: str, *claims: str, to: str = ANN, manner: Sequence[str] = ()) -> PlannedLine:
    return PlannedLine(by=by, to=to, act=act, claims=list(claims), manner=list(manner))


class Quay:
    """A log in which Ann, Una and Nib are at the quay, awake; game ms are real ms."""

    def __init__(self) -> None:
        self.now_ms, self.count = NOON_MS, 0
        self.log = MemoryLog("unit", lambda: self.now_ms * 1_000)
        definition = sample_definition()
        self.view = MemoriesView(self.log, definition, decode=CODEC.decode)
        self.world = Stage(
            definition,
            0,
            self.view.beliefs,
            self.view.kept.memories,
            0,
            mouth(),
            NOON_MS,
            DAY_MS,
            [UNA, NIB],
            place=PLACE,
        )
        self.talks, self.process = self.teller()

    def teller(self) -> tuple[Talks, ProcessRunner[Speaking]]:
        """Return who says lines in a process that knows nothing but the log."""
        by = By(LoreBeside((), self.world.world, 0), ReadingBack(read_language))
        talks = Talks(self.log, CODEC, self.world, players=PLAYERS, by=by)
        lines = SceneLines(self.log, CODEC, self.world, players=PLAYERS, talks=talks)
        process = speaking(lambda us: us // 1_000)
        return talks, ProcessRunner(
            self.log, lines, process, decode=CODEC.decode, now_us=lambda: self.now_ms * 1_000
        )

    async def add(self, stream: str, *events: Event) -> None:
        for event in events:
            self.count += 1
            await self.log.append(StreamWrite(stream, [CODEC.encode(event, uuid5(SPACE, str(self.count)))]))

    async def begin(self, *lines: PlannedLine) -> SceneOpened:
        for who, kind in (("person.una_pell", "person"), ("person.nib", "person"), ("ann", "player")):
            stream = PEOPLE if kind == "person" else player_stream(who)
            at: dict[str, Any] = {"place": PLACE, "at_ms": self.now_ms, "at_us": 0}
            await self.add(stream, Entered(who=who, kind=kind, **at))
        opened = SceneOpened.from_example().model_copy(
            update={
                "player": "ann",
                "place": PLACE,
                "present": ["una_pell", "nib"],
                "at_ms": self.now_ms,
                "until_ms": self.now_ms + 6 * MINUTE_MS,
                "lines": list(lines),
            }
        )
        await self.add(STREAM, opened)
        await self.know()
        return opened

    async def know(self) -> None:
        """Have everybody know what the log holds, and what is due be said."""
        for _ in range(2):
            for recorded in await self.log.read_all(after=self.view.position, limit=100):
                await self.view.take([recorded] if recorded.type in self.view.types else [])
                self.view.position = self.world.position = recorded.position
            for recorded in await self.log.read_all(after=self.process.position, limit=100):
                await self.process.hear(recorded)

    async def at(self, minutes: float) -> None:
        """Let it be some game minutes after noon."""
        self.now_ms = self.world.at_ms = NOON_MS + int(minutes * MINUTE_MS)
        await self.process.react(tick_us=self.now_ms * 1_000)
        await self.know()

    async def said(self) -> list[LineSaid]:
        page = await self.log.read_stream(stream_of("ann"), after=0, limit=100)
        return [each for each in map(CODEC.decode, page) if isinstance(each, LineSaid)]

    def sources(self) -> Sources:
        return Sources(self.log, CODEC, sample_definition, mouth(), PLAYERS)


@pytest.fixture
def quay() -> Quay:
    return Quay()


async def test_each_line_is_said_at_its_time_believed_and_made_again(quay: Quay) -> None:
    await quay.begin(
        line(UNA, "greet", manner=["warm"]),
        line(UNA, "tell", MEMBER, manner=["proud"]),
        line(NIB, "insult", to=UNA, manner=["angry"]),
    )
    assert len(await quay.said()) == 1, "the first at once"
    await quay.at(1.9)
    assert len(await quay.said()) == 1
    await quay.at(2)
    await quay.at(4)
    first, second, third = await quay.said()
    assert [each.line for each in (first, second, third)] == ["ann.1", "ann.2", "ann.3"]
    assert [each.at_ms - NOON_MS for each in (first, second, third)] == [0, 2 * MINUTE_MS, 4 * MINUTE_MS]
    assert (second.plan.mood, second.plan.claims[0].evidence.how) == ("proud", "common")
    assert (third.speaker, third.listener, third.present) == (NIB, UNA, [UNA])
    believed = {str(each.claim): each.seen.teller for each in quay.view.beliefs.known(ANN)}
    assert believed[MEMBER] == UNA
    assert MEMBER in {str(each.claim) for each in quay.view.beliefs.known(NIB)}
    talked = quay.view.kept.memories
    for name, where in (("ann.1", "line 1, to player.ann"), ("ann.2", "line 2"), ("ann.3", f"to {UNA}")):
        with in_case(name):
            told = await explain_line(quay.log, CODEC, name, mouth())
            assert (told.again, told.differs) == (told.line, [])
            assert where in "\n".join(said_lines(told))
            assert (await resaid(quay.sources(), name, Asked())).changed == {}
    with pytest.raises(Rejected) as refused:
        await resaid(quay.sources(), "ann.2", Asked(words="Hello"))
    assert refused.value.code == "of_a_scene"
    assert talked is not None
    shown = [text async for _, event in played(quay.log, CODEC) for text in sentences(event)]
    assert shown[1:] == [
        f"[ann]   Una Pell: {first.text}",
        f"[ann]   Una Pell: {second.text}",
        f"[ann]   Nib to Una Pell: {third.text}",
    ]


async def test_who_answers_says_what_they_said_in_the_scene_as_said_before(quay: Quay) -> None:
    await quay.begin(line(UNA, "tell", MEMBER))
    talk = TALKING.fold(await quay.said())
    ask = Say(player="ann", session=1, to=UNA, text="Do you belong to the Ninth Precinct?")
    answer = await quay.talks.would_answer(ask, PLACE, talk)
    assert MEMBER in [each.claim for each in answer.plan.claims]
    again = mouth().tongues[answer.made_of.voice].voice.again
    assert answer.text.startswith(tuple(again)), answer.text
    fresh = await quay.talks.would_answer(ask, PLACE, TALKING.fold([]))
    assert not fresh.text.startswith(tuple(again))


async def test_a_line_that_was_said_is_not_said_again_by_whoever_comes_after_or_beside(quay: Quay) -> None:
    opened = await quay.begin(line(UNA, "greet"), line(UNA, "joke"))
    _, beside = quay.teller()
    _, after = quay.teller()
    (recorded,) = await quay.log.read_stream(STREAM, after=0, limit=10)
    await beside.hear(recorded)  # it has not heard yet that the first was said
    assert len(await quay.said()) == 1
    quay.now_ms = quay.world.at_ms = opened.at_ms + 4 * MINUTE_MS
    await asyncio.gather(*(each.react(tick_us=quay.now_ms * 1_000) for each in (quay.process, beside)))
    await after.hear(recorded)
    said = await quay.said()
    assert [(each.line, each.scene.line) for each in said if each.scene] == [("ann.1", 0), ("ann.2", 1)]
    ids = [each.id for each in await quay.log.read_stream(stream_of("ann"), after=0, limit=10)]
    assert len(set(ids)) == 2


async def test_an_append_whose_answer_was_lost_says_nothing_twice(
    quay: Quay, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, lost = MemoryLog.append, list[bool]()

    async def committed(self: MemoryLog, *writes: StreamWrite, **more: Any) -> Any:
        result = await append(self, *writes, **more)
        if not lost and any(each.type == LineSaid.event_name for write in writes for each in write.events):
            lost.append(True)
            raise VersionConflict("talk-ann", 0, 1)
        return result

    monkeypatch.setattr(MemoryLog, "append", committed)
    await quay.begin(line(UNA, "greet"), line(UNA, "joke"))
    await quay.at(4)
    assert [each.scene.line for each in await quay.said() if each.scene] == [0, 1]
    assert lost


async def test_a_scene_that_is_over_left_or_broken_says_no_more(quay: Quay) -> None:
    opened = await quay.begin(line(UNA, "greet"), line(UNA, "joke"), line(UNA, "farewell"))
    stopped = quay.teller()[1]
    for recorded in await quay.log.read_all(after=0, limit=100):
        stopped.state = speaking(lambda us: us).evolve(stopped.state, stopped._heard(recorded))
    closed = SceneClosed(scene=opened.scene, player="ann", outcome="left", at_ms=NOON_MS, sways=[])
    await quay.add(STREAM, closed)
    quay.now_ms = quay.world.at_ms = NOON_MS + 3 * MINUTE_MS
    await stopped.react(tick_us=quay.now_ms * 1_000)  # it was stopped, and has not heard that it is over
    assert len(await quay.said()) == 1
    await quay.at(5)
    assert len(await quay.said()) == 1
    late = Quay()
    late.process = late.teller()[1]
    late.world.there = []
    await late.begin(line(UNA, "greet"))
    late.world.there = [UNA]
    await late.at(7)
    assert await late.said() == [], "nobody was there, and its time is over"


async def test_what_a_speaker_does_not_know_or_must_not_say_is_left_out(quay: Quay) -> None:
    unknown = (
        line(NIB, "tell", "killed(person.gault, person.bram_sallow)"),
        line(NIB, "tell", "in_feud(faction.tallymen, person.gault)"),
        line(NIB, "fly"),
        line(NIB, "deny", MEMBER),
        line(NIB, "tell", MEMBER, to="person.gault"),
        line(NIB, "ask", "killed(person.gault, person.bram_sallow)"),
    )
    await quay.begin(*unknown)
    await quay.at(5.9)
    (asks,) = await quay.said()
    assert (asks.plan.act, asks.scene.line if asks.scene else None) == ("ask", 5)
    assert list(asks.tellings()) == [], "who asks tells nobody that it is so"
    assert not [each for each in quay.view.beliefs.known(ANN) if each.claim.predicate == "killed"]


async def test_a_line_without_words_keeps_no_other_from_being_said(quay: Quay) -> None:
    made = mouth()
    person = next(each for each in quay.world.world.people if each.id == "una_pell")
    voice = made.voice_of(person, quay.world.world)
    mute = Tongue(made.tongues[voice].voice, made.tongues[voice].clauses)
    quay.world.corpus = replace(made, tongues={**made.tongues, voice: mute})
    await quay.begin(line(UNA, "greet"), line(NIB, "greet"))
    await quay.at(4)
    assert [each.speaker for each in await quay.said()] == [NIB]
    assert quay.process.standing.error == ""


def test_every_line_of_the_sample_world_has_words_in_every_voice() -> None:
    plans = {(each.act, each.manner) for one in sample_definition().storylets for each in one.lines}
    between = Between(person_named(UNA, "Una Pell"), person_named(ANN, "friend"))
    for act, manner in sorted(plans | {(each, ()) for each in Act}):
        temper = temper_in(manner)
        saying = Saying(Act(act), between, (), Certainty.SURE, temper.mood, temper.attitude, temper.register)
        for voice, tongue in mouth().tongues.items():
            with in_case(f"{voice} {act} {manner}"):
                assert tongue.say(saying, Heard(), "seed").text


def test_a_line_of_version_one_is_one_of_no_scene() -> None:
    cases = {case["name"]: case for case in released()["events"]}
    at = decode_envelope(bytes.fromhex(cases["story.said version 1"]["hex"]))
    place = at.position, at.stream, at.version, at.id
    found = CODEC.decode(RecordedEvent(*place, at.type, at.schema, at.time, at.meta, at.payload, at.hash))
    assert isinstance(found, LineSaid)
    assert (at.schema, found.scene, found.listener) == (1, None, ANN)
