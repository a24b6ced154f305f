"""Events of the director. Names and versions of events are storage format: they stay for ever.

All stand in one stream, ``director-realm``, which one leader writes (`handlers.director.leader`): who is in a
scene is in no other, as the one append that opens it is decided by all that are open.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from domain.kernel.declared import Declared
from domain.kernel.event import Event
from domain.kernel.visibility import Private
from domain.kernel.vocabulary import Count, Text
from domain.places.messages import GameMs, PlaceRef
from domain.session.messages import PlayerId

STREAM = "director-realm"
STIRS_MAX = 8
"""Claims that one event names of what a player saw; all of it counts."""

_ID = r"^[a-z][a-z0-9_]{0,63}$"
Id = Annotated[str, Field(pattern=_ID)]
StoryletRef = Annotated[Id, Field(description="A storylet of the world's definition.")]
ArcRef = Annotated[Id, Field(description="An arc of the world's definition.")]
BeatRef = Annotated[Id, Field(description="A beat of the arc.")]
EndRef = Annotated[Id, Field(description="An end of the arc.")]
PersonRef = Annotated[Id, Field(description="A person of the world's definition.")]
Version = Annotated[Count, Field(description="Version of the definition that it is of; 0: the program's.")]
Scene = Annotated[Count, Field(description="Number of the scene.")]
Run = Annotated[Count, Field(description="Number of the arc as this player lives it.")]
State = Annotated[
    Literal["build", "peak", "fade", "relax"],
    Field(description="build: it may get tenser; peak: it is kept; fade and relax: nothing makes it tenser."),
]
Level = Annotated[
    int, Field(ge=0, le=1_000, description="How tense it is.", json_schema_extra={"unit": "thousandths"})
]
CastOf = Annotated[dict[Id, PersonRef], Field(max_length=16, description="Who plays what, by role.")]
Outcome = Literal["played", "left", "broken"]


class PlannedLine(Declared):
    """What somebody is to say: a line plan, before anybody chooses its words."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    by: Annotated[Text, Field(max_length=140, description="Who: person.una_pell.")]
    to: Annotated[Text, Field(max_length=140, description="To whom: player.ann, person.nib.")]
    act: Annotated[Text, Field(max_length=32, description="What is done by saying it: greet, tell, warn.")]
    claims: Annotated[
        list[Annotated[Text, Field(max_length=400)]], Field(max_length=2, description="What it states.")
    ]
    manner: Annotated[
        list[Annotated[Text, Field(max_length=32)]],
        Field(max_length=4, description="How: sad, cold, formal."),
    ]


class Why(Declared):
    """Why this storylet was chosen and no other."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Annotated[
        Literal["essential", "specific", "evergreen"],
        Field(description="Its class: essential ones come first."),
    ]
    specificity: Annotated[Count, Field(description="How much its conditions ask for; who asks most wins.")]
    rivals: Annotated[Count, Field(description="Among how many it was chosen last, itself included.")]
    tension: State
    realm: State
    news: Annotated[Count | None, Field(description="Number of what emerged that it is about.")] = None


class DirectorLed(Event, name="director.led", version=1):
    """A process began to direct: it alone tells what follows, until another one does."""

    term: Count = Field(description="Number of this lead, from 1.")
    leader: Annotated[Text, Field(min_length=1, max_length=256, description="The process.")]

    example: ClassVar = {"term": 3, "leader": "brain-1:4711"}


class SceneOpened(Event, name="director.scene_opened", version=1):
    """A storylet begins to be played for a player; its cast is in no other scene until it is closed."""

    scene: Scene
    storylet: StoryletRef
    version: Version
    player: PlayerId
    place: PlaceRef
    cast: CastOf
    present: Annotated[list[PersonRef], Field(max_length=16, description="Who of the cast stands in it.")]
    at_ms: GameMs
    until_ms: Annotated[GameMs, Field(description="When it is over at the latest.")]
    says: Annotated[Text, Field(max_length=800, description="What happens, as a sentence.")]
    lines: Annotated[list[PlannedLine], Field(max_length=8, description="What is said, in order.")]
    tension: int = Field(ge=-1_000, le=1_000, description="By how much it makes it tenser for the player.")
    realm: int = Field(ge=-1_000, le=1_000, description="By how much for everybody.")
    quest: Annotated[Id | None, Field(description="The quest that it points the player to.")] = None
    run: Annotated[Count | None, Field(description="The arc that it is part of, as the player lives it.")] = (
        None
    )
    why: Annotated[Why, Field(description="Why this one was chosen.")]

    example: ClassVar = {
        "scene": 41, "storylet": "ledger_a_word_aside", "version": 2, "player": "ann", "place": "tally_house",
        "cast": {"clerk": "silas_wend", "collector": "bram_sallow"}, "present": ["silas_wend"],
        "at_ms": 68_400_000, "until_ms": 68_760_000, "says": "Silas Wend has a column that is short.",
        "lines": [{"by": "person.silas_wend", "to": "player.ann", "act": "greet", "claims": [],
                   "manner": ["wary"]}],
        "tension": 150, "realm": 0, "quest": None, "run": 7,
        "why": {"kind": "specific", "specificity": 9, "rivals": 2, "tension": "build", "realm": "build"},
    }  # fmt: skip


class Swaying(Declared):
    """What a scene does to a faction (`factions.deed`), in thousandths."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    faction: Annotated[Id, Field(description="Whose power changes.")]
    other: Annotated[Id | None, Field(description="Towards whom regard changes; nil: it does not.")]
    power: int = Field(ge=-50, le=50, description="By how much.")
    regard: int = Field(ge=-200, le=200, description="By how much the two think better of each other.")


class SceneClosed(Event, name="director.scene_closed", version=1):
    """A scene is over, and its cast is free."""

    scene: Scene
    player: PlayerId
    outcome: Annotated[
        Outcome,
        Field(description="played: to its end; left: the player went; broken: somebody of the cast is gone."),
    ]
    at_ms: GameMs
    sways: Annotated[
        list[Swaying], Field(max_length=4, description="What follows for factions; nothing unless played.")
    ]

    example: ClassVar = {
        "scene": 41, "player": "ann", "outcome": "played", "at_ms": 68_760_000,
        "sways": [{"faction": "tallymen", "other": None, "power": 10, "regard": 0}],
    }  # fmt: skip


class ArcBegun(Event, name="director.arc_begun", version=1):
    """A player's story began: its cast is the same in all its scenes."""

    run: Run
    arc: ArcRef
    version: Version
    player: PlayerId
    beat: BeatRef
    cast: CastOf
    at_ms: GameMs

    example: ClassVar = {
        "run": 7, "arc": "the_short_ledger", "version": 2, "player": "ann", "beat": "a_word_aside",
        "cast": {"clerk": "silas_wend", "collector": "bram_sallow"}, "at_ms": 68_400_000,
    }  # fmt: skip


class ArcAdvanced(Event, name="director.arc_advanced", version=1):
    """A player's story went on to another beat."""

    run: Run
    player: PlayerId
    beat: BeatRef
    at_ms: GameMs
    scene: Annotated[Count | None, Field(description="The scene that led there; nil: nobody came in time.")]

    example: ClassVar = {
        "run": 7, "player": "ann", "beat": "the_collector_asks", "at_ms": 68_760_000, "scene": 41,
    }  # fmt: skip


class ArcRecast(Event, name="director.arc_recast", version=1):
    """Another one plays a part in a story: who had it is gone, or has not come on in it yet."""

    run: Run
    player: PlayerId
    role: Annotated[Id, Field(description="The part that is played by another one from now on.")]
    was: PersonRef
    now: PersonRef
    at_ms: GameMs

    example: ClassVar = {
        "run": 7, "player": "ann", "role": "clerk", "was": "silas_wend", "now": "odalys_pike",
        "at_ms": 70_000_000,
    }  # fmt: skip


class ArcEnded(Event, name="director.arc_ended", version=1):
    """A player's story came to an end."""

    run: Run
    arc: ArcRef
    player: PlayerId
    end: EndRef
    outcome: Annotated[
        Literal["kept", "broken", "faded", "lost"],
        Field(description="faded: nobody came in time; lost: nobody could stand in for who is gone."),
    ]
    text: Annotated[Text, Field(max_length=800, description="How it ended, as a sentence.")]
    at_ms: GameMs
    scene: Annotated[Count | None, Field(description="The scene that led there; nil: none did.")]

    example: ClassVar = {
        "run": 7, "arc": "the_short_ledger", "player": "ann", "end": "mended", "outcome": "kept",
        "text": "The column comes out.", "at_ms": 90_000_000, "scene": 55,
    }  # fmt: skip


class ArcMigrated(Event, name="director.arc_migrated", version=1):
    """A player's story goes on by another version of the definition, at the same beat.

    Where that version has the beat no more, or other roles, it goes on by its own version until it ends.
    """

    run: Run
    player: PlayerId
    version: Version
    was: Version
    at_ms: GameMs

    example: ClassVar = {"run": 7, "player": "ann", "version": 3, "was": 2, "at_ms": 70_000_000}


class TensionChanged(Event, name="director.tension_changed", version=1):
    """It began to build up, came to a peak, began to fade, or to rest; the rest follows from these."""

    player: Annotated[PlayerId | None, Field(description="For whom; nil: for the realm.")]
    state: State
    level: Level
    at_ms: GameMs
    until_ms: Annotated[GameMs | None, Field(description="When a peak or a rest is over.")]

    example: ClassVar = {
        "player": "ann", "state": "relax", "level": 190, "at_ms": 70_000_000, "until_ms": 72_100_000,
    }  # fmt: skip


class Stirred(Event, name="director.stirred", version=1):
    """A player saw with their own eyes what makes it tenser for them, or calmer.

    What they saw up to its position of the log is counted by it, and never again.
    """

    player: PlayerId
    by: int = Field(ge=-1_000, le=1_000, description="By how much it is tenser; negative: calmer.")
    claims: Annotated[
        list[Annotated[Text, Field(max_length=400)]],
        Private(),
        Field(min_length=1, max_length=STIRS_MAX, description="What was done, the newest last."),
    ]
    position: Annotated[Count, Field(description="Of the last of it in the log.")]
    at_ms: GameMs

    example: ClassVar = {
        "player": "ann", "by": 450, "claims": ["killed(person.gault, person.bram_sallow)"],
        "position": 1_204, "at_ms": 70_000_000,
    }  # fmt: skip


EVENTS = (
    DirectorLed,
    SceneOpened,
    SceneClosed,
    ArcBegun,
    ArcAdvanced,
    ArcRecast,
    ArcEnded,
    ArcMigrated,
    TensionChanged,
    Stirred,
)
DirectorEvent = (
    DirectorLed
    | SceneOpened
    | SceneClosed
    | ArcBegun
    | ArcAdvanced
    | ArcRecast
    | ArcEnded
    | ArcMigrated
    | TensionChanged
    | Stirred
)
