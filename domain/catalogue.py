"""Every event and command there is, and how older versions become the newest: the list all else derives from.

The catalogue, JSON Schemas, AsyncAPI, the golden vectors and the command services are made from these.
"""

from collections.abc import Callable, Mapping

from pydantic import JsonValue

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
from domain.event import Command, Event
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
    RecordCancellation,
    RecordCompletion,
    RecordFailure,
    RecordRequest,
)
from domain.prompts.messages import RegisterTemplate, TemplateRegistered
from domain.registry.messages import (
    DescribeModel,
    ModelDescribed,
    ModelPromoted,
    ModelRegistered,
    ModelRetired,
    PromoteModel,
    RegisterModel,
    RetireModel,
    ShiftTraffic,
    TrafficShifted,
)
from domain.routing.messages import EngineStateChanged

EVENTS: tuple[type[Event], ...] = (
    ModelRegistered,
    ModelDescribed,
    ModelPromoted,
    ModelRetired,
    TrafficShifted,
    TemplateRegistered,
    InferenceRequested,
    InferenceFellBack,
    InferenceCompleted,
    InferenceFailed,
    InferenceCancelled,
    InferenceRefused,
    InferenceRated,
    EngineStateChanged,
    BatchOpened,
    BatchItemsAdded,
    BatchSubmitted,
    BatchProgressed,
    BatchCompleted,
    BatchCancelled,
)

COMMANDS: tuple[type[Command], ...] = (
    RegisterModel,
    DescribeModel,
    PromoteModel,
    RetireModel,
    ShiftTraffic,
    RegisterTemplate,
    Generate,
    RateInference,
    OpenBatch,
    AddItems,
    SubmitBatch,
    CancelBatch,
)
"""What may be sent over the wire."""

INTERNAL_COMMANDS: tuple[type[Command], ...] = (
    RecordRequest,
    RecordCompletion,
    RecordFailure,
    RecordCancellation,
    RecordItems,
)
"""What our own handlers say to a decider; never served on a subject."""

Payload = dict[str, JsonValue]

UPCASTERS: Mapping[tuple[str, int], Callable[[Payload], Payload]] = {}
"""From (event name, version) to the function that turns such a payload into one of the next version."""
