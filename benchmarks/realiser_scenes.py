"""Two worlds of names and random plans in them, for the benchmark `realiser`."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aicore.content.line_files import shipped_signatures
from aicore.content.sample_world import sample_definition
from domain.story.clauses import Between, Stated, Thing
from domain.story.plan import Act, Attitude, Certainty, Kind, Mood
from domain.story.saying import Saying, Tongue, tongue_for
from domain.story.slots import Filling, Gender

CLAIMING = (
    *[Act.TELL] * 6, *[Act.ANSWER] * 3, *[Act.GOSSIP] * 2, Act.WARN, Act.LIE, Act.DENY, Act.MOURN,
    Act.COMPLAIN, Act.ACCUSE, Act.PRAISE, Act.BOAST,
)  # fmt: skip
CLAIMLESS = (
    Act.GREET, Act.FAREWELL, Act.INTRODUCE, Act.UNFORESEEN, Act.SMALL_TALK, Act.REFUSE, Act.NOT_KNOW,
    Act.THANK, Act.APOLOGISE, Act.CONSOLE, Act.THREATEN, Act.JOKE,
)  # fmt: skip
SAMPLE_GENRE = "harbour"
CLAIMLESS_SHARE, SURE_SHARE, CALM_SHARE, WHEN_SHARE = 0.25, 0.7, 0.5, 0.3

TIMES = ("last night", "at dusk", "three days ago", "this morning", "before the bell")
SUMS = ("four pence", "forty crowns", "nine and twenty", "a hundred")
WEATHERS = ("rain", "fog", "a hard wind", "still air")

PERENNIAL: Mapping[Kind, tuple[str, ...]] = {
    Kind.PERSON: (
        "Tobiah Iku", "Ysolde Quaye", "Dmitri Vasko", "Orsolya Brandt", "Pell Okafor", "Ingrid Solano",
        "Doctor Nakai", "Mother Anke", "Castor Lindqvist", "Marrow",
    ),
    Kind.PLACE: (
        "Loam deck", "the seed vault", "the Black Corridor", "Section Four", "the lake", "frame ninety",
        "the radio room", "hold three", "the only window",
    ),
    Kind.FACTION: ("the council", "the Keelwrights", "the Stillers", "the sleepers"),
    Kind.GOOD: ("a chirp loaf", "a lamp", "a seed tin", "a length of cable", "a jar of honey"),
    Kind.QUEST: ("the matter of the patch", "the matter of the wrong star"),
}  # fmt: skip
"""The ship of `benchmarks/lore_worlds/perennial`, as its documents name things."""


@dataclass(frozen=True, slots=True)
class World:
    """What plans speak of.

    Attributes:
        genre: whose voices speak.
        speakers: who speaks, and with which voice.
    """

    name: str
    genre: str
    things: Mapping[Kind, tuple[Thing, ...]]
    speakers: tuple[tuple[Thing, str], ...]

    @property
    def names(self) -> Mapping[str, str]:
        """Name by id."""
        return {
            thing.id: thing.filling.name
            for kind in (Kind.PERSON, Kind.PLACE, Kind.FACTION, Kind.GOOD)
            for thing in self.things[kind]
        }


@dataclass(frozen=True, slots=True)
class Scene:
    """One plan and who carries it out."""

    saying: Saying
    voice: str
    seed: str


def sample_world(tongues: Mapping[str, Tongue]) -> World:
    """Return the sample world's people, places, factions and goods."""
    world = sample_definition()
    named = {
        Kind.PERSON: [(f"person.{each.id}", each.name) for each in world.people],
        Kind.PLACE: [(f"place.{each.id}", each.name) for each in world.places],
        Kind.FACTION: [(f"faction.{each.id}", each.name) for each in world.factions],
        Kind.GOOD: [(f"good.{each.id}", each.name) for each in world.goods],
        Kind.QUEST: [(f"quest.{each.id}", f"the matter of the {each.word}") for each in world.quests],
    }
    things = _things({kind: tuple(found) for kind, found in named.items()})
    people = {thing.id: thing for thing in things[Kind.PERSON]}
    speakers = tuple(
        (people[f"person.{each.id}"], tongue_for(tongues, SAMPLE_GENRE, each.id, each.voice, each.archetype))
        for each in world.people
    )
    return World("sample", SAMPLE_GENRE, things, speakers)


def second_world(tongues: Mapping[str, Tongue]) -> World:
    """Return the ship, whose names no model has seen."""
    things = _things({kind: tuple((f"{kind}.{at}", name) for at, name in enumerate(names))
                      for kind, names in PERENNIAL.items()})  # fmt: skip
    speakers = tuple((thing, tongue_for(tongues, "freighter", thing.id)) for thing in things[Kind.PERSON])
    return World("second", "freighter", things, speakers)


def _things(named: Mapping[Kind, tuple[tuple[str, str], ...]]) -> dict[Kind, tuple[Thing, ...]]:
    found = {
        kind: tuple(Thing(id_, kind, _filling(kind, name, id_)) for id_, name in names)
        for kind, names in named.items()
    }
    for kind, values in ((Kind.TIME, TIMES), (Kind.SUM, SUMS), (Kind.WEATHER, WEATHERS)):
        found[kind] = tuple(Thing(f"{kind}.{value}", kind, Filling(value)) for value in values)
    return found


def _filling(kind: Kind, name: str, id_: str) -> Filling:
    gender = Gender.SHE if len(id_) % 2 else Gender.HE
    return Filling(name, gender, plural=kind == Kind.FACTION, forms={"aim": f"see to {name}"})


def scenes(world: World, count: int, seed: str, *, nothing: bool = False) -> Iterator[Scene]:
    """Yield random plans, the same for the same seed; with ``nothing`` some claim nothing."""
    draws, signatures = random.Random(seed), shipped_signatures()
    for at in range(count):
        speaker, voice = draws.choice(world.speakers)
        between = Between(speaker, Thing("player.ann", Kind.PERSON, Filling("Ann")))
        mood = Mood.CALM if draws.random() < CALM_SHARE else draws.choice(list(Mood))
        attitude = Attitude.NEUTRAL if draws.random() < CALM_SHARE else draws.choice(list(Attitude))
        claims: tuple[Stated, ...] = ()
        if draws.random() < CLAIMLESS_SHARE * nothing:
            act, sure = draws.choice(CLAIMLESS), Certainty.SURE
        else:
            act, predicate = draws.choice(CLAIMING), draws.choice(sorted(signatures))
            kinds = [draws.choice(sorted(role.kinds)) for role in signatures[predicate]]
            roles = _distinct(world, kinds, speaker, draws)
            when = (draws.choice(world.things[Kind.TIME]),) if draws.random() < WHEN_SHARE else ()
            claims = (Stated(predicate, tuple(roles), () if Kind.TIME in kinds else when),)
            sure = Certainty.SURE if draws.random() < SURE_SHARE else draws.choice(list(Certainty))
        yield Scene(Saying(act, between, claims, sure, mood, attitude), voice, f"{seed}.{at}")


def _distinct(world: World, kinds: list[Kind], speaker: Thing, draws: random.Random) -> list[Thing | Kind]:
    """Return a thing for each role, none twice and none the speaker."""
    found: list[Thing | Kind] = []
    for kind in kinds:
        free = [each for each in world.things[kind] if each != speaker and each not in found]
        found.append(draws.choice(free))
    return found
