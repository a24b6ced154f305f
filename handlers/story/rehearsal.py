"""Lines as they would be said: the talk of a running program, in a world that was put up for one answer.

Nothing is recorded. `Stage` is the world that `handlers.story.talks` asks, held still: beliefs are a copy of
what the log made of them, or of a world in which nothing has happened, and are changed as a writer set it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.beliefs.beliefs import Beliefs
from domain.beliefs.telling import Audience
from domain.beliefs.vocabulary import Vocabulary
from domain.definition.definition import Definition
from domain.lore.chunks import limits_of
from domain.lore.knowing import Knower, labels_of, may_know
from domain.lore.messages import Content
from domain.memories.memories import Memories
from domain.story.knowing import Cite, Known, of_lore
from domain.story.messages import LineSaid, Say
from domain.story.mouth import Mouth
from domain.story.pins import PinLine, pins_for
from domain.story.plan import Attitude
from domain.story.staging import Staged, Then, befalls
from domain.story.talk import TALKING, Talk, made_again, saying_of
from handlers.story.talks import Talks

FIRST_SENTENCE = 1


@dataclass
class Stage:
    """A world held still, as `handlers.story.talks.World` wants it.

    Attributes:
        version: of the definition. position: of the log, up to which it is known.
        there: who is in the place, awake, without the player.
    """

    world: Definition
    version: int
    believed: Beliefs
    remembered: Memories
    position: int
    corpus: Mouth
    at_ms: int
    a_day_ms: int
    there: Sequence[str]
    pinned: Sequence[PinLine] = ()
    place: str = field(default="")

    async def audience(self, place: str) -> Audience:
        """Return who is in the place."""
        return Audience(place, self.there, self.there)

    async def definition(self) -> tuple[int, Definition]:
        """Return the definition, with its version."""
        return self.version, self.world

    async def needs(self, person: str) -> Mapping[str, int]:
        """Return nothing: how somebody is was recorded with the line, or is set."""
        del person
        return {}

    def game_ms(self) -> int | None:
        """Return the game time."""
        return self.at_ms

    def day_ms(self) -> int:
        """Return how long a game day is."""
        return self.a_day_ms

    async def up_to_date(self) -> None:
        """Return at once: what was known then is all that is known here."""

    def beliefs(self) -> tuple[Beliefs, int]:
        """Return what is believed."""
        return self.believed, self.position

    def memories(self) -> Memories:
        """Return what is remembered."""
        return self.remembered

    def pins(self) -> Sequence[PinLine]:
        """Return the lines that are pinned."""
        return self.pinned

    async def mouth(self) -> Mouth:
        """Return the corpus."""
        return self.corpus


@dataclass(frozen=True)
class LoreBeside:
    """What documents claim that are not in the log yet, as if every question found them.

    Attributes:
        before: what the line went by before, of what is written.
    """

    contents: Sequence[Content]
    world: Definition
    day: int
    before: Sequence[Known] = ()

    async def claims(self, text: str, person: str, stage: int, words: Vocabulary) -> Sequence[Known]:
        """Return what they claim, as far as the person may know it."""
        del text
        knower = Knower(labels_of(person, self.world), self.day, stage)
        found = list(self.before)
        for content in self.contents:
            section = content.sections[0]
            if any(may_know(knower, limits_of(content, each)) for each in content.sections):
                cite = Cite(content.document, 0, section.section, FIRST_SENTENCE)
                found += of_lore(content.claims, [cite], words, self.day)
        return found


async def answered(talks: Talks, stage: Stage, said: Say, talk: Talk, wanted: Staged) -> LineSaid:
    """Return what a person would answer, in a stage that is changed as a writer set it.

    Raises:
        Rejected: as `Talks` does.
    """
    befalls(stage.believed, wanted, said.to, Then(stage.place, stage.at_ms, stage.position))
    return await talks.would_answer(said, stage.place, talk)


def in_manner(
    line: LineSaid, before: Sequence[LineSaid], wanted: Staged, mouth: Mouth, pins: Sequence[PinLine]
) -> LineSaid:
    """Return a line with its plan as it is, said in another manner or voice, by other written lines.

    The rungs that are there always say it: pinned lines and the written ones. Words of a model are not made
    again.

    Args:
        line: as it was said, or would be.
        before: the lines of its stream before it.
        wanted: manner, voice and chance, as far as they are set.
        mouth: the corpus.
        pins: lines that are pinned.
    """
    asked = wanted.asked
    manner = {"mood": asked.mood, "attitude": asked.attitude, "level": asked.register}
    plan = line.plan.model_copy(update={name: word for name, word in manner.items() if word})
    things = list(line.things)
    if asked.attitude:
        friend = "friend" if asked.attitude == Attitude.WARM else "stranger"
        things[1] = things[1].model_copy(update={"name": friend})
    voice = asked.voice or line.made_of.voice
    made_of = line.made_of.model_copy(
        update={"voice": voice, "seed": asked.seed or line.made_of.seed, "corpus": mouth.digest}
    )
    saying = saying_of(plan, things)
    pin = next((each for each in pins_for(pins, line.speaker, voice) if each.says(saying) is not None), None)
    written = line.candidates[0].model_copy(update={"rung": "written"})
    rungs = [written.model_copy(update={"rung": "pinned"}), written] if pin else [written]
    bare = line.model_copy(
        update={
            "plan": plan,
            "things": things,
            "made_of": made_of,
            "candidates": rungs,
            "winner": 0,
            "rung": rungs[0].rung,
        }
    )
    return made_again(bare, [] if asked.anew else before, mouth.tongues[voice], pin)


def talk_before(before: Sequence[LineSaid], *, anew: bool) -> Talk:
    """Return what was said to a player before a line; ``anew``: nothing that they could hear again."""
    talk = TALKING.fold(list(before))
    return replace(talk, words=()) if anew else talk
