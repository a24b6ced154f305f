"""What people say to players, and the lines that a designer pins. Names of events are storage format.

One event is one line: what the player said, what the person answered and why, how it came to its words. Each
player has one stream, ``talk-{player}``: what was talked of before, and what was heard, is in it.
"""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from domain.beliefs.messages import (
    CLAIMS_MAX,
    HEARERS_MAX,
    WORDS_MAX,
    Argument,
    ClaimText,
    ClaimTold,
    Holder,
    PredicateRef,
)
from domain.beliefs.spoken import Spoken
from domain.kernel.context import Payload
from domain.kernel.event import Command, Event
from domain.kernel.roles import GRANTED, OPERATOR, WRITING
from domain.kernel.visibility import Discreet, Erased, Personal, Private
from domain.kernel.vocabulary import Count, Digest, Operator, Reason, Text
from domain.people.messages import EventId
from domain.places.messages import GameMs, PlaceRef
from domain.session.messages import PlayerId, SessionNumber
from domain.story.plan import ASKED_FOR
from domain.story.plan import CLAIMS_MAX as STATED_MAX

PINS = "story-pins"
"""Lines that are pinned; writers write them."""

LINE_MAX = 2_000
THINGS_MAX = 16
CANDIDATES_MAX = 64
CITES_MAX = 16
ABOUT_MAX = 16

LineId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_-]{1,128}\.[1-9][0-9]{0,15}$",
        description="Id of a line: the player, and the how manieth it is that was said to them: ann.17.",
    ),
]
PersonHolder = Annotated[
    str, Field(pattern=r"^person\.[a-z][a-z0-9_]{0,63}$", description="A person of the world: person.gault.")
]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,31}$")]
ThingId = Annotated[Text, Field(min_length=1, max_length=300)]
Stage = Annotated[
    int,
    Field(ge=0, le=100, description="Stage of the story that the player has reached: no line says more."),
]
VoiceName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9_]{1,64}/[a-z0-9_]{1,64}$", description="Voice of the corpus: harbour/ferryman."),
]
RungName = Literal["pinned", "written", "small", "large"]
"""How a line came to its words: R0, R1, R2, R3."""

PinId = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="Id of the pin, chosen by who writes it.")
]
Letter = Annotated[str, Field(pattern=r"^[A-Z]$")]
PinnedBy = Annotated[
    str,
    Field(
        pattern=r"^(person\.[a-z][a-z0-9_]{0,63}|voice\.[a-z0-9_]{1,64}/[a-z0-9_]{1,64})$",
        description="Who says it: person.una_pell, or whoever has a voice: voice.harbour/ferryman.",
    ),
]
PinPlan = Annotated[
    Text, Field(min_length=1, max_length=400, description="As a header of the corpus: tell dead(A) | sad.")
]
PinLet = Annotated[
    dict[Letter, Argument],
    Field(max_length=16, description="Whom letters stand for, where it is for them alone: A: person.nib."),
]
PinText = Annotated[Text, Field(min_length=1, max_length=1_000, description="The line, as in the corpus.")]


class _Part(Discreet):
    """A part of an event; unknown fields are ignored, as the event's are."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class HeardClaim(_Part):
    """A claim that the player's words make: what that player says, and never a fact."""

    claim: ClaimText
    over: Annotated[bool, Field(description="Whether they say that it holds no more.")] = False


class Understood(_Part):
    """What the player's words were taken for."""

    act: Annotated[Word, Field(description="What the player did by them: greet, ask, tell, threaten, ….")]
    about: Annotated[
        list[Argument], Field(max_length=ABOUT_MAX, description="What they name, or mean by he, she, there.")
    ]
    asks: Annotated[
        list[PredicateRef], Field(max_length=64, description="By which predicates an answer would claim.")
    ]
    claims: Annotated[
        list[HeardClaim],
        Field(max_length=CLAIMS_MAX, description="What they claim; hearers believe or doubt it."),
    ]


class SaidThing(_Part):
    """Something that the line speaks of, with the name by which it does."""

    id: Annotated[ThingId, Field(description="What it is in the world: person.gault; of a value, its text.")]
    kind: Annotated[Word, Field(description="person, place, faction, good, sum, time, weather, quest.")]
    name: Annotated[Text, Field(max_length=400, description="As it stands within a sentence.")]
    gender: Annotated[Word, Field(description="he, she, they or it.")] = "they"
    plural: Annotated[bool, Field(description="Whether it takes plural verbs.")] = False
    forms: Annotated[
        dict[Word, Annotated[Text, Field(max_length=400)]],
        Field(max_length=8, description="Forms of its own: the, bare, aim."),
    ] = Field(default_factory=dict)


class Evidence(_Part):
    """By what the speaker has a claim."""

    how: Annotated[
        Word,
        Field(
            description="witnessed, told, hearsay, claimed, inferred, common, lore; none: they make it up."
        ),
    ]
    event: Annotated[EventId | None, Field(description="By which event they know; null: all know it.")]
    root: Annotated[EventId | None, Field(description="Event that it is about at its root; null: unknown.")]
    confidence: Annotated[
        int, Field(ge=0, le=1_000, description="How sure.", json_schema_extra={"unit": "thousandths"})
    ]
    hands: Annotated[Count, Field(description="Through how many hands it went; 0: they saw it.")]
    teller: Annotated[str, Field(max_length=160, description="Who told them; empty: nobody.")]
    of_ms: Annotated[GameMs | None, Field(description="Of when it is so; null: always.")]


class Citation(_Part):
    """A sentence of a version of a document of the lore."""

    document: Annotated[str, Field(max_length=64, description="Id of the document.")]
    number: Annotated[Count, Field(description="Its version.")]
    section: Annotated[str, Field(max_length=64, description="Section; empty: what stands before any.")]
    sentence: Annotated[Count, Field(description="Number of the sentence in the section.")]


class SaidClaim(_Part):
    """A claim that the line states, with what makes it true for who says it."""

    claim: ClaimText
    over: Annotated[bool, Field(description="Whether it is denied, or said to hold no more.")] = False
    predicate: PredicateRef
    roles: Annotated[
        list[ThingId],
        Field(max_length=8, description="Ids of `things`, in the order in which lines say them."),
    ]
    circumstances: Annotated[
        list[ThingId], Field(max_length=3, description="Ids of `things`: where, when, from whom one has it.")
    ]
    evidence: Evidence
    cites: Annotated[
        list[Citation], Field(max_length=CITES_MAX, description="Where the lore says it; empty: it does not.")
    ]


class SaidPlan(_Part):
    """What the line had to do, before anybody chose its words."""

    act: Annotated[Word, Field(description="greet, answer, not_know, refuse, …: docs/story.md.")]
    claims: Annotated[
        list[SaidClaim], Field(max_length=STATED_MAX, description="What it states; two claims at most.")
    ]
    certainty: Annotated[Word, Field(description="How sure the speaker is of them.")]
    mood: Annotated[Word, Field(description="What the speaker feels.")]
    attitude: Annotated[Word, Field(description="How the speaker stands to the player.")]
    level: Annotated[Word, Field(description="The level of speech.")]
    unsaid: Annotated[
        list[ClaimText],
        Private(),
        Field(max_length=CLAIMS_MAX, description="What had to stay unsaid though the speaker knows it."),
    ]


class Candidate(_Part):
    """Words that were made for the plan, and what became of them."""

    rung: Annotated[RungName, Field(description="Who made them: pinned (R0), written (R1), small, large.")]
    digest: Annotated[Digest, Field(description="Of their text in UTF-8.")]
    stopped: Annotated[
        str, Field(max_length=64, description="Gate that stopped them; empty: they passed all.")
    ] = ""
    why: Annotated[Text, Field(max_length=400, description="What the gate found; empty: nothing.")] = ""
    score: Annotated[
        int,
        Field(ge=-(10**9), le=10**9, description="The better, the larger; compared within one rung only."),
    ] = 0
    maker: Annotated[
        Text,
        Field(max_length=200, description="What made them: the pin, how lines were put together, the model."),
    ] = ""


class Pronounced(_Part):
    """How a name is spoken."""

    name: Annotated[Text, Field(max_length=400, description="As it stands in the line.")]
    spoken: Annotated[
        Text, Field(max_length=400, description="Respelt by syllables; capitals bear the stress: OH-dah-lis.")
    ]


class Direction(_Part):
    """How the line is to be spoken; it follows from the plan by rule."""

    emotion: Annotated[Word, Field(description="What is heard in it: the plan's mood.")]
    intensity: Annotated[
        int, Field(ge=0, le=1_000, description="How much of it.", json_schema_extra={"unit": "thousandths"})
    ]
    pace: Annotated[
        int,
        Field(
            ge=500,
            le=2_000,
            description="How fast; 1,000 is as this person usually speaks.",
            json_schema_extra={"unit": "thousandths"},
        ),
    ]
    emphasis: Annotated[
        list[Annotated[Text, Field(max_length=400)]],
        Field(max_length=THINGS_MAX, description="Words that bear the weight, as they stand in the line."),
    ]
    names: Annotated[
        list[Pronounced], Field(max_length=THINGS_MAX, description="Names in it, with how they are spoken.")
    ]


class MadeOf(_Part):
    """All that is needed to make the line again, beside this event and those before it in its stream."""

    voice: VoiceName
    seed: Annotated[Text, Field(max_length=200, description="What chance was drawn from.")]
    corpus: Annotated[Digest, Field(description="Of the corpus of lines.")]
    definition: Annotated[Count, Field(description="Version of the world's definition; 0: the sample's.")]
    known: Annotated[Count, Field(description="Position of the log up to which beliefs were known.")]


class OfScene(_Part):
    """The scene of the director whose line it is."""

    number: Annotated[Count, Field(description="Number of the scene.")]
    storylet: Annotated[
        str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="The storylet that is played.")
    ]
    line: Annotated[Count, Field(description="The how manieth of the scene's lines it is, from 0.")]


class LineSaid(Spoken, Event, name="story.said", version=2):
    """A person said a line: to a player who spoke to them, or in a scene that is played for that player.

    Those who were there heard both; they believe or doubt it, no more. In a scene the player said nothing,
    and who listens, `things[1]`, may be somebody else of it.
    """

    line: LineId
    player: PlayerId
    speaker: PersonHolder
    present: Annotated[
        list[Holder], Field(max_length=HEARERS_MAX, description="Who else was there, awake, and heard it.")
    ]
    place: PlaceRef
    at_ms: GameMs
    utterance: Annotated[
        Annotated[Text, Field(max_length=WORDS_MAX, description="What the player said; in a scene empty.")]
        | Erased,
        Personal(of="player"),
    ]
    heard: Annotated[Understood, Field(description="What that was taken for.")]
    plan: Annotated[SaidPlan, Field(description="What the line had to do.")]
    things: Annotated[
        list[SaidThing],
        Field(max_length=THINGS_MAX, description="What it speaks of; the first speaks, the second listens."),
    ]
    candidates: Annotated[
        list[Candidate], Field(min_length=1, max_length=CANDIDATES_MAX, description="What could be said.")
    ]
    winner: Annotated[Count, Field(description="Index of the candidate that was said.")]
    rung: Annotated[RungName, Field(description="Of that one.")]
    text: Annotated[Text, Field(min_length=1, max_length=LINE_MAX, description="What the person said.")]
    lines: Annotated[
        list[Annotated[str, Field(max_length=200)]],
        Field(max_length=8, description="Ids of the written lines in it: who heard them hears others next."),
    ]
    openings: Annotated[
        list[Annotated[Text, Field(max_length=400)]],
        Field(max_length=8, description="Their first words, which should not come again soon."),
    ]
    direction: Annotated[Direction, Field(description="How it is to be spoken.")]
    made_of: Annotated[MadeOf, Field(description="By what it is made again.")]
    scene: Annotated[OfScene | None, Field(description="Nil: the player spoke to them.")] = None

    example: ClassVar = {
        "line": "ann.17",
        "player": "ann",
        "speaker": "person.una_pell",
        "present": ["person.nib"],
        "place": "ropewalk_quay",
        "at_ms": 68_400_000,
        "utterance": "Who killed Bram Sallow?",
        "heard": {"act": "ask", "about": ["person.bram_sallow"], "asks": ["killed"], "claims": []},
        "plan": {
            "act": "answer",
            "claims": [
                {
                    "claim": "killed(person.gault, person.bram_sallow)",
                    "over": False,
                    "predicate": "killed",
                    "roles": ["person.gault", "person.bram_sallow"],
                    "circumstances": ["time.last night"],
                    "evidence": {
                        "how": "told",
                        "event": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
                        "root": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
                        "confidence": 800,
                        "hands": 1,
                        "teller": "person.nib",
                        "of_ms": 54_000_000,
                    },
                    "cites": [],
                }
            ],
            "certainty": "hearsay",
            "mood": "sad",
            "attitude": "wary",
            "level": "plain",
            "unsaid": ["owes(person.una_pell, person.gault, number.300)"],
        },
        "things": [
            {"id": "person.una_pell", "kind": "person", "name": "Una Pell", "gender": "she"},
            {"id": "player.ann", "kind": "person", "name": "friend"},
            {"id": "person.gault", "kind": "person", "name": "Gault", "gender": "he"},
            {"id": "person.bram_sallow", "kind": "person", "name": "Bram Sallow", "gender": "he"},
            {"id": "time.last night", "kind": "time", "name": "last night"},
        ],
        "candidates": [
            {
                "rung": "written",
                "digest": "sha256:" + "5e" * 32,
                "stopped": "",
                "why": "",
                "score": 7,
                "maker": "line",
            }
        ],
        "winner": 0,
        "rung": "written",
        "text": "They say it was Gault that killed Bram Sallow last night.",
        "lines": ["3f2a9c01d4e5"],
        "openings": ["they say it"],
        "direction": {
            "emotion": "sad",
            "intensity": 600,
            "pace": 850,
            "emphasis": ["Gault"],
            "names": [{"name": "Gault", "spoken": "GAWLT"}],
        },
        "made_of": {
            "voice": "harbour/ferryman",
            "seed": "ann.17",
            "corpus": "sha256:" + "ab" * 32,
            "definition": 3,
            "known": 1_204,
        },
        "scene": None,
    }

    @property
    def listener(self) -> str:
        """Who is spoken to: the player, or in a scene somebody else of it."""
        return self.things[1].id

    def tellings(self) -> Iterable[ClaimTold]:
        """Return what is told by it, in its order: what the player claims, then what the person does."""
        player = f"player.{self.player}"
        for each in self.heard.claims:
            yield self._told(player, [self.speaker, *self.present], each.claim, over=each.over)
        for said in () if self.plan.act in ASKED_FOR else self.plan.claims:
            of_ms = said.evidence.of_ms
            yield self._told(self.speaker, [player, *self.present], said.claim, over=said.over, of_ms=of_ms)

    def _told(
        self, teller: str, hearers: list[str], claim: str, *, over: bool, of_ms: int | None = None
    ) -> ClaimTold:
        return ClaimTold(
            teller=teller,
            hearers=hearers[:HEARERS_MAX],
            claim=claim,
            over=over,
            of_ms=self.at_ms if of_ms is None else of_ms,
            place=self.place,
            at_ms=self.at_ms,
        )


def of_no_scene(payload: Payload) -> Payload:
    """Return a line of version 1 as one of version 2: there were none of scenes."""
    return {**payload, "scene": None}


class LinePinned(Event, name="story.pinned", version=1):
    """A line goes before all others of who says it, wherever its plan fits; another of its id is over."""

    pin: PinId
    by: PinnedBy
    plan: PinPlan
    let: PinLet
    text: PinText
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "pin": "una_greets",
        "by": "person.una_pell",
        "plan": "greet | warm",
        "let": {},
        "text": "There you are. Mind the rope.",
        "operator": "ops",
        "reason": "her first words in the trailer",
    }


class LineUnpinned(Event, name="story.unpinned", version=1):
    """A pinned line is one like any other that is not: nobody says it any more."""

    pin: PinId
    operator: Operator
    reason: Reason

    example: ClassVar = {"pin": "una_greets", "operator": "ops", "reason": "the trailer is out"}


class Say(Command, name="story.say", may=(GRANTED, OPERATOR)):
    """Have a player speak to a person who is in the same place and awake; the person answers.

    What the player claims becomes what they say, for all who hear it; no fact follows from words. What they
    promise the person, if events can show it, is promised (promises.made, with the command's id). The person
    says what they believe, or honestly that they do not know. The result is {line, speaker, text, rung, act,
    claims, heard, direction, hearers}: claims and heard as lists of {claim, over}, direction as story.said
    has it. Refused with ``not_there``, ``nobody_hears``, ``no_voice``, ``no_clock``, ``talk_moved`` (try
    again with the same id), ``over_allowance``, and for the session as places.enter is.
    """

    player: PlayerId
    session: SessionNumber
    to: PersonHolder
    text: Annotated[
        Annotated[Text, Field(max_length=WORDS_MAX, description="What the player says, in their own words.")],
        Personal(of="player"),
    ]
    stage: Stage = 0

    example: ClassVar = {
        "player": "ann",
        "session": 3,
        "to": "person.una_pell",
        "text": "Who killed Bram Sallow?",
        "stage": 0,
    }


class Pin(Command, name="story.pin", may=WRITING):
    """Pin a line: who it is for says it wherever its plan fits, before any other.

    It is checked as a line of the corpus is, and read back as every line is before it is said: it says every
    letter of its plan, claims nothing else, names nobody (wherever the name stands) and has no word of
    another time. The result is {pin}. Refused with ``bad_pin``, which says in which field, what, and what may
    stand there.
    """

    pin: PinId
    by: PinnedBy
    plan: PinPlan
    let: PinLet = Field(default_factory=dict)
    text: PinText
    operator: Operator
    reason: Reason

    example: ClassVar = dict(LinePinned.example)


class Unpin(Command, name="story.unpin", may=WRITING):
    """Take a pin back. The result is {pin}. Refused with ``unknown_pin``."""

    pin: PinId
    operator: Operator
    reason: Reason

    example: ClassVar = dict(LineUnpinned.example)


EVENTS = (LineSaid, LinePinned, LineUnpinned)
COMMANDS = (Say, Pin, Unpin)


def stream_of(player: str) -> str:
    """Return the stream of what is said to a player: talk-ann."""
    return f"talk-{player}"
