"""Several clauses for a claim, over letters: the language that a small model is held to. Pure.

`clauses` has one clause for each predicate, for lines that nobody wrote; here are a handful, so that whoever
says a claim has a choice. All of them are built from pattern and roles alone, so each says the plan's claims
and nothing else; who speaks is "I" in them, who listens "you", all others are placeholders.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from domain.story.clauses import CHOICE, FROM_WHOM
from domain.story.plan import ASKED, HEARER, LETTERS, SPEAKER, Act, Certainty, Claim, Kind, LinePlan
from domain.story.slots import FORMS, Filling

ROLE = re.compile(r"\{(\d)(?:\.(\w+))?\}")
OWNS = "}'s"

FRAMES: Mapping[Certainty, Sequence[str]] = {
    Certainty.SURE: ("{}",),
    Certainty.LIKELY: ("most likely {}", "{}, most likely", "as likely as not, {}"),
    Certainty.UNSURE: ("it may be that {}", "{}, it may be", "perhaps {}"),
    Certainty.HEARSAY: ("they say that {}", "they say {}", "{}, they say", "I hear that {}"),
}
"""How sure one is of a claim, beside it."""

TOLD_BY: Sequence[str] = ("{{{}}} told me that {}", "{{{}}} told me {}")

Ways = Mapping[str, Sequence[str]]
"""Predicate, or "not" and predicate → its clauses."""


def read_ways(text: str) -> dict[str, tuple[str, ...]]:
    """Return the ways of ``ways.txt``."""
    rows = (line.partition("#")[0].partition(":") for line in text.splitlines())
    found = {name.strip(): said.split(" / ") for name, _, said in rows if said.strip()}
    return {name: tuple(each.strip() for each in said) for name, said in found.items()}


def ways_of(plan: LinePlan, fillings: Mapping[str, Filling], ways: Ways) -> list[str]:
    """Return ways to say all of a plan's claims, as sure as it is; [] where there is none.

    Args:
        plan: what it states; a denial says that its claims are not so. What is asked for has no way here.
        fillings: by letter: what takes plural verbs is said so.
        ways: as `read_ways` returns them.
    """
    said = [list(_ways_of(claim, plan, fillings, ways)) for claim in plan.claims]
    if not said:
        return []
    return list(dict.fromkeys(" ".join(map(_sentence, each)) for each in product(*said)))


def _ways_of(claim: Claim, plan: LinePlan, fillings: Mapping[str, Filling], ways: Ways) -> Iterator[str]:
    negated = claim.negated != (plan.act == Act.DENY)
    person = next((each for each in claim.circumstances if LETTERS[each] == Kind.PERSON), None)
    for way in ways.get("not " * negated + claim.predicate, ()):
        bare = _clause(way, claim, fillings, person)
        if bare is None:
            continue
        if person is not None and not FROM_WHOM.search(way):
            frames: Sequence[str] = [each.format(person, "{}") for each in TOLD_BY]
        else:
            frames = FRAMES[plan.certainty]
        behind, *before = _when(bare, claim)
        yield from (frame.replace("{}", behind) for frame in frames)
        yield from (each for each in before if "{}" in frames)


def _clause(way: str, claim: Claim, fillings: Mapping[str, Filling], person: str | None) -> str | None:
    """Return one way with the claim's letters; None if it is none for these."""
    own = {SPEAKER, HEARER} & {*claim.roles}
    if ASKED in claim.roles or (own and (not way.startswith("{1") or OWNS in way)):
        return None
    slots = [(claim.roles[int(at) - 1], form) for at, form in ROLE.findall(way)]
    if any(form not in FORMS[LETTERS[letter]] for letter, form in slots):
        return None
    first = ROLE.match(way)
    subject = claim.roles[int(first[1]) - 1 if first else 0]
    number = _number(subject, fillings)

    def chosen(found: re.Match[str]) -> str:
        forms = found[1].split("|")
        return forms[min(number, len(forms) - 1)]

    def named(found: re.Match[str]) -> str:
        return _named(claim.roles[int(found[1]) - 1], found[2] or "", subject=found.start() == 0)

    def from_whom(found: re.Match[str]) -> str:
        return "" if person is None else f" {found[1]} {_named(person, '', subject=False)}"

    return FROM_WHOM.sub(from_whom, ROLE.sub(named, CHOICE.sub(chosen, way)))


def _number(letter: str, fillings: Mapping[str, Filling]) -> int:
    """Return which form a verb takes: 0 he, 1 I, 2 you and they."""
    if letter == SPEAKER:
        return 1
    return 2 if letter == HEARER or (letter in fillings and fillings[letter].plural) else 0


def _named(letter: str, form: str, *, subject: bool) -> str:
    if letter == SPEAKER:
        return "my" if form == "their" else "I" if subject else "me"
    if letter == HEARER:
        return "your" if form == "their" else "you"
    return f"{{{letter}.{form}}}" if form else f"{{{letter}}}"


def _when(said: str, claim: Claim) -> Iterator[str]:
    """Yield a clause with its circumstances, behind it and, of a time, before it."""
    places = "".join(f" at {{{each}}}" for each in claim.circumstances if LETTERS[each] == Kind.PLACE)
    times = [f"{{{each}}}" for each in claim.circumstances if LETTERS[each] == Kind.TIME]
    yield " ".join((said + places, *times))
    if times:
        yield " ".join((*times, said + places))


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
