"""Barks: short lines that claim nothing, proposed by a model or a writer, and taken by a writer. Pure.

A bark that was taken is a written line of its voice, from then on and without a restart: it stands in the
corpus as all others do, changed by the event as a verdict changes it (`domain.story.verdicts`). Nobody says
one that was only proposed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from domain.kernel.decider import Decider, Rejected
from domain.kernel.event import Command, Event, Query
from domain.kernel.roles import GRANTED, PEOPLE, WRITING
from domain.kernel.vocabulary import Operator, Reason, Text
from domain.story.asides import line_id, opening_of
from domain.story.corpus import Mark, Pair, Words, line_faults
from domain.story.messages import VoiceName
from domain.story.plan import Act, Attitude, LinePlan, Mood
from domain.story.saying import Tongue, Written
from domain.story.variety import words_of

STREAM = "story-barks"
TEXT_MAX = 240
BarkId = Annotated[
    str, Field(pattern=r"^[0-9a-f]{12}$", description="The bark's id; it follows from its words.")
]
BarkAct = Literal[
    "small_talk", "silence_break", "greet", "farewell", "complain", "boast", "joke", "change_subject"
]
"""What is done without being asked, and without a claim."""

BarkMood = Literal["calm", "merry", "sad", "angry", "afraid", "weary", "bitter", "tender", "proud"]
BarkAttitude = Literal["neutral", "warm", "cold", "humble", "scornful", "wary"]


class BarkProposed(Event, name="story.bark_proposed", version=1):
    """Somebody, or a model, proposed a line for a voice; nobody says it yet."""

    bark: BarkId
    voice: VoiceName
    act: Annotated[BarkAct, Field(description="What is done by saying it.")]
    mood: Annotated[BarkMood, Field(description="What the speaker feels.")]
    attitude: Annotated[BarkAttitude, Field(description="How the speaker stands to who listens.")]
    text: Annotated[Text, Field(min_length=1, max_length=TEXT_MAX, description="The line.")]
    maker: Annotated[Text, Field(max_length=200, description='Which model wrote it; "": a writer.')]
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "bark": "3f2a9c01d4e5",
        "voice": "harbour/ferryman",
        "act": "small_talk",
        "mood": "calm",
        "attitude": "neutral",
        "text": "Rope remembers. That's why I never shout at it.",
        "maker": "ember-silver",
        "operator": "mira",
        "reason": "the night's batch",
    }


class BarkDeclined(Event, name="story.bark_declined", version=1):
    """A writer does not want a bark that was proposed."""

    bark: BarkId
    operator: Operator
    reason: Reason

    example: ClassVar = {"bark": "3f2a9c01d4e5", "operator": "mira", "reason": "flat"}


class BarkTaken(Event, name="story.bark_taken", version=1):
    """A writer took a bark: it is a written line of its voice from here on."""

    bark: BarkId
    voice: VoiceName
    act: Annotated[BarkAct, Field(description="What is done by saying it.")]
    mood: Annotated[BarkMood, Field(description="What the speaker feels.")]
    attitude: Annotated[BarkAttitude, Field(description="How the speaker stands to who listens.")]
    text: Annotated[Text, Field(min_length=1, max_length=TEXT_MAX, description="The line.")]
    operator: Operator
    reason: Reason

    example: ClassVar = {
        key: BarkProposed.example[key] for key in ("bark", "voice", "act", "mood", "attitude", "text")
    } | {"operator": "mira", "reason": "that is how she talks"}

    def written(self, tongue: Tongue) -> Written:
        """Return it as a line of its voice."""
        return Written(
            self.bark, pair_of(tongue, self.act, self.mood, self.attitude, self.text), opening_of(self.text)
        )


class ProposeBark(Command, name="story.propose_bark", may=(GRANTED, *WRITING)):
    """Propose a line that claims nothing for a voice. The result is {bark}.

    Refused with ``unknown_voice``; ``unusable_line`` if it is not written as the corpus is: a name, a digit,
    a word of another time; ``known_line`` if the voice has its words already.
    """

    voice: VoiceName
    act: Annotated[BarkAct, Field(description="What is done by saying it.")]
    mood: Annotated[BarkMood, Field(description="What the speaker feels.")] = "calm"
    attitude: Annotated[BarkAttitude, Field(description="How the speaker stands to who listens.")] = "neutral"
    text: Annotated[Text, Field(min_length=1, max_length=TEXT_MAX, description="The line.")]
    maker: Annotated[Text, Field(max_length=200, description='Which model wrote it; "": a writer.')] = ""
    operator: Operator
    reason: Reason

    example: ClassVar = {key: value for key, value in BarkProposed.example.items() if key != "bark"}


class TakeBark(Command, name="story.take_bark", may=WRITING):
    """Take a bark that was proposed: people of its voice say it. The result is {bark, voice, text}.

    Refused with ``unknown_bark``. `story.reject` of a line that it was said in takes it away again.
    """

    bark: BarkId
    operator: Operator
    reason: Reason

    example: ClassVar = {"bark": "3f2a9c01d4e5", "operator": "mira", "reason": "that is how she talks"}


class DeclineBark(Command, name="story.decline_bark", may=WRITING):
    """Decline a bark that was proposed. The result is {bark}; refused with ``unknown_bark``."""

    bark: BarkId
    operator: Operator
    reason: Reason

    example: ClassVar = dict(BarkDeclined.example)


class BarksQuery(Query, name="story.barks", may=(GRANTED, *PEOPLE)):
    """Ask for barks: those that wait for a writer first, then taken ones, each the newest first.

    The result is {barks}: maps with bark, voice, act, mood, attitude, text, maker, state (proposed, taken).
    """

    example: ClassVar = {}


class Considered(Command):
    """Our own: a proposal that was read, or a decision on one that was looked up."""

    event: BarkProposed | BarkDeclined


BarkEvent = BarkProposed | BarkDeclined
BARKS = (BarkProposed, BarkDeclined)
Waiting = Mapping[str, BarkProposed]


@dataclass(frozen=True, slots=True)
class Bank:
    """Barks by id.

    Attributes:
        waiting: those that no writer has taken or declined yet. taken: those that people say.
    """

    waiting: Waiting = field(default_factory=dict)
    taken: Mapping[str, BarkTaken] = field(default_factory=dict)

    def after(self, event: Event) -> "Bank":
        """Return what there is after an event."""
        match event:
            case BarkProposed():
                return Bank({**self.waiting, event.bark: event}, self.taken)
            case BarkTaken():
                left = {id_: each for id_, each in self.waiting.items() if id_ != event.bark}
                return Bank(left, {**self.taken, event.bark: event})
            case BarkDeclined():
                left = {id_: each for id_, each in self.waiting.items() if id_ != event.bark}
                return Bank(left, self.taken)
            case _:
                return self

    def without(self, lines: Collection[str]) -> "Bank":
        """Return what there is after a writer rejected written lines."""
        return Bank(self.waiting, {id_: each for id_, each in self.taken.items() if id_ not in lines})


def pair_of(tongue: Tongue, act: str, mood: str, attitude: str, text: str) -> Pair:
    """Return a bark as a pair of the corpus."""
    plan = LinePlan(Act(act), mood=Mood(mood), attitude=Attitude(attitude))
    return Pair(tongue.voice, plan, text, Mark(STREAM, 0))


def read_bark(command: ProposeBark, tongues: Mapping[str, Tongue], words: Words) -> BarkProposed:
    """Return a proposal that is written as the corpus is.

    Raises:
        Rejected: ``unknown_voice``, ``unusable_line`` or ``known_line``.
    """
    tongue = tongues.get(command.voice)
    if tongue is None:
        remedy = f"one of {', '.join(sorted(tongues)[:8])}, …"
        raise Rejected("unknown_voice", f"there is no voice {command.voice}", field="voice", remedy=remedy)
    pair = pair_of(tongue, command.act, command.mood, command.attitude, command.text)
    for _, found, allowed in line_faults(pair, words):
        raise Rejected("unusable_line", f"in it is {found}", field="text", remedy=f"allowed: {allowed}")
    own = words_of(command.text)
    if any(words_of(each) == own for each in _texts(tongue)):
        raise Rejected("known_line", "the voice has these words already", field="text", remedy="write others")
    id_ = line_id(command.voice, command.text)
    return BarkProposed(bark=id_, **command.model_dump())


def _texts(tongue: Tongue) -> Iterator[str]:
    for lines in tongue.by_shape.values():
        yield from (each.pair.text for each in lines)


def decide(command: Considered, state: Waiting) -> Sequence[BarkEvent]:
    """Return what becomes of a bark; nothing if it waits, or is gone, already."""
    known = command.event.bark in state
    return [] if known == isinstance(command.event, BarkProposed) else [command.event]


def evolve(state: Waiting, event: BarkEvent) -> Waiting:
    """Return what waits after one more event."""
    left = {id_: each for id_, each in state.items() if id_ != event.bark}
    return {**left, event.bark: event} if isinstance(event, BarkProposed) else left


NOTHING: Waiting = {}
CONSIDERING: Decider[Considered, BarkEvent, Waiting] = Decider(NOTHING, decide, evolve)


def explains(command: Considered, event: BarkEvent) -> bool:
    """Return whether an event may be what a command led to."""
    return (type(command.event), command.event.bark) == (type(event), event.bark)
