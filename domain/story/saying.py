"""Saying a plan in a voice with the written lines: pure, seeded, and true by construction (the ladder's R1).

Of the lines whose plan fits, the one is taken that who listens has not heard and that is nearest to the mood;
its letters are filled with what the plan speaks of. A line fits if its claims are those of the plan: the same
predicates about the same roles, as sure, and no circumstance that the plan has not. Where a voice has none
left, the claims are said as plain clauses beside a line of the act that claims nothing. So every plan has its
words.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from itertools import permutations

from domain.story.clauses import Between, Stated, Thing, clause
from domain.story.corpus import Pair, Voice
from domain.story.plan import (
    ASKED,
    HEARER,
    LETTERS,
    SPEAKER,
    Act,
    Attitude,
    Certainty,
    Claim,
    Kind,
    Length,
    Mood,
    Register,
)
from domain.story.slots import Filling, fill
from domain.story.variety import OPENING_WORDS, words_of

LIGHT = frozenset({Mood.MERRY, Mood.PROUD})
DARK = frozenset({Mood.SAD, Mood.ANGRY, Mood.AFRAID, Mood.BITTER})
KIND = frozenset({Attitude.WARM, Attitude.HUMBLE})
UNKIND = frozenset({Attitude.COLD, Attitude.SCORNFUL})
MOOD_WEIGHT, ATTITUDE_WEIGHT, REGISTER_WEIGHT, LENGTH_WEIGHT, CIRCUMSTANCE_WEIGHT = 5, 4, 1, 1, 2


AS_TOLD = frozenset(
    {Act.ANSWER, Act.LIE, Act.GOSSIP, Act.WARN, Act.BOAST, Act.CONFESS, Act.ACCUSE, Act.COMPLAIN, Act.MOURN}
)
"""Acts that state their claims, so that a line which tells them will do where there is none of the act."""


class Rung(StrEnum):
    """How a plan came to its words."""

    LINE = "line"
    """A written line says all of it."""
    LINES = "lines"
    """Two written lines, a claim each."""
    CLAUSE = "clause"
    """Plain clauses say the claims."""


@dataclass(frozen=True, slots=True)
class Saying:
    """What is to be said.

    Attributes:
        claims: two at most.
        hidden: claims that must not be mentioned.
        length: how long it should be; None does not matter.
    """

    act: Act
    between: Between
    claims: tuple[Stated, ...] = ()
    certainty: Certainty = Certainty.SURE
    mood: Mood = Mood.CALM
    attitude: Attitude = Attitude.NEUTRAL
    register: Register = Register.PLAIN
    hidden: tuple[Stated, ...] = ()
    length: Length | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A plan in words.

    Attributes:
        lines: ids of the written lines in it, for who must not hear them again.
        openings: their first words, which should not come again soon either.
    """

    text: str
    rung: Rung
    lines: tuple[str, ...]
    openings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """What who listens has heard.

    Attributes:
        lines: ids of lines, and when they were heard last: the later, the larger; from 1 on.
        openings: of the last ones.
    """

    lines: Mapping[str, int] = field(default_factory=dict)
    openings: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Written:
    """A line of a voice, ready to be chosen."""

    id: str
    pair: Pair
    opening: str


Shape = tuple[Act, tuple[tuple[str, bool], ...]]


@dataclass(slots=True)
class Tongue:
    """The lines of one voice, found by act and predicates."""

    voice: Voice
    clauses: Mapping[str, str]
    by_shape: dict[Shape, list[Written]] = field(default_factory=lambda: defaultdict(list))

    def say(self, saying: Saying, heard: Heard, seed: str) -> Said:
        """Return the words of a plan; the same for the same arguments.

        Raises:
            ValueError: the plan states what it hides.
            KeyError: a predicate has no clause, and this voice no line for it.
        """
        if any(claim in saying.hidden for claim in saying.claims):
            raise ValueError("a plan must not state what it hides")
        found = self._line(saying, saying.claims, heard, seed)
        if found is None and saying.act in AS_TOLD and saying.claims:
            found = self._line(replace(saying, act=Act.TELL), saying.claims, heard, seed)
        if found is not None:
            return _said(Rung.LINE, [found])
        if len(saying.claims) > 1:
            parts = [self._line(saying, (claim,), heard, seed) for claim in saying.claims]
            if None not in parts:
                return _said(Rung.LINES, [part for part in parts if part is not None])
        return self._clause(saying, heard, seed)

    def _line(
        self, saying: Saying, claims: Sequence[Stated], heard: Heard, seed: str
    ) -> tuple[str, Written] | None:
        """Return the best line for these claims, filled; one that was heard only if it claims nothing."""
        best: tuple[tuple[object, ...], Written, dict[str, Thing]] | None = None
        for written in self.by_shape.get(_shape(saying.act, claims), ()):
            if (claims and written.id in heard.lines) or not _bearable(written.pair, saying, claims):
                continue
            bound = _bound(written.pair, saying, claims)
            if bound is None:
                continue
            rank = self._rank(written, saying, heard, seed)
            if best is None or rank < best[0]:
                best = rank, written, bound
        if best is None:
            return None
        _, written, bound = best
        return fill(written.pair.text, _fillings(bound, saying.between)), written

    def _rank(self, written: Written, saying: Saying, heard: Heard, seed: str) -> tuple[object, ...]:
        plan = written.pair.plan
        fit = (
            MOOD_WEIGHT * (plan.mood == saying.mood)
            + ATTITUDE_WEIGHT * (plan.attitude == saying.attitude)
            + REGISTER_WEIGHT * (plan.register == saying.register)
            + LENGTH_WEIGHT * (written.pair.length == saying.length)
            + CIRCUMSTANCE_WEIGHT * sum(len(claim.circumstances) for claim in plan.claims)
        )
        drawn = sha256(f"{seed} {written.id}".encode()).digest()
        return heard.lines.get(written.id, 0), written.opening in heard.openings, -fit, drawn

    def _clause(self, saying: Saying, heard: Heard, seed: str) -> Said:
        claims = saying.claims
        if saying.act == Act.DENY:  # its claims are what it denies
            claims = tuple(replace(claim, negated=not claim.negated) for claim in claims)
        said = " ".join(clause(claim, saying.between, saying.certainty, self.clauses) for claim in claims)
        act = Act.TELL if claims and saying.act in AS_TOLD else saying.act
        beside = self._line(replace(saying, act=act), (), heard, seed)
        if beside is None or (claims and beside[1].id in heard.lines):
            return Said(said, Rung.CLAUSE, (), ())
        text, written = beside
        return Said(f"{said} {text}".strip(), Rung.CLAUSE, (written.id,), (written.opening,))


def tongues_of(pairs: Sequence[Pair], clauses: Mapping[str, str]) -> dict[str, Tongue]:
    """Return every voice with its lines: ``harbour/ferryman`` → tongue."""
    found: dict[str, Tongue] = {}
    for pair in pairs:
        name = f"{pair.voice.genre}/{pair.voice.name}"
        tongue = found.setdefault(name, Tongue(pair.voice, clauses))
        predicates = sorted((claim.predicate, claim.negated) for claim in pair.plan.claims)
        opening = " ".join(words_of(pair.text)[:OPENING_WORDS])
        id_ = sha256(f"{name} {pair.text}".encode()).hexdigest()[:12]
        tongue.by_shape[pair.plan.act, tuple(predicates)].append(Written(id_, pair, opening))
    return found


def tongue_for(tongues: Mapping[str, Tongue], genre: str, person: str, *serves: str) -> str:
    """Return the name of the voice that a person of a world speaks with.

    Args:
        tongues: voices by name, ``harbour/ferryman``.
        genre: only its voices are looked at; without any, all are.
        person: id; of voices that serve equally well everybody has one that stays theirs.
        serves: what the world says of the person's voice, the weightiest first: ``wry``, ``trader``.

    Raises:
        ValueError: there is no voice at all.
    """

    def rank(name: str) -> tuple[int, bytes]:
        known = tongues[name].voice.serves
        weight = sum(1 << (len(serves) - at) for at, word in enumerate(serves) if word in known)
        return -weight, sha256(f"{person} {name}".encode()).digest()

    own = [name for name, tongue in tongues.items() if tongue.voice.genre == genre]
    return min(own or tongues, key=rank)


def _shape(act: Act, claims: Sequence[Stated]) -> Shape:
    return act, tuple(sorted((claim.predicate, claim.negated) for claim in claims))


def _bearable(pair: Pair, saying: Saying, claims: Sequence[Stated]) -> bool:
    """Tell whether the manner of a line does not contradict that of the plan."""
    plan = pair.plan
    if claims and plan.certainty != saying.certainty:
        return False
    moods, attitudes = {plan.mood, saying.mood}, {plan.attitude, saying.attitude}
    if (moods & LIGHT and moods & DARK) or (attitudes & KIND and attitudes & UNKIND):
        return False
    hidden = {(claim.predicate, claim.negated) for claim in saying.hidden}
    return all((claim.predicate, claim.negated) in hidden for claim in plan.hidden)


def _bound(pair: Pair, saying: Saying, claims: Sequence[Stated]) -> dict[str, Thing] | None:
    """Return what the letters of a line stand for, if its claims are those."""
    for order in permutations(claims):
        bound: dict[str, Thing] = {}
        if all(
            _binds(line, claim, saying.between, bound)
            for line, claim in zip(pair.plan.claims, order, strict=True)
        ):
            return bound
    return None


def _binds(line: Claim, claim: Stated, between: Between, bound: dict[str, Thing]) -> bool:
    """Tell whether a line's claim is this one, and note in ``bound`` what its letters stand for."""
    if line.predicate != claim.predicate or line.negated != claim.negated:
        return False
    if len(line.roles) != len(claim.roles):
        return False
    pairs = zip(line.roles, claim.roles, strict=True)
    if not all(_stands_for(letter, thing, between, bound) for letter, thing in pairs):
        return False
    return all(
        any(_stands_for(letter, thing, between, bound) for thing in claim.circumstances)
        for letter in line.circumstances
    )


def _stands_for(letter: str, thing: Thing | Kind, between: Between, bound: dict[str, Thing]) -> bool:
    if isinstance(thing, Kind) or letter == ASKED:
        return isinstance(thing, Kind) and letter == ASKED
    for own, person in ((SPEAKER, between.speaker), (HEARER, between.hearer)):
        if (letter == own) != (thing.id == person.id):
            return False
    if letter in (SPEAKER, HEARER):
        return True
    if LETTERS[letter] != thing.kind or any(
        other.id == thing.id for name, other in bound.items() if name != letter
    ):
        return False
    return bound.setdefault(letter, thing).id == thing.id


def _fillings(bound: Mapping[str, Thing], between: Between) -> dict[str, Filling]:
    fillings = {letter: thing.filling for letter, thing in bound.items()}
    return {SPEAKER: between.speaker.filling, HEARER: between.hearer.filling, **fillings}


def _said(rung: Rung, parts: Sequence[tuple[str, Written]]) -> Said:
    return Said(
        " ".join(text for text, _ in parts),
        rung,
        tuple(written.id for _, written in parts),
        tuple(written.opening for _, written in parts),
    )
