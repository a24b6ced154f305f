"""Random plans in two worlds and the lines that written voices say for them: what a checker is tried on."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from aicore.content.line_files import read_language, read_tongues, shipped_signatures
from aicore.content.sample_world import sample_definition
from domain.story.clauses import Between, Stated, Thing
from domain.story.language import Language, with_names
from domain.story.plan import Act, Certainty, Kind, Mood
from domain.story.reading import Reading
from domain.story.saying import Heard, Said, Saying, Tongue
from domain.story.slots import Filling, Gender

GENDERS = (Gender.HE, Gender.SHE, Gender.SHE, Gender.HE)
TIMES = ("last night", "at dusk", "three days ago", "this morning", "on the eve of the fair", "yesterday")
SUMS = ("forty", "sixteen", "three hundred", "twenty-two", "nine", "seventy-five")
WEATHERS = ("thick fog", "rain", "a storm", "frost", "a dry wind")
SCENE_PEOPLE = 2
SHIP: Mapping[Kind, Sequence[str]] = {
    Kind.PERSON: (
        "Tobiah Iku", "Ysolde Quaye", "Dmitri Vasko", "Orsolya Brandt", "Pell Okafor", "Ingrid Solano",
        "Castor Lindqvist", "Doctor Nakai", "Mother Anke", "Halvard Osei", "Bettina Roux", "Marit Castellan",
    ),
    Kind.PLACE: (
        "Loam deck", "the seed vault", "the Black Corridor", "frame ninety", "the radio room", "hold three",
        "Mirrorwater", "the old torpedo bay",
    ),
    Kind.FACTION: ("the Keelwrights", "the Stillers", "the Twelve", "Section Four", "Section Two"),
    Kind.GOOD: ("a seed tin", "cricket bread", "a coil of lamp wire", "soya cheese"),
}  # fmt: skip
"""What the lore of the ship in benchmarks/lore_worlds names, as things of a plan."""

CLAIMING = (Act.TELL, Act.TELL, Act.TELL, Act.ANSWER, Act.GOSSIP, Act.WARN)


@dataclass(frozen=True, slots=True)
class World:
    """Things of one world by kind, and how it is spoken of."""

    name: str
    things: Mapping[Kind, Sequence[Thing]]
    language: Language
    tongues: Mapping[str, Tongue]

    @property
    def named(self) -> Sequence[Thing]:
        """People, places and factions."""
        return [thing for kind in (Kind.PERSON, Kind.PLACE, Kind.FACTION) for thing in self.things[kind]]


@dataclass(frozen=True, slots=True)
class Released:
    """A line that a voice says for a random plan.

    Attributes:
        tuning: whether it is of the half that wordings were tuned on.
    """

    world: World
    voice: str
    reading: Reading
    said: Said
    tuning: bool

    @property
    def text(self) -> str:
        """Its words."""
        return self.said.text


@cache
def worlds() -> tuple[World, World]:
    """Return the sample world and the ship of benchmarks/lore_worlds."""
    return _cindermouth(), _perennial()


def _cindermouth() -> World:
    definition = sample_definition()
    quests = [
        _thing(Kind.QUEST, each.id, f"the matter of the {each.word}", aim=each.aim)
        for each in definition.quests
    ]
    goods = [_thing(Kind.GOOD, each.id, each.name) for each in definition.goods]
    people = [_thing(Kind.PERSON, each.id, each.name) for each in definition.people]
    places = [_thing(Kind.PLACE, each.id, each.name) for each in definition.places]
    factions = [_thing(Kind.FACTION, each.id, each.name) for each in definition.factions]
    return _world("cindermouth", "harbour", (*people, *places, *factions, *goods, *quests), "wicks")


def _perennial() -> World:
    found = [
        _thing(kind, name.lower().replace(" ", "_"), name) for kind, names in SHIP.items() for name in names
    ]
    found += [
        _thing(Kind.QUEST, word, f"the matter of the {word}", aim=f"look after the {word}")
        for word in ("patch", "window", "lock", "bees")
    ]
    return _world("perennial", "freighter", found, "breaths")


def _world(name: str, genre: str, found: Sequence[Thing], money: str) -> World:
    values = [_thing(Kind.TIME, time.replace(" ", "_"), time) for time in TIMES]
    values += [_thing(Kind.SUM, each.replace(" ", "_"), f"{each} {money}") for each in SUMS]
    values += [_thing(Kind.WEATHER, each.replace(" ", "_"), each) for each in WEATHERS]
    things = {kind: [each for each in (*found, *values) if each.kind == kind] for kind in Kind}
    names = {each.id: each.filling.name for each in found}
    tongues = {id_: each for id_, each in read_tongues().items() if id_.startswith(f"{genre}/")}
    return World(name, things, with_names(read_language(genre), names), tongues)


def _thing(kind: Kind, id_: str, name: str, **forms: str) -> Thing:
    gender = GENDERS[sha256(id_.encode()).digest()[0] % len(GENDERS)]
    plural = kind == Kind.FACTION and name.endswith("s")
    return Thing(f"{kind}.{id_}", kind, Filling(name, gender, plural, forms or None))


def released(count: int, seed: str, *, claimless: float = 0.0) -> Iterator[Released]:
    """Yield lines that voices of both worlds say for random plans, each by another draw.

    Args:
        count: how many.
        seed: of all draws.
        claimless: share of plans that claim nothing.
    """
    for number in range(count):
        draws = random.Random(f"{seed} {number}")
        world = worlds()[number % 2]
        yield _released(world, draws, f"{seed} {number}", claimless)


def released_of(seed: str, predicates: Sequence[str] | None = None) -> Released:
    """Return a line for a random plan that claims one of these predicates, or any."""
    draws = random.Random(seed)
    return _released(draws.choice(worlds()), draws, seed, 0.0, predicates)


def _released(
    world: World, draws: random.Random, seed: str, claimless: float, predicates: Sequence[str] | None = None
) -> Released:
    speaker, hearer, *scene = draws.sample(world.things[Kind.PERSON], 2 + SCENE_PEOPLE)
    between = Between(speaker, hearer)
    saying = random_saying(world, draws, between, claims=draws.random() >= claimless, of=predicates)
    voice = draws.choice(sorted(world.tongues))
    said = world.tongues[voice].say(saying, Heard(), seed)
    reading = Reading(
        saying,
        world.language,
        scene=(*scene, draws.choice(world.things[Kind.PLACE])),
        present=frozenset({speaker.id, hearer.id, *(each.id for each in scene)}),
        given=world.tongues[voice].voice.given,
    )
    return Released(world, voice, reading, said, sha256(seed.encode()).digest()[0] % 2 == 0)


def random_saying(
    world: World, draws: random.Random, between: Between, *, claims: bool, of: Sequence[str] | None = None
) -> Saying:
    """Return a random plan of a world; ``of`` names the predicates that it may claim."""
    mood = draws.choice([*Mood, *[Mood.CALM] * 9])
    if not claims:
        return Saying(draws.choice((Act.GREET, Act.SMALL_TALK, Act.UNFORESEEN)), between, mood=mood)
    predicate = draws.choice(of or sorted(shipped_signatures()))
    claim = random_claim(world, draws, between, predicate)
    return Saying(draws.choice(CLAIMING), between, (claim,), Certainty.SURE, mood)


def random_claim(world: World, draws: random.Random, between: Between, predicate: str) -> Stated:
    """Return a random claim of a predicate; a tenth of its people are who speaks or who listens."""
    roles: list[Thing] = []
    for _, kinds in shipped_signatures()[predicate]:
        some = [
            each
            for each in world.things[draws.choice(sorted(kinds))]
            if each not in (*roles, between.speaker, between.hearer)
        ]
        own = [each for each in (between.speaker, between.hearer) if each not in roles]
        one = draws.choice(own) if Kind.PERSON in kinds and own and draws.random() < 0.1 else None
        roles.append(one or draws.choice(some))
    when = draws.sample(world.things[Kind.TIME], 1) if draws.random() < 0.3 else []
    return Stated(predicate, tuple(roles), tuple(when))
