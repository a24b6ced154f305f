"""Batches: many questions that nobody waits for, answered when there is room."""

from domain.batch.messages import (
    AddItems,
    BatchCancelled,
    BatchCompleted,
    BatchItemsAdded,
    BatchOpened,
    BatchProgressed,
    BatchSubmitted,
    CancelBatch,
    OpenBatch,
    RecordItems,
    SubmitBatch,
)
from domain.batch.queries import BatchesQuery, ResultsQuery
from domain.kernel.context import Context

CONTEXT = Context(
    "batch",
    events=(
        BatchOpened,
        BatchItemsAdded,
        BatchSubmitted,
        BatchProgressed,
        BatchCompleted,
        BatchCancelled,
    ),
    commands=(
        OpenBatch,
        AddItems,
        SubmitBatch,
        CancelBatch,
    ),
    internal=(RecordItems,),
    queries=(
        BatchesQuery,
        ResultsQuery,
    ),
)
