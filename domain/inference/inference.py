"""One inference: requested, then completed, failed or cancelled, one of them.

Its stream is ``inference-{inference_id}``.

A repeated request, or a second outcome for an inference that has one, changes nothing: the first stands.
So a retry, or two services that both got the request, leave one answer.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never

from domain.inference.facts import AskFacts
from domain.inference.messages import (
    InferenceCancelled,
    InferenceCompleted,
    InferenceEvent,
    InferenceFailed,
    InferenceFellBack,
    InferenceOutcome,
    InferenceRated,
    InferenceRequested,
    RateInference,
)
from domain.inference.recording import (
    InferenceCommand,
    RecordCancellation,
    RecordCompletion,
    RecordFailure,
    RecordRequest,
)
from domain.kernel.decider import Decider, Rejected
from domain.kernel.visibility import alike
from domain.outcomes.turn import REPLACED


def stream_of(inference_id: str) -> str:
    """Return the stream of an inference."""
    return f"inference-{inference_id}"


def cost_micro(*, tokens: int, per_1k_tokens: int) -> int:
    """Return the cost in millionths of a US dollar, rounded up so that it is never understated."""
    return -(-tokens * per_1k_tokens // 1_000)


def same_ask(a: AskFacts, b: AskFacts) -> bool:
    """Say whether two requests ask for the same thing; the route may differ between a try and its retry.

    What was erased of one of them decides nothing: the rest does.
    """
    return all(alike(getattr(a, name), getattr(b, name)) for name in AskFacts.model_fields)


# --- state --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Inference:
    """State of an inference; ``outcome`` is its one terminal event."""

    request: InferenceRequested | None = None
    outcome: InferenceOutcome | None = None
    rated: InferenceRated | None = None
    """The newest rating."""


def evolve(state: Inference, event: InferenceEvent) -> Inference:
    """Return the state after ``event``."""
    match event:
        case InferenceRequested():
            return replace(state, request=event)
        case InferenceCompleted() | InferenceFailed() | InferenceCancelled():
            return replace(state, outcome=event)
        case InferenceRated():
            return replace(state, rated=event)
        case InferenceFellBack():
            return state
        case _:
            assert_never(event)


# --- decisions ----------------------------------------------------------------------------------------------


def decide(command: InferenceCommand, state: Inference) -> Sequence[InferenceEvent]:
    """Return what follows from ``command``: nothing if it is already so.

    Raises:
        Rejected: ``id_conflict`` if this id asked for something else before, ``inference_not_found`` for an
            outcome without a request.
    """
    match command:
        case RecordRequest():
            return _request(command, state)
        case RecordCompletion() | RecordFailure() | RecordCancellation():
            if state.request is None:
                raise Rejected(
                    "inference_not_found",
                    f"inference {command.inference_id} was never requested",
                    field="inference_id",
                    remedy="record the request first",
                )
            return [] if state.outcome else _outcome(command, state.request)
        case RateInference():
            return _rate(command, state)
        case _:
            assert_never(command)


def _request(command: RecordRequest, state: Inference) -> Sequence[InferenceEvent]:
    if state.request is None:
        digest = hashlib.sha256(command.rendered_prompt.encode()).hexdigest()
        # The command's fields are the event's and were checked; checking them again is a third of the work.
        return [InferenceRequested.model_construct(**dict(command), prompt_hash=f"sha256:{digest}")]
    if same_ask(command, state.request):
        return []
    raise Rejected(
        "id_conflict",
        f"inference {command.inference_id} was requested before with other words or parameters",
        remedy="a retry repeats the command unchanged; a new request takes a new command id",
    )


def _rate(command: RateInference, state: Inference) -> Sequence[InferenceEvent]:
    if state.request is None or not isinstance(state.outcome, (InferenceCompleted, InferenceCancelled)):
        raise Rejected(
            "inference_not_found",
            f"inference {command.inference_id} has no answer in the log",
            field="inference_id",
            remedy="an answer's record takes a moment, and longer while the log is down: send it again later",
        )
    facts = {"use_case": state.request.use_case, "model_id": state.request.model_id}
    rated = InferenceRated(**command.model_dump(), **facts, player=state.request.player)
    return [] if rated == state.rated else [rated]


def _outcome(
    command: RecordCompletion | RecordFailure | RecordCancellation, request: InferenceRequested
) -> Sequence[InferenceFellBack | InferenceOutcome]:
    ended = _end(command, request)
    fell_back = isinstance(command, RecordCompletion) and _fell_back(command, request)
    return [fell_back, ended] if fell_back else [ended]


def _fell_back(command: RecordCompletion, request: InferenceRequested) -> InferenceFellBack | None:
    """Return the event that says how an answer was not served as it was meant to be, if it was not."""
    left = [attempt for attempt in command.attempts if attempt.fault not in ("", "hedged", "cancelled")]
    if command.finish_reason in REPLACED:
        kind = command.finish_reason
    elif command.served_tier not in (None, request.tier):
        kind = "tier"
    elif left:
        kind = "engine"
    else:
        return None
    faults = [f"{attempt.engine}: {attempt.fault} after {attempt.tokens} tokens" for attempt in left]
    return InferenceFellBack(
        inference_id=command.inference_id,
        use_case=request.use_case,
        model_id=request.model_id,
        tier=request.tier,
        kind=kind,
        served_tier=command.served_tier if command.engine else None,
        engine=command.engine,
        reason=("; ".join(faults) or command.choice)[:2_000],
    )


def _end(
    command: RecordCompletion | RecordFailure | RecordCancellation, request: InferenceRequested
) -> InferenceOutcome:
    subject: dict[str, Any] = {
        "use_case": request.use_case,
        "model_id": request.model_id,
        "tier": request.tier,
    }
    match command:
        case RecordCompletion(text=text) if text.strip():
            tokens = command.prompt_tokens + command.completion_tokens
            price = 0 if command.source_inference_id else request.cost_micro_per_1k_tokens
            cost = cost_micro(tokens=tokens, per_1k_tokens=price)
            return InferenceCompleted.model_construct(
                **dict(command), **subject, cost_micro=cost, player=request.player
            )
        case RecordCompletion():
            return InferenceFailed.model_validate(
                {
                    "inference_id": command.inference_id,
                    "code": "empty_output",
                    "message": f"{request.model_name} {request.model_version} answered without a word",
                    "latency_ms": command.latency_ms,
                    "attempts": command.attempts,
                    "guard_us": command.guard_us,
                    **subject,
                }
            )
        case RecordFailure():
            return InferenceFailed.model_validate({**command.model_dump(), **subject})
        case RecordCancellation():
            told = {**command.model_dump(), **subject, "player": request.player}
            return InferenceCancelled.model_validate(told)
        case _:
            assert_never(command)


INFERENCE: Decider[InferenceCommand, InferenceEvent, Inference] = Decider(Inference(), decide, evolve)
