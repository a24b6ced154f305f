"""Saying a plan in a voice with the written lines: pure, seeded, and true by construction (the ladder's R1).

Of the lines whose plan fits, the one is taken that who listens has not heard and that is nearest to the mood;
its letters are filled with what the plan speaks of. A line fits if its claims are those of the plan: the same
predicates about the same roles, as sure, and no circumstance that the plan has not. Where a voice has none
left, the claims are said as plain clauses in one of the voice's frames ("{claim}, and I'd not lean on it"),
or beside a line of the act that claims nothing. So every plan has its words. What is nearly what who listens
has heard gives way to the next way of saying it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from itertools import islice, pairwise, permutations

from domain.story.asides import aside_before, interjects, line_id, opening_of
from domain.story.clauses import (
    Between,
    Stated,
    Thing,
    bare_clause,
    clause,
    following,
    framed,
    says_who_told,
)
from domain.story.corpus import FRAME, Pair, Voice
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
from domain.story.typical import level_of, scores_of
from domain.story.variety import ALIKE, likeness

LIGHT = frozenset({Mood.MERRY, Mood.PROUD})
DARK = frozenset({Mood.SAD, Mood.ANGRY, Mood.AFRAID, Mood.BITTER})
KIND = frozenset({Attitude.WARM, Attitude.HUMBLE})
UNKIND = frozenset({Attitude.COLD, Attitude.SCORNFUL})
MOOD_WEIGHT, ATTITUDE_WEIGHT, REGISTER_WEIGHT, LENGTH_WEIGHT, CIRCUMSTANCE_WEIGHT = 7, 7, 1, 1, 2
MANNER_WEIGHT = 5
"""Of each level of how typical a line is of its voice."""


AS_TOLD = frozenset(
    {Act.ANSWER, Act.LIE, Act.GOSSIP, Act.WARN, Act.BOAST, Act.CONFESS, Act.ACCUSE, Act.COMPLAIN, Act.MOURN}
)
"""Acts that state their claims, so that a line which tells them will do where there is none of the act."""

UNSAYABLE: Mapping[Act, Act] = {Act.TELL: Act.SMALL_TALK, Act.ASK: Act.SILENCE_BREAK}
"""Acts that need a claim, and what is done without one: their lines without a claim stand behind a clause."""

INSTEAD: Mapping[Act, Act] = {
    Act.MOURN: Act.COMPLAIN,
    Act.ACCUSE: Act.COMPLAIN,
    Act.CONFESS: Act.APOLOGISE,
    Act.DENY: Act.REFUSE,
    Act.WELCOME: Act.SMALL_TALK,
    Act.RETORT: Act.COMPLAIN,
}
"""What is done instead by a voice that has no line of an act without a claim; of others, small talk."""

BESIDE: Mapping[Act, tuple[Act, ...]] = {
    Act.GREET: (Act.SILENCE_BREAK, Act.SMALL_TALK),
    Act.FAREWELL: (Act.SMALL_TALK,),
    Act.SMALL_TALK: (Act.SILENCE_BREAK, Act.SMALL_TALK),
}
"""Acts whose lines stand beside one that was heard before; of acts that are not here, `ELSEWHERE`."""

ELSEWHERE = (Act.CHANGE_SUBJECT, Act.SMALL_TALK)
ENDING = frozenset({Act.FAREWELL, Act.SMALL_TALK})
"""Acts whose line stands behind the one beside it."""

WAYS_MAX = 16
"""Ways of saying a plan that are looked at, until one is not nearly what was heard."""


class Rung(StrEnum):
    """How a plan came to its words."""

    LINE = "line"
    """A written line says all of it."""
    LINES = "lines"
    """Two written lines: a claim each, or one that was heard and one beside it, both without a claim."""
    CLAUSE = "clause"
    """Plain clauses say the claims, in a frame of the voice or beside a line of it."""


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
        openings: their first words, and those of the whole, which should not come again soon either.
        plain: whether anybody might have said it: no written line in it is one of this voice alone.
    """

    text: str
    rung: Rung
    lines: tuple[str, ...]
    openings: tuple[str, ...]
    plain: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Heard:
    """What who listens has heard.

    Attributes:
        lines: ids of lines, and when they were heard last: the later, the larger; from 1 on.
        openings: of the last ones.
        texts: the words of each of the last ones, from whomever: nothing is said that is nearly one of them,
            as long as there is another way.
        told: whether who speaks told them the same already, in this talk.
    """

    lines: Mapping[str, int] = field(default_factory=dict)
    openings: Collection[str] = frozenset()
    texts: Collection[frozenset[str]] = field(default=(), repr=False)
    told: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A line of a voice, ready to be chosen."""

    id: str
    pair: Pair
    opening: str
    level: int = 1
    """How much it is in its voice's manner: 0, 1 or 2 (`typical`)."""


Shape = tuple[Act, tuple[tuple[str, bool], ...]]


@dataclass(slots=True)
class Tongue:
    """The lines of one voice, found by act and predicates, and its frames for clauses."""

    voice: Voice
    clauses: Mapping[str, str]
    by_shape: dict[Shape, list[Written]] = field(default_factory=lambda: defaultdict(list))
    frames: dict[tuple[Act, Certainty], list[Written]] = field(default_factory=lambda: defaultdict(list))

    def say(self, saying: Saying, heard: Heard, seed: str) -> Said:
        """Return the words of a plan; the same for the same arguments.

        Raises:
            ValueError: the plan states what it hides.
            KeyError: a predicate has no clause, and this voice no line for it.
        """
        if any(claim in saying.hidden for claim in saying.claims):
            raise ValueError("a plan must not state what it hides")
        least: tuple[float, Said] | None = None
        for said in islice(self._ways(saying, heard, seed), WAYS_MAX):
            like = likeness(said.text, heard.texts, ALIKE)
            if like <= ALIKE:
                return self._begun(said, heard, seed)
            if least is None or like < least[0]:
                least = like, said
        if least is None:
            raise ValueError(f"{self.voice.name} has no line for {saying.act}")
        return self._begun(least[1], heard, seed)

    def _begun(self, said: Said, heard: Heard, seed: str) -> Said:
        """Return a line behind an aside, if it begins as another that was heard, or anybody might say it."""
        opening, voice = opening_of(said.text), self.voice
        wanted = (said.plain or opening in heard.openings) and not interjects(said.text)
        asides = voice.again if heard.told else voice.asides if wanted else ()
        if asides:
            id_, aside = aside_before(said.text, asides, heard.lines, heard.openings, seed)
            text = f"{aside} {said.text}"
            said, opening = replace(said, text=text, lines=(*said.lines, id_)), opening_of(text)
        return replace(said, openings=tuple(dict.fromkeys((*said.openings, opening))))

    def _ways(self, saying: Saying, heard: Heard, seed: str) -> Iterator[Said]:
        """Yield ways of saying a plan, the best first."""
        if not saying.claims:
            saying = replace(saying, act=UNSAYABLE.get(saying.act, saying.act))
            yield from self._claimless(saying, heard, seed)
            return
        yield from (_said(Rung.LINE, [part]) for part in self._lines(saying, saying.claims, heard, seed))
        if saying.act in AS_TOLD:
            told = self._lines(replace(saying, act=Act.TELL), saying.claims, heard, seed)
            yield from (_said(Rung.LINE, [part]) for part in told)
        if len(saying.claims) > 1:
            found = [self._lines(saying, (claim,), heard, seed) for claim in saying.claims]
            yield from (_said(Rung.LINES, parts) for parts in zip(*found, strict=False))
        if saying.act == Act.REFUSE:  # what one will not speak of is not stated instead
            yield from self._claimless(replace(saying, claims=()), heard, seed)
        else:
            yield from self._clause(saying, heard, seed)

    def _claimless(self, saying: Saying, heard: Heard, seed: str) -> Iterator[Said]:
        """Yield lines that claim nothing: new ones, then old ones beside another, then as they were."""
        own = self._lines(saying, (), heard, seed)
        yield from (_said(Rung.LINE, [part]) for part in own if part[1].id not in heard.lines)
        yield from self._doubled(saying, own, heard, seed)
        yield from (_said(Rung.LINE, [part]) for part in own if part[1].id in heard.lines)
        if not own:
            for other in self._instead(saying):
                if lines := self._lines(other, (), heard, seed):
                    yield from (_said(Rung.LINE, [part]) for part in lines)
                    return
            yield Said("", Rung.CLAUSE, (), ())

    def _instead(self, saying: Saying) -> Iterator[Saying]:
        """Yield what is said where a voice has no line for an act and its manner: the nearest first."""
        small = replace(saying, act=Act.SMALL_TALK)
        if saying.act in INSTEAD:
            yield replace(saying, act=INSTEAD[saying.act])
        yield small
        yield replace(small, mood=Mood.CALM, attitude=Attitude.NEUTRAL, register=Register.PLAIN)

    def _doubled(self, saying: Saying, own: Sequence["Part"], heard: Heard, seed: str) -> Iterator[Said]:
        acts = BESIDE.get(saying.act, ELSEWHERE)
        beside = [part for act in acts for part in self._lines(replace(saying, act=act), (), heard, seed)]
        beside.sort(key=lambda part: heard.lines.get(part[1].id, 0))
        for first, second in _crossed(own, beside):
            if first[1].id != second[1].id:
                yield _said(Rung.LINES, [second, first] if saying.act in ENDING else [first, second])

    def _lines(self, saying: Saying, claims: Sequence[Stated], heard: Heard, seed: str) -> Sequence["Part"]:
        """Return the lines for these claims, filled, the best first; heard ones only without a claim."""
        found: list[tuple[tuple[object, ...], Written, dict[str, Thing]]] = []
        for written in self.by_shape.get(_shape(saying.act, claims), ()):
            if (claims and written.id in heard.lines) or not bearable(written.pair, saying, claims):
                continue
            bound = bound_to(written.pair, saying, claims)
            if bound is not None:
                found.append((self._rank(written, saying, heard, seed), written, bound))
        found.sort(key=lambda each: each[0])
        return [
            (fill(written.pair.text, fillings_of(bound, saying.between)), written)
            for _, written, bound in found
        ]

    def _rank(self, written: Written, saying: Saying, heard: Heard, seed: str) -> tuple[object, ...]:
        plan = written.pair.plan
        fit = (
            MOOD_WEIGHT * (plan.mood == saying.mood)
            + ATTITUDE_WEIGHT * (plan.attitude == saying.attitude)
            + REGISTER_WEIGHT * (plan.register == saying.register)
            + LENGTH_WEIGHT * (written.pair.length == saying.length)
            + MANNER_WEIGHT * written.level
            + CIRCUMSTANCE_WEIGHT * sum(len(claim.circumstances) for claim in plan.claims)
        )
        drawn = sha256(f"{seed} {written.id}".encode()).digest()
        return heard.lines.get(written.id, 0), written.opening in heard.openings, -fit, drawn

    def _clause(self, saying: Saying, heard: Heard, seed: str) -> Iterator[Said]:
        """Yield plain clauses: in a frame, beside a line, in a frame and beside one, and at last bare."""
        claims = saying.claims
        if saying.act == Act.DENY:  # its claims are what it denies
            claims = tuple(replace(claim, negated=not claim.negated) for claim in claims)
        claims = self._in_turn(claims, saying)
        said = " ".join(clause(claim, saying.between, saying.certainty, self.clauses) for claim in claims)
        act = Act.TELL if saying.act in AS_TOLD else saying.act
        as_act = replace(saying, act=act)
        framed = self._framed(as_act, claims, heard, seed)
        beside = self._lines(as_act, (), heard, seed)
        yield from (
            _stated(text, written)
            for text, written in framed
            if written.id not in heard.lines and written.opening not in heard.openings
        )
        form = "{1} {0}" if saying.act == Act.NOT_KNOW else "{0} {1}"  # what helps stands behind it
        joined = [(form.format(said, text), written) for text, written in beside]
        yield from (_stated(text, written) for text, written in joined if written.id not in heard.lines)
        both = [*framed, *joined]
        both.sort(key=lambda part: self._again(part[1], heard))
        for (first, one), (second, other) in _crossed(both, beside):
            if one.id != other.id:
                yield _stated(f"{first} {second}", one, other)
        named = saying.act == Act.INTRODUCE  # who says where they work has not said who they are
        yield _stated(f"I am {saying.between.speaker.filling.name}. {said}" if named else said)

    @staticmethod
    def _again(written: Written, heard: Heard) -> tuple[bool, int]:
        """Return a rank for what was heard: frames that begin always alike last, then the oldest first."""
        frame_begins = written.pair.is_frame and written.opening in heard.openings
        return frame_begins, heard.lines.get(written.id, 0)

    def _framed(self, saying: Saying, claims: Sequence[Stated], heard: Heard, seed: str) -> Sequence["Part"]:
        """Return the voice's frames around the claims, the best first."""
        named = any(says_who_told(claim, self.clauses) for claim in claims)
        frames = self.frames.get((saying.act, Certainty.SURE if named else saying.certainty), ())
        fitting = [each for each in frames if bearable(each.pair, saying, ())]
        if not fitting:
            return ()
        people = {SPEAKER: saying.between.speaker.filling, HEARER: saying.between.hearer.filling}
        fitting.sort(key=lambda each: self._rank(each, saying, heard, seed))
        return [(self._around(each.pair.text, claims, saying, people), each) for each in fitting]

    def _around(
        self, frame: str, claims: Sequence[Stated], saying: Saying, people: Mapping[str, Filling]
    ) -> str:
        """Return clauses with a frame around the one beside which it stands; the other is a sentence."""
        at = len(claims) - 1 if frame.startswith(FRAME) else 0
        said = [clause(each, saying.between, saying.certainty, self.clauses) for each in claims]
        said[at] = framed(frame, bare_clause(claims[at], saying.between, self.clauses), people)
        return " ".join(said)

    def _in_turn(self, claims: Sequence[Stated], saying: Saying) -> tuple[Stated, ...]:
        """Return claims as they are said one behind the other."""
        later = (following(one, before, saying.between, self.clauses) for before, one in pairwise(claims))
        return (*claims[:1], *later)


Part = tuple[str, Written]
"""A line that is filled, and where it stands."""


def tongues_of(
    pairs: Sequence[Pair], clauses: Mapping[str, str], frames: Sequence[Pair] = ()
) -> dict[str, Tongue]:
    """Return every voice with its lines: ``harbour/ferryman`` → tongue."""
    found: dict[str, Tongue] = {}
    every = (*pairs, *frames)
    for pair, score in zip(every, scores_of(every), strict=True):
        name = f"{pair.voice.genre}/{pair.voice.name}"
        tongue = found.setdefault(name, Tongue(pair.voice, clauses))
        opening = opening_of(pair.text)
        id_ = line_id(name, pair.text)
        if pair.is_frame:
            own = "" if pair.text.startswith(FRAME) else opening  # a claim begins each time otherwise
            tongue.frames[pair.plan.act, pair.plan.certainty].append(Written(id_, pair, own, level_of(score)))
        else:
            predicates = sorted((claim.predicate, claim.negated) for claim in pair.plan.claims)
            tongue.by_shape[pair.plan.act, tuple(predicates)].append(
                Written(id_, pair, opening, level_of(score))
            )
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


def fitted(pair: Pair, saying: Saying) -> tuple[str, Mapping[str, Thing]] | None:
    """Return a pair's line filled for a plan, and what its letters stand for; None: it does not fit."""
    claims = saying.claims
    own = tuple(sorted((claim.predicate, claim.negated) for claim in pair.plan.claims))
    if (pair.plan.act, own) != _shape(saying.act, claims) or not bearable(pair, saying, claims):
        return None
    bound = bound_to(pair, saying, claims)
    return None if bound is None else (fill(pair.text, fillings_of(bound, saying.between)), bound)


def _shape(act: Act, claims: Sequence[Stated]) -> Shape:
    return act, tuple(sorted((claim.predicate, claim.negated) for claim in claims))


def bearable(pair: Pair, saying: Saying, claims: Sequence[Stated]) -> bool:
    """Tell whether the manner of a line does not contradict that of the plan."""
    plan = pair.plan
    if claims and plan.certainty != saying.certainty:
        return False
    moods, attitudes = {plan.mood, saying.mood}, {plan.attitude, saying.attitude}
    if (moods & LIGHT and moods & DARK) or (attitudes & KIND and attitudes & UNKIND):
        return False
    hidden = {(claim.predicate, claim.negated) for claim in saying.hidden}
    return all((claim.predicate, claim.negated) in hidden for claim in plan.hidden)


def bound_to(pair: Pair, saying: Saying, claims: Sequence[Stated]) -> dict[str, Thing] | None:
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


def fillings_of(bound: Mapping[str, Thing], between: Between) -> dict[str, Filling]:
    """Return what fills a line: its letters, who speaks and who listens."""
    fillings = {letter: thing.filling for letter, thing in bound.items()}
    return {SPEAKER: between.speaker.filling, HEARER: between.hearer.filling, **fillings}


def _crossed(first: Sequence[Part], second: Sequence[Part]) -> Iterator[tuple[Part, Part]]:
    """Yield pairs of two ranked lists: all of the first with one of the second each, then with another."""
    for offset in range(len(second)):
        for at, part in enumerate(first):
            yield part, second[(at + offset) % len(second)]


def _said(rung: Rung, parts: Sequence[Part]) -> Said:
    return Said(
        " ".join(text for text, _ in parts),
        rung,
        tuple(written.id for _, written in parts),
        tuple(written.opening for _, written in parts),
        all(written.level == 0 for _, written in parts),
    )


def _stated(text: str, *lines: Written) -> Said:
    openings = tuple(written.opening for written in lines if written.opening)
    plain = all(written.level == 0 for written in lines)
    return Said(text.strip(), Rung.CLAUSE, tuple(written.id for written in lines), openings, plain)
