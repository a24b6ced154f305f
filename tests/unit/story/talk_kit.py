"""A player who talks with people of the sample world: the pure path of ``story.say``, without servers."""

from dataclasses import dataclass, field
from functools import cache

from aicore.content.line_files import read_mouth
from aicore.content.sample_world import sample_definition
from domain.beliefs.words import reader
from domain.story.knowing import Known, Speaker
from domain.story.messages import LineSaid, MadeOf
from domain.story.mouth import Mouth
from domain.story.naming import Naming, naming_of
from domain.story.pins import PinLine, pins_for
from domain.story.planning import Scene, plan
from domain.story.talk import Made, Talk, Told, drafted, evolve, known_of, line_of, spoken
from domain.story.temper import Being, temper_of
from domain.story.understanding import Ear, Understanding, ear_of
from tests.unit.beliefs.kit import Tale
from tests.unit.beliefs.test_words import ANN, sample, world

DAY_MS = 86_400_000
PLACE = "ropewalk_quay"


@cache
def mouth() -> Mouth:
    return read_mouth()


@cache
def naming() -> Naming:
    return naming_of(sample_definition(), sample(), mouth().signatures, mouth().from_whom)


@cache
def ear() -> Ear:
    return ear_of(reader(sample()), naming().genders)


@dataclass
class Talking:
    """Ann at the quay with Una and Nib; what is said goes into everybody's beliefs."""

    tale: Tale = field(default_factory=world)
    talk: Talk = field(default_factory=Talk)
    said: list[LineSaid] = field(default_factory=list)
    pins: list[PinLine] = field(default_factory=list)
    lore: list[Known] = field(default_factory=list)
    others: list[Made] = field(default_factory=list)
    needs: dict[str, int] = field(default_factory=dict)

    def understood(self, text: str, to: str = "una_pell") -> Understanding:
        turns = self.talk.with_(f"person.{to}", 0)
        return ear().understand(text, ANN, f"person.{to}", [each for turn in turns for each in turn.about])

    def say(self, text: str, to: str = "una_pell", *, present: tuple[str, ...] = ("person.nib",)) -> LineSaid:
        """Have Ann say something to a person, and return what that one answers."""
        who, now_ms = f"person.{to}", self.tale.now_ms
        person = next(each for each in sample_definition().people if each.id == to)
        heard = self.understood(text, to)
        turns = self.talk.with_(who, 0)
        speaker = Speaker(who, self.tale.beliefs, 0, self.lore, ANN)
        being = Being(person, sample_definition(), self.needs, [turn.does for turn in turns], now_ms)
        told = {each.claim for turn in turns for each in turn.claims}
        last = [known_of(each) for each in turns[0].claims] if turns else []
        temper = temper_of(being, speaker, ANN)
        draft = drafted(plan(heard, Scene(speaker, ANN, naming(), temper, now_ms, DAY_MS, told, last)))
        voice, number = mouth().voice_of(person, sample_definition()), self.talk.count + 1
        seed = f"ann.{number}"
        pins = pins_for(self.pins, who, voice)
        made = [*spoken(draft.saying, self.talk, mouth().tongues[voice], pins, seed), *self.others]
        made_of = MadeOf(
            voice=voice, seed=seed, corpus=mouth().digest, definition=0, known=self.tale.position
        )
        where = Told("ann", who, list(present), PLACE, now_ms, text, made_of, number)
        line = line_of(draft, where, heard, made)
        self.tale.hear(line)
        self.talk = evolve(self.talk, line)
        self.said.append(line)
        return line
