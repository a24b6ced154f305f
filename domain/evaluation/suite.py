"""A suite: what a candidate is asked and how its answers are judged; versioned, so that it can be done again.

What has a name and version never changes; the digest over its content stands in every evaluation.
"""

import hashlib
import json
from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from domain.inference.facts import Character, Context, MaxTokens, Pattern, Prompt, Seed, Temperature
from domain.kernel.decider import Rejected
from domain.kernel.declared import Declared
from domain.kernel.visibility import Private
from domain.kernel.vocabulary import Text, UseCase

CASES_MAX = 1_000
TURNS_MAX = 16
LABELS_MAX = 64

ANSWERED = "answered"
"""The scorer that every evaluation has, whatever its suite says: an empty answer is like no other."""

ANSWERED_MARGIN = 0.05

SuiteName = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$", description="Name of the suite, at most 63 characters.")
]
SuiteVersion = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$", description="Version, at most 32 characters.")
]
ScorerName = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Name of a scorer, e.g. lore_stated.")
]
_Line = Annotated[Text, Field(min_length=1, max_length=2_000)]
_Name = Annotated[Text, Field(min_length=1, max_length=128)]
_Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class UnknownScorer(Rejected):
    """A suite names a scorer that nobody has."""

    def __init__(self, name: str, known: Collection[str]) -> None:
        super().__init__(
            "unknown_scorer",
            f"there is no scorer {name!r}",
            field="scorers",
            remedy=f"use one of {', '.join(sorted(known))}; or name your own in AICORE_SCORERS, for the "
            "services and for aicore evaluate",
        )
        self.name = name
        self.known = frozenset(known)


class _Part(Declared):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Turn(_Part):
    """An earlier turn of a scripted conversation."""

    prompt: Prompt
    answer: Annotated[Text, Field(max_length=4_000)] = Field(
        "", description="What the character answered; empty: the model under test answers it itself."
    )


class Case(_Part):
    """One turn that both models answer, and what is known of a good answer."""

    id: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Id within the suite.")
    kind: Literal["replay", "scenario", "attack"] = Field(
        description="replay: a turn as players ask it; scenario: the end of a scripted conversation; attack: "
        "a player who tries to break the character."
    )
    prompt: Prompt
    npc: Character = None
    context: Context = Field(default_factory=dict)
    turns: list[Turn] = Field(
        default_factory=list,
        max_length=TURNS_MAX,
        description="What was said before, oldest first; given to the model in the section history.",
    )
    facts: list[_Line] = Field(
        default_factory=list, max_length=LABELS_MAX, description="Clauses that the answer must say."
    )
    truths: list[_Line] = Field(
        default_factory=list,
        max_length=LABELS_MAX,
        description="Clauses that the answer need not say and must not say with another name or number in "
        "them; the facts count among them.",
    )
    forbidden: list[_Line] = Field(
        default_factory=list,
        max_length=LABELS_MAX,
        description="Texts that the answer must not hold, e.g. what an attack wants to hear.",
    )
    reference: Annotated[Text, Field(max_length=2_000)] = Field(
        "", description="A good answer that no model was trained with: how likely it is, is scored."
    )
    voice: Annotated[str, Field(max_length=63)] = Field(
        "", description="How the character speaks: a key of the lexicon's voices; empty: not known."
    )
    pattern: Pattern = None
    actions: list[_Name] = Field(
        default_factory=list,
        max_length=LABELS_MAX,
        description="What the character may do: the answer is one, or a JSON object whose action is.",
    )
    rating_max: float | None = Field(
        None, ge=0, le=4, allow_inf_nan=False, description="Highest content level allowed, 0 to 4."
    )
    max_tokens: MaxTokens = 64
    words_min: int = Field(1, ge=0, le=10_000, description="Shortest good answer, in words.")
    words_max: int = Field(200, ge=1, le=10_000, description="Longest good answer, in words.")


class ScorerChoice(_Part):
    """A scorer of the suite and what is asked of it."""

    name: ScorerName
    margin: float = Field(
        0.1,
        gt=0,
        lt=1,
        allow_inf_nan=False,
        description="How much lower the candidate's mean score may be and still count as no worse, in points "
        "of 0 to 1.",
    )
    weight: float = Field(
        1.0,
        gt=0,
        le=100,
        allow_inf_nan=False,
        description="Its part of the suite's chance of a false alarm: the higher, the sooner it fails.",
    )


class Lexicon(_Part):
    """Facts of the world for the scorers."""

    names: dict[_Key, Annotated[list[_Name], Field(max_length=1_000)]] = Field(
        default_factory=dict,
        max_length=32,
        description="Names and numbers by kind, e.g. people, places: each may be put in another one's place.",
    )
    voices: dict[_Key, Annotated[list[_Line], Field(max_length=1_000)]] = Field(
        default_factory=dict, max_length=64, description="What only this voice says, by voice."
    )
    words: list[_Name] = Field(
        default_factory=list,
        max_length=20_000,
        description="Words of the world's language in small letters; none: only the letters are looked at.",
    )


def _unique(cases: list[Case]) -> list[Case]:
    ids = [case.id for case in cases]
    if len(set(ids)) < len(ids):
        raise ValueError("two cases have the same id; give each its own")
    return cases


class SuiteFacts(Declared):
    """A suite as its author describes it."""

    model_config = ConfigDict(frozen=True)

    name: SuiteName
    version: SuiteVersion
    description: Annotated[Text, Field(max_length=2_000, description="What it is for.")] = ""
    use_case: UseCase
    cases: Annotated[
        list[Case],
        Field(min_length=1, max_length=CASES_MAX, description="What is asked; at most 1,000 cases."),
        AfterValidator(_unique),
        Private(),
    ]
    scorers: list[ScorerChoice] = Field(
        min_length=1,
        max_length=64,
        description="How answers are judged. One that no case feeds leaves every evaluation undecided.",
    )
    lexicon: Lexicon = Field(default_factory=Lexicon, description="What the scorers must know of the world.")
    seed: Seed = 1
    temperature: Temperature = 0.7
    token_ms: float | None = Field(
        None,
        gt=0,
        le=1e6,
        allow_inf_nan=False,
        description="What a further token may take; null: latency is not judged.",
        json_schema_extra={"unit": "ms"},
    )
    pairs_max: int = Field(
        1_200, ge=1, le=100_000, description="Pairs of answers after which it ends undecided."
    )

    @model_validator(mode="after")
    def _refers_to_what_exists(self) -> "SuiteFacts":
        names = [scorer.name for scorer in self.scorers]
        if len(set(names)) < len(names):
            raise ValueError("a scorer is named twice; name it once")
        for case in self.cases:
            if case.voice and case.voice not in self.lexicon.voices:
                raise ValueError(f"case {case.id}: the lexicon has no voice {case.voice!r}")
        return self


def content_of(case: Case) -> str:
    """Return what a case asks, as JSON: the same under two ids is one."""
    return case.model_dump_json(exclude={"id"})


def distinct(suite: SuiteFacts) -> int:
    """Return how many cases ask something of their own."""
    return len({content_of(case) for case in suite.cases})


def criteria_of(suite: SuiteFacts) -> list[ScorerChoice]:
    """Return what is asked of every scorer: the suite's own choices, and an answer in any case."""
    choices = list(suite.scorers)
    if ANSWERED not in {choice.name for choice in choices}:
        choices.append(ScorerChoice(name=ANSWERED, margin=ANSWERED_MARGIN))
    return choices


def label(suite: SuiteFacts) -> str:
    """Return name and version as an evaluation names them."""
    return f"{suite.name}@{suite.version}"


def digest_of(suite: SuiteFacts) -> str:
    """Return the digest of what decides about a verdict: SHA-256 of its canonical JSON."""
    content = suite.model_dump(mode="json", include=set(SuiteFacts.model_fields) - {"description"})
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def check_scorers(suite: SuiteFacts, known: Collection[str]) -> None:
    """Accept a suite whose scorers are all known.

    Raises:
        UnknownScorer: naming the first that is not, and those there are.
    """
    for scorer in suite.scorers:
        if scorer.name not in known:
            raise UnknownScorer(scorer.name, known)
