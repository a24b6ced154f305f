"""Facts of an inference: the fields that its commands and events share, with their limits."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from domain.kernel.declared import Declared
from domain.kernel.visibility import Erased, Personal
from domain.kernel.vocabulary import Alias, ModelId, ModelName, ModelVersion, Player, Provider, Tier, UseCase
from domain.patterns import check
from domain.patterns.reader import LENGTH_MAX
from domain.prompts.messages import Role

PROMPT_CHARACTERS_MAX = 16_384
TEXT_CHARACTERS_MAX = 65_536
CONTEXT_KEYS_MAX = 32
CONTEXT_ITEMS_MAX = 256
CONTEXT_CHARACTERS_MAX = 65_536
TOKENS_MAX = 4_096
"""Tokens of one answer: twice the longest answer that any tier is asked for."""

DEADLINE_MS_MAX = 600_000
SEED_MAX = 2**32 - 1

MILLISECONDS_MAX = 1e9
"""Eleven days; it keeps an hour's sums within 64 bits."""

MICROSECONDS_MAX = 10**12
"""As many as `MILLISECONDS_MAX`."""

MICRO_DOLLARS_MAX = 10**12
"""A million dollars; it keeps an hour's sums within 64 bits."""

InferenceId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{32}$",
        description="The inference's id: the id of the command that asked for it, as 32 hexadecimal digits.",
    ),
]
Prompt = Annotated[
    str,
    Field(
        min_length=1,
        max_length=PROMPT_CHARACTERS_MAX,
        description="What to answer or continue; 1 to 16,384 characters.",
    ),
]
MaxTokens = Annotated[
    int,
    Field(
        ge=1,
        le=TOKENS_MAX,
        description="Longest answer, 1 to 4,096.",
        json_schema_extra={"unit": "tokens"},
    ),
]
Temperature = Annotated[
    float,
    Field(
        ge=0,
        le=2,
        allow_inf_nan=False,
        description="Randomness of the choice of words, 0 (always the likeliest) to 2.",
    ),
]
Seed = Annotated[int, Field(ge=0, le=SEED_MAX, description="Seed of the random draws, 32 bits.")]
_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
Character = Annotated[_Id | None, Field(description="Id of the character that speaks, if one does.")]
TokenCount = Annotated[int, Field(ge=0, le=2**32, json_schema_extra={"unit": "tokens"})]
UsageEstimated = Annotated[
    bool,
    Field(
        description="Whether the counts of tokens, and so the cost, are an estimate of ours: the engine told "
        "none, or did not come to its end. False, too, in events of before it was told."
    ),
]
Milliseconds = Annotated[
    float, Field(ge=0, le=MILLISECONDS_MAX, allow_inf_nan=False, json_schema_extra={"unit": "ms"})
]
GuardTime = Annotated[
    int,
    Field(
        ge=0,
        le=MICROSECONDS_MAX,
        description="Time that the guardrails' checks took of this turn, of question and answer together, a "
        "classifier's included; 0: none, or recorded before it was measured.",
        json_schema_extra={"unit": "µs"},
    ),
]
MicroDollars = Annotated[
    int, Field(ge=0, le=MICRO_DOLLARS_MAX, json_schema_extra={"unit": "millionths of a US dollar"})
]


Conversation = Annotated[
    _Id | None,
    Field(
        description="Id of the conversation: all its turns meet the same version of a model. Without it the "
        "player decides, then the character."
    ),
]


def _bounded(context: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
    """Refuse a context that would not fit into an event beside the rest."""
    total = sum(len(v) if isinstance(v, str) else sum(map(len, v)) for v in context.values())
    if total > CONTEXT_CHARACTERS_MAX:
        raise ValueError(f"has {total} characters, the limit is {CONTEXT_CHARACTERS_MAX}; send less of it")
    return context


Context = Annotated[
    dict[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")],
        Annotated[str, Field(max_length=PROMPT_CHARACTERS_MAX)]
        | Annotated[
            list[Annotated[str, Field(max_length=PROMPT_CHARACTERS_MAX)]], Field(max_length=CONTEXT_ITEMS_MAX)
        ],
    ],
    Field(
        max_length=CONTEXT_KEYS_MAX,
        description="What the model's template puts into the prompt besides it, by section: a text, or a "
        "list of which the first items are cut first. A character that the content knows brings its own.",
    ),
    AfterValidator(_bounded),
]


Pattern = Annotated[str, Field(min_length=1, max_length=LENGTH_MAX), AfterValidator(check)] | None


class AskFacts(Declared):
    """A caller's question as it is recorded: a retry must repeat all of it unchanged."""

    model_config = ConfigDict(frozen=True)

    use_case: UseCase
    prompt: Annotated[Prompt | Erased, Personal(of="player")]
    max_tokens: MaxTokens = 64
    temperature: Temperature = 0.7
    npc: Character = None
    player: Player = None
    consent: bool = Field(
        False,
        description="Whether the player agreed that this request and its answer may be used to train models.",
    )
    conversation: Conversation = None
    context: Annotated[Context | Erased, Personal(of="player")] = Field(default_factory=dict)
    alias: Alias | None = Field(None, description="Ask the version that this alias points to.")
    adapter: str | None = Field(
        None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", description="LoRA adapter of the model, by name."
    )
    pattern: Pattern = Field(
        None,
        description="Regular expression that the whole answer must match, at most 4,000 characters, without "
        "back-references, look-around, boundaries, flags, lazy and possessive repeats; \\d, \\w and \\s are "
        "ASCII's.",
    )
    authored_line: str | None = Field(
        None,
        min_length=1,
        max_length=2_000,
        description="What the character says if no engine can speak, or none has begun when the deadline "
        "passes: with it a turn never fails for want of an engine or of time.",
    )

    @property
    def stays(self) -> str:
        """Return who stays with one version of a model; empty if nobody is named.

        It is the conversation, else the player, else the character.
        """
        return self.conversation or self.player or self.npc or ""

    max_age_s: int = Field(
        0,
        ge=0,
        le=86_400,
        description="An answer that the same model gave to the same words and parameters, seed aside, may be "
        "given again if it is no older than this; 0: never.",
        json_schema_extra={"unit": "s"},
    )


class Ask(AskFacts):
    """What the caller wants, as it is asked: every word of it is there."""

    prompt: Annotated[Prompt, Personal(of="player")]
    context: Annotated[Context, Personal(of="player")] = Field(default_factory=dict)


class Terms(Declared):
    """How urgent it is; a retry may say otherwise."""

    model_config = ConfigDict(frozen=True)

    deadline_ms: int | None = Field(
        None,
        ge=1,
        le=DEADLINE_MS_MAX,
        description="Time for the whole answer; after it the engine is told to stop. Null: the "
        "service's own.",
        json_schema_extra={"unit": "ms"},
    )
    priority: int = Field(
        0, ge=0, le=9, description="0 is the most urgent; an engine that is busy serves others later."
    )


class CandidateFact(Declared):
    """An engine as the router saw it when it chose."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(max_length=128, description="The engine's name in the settings.")
    ttft_ms: Milliseconds = Field(0.0, description="Expected time to the first token.")
    token_ms: Milliseconds = Field(0.0, description="Expected time per further token.")
    headroom: float = Field(
        0.0, allow_inf_nan=False, description="Share of the tier's promise left over; below 0 it would break."
    )
    ruled_out: str = Field("", max_length=2_000, description="Why it was no candidate; empty if it was.")


class AttemptFact(Declared):
    """One engine's part in an answer."""

    model_config = ConfigDict(frozen=True)

    engine: str = Field(max_length=128, description="The engine's name in the settings.")
    tier: Tier
    fault: str = Field(
        "", max_length=64, description="Why it was left, or hedged or cancelled; empty if it finished."
    )
    tokens: TokenCount = Field(0, description="Tokens that it gave.")
    ttft_ms: Milliseconds | None = Field(None, description="Time to its first token.")
    ms: Milliseconds = Field(0.0, description="Time from its being asked to its end.")


class Served(Declared):
    """Engine that gave an answer, and the router's choice."""

    model_config = ConfigDict(frozen=True)

    engine: str = Field(
        "", max_length=128, description="The engine that finished the answer; empty: an authored line."
    )
    served_tier: Tier | None = Field(
        None, description="The tier that served; another than the one asked for if that one could not."
    )
    choice: str = Field("", max_length=2_000, description="Why this engine.")
    candidates: list[CandidateFact] = Field(
        default_factory=list, max_length=64, description="What the choice was made from."
    )
    attempts: list[AttemptFact] = Field(
        default_factory=list,
        max_length=64,
        description="Every engine that was asked, in order of their ends.",
    )


class CutFact(Declared):
    """Loss of a section of the prompt to the budget."""

    model_config = ConfigDict(frozen=True)

    section: str = Field(max_length=63, description="The section's name.")
    items: int = Field(ge=0, description="How many values, the first ones.")
    tokens: TokenCount = Field(0, description="Their tokens.")


class HeldTo(Declared):
    """The guardrails that a question was held to; all empty where there are none, or in older events."""

    model_config = ConfigDict(frozen=True)

    policy: str = Field("", max_length=128, description="Policy that was in force, as name@version.")
    policy_profile: str = Field("", max_length=128, description="Which of its profiles.")
    policy_digest: str = Field(
        "", max_length=128, description="SHA-256 of its content (sha256: and 64 hexadecimal digits)."
    )


class RoleFact(Declared):
    """Whose some of the prompt's words are."""

    model_config = ConfigDict(frozen=True)

    role: Role
    characters: int = Field(
        ge=1, le=PROMPT_CHARACTERS_MAX, description="How many of the prompt's characters (code points)."
    )


class Route(Declared):
    """Which model answers, on which tier, and why: decided before the model is called."""

    model_config = ConfigDict(frozen=True)

    tier: Tier
    route_reason: str = Field(max_length=2_000, description="Why this model and this tier.")
    model_id: ModelId
    model_name: ModelName
    model_version: ModelVersion
    provider: Provider
    artefacts_digest: str = Field(
        max_length=128,
        description="SHA-256 over the paths and digests of the model's files as registered (sha256: and 64 "
        "hexadecimal digits); empty if it was registered without files.",
    )
    cost_micro_per_1k_tokens: MicroDollars = Field(
        0,
        description="Price of 1,000 tokens, asked or answered, as the model's configuration states it.",
    )
    template: str = Field(
        "",
        max_length=128,
        description="Template of the prompt, name@version; empty: none, or the model's own.",
    )
    template_digest: str = Field("", max_length=128, description="SHA-256 of the template's content.")
    cut: list[CutFact] = Field(
        default_factory=list, max_length=64, description="What of the context did not fit into the prompt."
    )
    roles: list[RoleFact] = Field(
        default_factory=list,
        max_length=64,
        description="Whose words the rendered prompt is, in order, for engines that only chat; empty: all of "
        "it is the user's.",
    )
