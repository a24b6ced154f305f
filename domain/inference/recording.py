"""Commands that the inference handler alone gives: records of requests, answers, failures, cancellations.

What a model did comes in as a command, so that no decision ever calls one.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from domain.inference.facts import (
    Ask,
    GuardTime,
    HeldTo,
    InferenceId,
    Milliseconds,
    Prompt,
    Route,
    Seed,
    Served,
    Terms,
    TokenCount,
    UsageEstimated,
)
from domain.inference.messages import (
    Attempts,
    InferenceCancelled,
    InferenceCompleted,
    InferenceFailed,
    InferenceRequested,
    RateInference,
    Words,
)
from domain.kernel.event import Command
from domain.kernel.visibility import Personal


class RecordRequest(Ask, Terms, Route, HeldTo, Command, name="inference.record_request"):
    """Record that a model is about to be asked."""

    inference_id: InferenceId
    seed: Seed
    rendered_prompt: Annotated[Prompt, Personal(of="player")]

    example: ClassVar = {k: v for k, v in InferenceRequested.example.items() if k != "prompt_hash"}


class RecordCompletion(Served, Command, name="inference.record_completion"):
    """Record what the model answered."""

    inference_id: InferenceId
    text: Annotated[Words, Personal(of="inference_id")] = Field(description="The answer.")
    finish_reason: str = Field(max_length=64, description="Why it ended.")
    prompt_tokens: TokenCount = Field(description="Tokens of the rendered prompt.")
    completion_tokens: TokenCount = Field(description="Tokens that were generated for the answer.")
    usage_estimated: UsageEstimated = False
    ttft_ms: Milliseconds = Field(description="Time to the first token.")
    latency_ms: Milliseconds = Field(description="Time to the last token.")
    source_inference_id: InferenceId | None = Field(
        None, description="The inference whose answer was given again, or waited for in vain."
    )
    guard_us: GuardTime = 0

    example: ClassVar = {
        k: InferenceCompleted.example[k]
        for k in (
            "inference_id",
            "text",
            "finish_reason",
            "prompt_tokens",
            "completion_tokens",
            "usage_estimated",
            "ttft_ms",
            "latency_ms",
            "engine",
            "served_tier",
            "choice",
            "candidates",
            "attempts",
            "guard_us",
        )
    }


class RecordCancellation(Command, name="inference.record_cancellation"):
    """Record that the caller wanted no more of it."""

    inference_id: InferenceId
    text: Annotated[Words, Personal(of="inference_id")] = Field(description="What had been given by then.")
    completion_tokens: TokenCount = Field(description="Tokens of it.")
    latency_ms: Milliseconds = Field(description="Time until the cancellation.")
    attempts: Attempts = Field(default_factory=list)
    guard_us: GuardTime = 0

    example: ClassVar = {
        k: InferenceCancelled.example[k]
        for k in ("inference_id", "text", "completion_tokens", "latency_ms", "attempts", "guard_us")
    }


class RecordFailure(Command, name="inference.record_failure"):
    """Record that no usable answer came."""

    inference_id: InferenceId
    code: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="What kind of failure.")
    message: str = Field(max_length=2_000, description="What happened, for an operator.")
    latency_ms: Milliseconds = Field(description="Time until the failure was known.")
    attempts: Attempts = Field(default_factory=list)
    guard_us: GuardTime = 0

    example: ClassVar = {
        k: InferenceFailed.example[k]
        for k in ("inference_id", "code", "message", "latency_ms", "attempts", "guard_us")
    }


InferenceCommand = RecordRequest | RecordCompletion | RecordFailure | RecordCancellation | RateInference
