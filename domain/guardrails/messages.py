"""What may be asked of the guardrails and what happened there.

Names and versions of events are storage format: they stay in the log for ever.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from domain.guardrails.policy import Action, Category, Policy, Severity
from domain.kernel.event import Command, Event
from domain.kernel.roles import AUDITOR, OPERATOR, WRITING
from domain.kernel.visibility import Erased, Personal, Private
from domain.kernel.vocabulary import INT32_MAX, Digest, ModelId, Operator, Player, Reason, Text, UseCase

EXCERPT_MAX = 200

SEALED_MAX = 1_100
"""Characters of base64: `EXCERPT_MAX` characters of up to four bytes, and 16 bytes of AES-SIV."""

_Excerpt = Annotated[Text, Field(max_length=EXCERPT_MAX)]
_Sealed = Annotated[str, Field(max_length=SEALED_MAX, pattern=r"^[A-Za-z0-9+/]*={0,2}$")]
Whole = Annotated[Policy, Field(description="The policy, whole."), Private()]
PolicyName = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Name of the policy, e.g. default.")
]
PolicyVersion = Annotated[int, Field(ge=1, le=INT32_MAX, description="Version of the policy.")]
ProfileName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$",
        description="The policy's profile that says how much is allowed, e.g. MatureFullExperience.",
    ),
]
ViolationId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        description="The violation's id, given by who detected it.",
    ),
]
InferenceId = Annotated[
    str,
    Field(
        min_length=1, max_length=128, description="The inference whose text it is, at most 128 characters."
    ),
]
ReviewVerdict = Annotated[
    Literal["confirmed", "false_positive", "adjusted"],
    Field(
        description="confirmed: rightly found; false_positive: wrongly; adjusted: rightly, of other severity."
    ),
]

EXAMPLE_POLICY = {
    "name": "default",
    "version": 1,
    "description": "For a horror game.",
    "profiles": {
        "MatureFullExperience": {
            "violence_gore": 4,
            "sexual_content_nudity": 1,
            "language_profanity": 4,
            "horror_intensity": 4,
            "drugs_substances": 3,
            "sensitive_themes": 3,
            "moral_complexity": 4,
        }
    },
    "terms": {"machine": ["an ai", "a language model"]},
    "rules": [
        {
            "id": "machine_voice",
            "category": "out_of_character",
            "severity": "medium",
            "level": None,
            "action": "replace",
            "side": "output",
            "phrases": ["as <machine>"],
            "unless": [],
            "pattern": "",
            "detector": None,
            "replacement": "—",
        }
    ],
}
VIOLATION = "01890a5d-ac96-774b-bcce-b302099a8057"

# --- what happened ------------------------------------------------------------------------------------------


class PolicyPublished(Event, name="guardrails.policy_published", version=1):
    """A version of a policy can be activated from now on; it never changes."""

    policy: Whole
    digest: Digest
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "policy": EXAMPLE_POLICY,
        "digest": "sha256:" + "5e" * 32,
        "operator": "mira",
        "reason": "the first policy of the harbour",
    }


class PolicyActivated(Event, name="guardrails.policy_activated", version=1):
    """Everything that is said in the realm is held to a profile of a policy from now on."""

    profile: ProfileName
    name: PolicyName
    version: PolicyVersion
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "profile": "MatureFullExperience",
        "name": "default",
        "version": 1,
        "operator": "mira",
        "reason": "the realm is for adults",
    }


class ViolationFacts(Event):
    """Facts of a violation at its detection."""

    violation_id: ViolationId
    inference_id: InferenceId
    use_case: UseCase
    model_id: ModelId
    policy: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,62}@[1-9][0-9]*$", description="The policy that was broken: name@version."
    )
    rule: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="The rule's id within the policy.")
    category: Category = Field(description="What kind of rule it is.")
    severity: Severity = Field(description="low, medium, high or critical.")
    action: Action = Field(description="What was done; from replace on, nothing more of the text was shown.")
    side: Literal["input", "output"] = Field(description="Whether a person or a model wrote it.")
    start: int = Field(
        ge=0, description="First character in the text.", json_schema_extra={"unit": "characters"}
    )
    end: int = Field(
        ge=0, description="The character after the last one.", json_schema_extra={"unit": "characters"}
    )
    excerpt: Annotated[_Excerpt | Erased, Personal(of="player")] = Field(
        "",
        description="What was found, at most 200 characters; empty where it is personal data.",
    )
    sealed: Annotated[_Sealed | Erased, Personal(of="player"), Private()] = Field(
        "",
        description="What was found where it is personal data, at most 200 characters, encrypted with the "
        "services' AICORE_PERSONAL_KEY (AES-SIV, in base64); empty: it is none, or there was no key.",
    )
    player: Player = None


class ViolationDetected(ViolationFacts, name="guardrails.violation_detected", version=2):
    """A text broke a rule, and this was done about it.

    Version 1 also said how long the check took, which made the same violation another one each time. The time
    is in the turn's outcome (``guard_us``), which is recorded once.
    """

    example: ClassVar = {
        "violation_id": VIOLATION,
        "inference_id": "a1",
        "use_case": "npc_dialogue",
        "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "policy": "default@1",
        "rule": "machine_voice",
        "category": "out_of_character",
        "severity": "medium",
        "action": "replace",
        "side": "output",
        "start": 0,
        "end": 8,
        "excerpt": "As an AI",
        "sealed": "",
        "player": None,
    }


class ViolationReviewed(Event, name="guardrails.violation_reviewed", version=1):
    """A person judged a violation; the latest judgement counts."""

    violation_id: ViolationId
    verdict: ReviewVerdict
    severity: Severity | None = Field(None, description="The severity it should have had; null: as detected.")
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "violation_id": VIOLATION,
        "verdict": "false_positive",
        "severity": None,
        "operator": "mira",
        "reason": "Aunt Warp speaks of an aye, not of an AI",
    }


class ViolationRevealed(Event, name="guardrails.violation_revealed", version=1):
    """An operator took the sealed words of a violation, to open them with the key."""

    violation_id: ViolationId
    operator: Operator
    reason: Reason

    example: ClassVar = {"violation_id": VIOLATION, "operator": "mira", "reason": "a player's complaint"}


PolicyEvent = PolicyPublished | PolicyActivated
ViolationEvent = ViolationDetected | ViolationReviewed | ViolationRevealed

# --- what may be asked --------------------------------------------------------------------------------------


class PublishPolicy(Command, name="guardrails.publish_policy", may=WRITING):
    """Make a version of a policy available.

    Refused with ``policy_unusable`` if a rule cannot be used, or ``policy_exists`` if the version is there
    with other content.
    """

    policy: Whole
    operator: Operator
    reason: Reason

    example: ClassVar = {key: value for key, value in PolicyPublished.example.items() if key != "digest"}


class ActivatePolicy(Command, name="guardrails.activate_policy", four_eyes=True):
    """Hold the realm to a profile of a published policy.

    Refused with ``policy_not_found`` or ``profile_not_found``.
    """

    profile: ProfileName
    name: PolicyName
    version: PolicyVersion
    operator: Operator
    reason: Reason

    example: ClassVar = dict(PolicyActivated.example)


class ReviewViolation(Command, name="guardrails.review_violation", may=(OPERATOR, AUDITOR)):
    """Judge a violation.

    Refused with ``violation_not_found``, or with ``severity_missing`` for an adjustment, which needs one, or
    ``severity_unexpected`` for anything else.
    """

    violation_id: ViolationId
    verdict: ReviewVerdict
    severity: Severity | None = Field(None, description="With adjusted: the severity it should have had.")
    operator: Operator
    reason: Reason

    example: ClassVar = dict(ViolationReviewed.example)


class RevealViolation(Command, name="guardrails.reveal_violation", may=(AUDITOR,), four_eyes=True):
    """Take the sealed words of a violation, to open them with the key; each time is recorded.

    The result: ``violation_id``, ``inference_id``, ``side``, ``start``, ``end`` and ``sealed``. Refused with
    ``violation_not_found``, or ``nothing_sealed`` if it is not about personal data or there was no key.
    """

    violation_id: ViolationId
    operator: Operator
    reason: Reason

    example: ClassVar = dict(ViolationRevealed.example)
    shows: ClassVar = {"sealed": Personal(of="violation_id")}


PolicyCommand = PublishPolicy | ActivatePolicy
ViolationCommand = ReviewViolation | RevealViolation
