"""Circumstances that a writer sets for a line, to see what would be said: read, and found fault with. Pure.

What is set is named by its field; what is wrong with it is told with what may stand there and the nearest
name, all of it at once. Nothing of it is recorded: it changes a copy of what people believe, or the plan.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from domain.beliefs.beliefs import Beliefs
from domain.beliefs.changes import Begins, Change, Ends
from domain.beliefs.claims import Claim, kind_of, read_claim
from domain.beliefs.ground import Ground
from domain.beliefs.mind import Mind, Perceived
from domain.definition.climate import WEATHERS
from domain.definition.faults import Fault, nearest, shown
from domain.kernel.decider import Rejected
from domain.story.plan import Attitude, Mood, Register

MINUTE_MS, HOUR_MS, DAY_HOURS = 60_000, 3_600_000, 24
WEATHER = "weather"
VALUES = ("weather", "number", "text", "claim", "event")
"""Kinds of arguments that name nothing of the definition."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a writer set, as it was typed; what is empty stays as it was.

    Attributes:
        words: what the player says. at: a place; beside: who else is there.
        hour: of the day, 22 or 22:30. weather: over the place.
        so: what happens there and then; over: what holds no more; knows: what the person alone has seen.
        stage: of the story. mood, attitude, register: how the person is.
        voice: of the corpus. seed: what chance is drawn from. anew: whether the player has heard nothing yet.
    """

    words: str = field(default="", repr=False)
    at: str = ""
    beside: Sequence[str] = ()
    hour: str = ""
    weather: str = ""
    so: Sequence[str] = ()
    over: Sequence[str] = ()
    knows: Sequence[str] = ()
    stage: int | None = None
    mood: str = ""
    attitude: str = ""
    register: str = ""
    voice: str = ""
    seed: str = field(default="", repr=False)
    anew: bool = False

    @property
    def plans_anew(self) -> bool:
        """Whether what the person believes, or is asked, may be another thing, so that the plan is."""
        told = (self.words, self.at, self.beside, self.hour, self.weather, self.so, self.over, self.knows)
        return any(told) or self.stage is not None


@dataclass(frozen=True, slots=True)
class Staged:
    """The same, read.

    Attributes:
        hour_ms: since midnight; None: as it was.
    """

    asked: Asked
    hour_ms: int | None = None
    so: tuple[Claim, ...] = ()
    over: tuple[Claim, ...] = ()
    knows: tuple[Claim, ...] = ()
    faults: tuple[Fault, ...] = field(default=())


def staged(asked: Asked, ground: Ground, voices: Collection[str]) -> Staged:
    """Return what was set, with all that is wrong with it.

    Args:
        asked: as it was typed.
        ground: what the world's definition says.
        voices: of the corpus.
    """
    hour_ms, hour_faults = _hour(asked.hour)
    claims: dict[str, tuple[Claim, ...]] = {}
    faults = [*hour_faults, *_words(asked, ground, voices)]
    for name, texts in (("so", asked.so), ("over", asked.over), ("knows", asked.knows)):
        found = [_claim(f"{name}[{at}]", text, ground) for at, text in enumerate(texts)]
        claims[name] = tuple(each for each in found if isinstance(each, Claim))
        faults += [each for each in found if isinstance(each, Fault)]
    return Staged(asked, hour_ms, claims["so"], claims["over"], claims["knows"], tuple(faults))


def _words(asked: Asked, ground: Ground, voices: Collection[str]) -> Iterator[Fault]:
    """Yield what is wrong with what is one of some words."""
    places, people = set(ground.districts), _ids(ground, "person")
    known: Mapping[str, tuple[Sequence[str], Collection[str], str]] = {
        "weather": ((asked.weather,), WEATHERS, f"one of {', '.join(WEATHERS)}"),
        "mood": ((asked.mood,), [*Mood], f"one of {', '.join(Mood)}"),
        "attitude": ((asked.attitude,), [*Attitude], f"one of {', '.join(Attitude)}"),
        "register": ((asked.register,), [*Register], f"one of {', '.join(Register)}"),
        "at": ((asked.at,), places, "the id of a place"),
        "with": (asked.beside, people, "the id of a person"),
        "voice": ((asked.voice,), voices, f"one of {', '.join(sorted(voices))}"),
    }
    for path, (values, there, allowed) in known.items():
        for value in values:
            if value and value not in there:
                yield Fault("unknown", path, shown(value), allowed, nearest(value, there))


def _hour(text: str) -> tuple[int | None, list[Fault]]:
    hours, _, minutes = text.partition(":")
    if not text:
        return None, []
    numbers = hours.isdecimal() and (minutes or "0").isdecimal()
    if numbers and int(hours) < DAY_HOURS and int(minutes or 0) * MINUTE_MS < HOUR_MS:
        return int(hours) * HOUR_MS + int(minutes or 0) * MINUTE_MS, []
    return None, [Fault("no_hour", "hour", shown(text), "an hour of the day: 22, or 22:30")]


def _claim(path: str, text: str, ground: Ground) -> Claim | Fault:
    """Return a claim of the world, or what is wrong with it."""
    words = ground.vocabulary
    try:
        claim = read_claim(text)
    except Rejected as refusal:
        return Fault("bad_claim", path, shown(text), refusal.remedy)
    predicate = words.predicates.get(words.inverses.get(claim.predicate, claim.predicate))
    if predicate is None:
        there = {*words.predicates, *words.inverses}
        near = nearest(claim.predicate, there)
        return Fault(
            "unknown_predicate", path, f"the predicate {claim.predicate!r}", "one of the world's", near
        )
    for argument in claim.arguments:
        if kind_of(argument) not in (*VALUES, "player") and argument not in ground.names:
            near = nearest(argument, ground.names)
            return Fault("unknown_name", path, shown(argument), "an id of the world, with its kind", near)
    normal = words.normal(claim)
    if normal is None:
        kinds = [" or ".join(each) for each in (predicate.subject, predicate.object, predicate.value) if each]
        return Fault("bad_claim", path, shown(text), f"{claim.predicate}({', '.join(kinds)})")
    return normal


def _ids(ground: Ground, kind: str) -> set[str]:
    return {name.partition(".")[2] for name in ground.names if kind_of(name) == kind}


@dataclass(frozen=True, slots=True)
class Then:
    """When and where something is said.

    Attributes:
        position: of the log, up to which what is believed is known.
    """

    place: str
    at_ms: int
    position: int


def befalls(beliefs: Beliefs, wanted: Staged, who: str, then: Then) -> None:
    """Change what people believe as a writer set it; ``beliefs`` are a copy that nobody else reads.

    Args:
        beliefs: changed in place.
        wanted: what happens.
        who: the person who answers.
        then: when and where.
    """
    place, at_ms, position = then.place, then.at_ms, then.position + 1
    changes: list[Change] = [Ends(claim, at_ms, place) for claim in wanted.over]
    changes += [
        Begins(claim, at_ms, place) for claim in (*_weather(beliefs.ground, wanted, place), *wanted.so)
    ]
    beliefs.take_in(changes, "", position)
    for claim in wanted.knows:
        seen = Perceived(claim, False, at_ms, position, position, "", frozenset((who,)), place)
        mind = beliefs.minds.setdefault(who, Mind(beliefs.ground.vocabulary))
        mind.take_in(seen, who)
        if beliefs.perceives is not None:
            beliefs.perceives(who, seen)


def _weather(ground: Ground, wanted: Staged, place: str) -> Iterable[Claim]:
    zone = ground.zones.get(ground.districts.get(place, ""), "")
    if wanted.asked.weather and zone and WEATHER in ground.vocabulary.predicates:
        claim = Claim(WEATHER, f"zone.{zone}", f"weather.{wanted.asked.weather}")
        return [claim] if ground.vocabulary.normal(claim) else []
    return []
