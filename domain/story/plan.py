"""The line plan: what a line has to say and in which manner, before anybody chooses its words.

A plan names nobody: its claims have roles, and each role is a letter that stands for somebody or something
of a kind (``killed(B, A; T)``: B killed A at the time T). So one line serves every world that has the
predicate. ``S`` is who speaks, ``H`` who listens, ``?`` what is asked for. Behind the semicolon stand
circumstances: where, when, and from whom one has it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from domain.definition.faults import Fault, nearest

CLAIMS_MAX = 2
SHORT_MAX, MIDDLE_MAX = 7, 16
"""Words of a short line and of one of middle length, at most."""


class Act(StrEnum):
    """What is done by saying it."""

    GREET = "greet"
    FAREWELL = "farewell"
    INTRODUCE = "introduce"
    TELL = "tell"
    ASK = "ask"
    ANSWER = "answer"
    NOT_KNOW = "not_know"
    REFUSE = "refuse"
    LIE = "lie"
    DENY = "deny"
    AGREE = "agree"
    THREATEN = "threaten"
    WARN = "warn"
    MOURN = "mourn"
    CONSOLE = "console"
    BARGAIN = "bargain"
    THANK = "thank"
    APOLOGISE = "apologise"
    PROMISE = "promise"
    REMIND = "remind"
    ACCUSE = "accuse"
    CONFESS = "confess"
    BOAST = "boast"
    GOSSIP = "gossip"
    COMPLAIN = "complain"
    PRAISE = "praise"
    INSULT = "insult"
    ORDER = "order"
    PLEAD = "plead"
    JOKE = "joke"
    CHANGE_SUBJECT = "change_subject"
    UNFORESEEN = "unforeseen"
    """An answer to what nobody foresaw: it takes note of the words and adopts none of them."""
    SILENCE_BREAK = "silence_break"
    SMALL_TALK = "small_talk"
    WELCOME = "welcome"
    """An answer to thanks."""
    RETORT = "retort"
    """An answer to an insult that does not pay it back."""


ASKED_FOR = frozenset({Act.ASK, Act.ORDER, Act.PLEAD, Act.BARGAIN, Act.THREATEN, Act.PROMISE})
"""Acts that ask for, wish or announce their claims: nobody is told by them that it is so."""


class Certainty(StrEnum):
    """How sure the speaker is of the claims."""

    SURE = "sure"
    LIKELY = "likely"
    UNSURE = "unsure"
    HEARSAY = "hearsay"


class Mood(StrEnum):
    """What the speaker feels."""

    CALM = "calm"
    MERRY = "merry"
    SAD = "sad"
    ANGRY = "angry"
    AFRAID = "afraid"
    WEARY = "weary"
    BITTER = "bitter"
    TENDER = "tender"
    PROUD = "proud"


class Attitude(StrEnum):
    """How the speaker stands to who listens."""

    NEUTRAL = "neutral"
    WARM = "warm"
    COLD = "cold"
    HUMBLE = "humble"
    SCORNFUL = "scornful"
    WARY = "wary"


class Register(StrEnum):
    """The level of speech."""

    PLAIN = "plain"
    FORMAL = "formal"
    COARSE = "coarse"


class Length(StrEnum):
    """How long a line is, by its words."""

    SHORT = "short"
    MIDDLE = "middle"
    LONG = "long"


class Kind(StrEnum):
    """What a letter stands for."""

    PERSON = "person"
    PLACE = "place"
    FACTION = "faction"
    GOOD = "good"
    SUM = "sum"
    TIME = "time"
    WEATHER = "weather"
    QUEST = "quest"
    SAYING = "saying"
    """What somebody said or promised, in words of its own; no written line has a letter for it."""


SPEAKER, HEARER, ASKED = "S", "H", "?"

LETTERS: Mapping[str, Kind] = {
    **dict.fromkeys("ABCSH", Kind.PERSON),
    **dict.fromkeys("PQ", Kind.PLACE),
    **dict.fromkeys("FE", Kind.FACTION),
    **dict.fromkeys("GK", Kind.GOOD),
    **dict.fromkeys("N", Kind.SUM),
    **dict.fromkeys("T", Kind.TIME),
    **dict.fromkeys("W", Kind.WEATHER),
    **dict.fromkeys("X", Kind.QUEST),
}

CIRCUMSTANCES = (Kind.PLACE, Kind.TIME, Kind.PERSON)
"""Where, when, and from whom one has it."""

ARGUMENTS = ("subject", "object", "value")
"""Arguments of a world's predicates, in order."""


class Role(NamedTuple):
    """One role of a predicate in a line.

    Attributes:
        argument: the argument that it is in a world's definition: ``object``, or ``subject.from`` for
            what one has of it (a way's one end).
        kinds: what it may be.
    """

    argument: str
    kinds: frozenset[Kind]


Signature = tuple[Role, ...]
"""The roles of a predicate, in order; those of a world may be more."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: a predicate with its roles, each a letter.

    Attributes:
        roles: letters of `LETTERS`, or `ASKED` for what is asked for.
        circumstances: letters of where, when and from whom.
    """

    predicate: str
    roles: tuple[str, ...]
    circumstances: tuple[str, ...] = ()
    negated: bool = False

    @property
    def letters(self) -> frozenset[str]:
        """Letters that a line must say: all but who speaks, who listens, and what is asked for."""
        return frozenset((*self.roles, *self.circumstances)) - {SPEAKER, HEARER, ASKED}

    def __str__(self) -> str:
        inside = ", ".join(self.roles)
        if self.circumstances:
            inside += "; " + ", ".join(self.circumstances)
        return f"{'not ' * self.negated}{self.predicate}({inside})"


@dataclass(frozen=True, slots=True)
class LinePlan:
    """What a line has to say, and how.

    Attributes:
        claims: what is stated (or asked, denied, lied: see the act), two at most.
        hidden: claims that must not be mentioned.
    """

    act: Act
    claims: tuple[Claim, ...] = ()
    certainty: Certainty = Certainty.SURE
    mood: Mood = Mood.CALM
    attitude: Attitude = Attitude.NEUTRAL
    register: Register = Register.PLAIN
    hidden: tuple[Claim, ...] = ()

    @property
    def letters(self) -> frozenset[str]:
        """Letters that a line must say."""
        return frozenset().union(*(claim.letters for claim in self.claims))

    def __str__(self) -> str:
        said = " ".join([self.act, " & ".join(map(str, self.claims))]).strip()
        manner = [
            word for word in (self.certainty, self.mood, self.attitude, self.register) if word not in DEFAULTS
        ]
        parts = [said, *([" ".join(manner)] if manner else [])]
        if self.hidden:
            parts.append("hides " + " & ".join(map(str, self.hidden)))
        return " | ".join(parts)


DEFAULTS = frozenset({Certainty.SURE, Mood.CALM, Attitude.NEUTRAL, Register.PLAIN})
MANNER: Mapping[str, StrEnum] = {
    str(word): word for words in (Certainty, Mood, Attitude, Register) for word in words
}
"""Every word of manner; the four lists have none in common."""

WORD = re.compile(r"\{[^{}]*\}(?:'s)?|[^\W\d_]+(?:'[^\W\d_]+)*")
CLAIM = re.compile(r"(not )?\s*([a-z_]+)\(([^()]*)\)")


def length_of(text: str) -> Length:
    """Return how long a line is; a placeholder is one word."""
    words = len(WORD.findall(text))
    if words <= SHORT_MAX:
        return Length.SHORT
    return Length.MIDDLE if words <= MIDDLE_MAX else Length.LONG


@dataclass(slots=True)
class Reading:
    """One plan as far as it was read, and what is wrong with it."""

    signatures: Mapping[str, Signature]
    faults: list[Fault] = field(default_factory=list)

    def fail(self, kind: str, found: str, allowed: str, near: str = "") -> None:
        """Note a fault."""
        self.faults.append(Fault(kind, "plan", found, allowed, nearest=near))

    def plan(self, text: str) -> LinePlan | None:
        """Return the plan, or None if its act is not one; other faults leave out what they concern."""
        said, *rest = (part.strip() for part in text.split("|"))
        word, _, claims = said.partition(" ")
        if word not in set(Act):
            self.fail("unknown_act", f"the act {word!r}", ", ".join(sorted(Act)), nearest(word, Act))
            return None
        manner: list[str] = []
        hidden: tuple[Claim, ...] = ()
        for part in rest:
            if part.startswith("hides "):
                hidden += self.claims(part.removeprefix("hides "))
            else:
                manner += part.split()
        stated = self.claims(claims)
        if len(stated) > CLAIMS_MAX:
            self.fail("too_many", f"{len(stated)} claims", f"{CLAIMS_MAX} at most")
        return LinePlan(Act(word), stated, *self._manner(manner), hidden=hidden)

    def _manner(self, words: Sequence[str]) -> tuple[Certainty, Mood, Attitude, Register]:
        certainty, mood, attitude, register = Certainty.SURE, Mood.CALM, Attitude.NEUTRAL, Register.PLAIN
        seen: set[type] = set()
        for word in words:
            match MANNER.get(word):
                case Certainty() as certainty:
                    pass
                case Mood() as mood:
                    pass
                case Attitude() as attitude:
                    pass
                case Register() as register:
                    pass
                case _:
                    known = ", ".join(MANNER)
                    self.fail("unknown_manner", f"the word {word!r}", known, nearest(word, MANNER))
                    continue
            if type(MANNER[word]) in seen:
                which = type(MANNER[word]).__name__.lower()
                self.fail("duplicate_manner", f"{word!r}, a second {which}", f"one {which}")
            seen.add(type(MANNER[word]))
        return certainty, mood, attitude, register

    def claims(self, text: str) -> tuple[Claim, ...]:
        """Return the claims of `a(B, C) & not d(E)`."""
        parts = [part.strip() for part in text.split("&")] if text.strip() else []
        return tuple(claim for part in parts if (claim := self._claim(part)) is not None)

    def _claim(self, text: str) -> Claim | None:
        found = CLAIM.fullmatch(text)
        if found is None:
            self.fail("no_claim", f"the text {text!r}", "predicate(ROLE, ROLE; CIRCUMSTANCE), or not …")
            return None
        negated, predicate, inside = found.groups()
        main, _, extra = inside.partition(";")
        roles, circumstances = _letters(main), _letters(extra)
        signature = self.signatures.get(predicate)
        if signature is None:
            near = nearest(predicate, self.signatures)
            self.fail("unknown_predicate", f"the predicate {predicate!r}", "one of claims.txt", near)
            return None
        self._check_roles(predicate, roles, signature)
        for letter in circumstances:
            if LETTERS.get(letter) not in CIRCUMSTANCES:
                self.fail("wrong_circumstance", f"{letter!r} in {text!r}", "a place, a time or a person")
        return Claim(predicate, roles, circumstances, negated is not None)

    def _check_roles(self, predicate: str, roles: Sequence[str], signature: Signature) -> None:
        if len(roles) != len(signature):
            self.fail("wrong_roles", f"{len(roles)} roles of {predicate}", f"{len(signature)}")
            return
        for letter, (_, kinds) in zip(roles, signature, strict=True):
            if letter != ASKED and LETTERS.get(letter) not in kinds:
                may = [one for one, kind in LETTERS.items() if kind in kinds]
                self.fail("wrong_kind", f"{letter!r} in {predicate}", " or ".join([*may, ASKED]))


def _letters(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",")) if text.strip() else ()


def read_plan(text: str, signatures: Mapping[str, Signature]) -> tuple[LinePlan | None, tuple[Fault, ...]]:
    """Return the plan that a header says, and what is wrong with it.

    Args:
        text: ``act claim & claim | words of manner | hides claim``.
        signatures: the predicates that lines may state.
    """
    reading = Reading(signatures)
    plan = reading.plan(text)
    return plan, tuple(reading.faults)


def read_signatures(text: str) -> dict[str, Signature]:
    """Return the predicates of ``claims.txt``, a line each: ``at: person|good place``.

    The roles are a world's subject, object and value, in this order; where they are not, each says which
    it is: ``price: object=good value=sum``.

    Raises:
        ValueError: a line is not of that form, or a kind is unknown.
    """
    found: dict[str, Signature] = {}
    for line in text.splitlines():
        bare = line.partition("#")[0].strip()
        if bare:
            name, _, kinds = bare.partition(":")
            roles = (part.rpartition("=") for part in kinds.split())
            found[name.strip()] = tuple(
                Role(argument or ARGUMENTS[at], frozenset(map(Kind, kind.split("|"))))
                for at, (argument, _, kind) in enumerate(roles)
            )
    return found
