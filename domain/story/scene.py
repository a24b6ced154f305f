"""What a line plan is made of, and how it is put together. Pure, no chance."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from domain.beliefs.claims import Claim
from domain.memories.memories import Memories
from domain.story.clauses import Between, Stated, Thing
from domain.story.knowing import Known, Speaker
from domain.story.naming import Naming, when
from domain.story.plan import Act, Attitude, Certainty, Kind, Mood, Register
from domain.story.saying import Saying
from domain.story.slots import Filling

HOUR_MS = 3_600_000
FLEETING = frozenset({"at"})
"""States that change from hour to hour; what one knows of them is soon no more than likely."""

HIGH = 550
"""Of a trait, in thousandths."""


@dataclass(frozen=True, slots=True)
class Temper:
    """How a person is when they are spoken to.

    Attributes:
        aggression, fear: traits, in thousandths.
    """

    mood: Mood = Mood.CALM
    attitude: Attitude = Attitude.NEUTRAL
    register: Register = Register.PLAIN
    aggression: int = 300
    fear: int = 300


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a plan is made of, beside the words.

    Attributes:
        told: claims that this person has told this player, as they are written.
        last: what they stated last, for who asks why.
        memories: everybody's; None: nobody remembers anything here.
    """

    speaker: Speaker
    player: str
    naming: Naming
    temper: Temper
    now_ms: int
    day_ms: int
    told: Collection[str] = frozenset()
    last: Sequence[Known] = ()
    memories: Memories | None = None

    @property
    def between(self) -> Between:
        """Who speaks to whom."""
        person = self.naming.thing(self.speaker.who) or person_named(self.speaker.who, "nobody")
        friend = self.temper.attitude == Attitude.WARM
        return Between(person, person_named(self.player, "friend" if friend else "stranger"))


@dataclass(frozen=True, slots=True)
class Stating:
    """A claim that a plan states, in the world's words and in those of lines.

    Attributes:
        over: whether it is denied.
    """

    known: Known
    stated: Stated
    over: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a line has to do, with what makes it true."""

    saying: Saying
    states: tuple[Stating, ...] = ()
    hides: tuple[Claim, ...] = field(default=())


def states_of(scene: Scene, found: Iterable[Known]) -> Iterator[Stating]:
    """Yield those that lines can state, as they state them; a person may know of hundreds."""
    for known in found:
        stated = scene.naming.stated(known.claim, scene.speaker.who, also=_also(known, scene))
        if stated is not None:
            yield Stating(known, stated)


def first(states: Iterator[Stating]) -> list[Stating]:
    """Return the first of them, or nothing."""
    return list(islice(states, 1))


def _also(known: Known, scene: Scene) -> list[Thing]:
    """Return when it was, and from whom the speaker has it."""
    found = []
    predicate = scene.speaker.words.predicates[known.claim.predicate]
    if predicate.holds == "deed" and known.of_ms is not None:
        said = when(known.of_ms, scene.now_ms, scene.day_ms)
        found += [Thing(f"time.{said}", Kind.TIME, Filling(said))] if said else []
    if known.teller and known.teller not in (scene.player, *known.claim.arguments):
        teller = scene.naming.thing(known.teller)
        found += [teller] if teller is not None else []
    return found


def denial(scene: Scene, claim: Claim, against: Known) -> Plan | None:
    """Return that a claim is not so, by what one knows against it; None: it cannot or must not be said."""
    known = replace(against, claim=claim)
    if scene.speaker.hides(known, scene.player):
        return None
    stated = scene.naming.stated(claim, scene.speaker.who)
    return None if stated is None else plan_of(scene, Act.DENY, [Stating(known, stated, over=True)])


def plan_of(scene: Scene, act: Act, states: Sequence[Stating] = (), hides: tuple[Claim, ...] = ()) -> Plan:
    """Return a plan in a person's manner; its first claim says how sure they are."""
    temper = scene.temper
    stated = tuple(each.stated for each in states)
    hidden = (scene.naming.stated(each, scene.speaker.who) for each in hides)
    saying = Saying(
        act,
        scene.between,
        stated,
        certainty_of(states[0].known, scene) if states else Certainty.SURE,
        temper.mood,
        temper.attitude,
        temper.register,
        tuple(each for each in hidden if each is not None and each not in stated),
    )
    return Plan(saying, tuple(states), hides)


def certainty_of(known: Known, scene: Scene) -> Certainty:
    """Return how sure a person is, as it is heard in a line."""
    match known.how:
        case "told" | "hearsay" | "claimed":
            return Certainty.HEARSAY
        case "inferred":
            return Certainty.LIKELY
        case _:
            old = known.of_ms is not None and scene.now_ms - known.of_ms >= HOUR_MS
            return Certainty.LIKELY if old and known.claim.predicate in FLEETING else Certainty.SURE


def person_named(who: str, name: str) -> Thing:
    """Return somebody as lines name them."""
    return Thing(who, Kind.PERSON, Filling(name))
