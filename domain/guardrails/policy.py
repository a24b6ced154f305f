"""A policy: which rules there are, and how much of each rated category a profile allows. Checked data.

Three kinds of category. Absolute ones no profile unlocks. Rated ones are compared with the profile's level,
as in film rating: blood on an altar is no violation for a reader who asked for it. The rest keep the play
whole: personal data, words out of character, leaks of the prompt, pressure on the player, and orders to the
model.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field, ValidationError

from domain.kernel.declared import Declared
from domain.kernel.vocabulary import INT32_MAX, Text

Level = Annotated[int, Field(ge=0, le=4, description="0 none, 1 mild, 2 moderate, 3 strong, 4 extreme.")]
Severity = Literal["low", "medium", "high", "critical"]
Action = Literal["log", "redact", "replace", "block", "escalate"]
Side = Literal["input", "output", "both"]
Absolute = Literal["sexual_minors", "real_hate", "real_self_harm", "real_howto", "real_threats"]
Rated = Literal[
    "violence_gore",
    "sexual_content_nudity",
    "language_profanity",
    "horror_intensity",
    "drugs_substances",
    "sensitive_themes",
    "moral_complexity",
]
Conduct = Literal[
    "personal_data", "out_of_character", "leak", "manipulation", "injection", "contradiction", "house_topic"
]
"""contradiction: of what is true in the world; found by what knows the world, not by a rule."""
Category = Absolute | Rated | Conduct
Detector = Literal["email", "phone", "card", "iban", "ip"]

ACTIONS: tuple[Action, ...] = get_args(Action)
"""From the mildest to the strongest; from `STOPS_FROM` on, nothing more of the text is shown."""
STOPS_FROM = ACTIONS.index("replace")
ABSOLUTE: frozenset[str] = frozenset(get_args(Absolute))
RATED: frozenset[str] = frozenset(get_args(Rated))


class PolicyError(ValueError):
    """A policy that cannot be used; the message names the rule, the place, the fault and the way out."""

    def __init__(self, rule: str, place: str, fault: str, remedy: str) -> None:
        super().__init__(
            f"rule {rule}, {place}: {fault}; {remedy}" if rule else f"{place}: {fault}; {remedy}"
        )
        self.rule = rule
        self.place = place
        self.remedy = remedy


class _Data(Declared):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Profile(_Data):
    """The level that is allowed in each rated category."""

    violence_gore: Level
    sexual_content_nudity: Level
    language_profanity: Level
    horror_intensity: Level
    drugs_substances: Level
    sensitive_themes: Level
    moral_complexity: Level

    def allowed(self, category: str) -> int:
        """Return the level allowed in a rated category."""
        level: int = getattr(self, category)
        return level


Phrase = Annotated[Text, Field(max_length=1_000)]
TermName = Annotated[Text, Field(max_length=63)]


class Rule(_Data):
    """What is looked for, and what is done where it is found. It has phrases, a pattern, or a detector."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Names the rule in findings and events.")
    category: Category
    severity: Severity = Field("medium", description="Of a rated rule: not used, the profile decides it.")
    level: Annotated[int, Field(ge=1, le=4)] | None = Field(
        None, description="Of a rated rule: the level that the phrase is worth; null for the others."
    )
    action: Action
    side: Side = "output"
    phrases: list[Phrase] = Field(
        default_factory=list,
        max_length=2_000,
        description="Words to find however they are spelled. <name> stands for a term of the policy, a word "
        "ending in * for every word that begins so, ~ for up to 16 letters between, ~~ for up to 40.",
    )
    unless: list[Phrase] = Field(
        default_factory=list,
        max_length=200,
        description="Phrases that excuse the finding when they stand just before or in it.",
    )
    pattern: str = Field(
        "", max_length=500, description="A form in plain lower-case ASCII; see domain.patterns."
    )
    detector: Detector | None = Field(
        None, description="A built-in form, with its checksum where it has one."
    )
    replacement: Text = Field("—", max_length=40, description="What stands for a redacted span.")


class Policy(_Data):
    """Rules with the words they share, and profiles."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Name of the policy.")
    version: int = Field(ge=1, le=INT32_MAX, description="Counts up; a published version never changes.")
    description: Text = Field("", max_length=2_000, description="What it is for.")
    profiles: dict[TermName, Profile] = Field(
        min_length=1, max_length=32, description="Allowed levels by profile."
    )
    terms: dict[TermName, Annotated[list[Phrase], Field(max_length=2_000)]] = Field(
        default_factory=dict, max_length=200, description="Words that phrases share, by name."
    )
    rules: list[Rule] = Field(min_length=1, max_length=500)
    canaries: list[Annotated[Text, Field(max_length=200)]] = Field(
        default_factory=list,
        max_length=32,
        description="Made-up words that stand in prompt templates and nowhere else: a line that says one, in "
        "whatever spelling, gives a prompt away and is blocked as rule canary.",
    )

    @property
    def label(self) -> str:
        """Name and version, as events give them."""
        return f"{self.name}@{self.version}"


def policy_from(data: Mapping[str, object]) -> Policy:
    """Return the policy that data describe.

    Raises:
        PolicyError: a field is wrong or missing.
    """
    try:
        return Policy.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        found = re.match(r"rules\.(\d+)", place)
        rules = data.get("rules")
        at = rules[int(found[1])] if found and isinstance(rules, list | tuple) else None
        rule = str(at.get("id", "")) if isinstance(at, Mapping) else ""
        raise PolicyError(
            rule,
            place,
            first["msg"],
            "correct it; the comments of aicore/content/guardrails.toml tell every field",
        ) from error


def digest_of(policy: Policy) -> str:
    """Return the SHA-256 of a policy's content, the same for the same rules wherever it is computed."""
    # As it was before there were canaries, for policies without any.
    content = policy.model_dump(mode="json", exclude=set() if policy.canaries else {"canaries"})
    whole = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(whole.encode()).hexdigest()}"


def severity_of(observed: int, allowed: int) -> Severity | None:
    """Return how grave a level is where another one is allowed; None if it is allowed.

    Source: one level over is medium, two are high, three and more are critical.
    """
    over = observed - allowed
    return None if over <= 0 else ("medium", "high", "critical")[min(over, 3) - 1]


def strongest(actions: "tuple[Action, ...] | list[Action]") -> Action | None:
    """Return the strongest of some actions, None of none."""
    return max(actions, key=ACTIONS.index, default=None)
