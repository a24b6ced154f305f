"""The line plans of a scene in words: as the written lines of the sample world's genre say them."""

from collections.abc import Iterator, Mapping

from aicore.content.line_files import read_tongues, shipped_signatures
from domain.beliefs.claims import read_claim
from domain.definition.definition import Definition
from domain.director.messages import PlannedLine, SceneOpened
from domain.story.clauses import Between, Stated, Thing
from domain.story.plan import Act, Attitude, Certainty, Kind, Mood, Register
from domain.story.saying import Heard, Saying, Tongue, tongue_for
from domain.story.slots import Filling

GENRE = "harbour"


def spoken(scene: SceneOpened, definition: Definition) -> Iterator[tuple[str, str]]:
    """Yield what is said in a scene: by whom, and the words; the same for the same scene."""
    names = {f"person.{each.id}": each.name for each in definition.people}
    names |= {f"faction.{each.id}": each.name for each in definition.factions}
    names |= {f"place.{each.id}": each.name for each in definition.places}
    people = {f"person.{each.id}": each for each in definition.people}
    tongues = read_tongues()
    for at, line in enumerate(scene.lines):
        speaker = people.get(line.by)
        if speaker is None:
            continue
        voice = tongue_for(tongues, GENRE, speaker.id, speaker.voice, speaker.archetype)
        if words := _said(tongues[voice], line, names, f"{scene.scene}/{at}"):
            yield speaker.name, words


def _said(tongue: Tongue, line: PlannedLine, names: Mapping[str, str], seed: str) -> str:
    manner = set(line.manner)
    saying = Saying(
        Act(line.act),
        Between(_thing(line.by, names), _thing(line.to, names)),
        tuple(stated for claim in line.claims if (stated := _stated(claim, names))),
        next((each for each in Certainty if each in manner), Certainty.SURE),
        next((each for each in Mood if each in manner), Mood.CALM),
        next((each for each in Attitude if each in manner), Attitude.NEUTRAL),
        next((each for each in Register if each in manner), Register.PLAIN),
    )
    return tongue.say(saying, Heard(), seed).text


def _stated(claim: str, names: Mapping[str, str]) -> Stated | None:
    """Return a claim as lines state it; None: lines have no words for it."""
    found = read_claim(claim)
    signature = shipped_signatures().get(found.predicate)
    if signature is None or len(signature) != len(found.arguments):
        return None
    return Stated(found.predicate, tuple(_thing(each, names) for each in found.arguments))


def _thing(argument: str, names: Mapping[str, str]) -> Thing:
    kind, _, id_ = argument.partition(".")
    of = Kind(kind) if kind in set(Kind) else Kind.PERSON
    return Thing(argument, of, Filling(names.get(argument, id_), plural=of == Kind.FACTION))
