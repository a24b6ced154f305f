"""Plain clauses for claims: what is said where no written line says a plan. Without style, and true.

A clause is built from the predicate's pattern and the roles alone, so it says the claim and nothing else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from domain.story.corpus import FRAME
from domain.story.plan import Certainty, Kind
from domain.story.slots import Filling, Gender, fill

ROLE = re.compile(r"\{(\d)\}")
CHOICE = re.compile(r"\[([^\]]*)\]")
FROM_WHOM = re.compile(r"\{@ (\w+)\}")
"""Where the person among the circumstances stands, if they are not who told it."""

ASKED_WORDS = {
    Kind.PERSON: "who",
    Kind.PLACE: "which place",
    Kind.FACTION: "who",
    Kind.GOOD: "what",
    Kind.SUM: "how much",
    Kind.TIME: "when",
    Kind.WEATHER: "what weather",
    Kind.QUEST: "what task",
}

FRAMES: Mapping[Certainty, str] = {
    Certainty.SURE: "{}",
    Certainty.LIKELY: "most likely {}",
    Certainty.UNSURE: "it may be that {}",
    Certainty.HEARSAY: "they say that {}",
}
FROM = "{} told me that {}"


BEGINS = re.compile(r"(?:^|[.?!][\"')]*\s+)[\"'(]*$")
"""What stands before a clause that begins a sentence."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Somebody or something that a plan speaks of.

    Attributes:
        id: what it is called in the world, ``person.gault``; of a value, its text.
        filling: its name and its forms.
    """

    id: str
    kind: Kind
    filling: Filling


@dataclass(frozen=True, slots=True)
class Stated:
    """A claim about things of the world.

    Attributes:
        roles: the things, in the order of the predicate's roles; a kind stands for what is asked for.
        circumstances: where, when, and from whom one has it; a line may leave them out.
    """

    predicate: str
    roles: tuple[Thing | Kind, ...]
    circumstances: tuple[Thing, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Between:
    """Who speaks to whom."""

    speaker: Thing
    hearer: Thing


def read_clauses(text: str) -> dict[str, str]:
    """Return the patterns of ``clauses.txt``: predicate, or "not" and predicate → pattern."""
    rows = (line.partition("#")[0].partition(":") for line in text.splitlines())
    return {name.strip(): pattern.strip() for name, _, pattern in rows if pattern.strip()}


def from_whom(clauses: Mapping[str, str]) -> frozenset[str]:
    """Return the predicates whose person among the circumstances is not who told it."""
    return frozenset(name for name, pattern in clauses.items() if FROM_WHOM.search(pattern))


def clause(claim: Stated, between: Between, certainty: Certainty, clauses: Mapping[str, str]) -> str:
    """Return a claim as a sentence; a question if it asks for something.

    Raises:
        KeyError: the predicate has no pattern.
    """
    said = bare_clause(claim, between, clauses)
    if any(isinstance(thing, Kind) for thing in claim.roles):
        return _sentence(said, "?")
    return _sentence(said if says_who_told(claim, clauses) else FRAMES[certainty].format(said), ".")


def bare_clause(claim: Stated, between: Between, clauses: Mapping[str, str]) -> str:
    """Return a claim as a clause that can stand within a sentence: no capital of its own, no end.

    Raises:
        KeyError: the predicate has no pattern.
    """
    pattern = _pattern(claim, clauses)
    number = _number(claim.roles[0], between)
    person = _from(claim)

    def chosen(found: re.Match[str]) -> str:
        forms = found[1].split("|")
        return forms[min(number, len(forms) - 1)]

    def named(found: re.Match[str]) -> str:
        at = int(found[1]) - 1
        return _name(claim.roles[at], between, subject=pattern.startswith(found[0]) and at == 0)

    def from_whom(found: re.Match[str]) -> str:
        return "" if person is None else f" {found[1]} {_name(person, between, subject=False)}"

    said = FROM_WHOM.sub(from_whom, ROLE.sub(named, CHOICE.sub(chosen, pattern)))
    said += "".join(_circumstance(thing) for thing in claim.circumstances)
    if person is not None and says_who_told(claim, clauses):
        return FROM.format(_name(person, between, subject=True), said)
    return said


def following(claim: Stated, before: Stated, between: Between, clauses: Mapping[str, str]) -> Stated:
    """Return a claim as it is said right behind another: a pronoun for the person that both are about.

    The name stays where the pronoun might mean somebody else of the claim before, or a word stands before it.

    Raises:
        KeyError: a predicate has no pattern.
    """
    one, told = claim.roles[0], any(says_who_told(each, clauses) for each in (before, claim))
    if isinstance(one, Kind) or one.kind != Kind.PERSON or told or before.roles[0] != one:
        return claim
    others = [each for each in (*before.roles[1:], *before.circumstances) if isinstance(each, Thing)]
    people = [each for each in others if each.kind == Kind.PERSON]
    alike = any(each.filling.gender == one.filling.gender for each in people)
    if alike or one.id in (between.speaker.id, between.hearer.id):
        return claim
    if not all(_pattern(each, clauses).startswith("{1}") for each in (before, claim)):
        return claim
    gender = one.filling.gender
    pronoun = Filling(gender, gender, plural=gender == Gender.THEY)
    return replace(claim, roles=(replace(one, filling=pronoun), *claim.roles[1:]))


def _pattern(claim: Stated, clauses: Mapping[str, str]) -> str:
    return clauses["not " * claim.negated + claim.predicate]


def _from(claim: Stated) -> Thing | None:
    return next((thing for thing in claim.circumstances if thing.kind == Kind.PERSON), None)


def says_who_told(claim: Stated, clauses: Mapping[str, str]) -> bool:
    """Tell whether the clause of a claim says who told it; then nothing more is said of how sure it is."""
    asks = any(isinstance(thing, Kind) for thing in claim.roles)
    return not asks and _from(claim) is not None and not FROM_WHOM.search(_pattern(claim, clauses))


def _circumstance(thing: Thing) -> str:
    match thing.kind:
        case Kind.PLACE:
            return f" at {thing.filling.name}"
        case Kind.TIME:
            return f" {thing.filling.name}"
        case _:
            return ""


def _number(subject: Thing | Kind, between: Between) -> int:
    """Return which form a verb takes: 0 he, 1 I, 2 you and they."""
    if isinstance(subject, Kind):
        return 0
    if subject.id == between.speaker.id:
        return 1
    return 2 if subject.id == between.hearer.id or subject.filling.plural else 0


def _name(thing: Thing | Kind, between: Between, *, subject: bool) -> str:
    if isinstance(thing, Kind):
        return ASKED_WORDS[thing]
    if thing.id == between.speaker.id:
        return "I" if subject else "me"
    return "you" if thing.id == between.hearer.id else thing.filling.name


def _sentence(text: str, end: str) -> str:
    return text[0].upper() + text[1:] + end


def framed(frame: str, said: str, people: Mapping[str, Filling]) -> str:
    """Return a frame around a clause, which gets a capital where it begins the line."""
    filled = fill(frame.replace(FRAME, "\0"), people)
    if BEGINS.search(filled, 0, filled.index("\0")):
        said = said[0].upper() + said[1:]
    return filled.replace("\0", said)
