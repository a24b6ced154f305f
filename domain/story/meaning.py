"""A plan in the form in which it is compared with a text: claims about ids, and what may be named. Pure.

It is the same for a finished text (ids of the world) and for a line with placeholders (letters); who speaks
and who listens are ``S`` and ``H`` in both.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from domain.story.bank import NOBODY
from domain.story.clauses import Between, Stated, Thing, bare_clause
from domain.story.numbers import numbers_in
from domain.story.plan import ASKED, HEARER, LETTERS, SPEAKER, Act, Certainty, Claim, Kind, LinePlan
from domain.story.saying import Saying
from domain.story.slots import Gender
from domain.story.text import Names

NOUN_FORMS: Mapping[Kind, tuple[str, ...]] = {
    Kind.GOOD: ("", "the", "bare"),
    Kind.TIME: ("", "since"),
    Kind.QUEST: ("", "aim"),
}
"""Forms that name a thing; the others are pronouns and verbs."""


class Meaning(NamedTuple):
    """A claim about ids; `ASKED` for what is asked for."""

    predicate: str
    roles: tuple[str, ...]
    negated: bool = False
    circumstances: tuple[str, ...] = ()

    @property
    def bare(self) -> "Meaning":
        """The claim without its circumstances."""
        return self._replace(circumstances=())


@dataclass(frozen=True, slots=True)
class Terms:
    """What a text is compared with.

    Attributes:
        claims: of the plan. hidden: what must not be mentioned. said: what the speaker said before.
        kinds: what each id is that the plan or the scene speaks of.
        names: how they are named.
        allowed: ids that may be named. required: ids that must be.
        spoken: how an id is named, for messages.
        genders: of people.
        numbers: numbers that the names of the plan hold. given: those of what the voice has by itself.
        letters: whether ids are letters, and placeholders stand in the text.
        clauses: the claims of the plan as plain clauses, which stand in frames.
    """

    act: Act
    certainty: Certainty
    claims: tuple[Meaning, ...]
    hidden: tuple[Meaning, ...]
    kinds: Mapping[str, Kind]
    allowed: frozenset[str]
    required: frozenset[str]
    names: Names = NOBODY
    said: tuple[Meaning, ...] = ()
    believed: frozenset[Meaning] = frozenset()
    spoken: Mapping[str, str] = field(default_factory=dict)
    genders: Mapping[str, Gender] = field(default_factory=dict)
    numbers: frozenset[int] = frozenset()
    present: frozenset[str] | None = None
    dead: frozenset[str] = frozenset()
    letters: bool = False
    clauses: tuple[str, ...] = ()
    given: frozenset[int] = frozenset()

    def called(self, id_: str) -> str:
        """Return how an id is named in a message."""
        return self.spoken.get(id_, {SPEAKER: "the speaker", HEARER: "the listener"}.get(id_, id_))

    def told(self, claim: Meaning) -> str:
        """Return a claim as a message says it."""
        roles = ", ".join(map(self.called, claim.roles))
        return f"{'not ' * claim.negated}{claim.predicate}({roles})"


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside the plan of a finished text; see `domain.story.reading.Reading`."""

    scene: Sequence[Thing] = ()
    secrets: Sequence[Stated] = ()
    said: Sequence[Stated] = ()
    believed: Sequence[Stated] = ()
    present: frozenset[str] | None = None
    dead: frozenset[str] = frozenset()


def terms_of_letters(plan: LinePlan) -> Terms:
    """Return what a line with placeholders is compared with."""
    return Terms(
        plan.act,
        plan.certainty,
        tuple(map(_of_letters, plan.claims)),
        tuple(map(_of_letters, plan.hidden)),
        LETTERS,
        plan.letters | {SPEAKER, HEARER},
        plan.letters,
        letters=True,
    )


def terms_of_things(saying: Saying, beside: Beside, clauses: Mapping[str, str]) -> Terms:
    """Return what a finished text is compared with; ``clauses`` as `read_clauses` returns them."""
    between = saying.between
    planned = [thing for claim in saying.claims for thing in _things(claim)]
    rest = [*saying.hidden, *beside.secrets, *beside.said]
    others = [thing for claim in rest for thing in _things(claim)]
    known = {
        _id(thing, between): thing
        for thing in (*others, *beside.scene, *planned, between.hearer, between.speaker)
    }
    may = (*planned, *beside.scene, between.speaker, between.hearer)
    must = [thing for claim in saying.claims for thing in claim.roles if isinstance(thing, Thing)]
    people = (between.speaker, between.hearer)

    def claims(all_: Iterable[Stated]) -> tuple[Meaning, ...]:
        return tuple(_of_things(claim, between) for claim in all_)

    def ids(given: Iterable[str]) -> frozenset[str]:
        own = {between.speaker.id: SPEAKER, between.hearer.id: HEARER}
        return frozenset(own.get(each, each) for each in given)

    return Terms(
        saying.act,
        saying.certainty,
        claims(saying.claims),
        claims((*saying.hidden, *beside.secrets)),
        {id_: thing.kind for id_, thing in known.items()},
        frozenset(_id(thing, between) for thing in may),
        frozenset(_id(thing, between) for thing in must if thing.id not in {one.id for one in people}),
        Names({id_: forms_of(thing) for id_, thing in known.items()}),
        claims(beside.said),
        frozenset(claim.bare for claim in claims(beside.believed)),
        {id_: thing.filling.name for id_, thing in known.items()},
        {id_: thing.filling.gender for id_, thing in known.items() if thing.kind == Kind.PERSON},
        frozenset(one.value for thing in may for form in forms_of(thing) for one in numbers_in(form)),
        None if beside.present is None else ids(beside.present),
        ids(beside.dead),
        clauses=tuple(_clauses(saying, clauses)),
    )


def _clauses(saying: Saying, clauses: Mapping[str, str]) -> Iterator[str]:
    for claim in saying.claims:
        said = replace(claim, negated=not claim.negated) if saying.act == Act.DENY else claim
        if "not " * said.negated + said.predicate in clauses:
            yield bare_clause(said, saying.between, clauses)


def forms_of(thing: Thing) -> list[str]:
    """Return the ways in which a thing is named."""
    forms = NOUN_FORMS.get(thing.kind, ("",))
    return list(dict.fromkeys(thing.filling.form(thing.kind, form) for form in forms))


def denied(claim: Meaning) -> Meaning:
    """Return the opposite of a claim."""
    return claim._replace(negated=not claim.negated)


def _of_letters(claim: Claim) -> Meaning:
    return Meaning(claim.predicate, claim.roles, claim.negated, claim.circumstances)


def _of_things(claim: Stated, between: Between) -> Meaning:
    roles = tuple(ASKED if isinstance(one, Kind) else _id(one, between) for one in claim.roles)
    return Meaning(
        claim.predicate, roles, claim.negated, tuple(_id(one, between) for one in claim.circumstances)
    )


def _things(claim: Stated) -> list[Thing]:
    return [thing for thing in (*claim.roles, *claim.circumstances) if isinstance(thing, Thing)]


def _id(thing: Thing, between: Between) -> str:
    if thing.id == between.speaker.id:
        return SPEAKER
    return HEARER if thing.id == between.hearer.id else thing.id
