"""Storylets and arcs as a definition says them: small scenes with conditions, and the stories made of them.

A storylet is played for one player where they are. Its roles are cast over people of the world; its claims
name roles, the player, the place, or things of the definition (`owes(clerk, player, any)`).
"""

from dataclasses import dataclass
from typing import Literal

from domain.definition.places import DistrictId, FactionId, Id, PersonId, PlaceId

CLASSES = ("essential", "specific", "evergreen")
STATES = ("build", "peak", "fade", "relax")
"""How tense it is (M. Booth, "The AI Systems of Left 4 Dead", Valve 2009)."""

RAISES_IN = ("build", "peak")
"""States in which something that makes it tenser may be played."""

ACTS = (
    "greet", "farewell", "introduce", "tell", "ask", "answer", "not_know", "refuse", "lie", "deny", "agree",
    "threaten", "warn", "mourn", "console", "bargain", "thank", "apologise", "promise", "remind", "accuse",
    "confess", "boast", "gossip", "complain", "praise", "insult", "order", "plead", "joke", "change_subject",
    "unforeseen", "silence_break", "small_talk", "welcome", "retort",
)  # fmt: skip
MANNERS = (
    "sure", "likely", "unsure", "hearsay",
    "calm", "merry", "sad", "angry", "afraid", "weary", "bitter", "tender", "proud",
    "neutral", "warm", "cold", "humble", "scornful", "wary",
    "plain", "formal", "coarse",
)  # fmt: skip
"""Acts and words of manner of `domain.story.plan`, which is above this and checks that they are the same."""

STATING = ("tell", "answer", "gossip", "warn", "boast", "complain", "mourn", "remind")
"""Acts that say their claims are so; a scene may state what its conditions ask for, and nothing else."""

PLAYER, HERE, ANY = "player", "here", "any"
DOER, AGAINST = "doer", "against"
"""In claims: the factions of the news that a storylet is about."""

WORDS = (PLAYER, HERE, ANY, DOER, AGAINST)
NEWS = (
    "territory_claimed", "territory_taken", "territory_retaken", "reclaim_failed", "unrest", "protest",
    "alliance_formed", "alliance_broken", "grudge", "overture", "feud_begun", "feud_ended", "raid", "aid",
    "crisis_begun", "crisis_ended", "fortified",
)  # fmt: skip
"""What emerges among factions (`domain.factions.rules.Kind`), as far as it is news."""

Class = Literal["essential", "specific", "evergreen"]
Ended = Literal["kept", "broken", "faded", "lost"]


@dataclass(frozen=True, slots=True)
class ClaimForm:
    """A claim with roles: arguments are roles, `WORDS`, or `kind.id`."""

    predicate: Id
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.predicate}({', '.join(self.arguments)})"


@dataclass(frozen=True, slots=True)
class Measure:
    """A trait, or the regard for another role, and from where to where it may be, in thousandths."""

    of: str
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Role:
    """A part in a scene.

    Attributes:
        person: who plays it, if it is one.
        archetypes, factions: of which they must be one; empty: of any.
        regards: what they must think of other roles, by what the definition says of relations.
        absent: whether they are only spoken of: alive, wherever they are.
    """

    id: Id
    person: PersonId | None = None
    archetypes: tuple[Id, ...] = ()
    factions: tuple[FactionId, ...] = ()
    traits: tuple[Measure, ...] = ()
    regards: tuple[Measure, ...] = ()
    absent: bool = False


@dataclass(frozen=True, slots=True)
class When:
    """What must be so; an empty part asks for nothing.

    Attributes:
        tension, realm: states of the player's tension, and of the realm's.
        stage: how many arcs the player must have come to the end of.
        news: kinds of which one must have emerged lately.
        facts, lacks: what must hold, and what must not.
        seen: storylets that the player must have seen.
    """

    places: tuple[PlaceId, ...] = ()
    districts: tuple[DistrictId, ...] = ()
    phases: tuple[Id, ...] = ()
    weather: tuple[str, ...] = ()
    tension: tuple[str, ...] = ()
    realm: tuple[str, ...] = ()
    stage: int = 0
    news: tuple[str, ...] = ()
    facts: tuple[ClaimForm, ...] = ()
    lacks: tuple[ClaimForm, ...] = ()
    seen: tuple[Id, ...] = ()


ALWAYS = When()


@dataclass(frozen=True, slots=True)
class Line:
    """What somebody says in a scene: a line plan. `to` is a role or the player."""

    by: Id
    act: str
    to: Id = PLAYER
    claims: tuple[ClaimForm, ...] = ()
    manner: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sway:
    """What a scene does to factions, in thousandths (`factions.deed`)."""

    faction: FactionId
    other: FactionId | None = None
    power: int = 0
    regard: int = 0


@dataclass(frozen=True, slots=True)
class Lead:
    """Where an arc goes after a scene, if those facts hold then and those do not; the first that fits."""

    to: Id
    facts: tuple[ClaimForm, ...] = ()
    lacks: tuple[ClaimForm, ...] = ()


@dataclass(frozen=True, slots=True)
class Storylet:
    """A small scene.

    Attributes:
        says: what happens in it, as a sentence with {role} and {player}.
        class_: essential ones come first, evergreen ones last; within a class the most specific.
        once: whether a player sees it once.
        again: game seconds until the same player may see it again.
        lasts: game seconds that it takes.
        tension, realm: by how much it makes it tenser, in thousandths; negative: calmer.
        quest: the quest that it points the player to.
        arc, beat: the arc that it is part of, and where in it.
        leads: ways on in the arc; the last one without a condition.
    """

    id: Id
    says: str
    class_: Class
    when: When = ALWAYS
    roles: tuple[Role, ...] = ()
    lines: tuple[Line, ...] = ()
    sways: tuple[Sway, ...] = ()
    once: bool = False
    again: int = 0
    lasts: int = 300
    tension: int = 0
    realm: int = 0
    quest: Id | None = None
    arc: Id | None = None
    beat: Id | None = None
    leads: tuple[Lead, ...] = ()


@dataclass(frozen=True, slots=True)
class Beat:
    """A point of an arc: it waits for one of its storylets, and goes on to `late` if none comes in time.

    Attributes:
        within: game seconds.
        late: the beat or end that is next then.
    """

    id: Id
    within: int
    late: Id


@dataclass(frozen=True, slots=True)
class ArcEnd:
    """How an arc may end."""

    id: Id
    outcome: Ended
    text: str


@dataclass(frozen=True, slots=True)
class Arc:
    """A story of several scenes for one player.

    Attributes:
        roles: parts that are cast once, as it begins, and are the same in all its scenes.
        beats: the first one begins it.
        lost: the end to which it comes if somebody of its cast is gone and nobody can stand in.
    """

    id: Id
    name: str
    roles: tuple[Role, ...]
    beats: tuple[Beat, ...]
    ends: tuple[ArcEnd, ...]
    lost: Id

    @property
    def begins(self) -> Id:
        """The first beat."""
        return self.beats[0].id


OUTCOMES = ("kept", "broken", "faded", "lost")
