"""What may be asked of the evaluations and what happened to them.

Names and versions of events are storage format: they stay in the log for ever.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from domain.evaluation.suite import ScorerName, SuiteFacts
from domain.inference.facts import Seed
from domain.kernel.declared import Declared
from domain.kernel.event import Command, Event
from domain.kernel.roles import WRITING
from domain.kernel.vocabulary import Digest, ModelId, Operator, Reason, Text, UseCase

EvaluationId = Annotated[
    str, Field(pattern=r"^[0-9a-f]{32}$", description="The evaluation's id, 32 hexadecimal digits.")
]
SuiteLabel = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_-]{0,62}@[A-Za-z0-9][A-Za-z0-9._-]{0,31}$",
        description="Name and version of the suite, name@version.",
    ),
]
Candidate = Annotated[ModelId, Field(description="The model that is to prove itself.")]
Current = Annotated[ModelId, Field(description="The model that it is compared with.")]
Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Difference = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Pairs = Annotated[
    int, Field(ge=0, le=100_000, description="Cases that both models answered, or should have.")
]
EvaluationVerdict = Annotated[
    Literal["passed", "failed", "undecided"],
    Field(
        description="failed: worse in some scorer; passed: no worse in any; undecided: the evidence did not "
        "suffice, which is no pass."
    ),
]


class ScorerResult(Declared):
    """Result of one scorer."""

    model_config = ConfigDict(frozen=True)

    name: ScorerName
    candidate_mean: Score = Field(description="Mean score of the candidate, where it applied.")
    current_mean: Score = Field(description="Mean score of the current model on the same pairs.")
    difference: Difference = Field(description="Mean difference, candidate minus current.")
    low: Difference = Field(
        description="Lower end of the difference's confidence sequence, as it was when this was decided."
    )
    high: Difference = Field(description="Upper end of it.")
    verdict: Literal["worse", "not_worse", "undecided"] = Field(
        description="What the ends say. worse: high is 0 or less, so it is below the current model beyond "
        "doubt; not_worse: low is -margin or more, so it is not below it by the margin, beyond doubt."
    )
    applied: int = Field(ge=0, le=100_000, description="Pairs that it applied to.")


Scorers = Annotated[
    list[ScorerName],
    Field(
        min_length=1,
        max_length=65,
        description="All that judge: the suite's and `answered`. Each must have a result at the end.",
    ),
]
Margins = Annotated[
    dict[ScorerName, Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]],
    Field(
        max_length=65,
        description="How much lower the mean of each scorer may be, by the registered suite; empty in "
        "evaluations begun before 2026-11-21, which cannot be finished any more.",
    ),
]
Cases = Annotated[
    int, Field(ge=0, le=1_000, description="Cases of the registered suite that differ from each other.")
]
Results = Annotated[
    list[ScorerResult], Field(min_length=1, max_length=65, description="What every scorer found.")
]
Reasons = Annotated[
    list[Annotated[Text, Field(max_length=500)]],
    Field(max_length=67, description="Why this verdict, a sentence per scorer that decided it."),
]
ReportDigest = Annotated[Digest, Field(description="SHA-256 of the report in JSON, with every pair.")]

SUITE_EXAMPLE = {
    "name": "lamplight-lines",
    "version": "1",
    "description": "What the lamp keeper must know.",
    "use_case": "npc_dialogue",
    "cases": [
        {
            "id": "lamp-1",
            "kind": "replay",
            "prompt": "Who keeps the lamp tonight?",
            "npc": "lamp-keeper",
            "context": {"place": "the quay", "lore": ["the lamp has burned for ninety years"]},
            "turns": [{"prompt": "Hello.", "answer": "Mind the step."}],
            "facts": ["the lamp has burned for ninety years"],
            "truths": [],
            "forbidden": [],
            "reference": "Old Wen does, as he has for ninety years.",
            "voice": "gruff",
            "pattern": None,
            "actions": [],
            "rating_max": 2.0,
            "max_tokens": 48,
            "words_min": 2,
            "words_max": 60,
        }
    ],
    "scorers": [{"name": "lore_stated", "margin": 0.1, "weight": 2.0}],
    "lexicon": {
        "names": {"numbers": ["ninety", "twelve"]},
        "voices": {"gruff": ["Mind the step."], "sweet": ["Come in, my dear."]},
        "words": ["the", "lamp"],
    },
    "seed": 7,
    "temperature": 0.7,
    "token_ms": 16.0,
    "pairs_max": 600,
}

# --- what happened ------------------------------------------------------------------------------------------


class SuiteRegistered(SuiteFacts, Event, name="evaluation.suite_registered", version=1):
    """A suite became known; what has a name and version never changes."""

    digest: Digest = Field(description="SHA-256 of the suite's content, its description aside.")
    operator: Operator

    example: ClassVar = {**SUITE_EXAMPLE, "digest": "sha256:" + "7a" * 32, "operator": "mira"}


class EvaluationStarted(Event, name="evaluation.started", version=1):
    """A candidate is being compared with the current model; finished or aborted follows on this stream."""

    evaluation_id: EvaluationId
    suite: SuiteLabel
    suite_digest: Digest = Field(description="Digest of the suite's content.")
    use_case: UseCase
    candidate: Candidate
    current: Current
    scorers: Scorers = Field(default_factory=list)
    margins: Margins = Field(default_factory=dict)
    cases: Cases = 0
    seed: Seed
    candidate_configuration: Digest | None = Field(
        None,
        description="Digest of the candidate's configuration as it is measured: the verdict is of no other "
        "one; null in events of before it was told.",
    )
    current_configuration: Digest | None = Field(
        None, description="The same of the current model, which it is compared with."
    )
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "evaluation_id": "0190a6c0f3a87cc2b5a2d6e1f0a1b2c3",
        "suite": "lamplight-lines@1",
        "suite_digest": "sha256:" + "7a" * 32,
        "use_case": "npc_dialogue",
        "candidate": "0a3ad1c5-5b0b-5c84-9d0f-55c2fd6cd4f2",
        "current": "f7598223-8aef-5171-b87d-06627a2e7215",
        "scorers": ["answered", "lore_stated"],
        "margins": {"answered": 0.05, "lore_stated": 0.1},
        "cases": 56,
        "seed": 7,
        "candidate_configuration": "sha256:" + "9b" * 32,
        "current_configuration": "sha256:" + "4e" * 32,
        "operator": "mira",
        "reason": "0.2.0 before it gets traffic",
    }


class EvaluationFinished(Event, name="evaluation.finished", version=1):
    """A candidate was compared; use case and models are repeated, so that a reader needs no second event."""

    evaluation_id: EvaluationId
    suite: SuiteLabel | Literal[""] = Field("", description="Empty in events of before it was told.")
    use_case: UseCase
    candidate: Candidate
    current: Current
    verdict: EvaluationVerdict
    pairs: Pairs
    scorers: Results
    reasons: Reasons
    report_digest: ReportDigest

    example: ClassVar = {
        "evaluation_id": "0190a6c0f3a87cc2b5a2d6e1f0a1b2c3",
        "suite": "lamplight-lines@1",
        "use_case": "npc_dialogue",
        "candidate": "0a3ad1c5-5b0b-5c84-9d0f-55c2fd6cd4f2",
        "current": "f7598223-8aef-5171-b87d-06627a2e7215",
        "verdict": "failed",
        "pairs": 64,
        "scorers": [
            {
                "name": "answered",
                "candidate_mean": 1.0,
                "current_mean": 1.0,
                "difference": 0.0,
                "low": -0.07,
                "high": 0.18,
                "verdict": "undecided",
                "applied": 64,
            },
            {
                "name": "lore_stated",
                "candidate_mean": 0.31,
                "current_mean": 0.94,
                "difference": -0.63,
                "low": -0.85,
                "high": -0.36,
                "verdict": "worse",
                "applied": 32,
            },
        ],
        "reasons": ["lore_stated is worse: 0.31 against 0.94 over 32 pairs"],
        "report_digest": "sha256:" + "3c" * 32,
    }


class EvaluationAborted(Event, name="evaluation.aborted", version=1):
    """An evaluation ended without a verdict."""

    evaluation_id: EvaluationId
    use_case: UseCase
    candidate: Candidate
    why: Reason

    example: ClassVar = {
        "evaluation_id": "0190a6c0f3a87cc2b5a2d6e1f0a1b2c3",
        "use_case": "npc_dialogue",
        "candidate": "0a3ad1c5-5b0b-5c84-9d0f-55c2fd6cd4f2",
        "why": "the candidate's engine went away after 12 pairs",
    }


EvaluationEvent = EvaluationStarted | EvaluationFinished | EvaluationAborted

# --- what may be asked --------------------------------------------------------------------------------------


class RegisterSuite(SuiteFacts, Command, name="evaluation.register_suite", may=WRITING):
    """Make a suite known.

    Refused with ``unknown_scorer``, or with ``suite_exists`` if this name and version has other content.
    """

    operator: Operator

    example: ClassVar = {**SUITE_EXAMPLE, "operator": "mira"}


class StartEvaluation(Command, name="evaluation.start", may=WRITING):
    """Begin to compare a candidate with the current model.

    Refused with ``suite_not_registered``, ``suite_differs`` (digest or use case), ``scorers_differ`` from the
    suite's, ``configuration_differs`` if one of the two has another one by now, or with ``evaluation_exists``
    if this id was begun with other facts.
    """

    evaluation_id: EvaluationId
    suite: SuiteLabel
    suite_digest: Digest = Field(description="Digest of the suite's content.")
    use_case: UseCase
    candidate: Candidate
    current: Current
    scorers: Scorers
    seed: Seed
    candidate_configuration: Digest = Field(
        description="Digest of the candidate's configuration as it is measured: SHA-256 of its JSON with "
        "sorted keys, no blanks, and whole numbers in digits."
    )
    current_configuration: Digest = Field(description="The same of the current model.")
    operator: Operator
    reason: Reason

    example: ClassVar = {
        key: value for key, value in EvaluationStarted.example.items() if key not in {"margins", "cases"}
    }


class BeginEvaluation(StartEvaluation, name="evaluation.begin"):
    """Begin an evaluation by what its registered suite asks; made of `StartEvaluation`, never sent."""

    margins: Margins
    cases: Cases

    example: ClassVar = dict(EvaluationStarted.example)


class FinishEvaluation(Command, name="evaluation.finish"):
    """Record what the scorers found; the verdict follows from it.

    Refused with ``evaluation_not_found``, ``scorers_incomplete``, ``evidence_missing``, with
    ``verdict_unfounded`` where a scorer's verdict is not what its ends say, with ``evaluation_too_old`` if an
    older program began it, or with ``evaluation_ended`` if it ended with something else.
    """

    evaluation_id: EvaluationId
    pairs: Pairs
    scorers: Results
    reasons: Reasons
    report_digest: ReportDigest

    example: ClassVar = {
        key: EvaluationFinished.example[key]
        for key in ("evaluation_id", "pairs", "scorers", "reasons", "report_digest")
    }


class AbortEvaluation(Command, name="evaluation.abort"):
    """End an evaluation without a verdict.

    Refused with ``evaluation_not_found``, or with ``evaluation_ended`` if it has a verdict.
    """

    evaluation_id: EvaluationId
    why: Reason

    example: ClassVar = {key: EvaluationAborted.example[key] for key in ("evaluation_id", "why")}


EvaluationCommand = BeginEvaluation | FinishEvaluation | AbortEvaluation
