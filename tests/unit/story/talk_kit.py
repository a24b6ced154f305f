"""A player who talks with people of a world: the pure path of ``story.say``, without servers."""

from dataclasses import dataclass, field
from functools import cache, cached_property

from aicore.content.line_files import read_mouth
from aicore.content.sample_world import sample_definition
from domain.beliefs.ground import Ground, ground_of
from domain.beliefs.words import reader
from domain.definition.definition import Definition
from domain.memories.memories import Memories
from domain.memories.talks import talked
from domain.story.knowing import Known, Speaker
from domain.story.messages import LineSaid, MadeOf
from domain.story.mouth import Mouth
from domain.story.naming import Naming, naming_of, trades_of
from domain.story.pins import PinLine, pins_for
from domain.story.planning import plan
from domain.story.scene import Scene
from domain.story.talk import Made, Talk, Told, drafted, evolve, known_of, line_of, spoken
from domain.story.temper import Being, temper_of
from domain.story.understanding import Before, Ear, Understanding, ear_of
from tests.unit.beliefs.kit import Tale, event_id
from tests.unit.beliefs.test_words import ANN, world

DAY_MS = 86_400_000
PLACE = "ropewalk_quay"


@cache
def mouth() -> Mouth:
    return read_mouth()


@dataclass(frozen=True)
class Stage:
    """A world in which one talks, with what is made of its definition."""

    definition: Definition

    @cached_property
    def ground(self) -> Ground:
        return ground_of(self.definition)

    @cached_property
    def naming(self) -> Naming:
        return naming_of(self.definition, self.ground, mouth().signatures, mouth().clauses)

    @cached_property
    def ear(self) -> Ear:
        return ear_of(reader(self.ground), self.naming.genders, trades_of(self.definition))


@cache
def cindermouth() -> Stage:
    return Stage(sample_definition())


@dataclass
class Talking:
    """Ann at the quay with Una and Nib; what is said goes into everybody's beliefs and memories."""

    tale: Tale = field(default_factory=world)
    stage: Stage = field(default_factory=cindermouth)
    place: str = PLACE
    talk: Talk = field(default_factory=Talk)
    said: list[LineSaid] = field(default_factory=list)
    pins: list[PinLine] = field(default_factory=list)
    lore: list[Known] = field(default_factory=list)
    others: list[Made] = field(default_factory=list)
    needs: dict[str, int] = field(default_factory=dict)
    memories: Memories | None = None

    def __post_init__(self) -> None:
        self.memories = Memories(self.tale.beliefs.ground.vocabulary)
        self.tale.beliefs.perceives = self.memories.take

    def understood(self, text: str, to: str = "una_pell") -> Understanding:
        turns = self.talk.with_(f"person.{to}", 0)
        about = [each for turn in turns for each in turn.about]
        before = Before(about, turns[0].asks if turns else ())
        return self.stage.ear.understand(text, ANN, f"person.{to}", before)

    def say(self, text: str, to: str = "una_pell", *, present: tuple[str, ...] = ("person.nib",)) -> LineSaid:
        """Have Ann say something to a person, who answers; whoever hears it takes it in."""
        line = self.answer(text, to, present=present)
        self.take_in(line)
        return line

    def answer(
        self, text: str, to: str = "una_pell", *, present: tuple[str, ...] = ("person.nib",)
    ) -> LineSaid:
        """Return what a person answers: from words to the event."""
        who, now_ms = f"person.{to}", self.tale.now_ms
        definition = self.stage.definition
        person = next(each for each in definition.people if each.id == to)
        heard = self.understood(text, to)
        turns = self.talk.with_(who, 0)
        speaker = Speaker(who, self.tale.beliefs, 0, self.lore, ANN, f"place.{self.place}")
        being = Being(person, definition, self.needs, [turn.does for turn in turns], now_ms)
        told = {each.claim for turn in turns for each in turn.claims}
        last = [known_of(each) for each in turns[0].claims] if turns else []
        temper = temper_of(being, speaker, ANN)
        scene = Scene(speaker, ANN, self.stage.naming, temper, now_ms, DAY_MS, told, last, self.memories)
        draft = drafted(plan(heard, scene))
        voice, number = mouth().voice_of(person, definition), self.talk.count + 1
        seed = f"ann.{number}"
        pins = pins_for(self.pins, who, voice)
        made = [*spoken(draft.saying, self.talk, mouth().tongues[voice], pins, seed), *self.others]
        made_of = MadeOf(
            voice=voice, seed=seed, corpus=mouth().digest, definition=0, known=self.tale.position
        )
        where = Told("ann", who, list(present), self.place, now_ms, text, made_of, number)
        return line_of(draft, where, heard, made)

    def take_in(self, line: LineSaid) -> None:
        """Have those who are there hear a line."""
        position = self.tale.hear(line)
        assert self.memories is not None
        said = event_id(position), position
        did = line.heard.act, line.plan.act
        talked(self.memories, (ANN, line.speaker), did, (line.place, line.at_ms), said)
        self.talk = evolve(self.talk, line)
        self.said.append(line)
