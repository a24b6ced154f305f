"""From a router's outcome to the command that records it, and to the reply for the caller."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from domain.inference.facts import AttemptFact, CandidateFact
from domain.inference.inference import Inference
from domain.inference.messages import (
    InferenceCancelled,
    InferenceCompleted,
    InferenceFailed,
    InferenceRequested,
)
from domain.inference.recording import RecordCompletion
from domain.kernel.decider import Rejected
from handlers.engines.port import EngineError
from handlers.inference.records import outcome_id
from handlers.inference.unknown_names import Warnings
from handlers.routing.turns import Attempt, DeadlineExceeded, NoEngine, Routed, RoutedTurn
from protocol.messages import CommandMessage, Reply

ATTEMPTS_TOLD = 64

BLOCKED = "blocked"
"""The finish reason of an answer that the guardrails ended with the character's own line."""


class FailedForGood(Rejected):
    """No usable answer came, which is recorded; a retry of the same command gives the same.

    Attributes:
        fault: why, one of the codes of `InferenceFailed`.
    """

    def __init__(self, outcome: InferenceFailed) -> None:
        super().__init__(
            "inference_failed",
            f"{outcome.code}: {outcome.message}",
            remedy="ask again as a new command (a new id); this one has failed for good",
        )
        self.fault = outcome.code


def completion_of(
    request: InferenceRequested, routed: Routed, *, before: str = "", tokens: int = 0
) -> RecordCompletion:
    """Return the command that records how a turn was served; ``before`` is what another had given of it."""
    candidates = routed.choices[-1].candidates if routed.choices else ()
    return RecordCompletion(
        inference_id=request.inference_id,
        text=before + routed.text,
        finish_reason=routed.finish_reason,
        prompt_tokens=routed.prompt_tokens,
        completion_tokens=tokens + routed.completion_tokens,
        usage_estimated=routed.estimated or bool(tokens),
        ttft_ms=routed.ttft_ms,
        latency_ms=routed.latency_ms,
        engine=routed.engine,
        served_tier=routed.tier,
        choice=routed.reason[:2_000],
        candidates=[
            CandidateFact.model_validate(dataclasses.asdict(candidate))
            for candidate in candidates[:ATTEMPTS_TOLD]
        ],
        attempts=attempts_of(routed.attempts),
    )


def blocked_completion(
    request: InferenceRequested, turn: RoutedTurn | None, *, ttft_ms: float, tokens: tuple[int, int]
) -> RecordCompletion:
    """Return the beginning of the record of a turn that the guardrails ended; its text comes last.

    ``tokens`` are those of the prompt and of what was generated.
    """
    attempts = turn.attempts if turn else []
    return RecordCompletion(
        inference_id=request.inference_id,
        text="",
        finish_reason=BLOCKED,
        prompt_tokens=tokens[0],
        completion_tokens=tokens[1],
        usage_estimated=sum(tokens) > 0,
        ttft_ms=round(ttft_ms, 3),
        latency_ms=0.0,
        engine=attempts[-1].engine if attempts else "",
        served_tier=attempts[-1].tier if attempts else None,
        choice="ended by the guardrails",
        attempts=attempts_of(attempts),
    )


def repeated(
    request: InferenceRequested, source: RecordCompletion, *, why: str, ttft_ms: float, latency_ms: float
) -> RecordCompletion:
    """Return the command that records that another turn's answer was given."""
    return source.model_copy(
        update={
            "inference_id": request.inference_id,
            "source_inference_id": source.source_inference_id or source.inference_id,
            "choice": why,
            "candidates": [],
            "attempts": [],
            "ttft_ms": round(ttft_ms, 3),
            "latency_ms": round(latency_ms, 3),
        }
    )


def attempts_of(attempts: Sequence[Attempt]) -> list[AttemptFact]:
    """Return the newest attempts as they are recorded."""
    return [AttemptFact.model_validate(dataclasses.asdict(attempt)) for attempt in attempts[-ATTEMPTS_TOLD:]]


def code_of(error: EngineError | NoEngine | DeadlineExceeded) -> str:
    """Return the code of a failure."""
    match error:
        case EngineError():
            return error.code
        case NoEngine(fault=EngineError() as fault):
            return fault.code
        case NoEngine():
            return "engine_unreachable" if error.away else "engine_overloaded"
        case _:
            return "deadline_exceeded"


def describe_failure(error: EngineError | NoEngine | DeadlineExceeded) -> str:
    """Return a failure for an operator."""
    fault = error.fault if isinstance(error, NoEngine) else None
    return f"{fault}; {error}" if fault else str(error)


def reply_of(
    known: Inference,
    message: CommandMessage,
    *,
    recorded: bool,
    duplicate: bool = False,
    warnings: Warnings = (),
) -> Reply:
    """Return the answer for the caller; its events have no position yet, so the reply names the id.

    Raises:
        FailedForGood: ``inference_failed``.
    """
    request, outcome = known.request, known.outcome
    where: dict[str, Any] = {"event_id": str(outcome_id(message.id)), "recorded": recorded}
    where["warnings"] = [dict(each) for each in warnings]
    match request, outcome:
        case InferenceRequested(), InferenceCompleted():
            result = {
                "inference_id": outcome.inference_id,
                "text": outcome.text,
                "finish_reason": outcome.finish_reason,
                "model": {
                    "id": request.model_id,
                    "name": request.model_name,
                    "version": request.model_version,
                },
                "tier": outcome.tier,
                "usage": {
                    "prompt_tokens": outcome.prompt_tokens,
                    "completion_tokens": outcome.completion_tokens,
                    "cost_micro": outcome.cost_micro,
                    "estimated": outcome.usage_estimated,
                },
                "ttft_ms": outcome.ttft_ms,
                "latency_ms": outcome.latency_ms,
                "served": {
                    "engine": outcome.engine,
                    "tier": outcome.served_tier or outcome.tier,
                    "choice": outcome.choice,
                    "attempts": len(outcome.attempts),
                    "repeats": outcome.source_inference_id,
                },
                "template": request.template,
                "cut": [cut.model_dump() for cut in request.cut],
            }
            return Reply(result={**result, **where}, duplicate=duplicate)
        case _, InferenceCancelled():
            result = {
                "inference_id": outcome.inference_id,
                "text": outcome.text,
                "finish_reason": "cancelled",
                "latency_ms": outcome.latency_ms,
            }
            return Reply(result={**result, **where}, duplicate=duplicate)
        case _, InferenceFailed():
            raise FailedForGood(outcome)
        case _:
            raise AssertionError("an inference is answered only once it has an outcome")
