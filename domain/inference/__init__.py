"""Inference: what was asked of a model, what it answered, and everything needed to explain it later."""

from domain.inference.live import Cancel, Piece
from domain.inference.messages import (
    Generate,
    InferenceCancelled,
    InferenceCompleted,
    InferenceFailed,
    InferenceFellBack,
    InferenceRated,
    InferenceRefused,
    InferenceRequested,
    RateInference,
)
from domain.inference.queries import StatsQuery
from domain.inference.recording import RecordCancellation, RecordCompletion, RecordFailure, RecordRequest
from domain.kernel.context import Context

CONTEXT = Context(
    "inference",
    events=(
        InferenceRequested,
        InferenceFellBack,
        InferenceCompleted,
        InferenceFailed,
        InferenceCancelled,
        InferenceRefused,
        InferenceRated,
    ),
    commands=(
        Generate,
        RateInference,
    ),
    internal=(
        RecordRequest,
        RecordCompletion,
        RecordFailure,
        RecordCancellation,
    ),
    queries=(StatsQuery,),
    live=(
        Piece,
        Cancel,
    ),
)
