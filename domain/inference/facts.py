"""What is recorded of an inference: the fields that its commands and events share, with their limits."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from domain.vocabulary import ModelId, ModelName, ModelVersion, Provider, Tier, UseCase

PROMPT_CHARACTERS_MAX = 16_384
TEXT_CHARACTERS_MAX = 65_536
TOKENS_MAX = 4_096
"""Tokens of one answer: twice the longest answer that any tier is asked for."""

SEED_MAX = 2**32 - 1

MILLISECONDS_MAX = 1e9
"""Eleven days; it keeps an hour's sums within 64 bits."""

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
Player = Annotated[
    _Id | None, Field(description="Id of the player that is spoken to, if any; an id, never a name.")
]
TokenCount = Annotated[int, Field(ge=0, le=2**32, json_schema_extra={"unit": "tokens"})]
Milliseconds = Annotated[
    float, Field(ge=0, le=MILLISECONDS_MAX, allow_inf_nan=False, json_schema_extra={"unit": "ms"})
]
MicroDollars = Annotated[
    int, Field(ge=0, le=MICRO_DOLLARS_MAX, json_schema_extra={"unit": "millionths of a US dollar"})
]


class Ask(BaseModel):
    """What the caller wants: the part of a request that a retry must repeat word for word."""

    model_config = ConfigDict(frozen=True)

    use_case: UseCase
    prompt: Prompt
    max_tokens: MaxTokens = 64
    temperature: Temperature = 0.7
    npc: Character = None
    player: Player = None
    consent: bool = Field(
        False,
        description="Whether the player agreed that this request and its answer may be used to train models.",
    )


class AttemptFact(BaseModel):
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


class Served(BaseModel):
    """Who gave an answer, and how the router came to them."""

    model_config = ConfigDict(frozen=True)

    engine: str = Field(
        "", max_length=128, description="The engine that finished the answer; empty: an authored line."
    )
    served_tier: Tier | None = Field(
        None, description="The tier that served; another than the one asked for if that one could not."
    )
    choice: str = Field("", max_length=2_000, description="Why this engine.")
    attempts: list[AttemptFact] = Field(
        default_factory=list,
        max_length=64,
        description="Every engine that was asked, in order of their ends.",
    )


class Route(BaseModel):
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
