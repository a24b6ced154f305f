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
from domain.evaluation.messages import (
    AbortEvaluation,
    BeginEvaluation,
    EvaluationAborted,
    EvaluationFinished,
    EvaluationStarted,
    FinishEvaluation,
    RegisterSuite,
    StartEvaluation,
    SuiteRegistered,
)
from domain.guardrails.messages import (
    ActivatePolicy,
    PolicyActivated,
    PolicyPublished,
    PublishPolicy,
    RevealViolation,
    ReviewViolation,
    ViolationDetected,
    ViolationRevealed,
    ViolationReviewed,
)
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
from domain.kernel.event import Command, Event
from domain.optimisation.messages import (
    Approved,
    ApproveProposal,
    CarriedOut,
    PolicySet,
    ProposalRejected,
    ProposalWithdrawn,
    Propose,
    Proposed,
    RecordOutcome,
    RejectProposal,
    SetPolicy,
    WithdrawProposal,
)
from domain.prompts.messages import RegisterTemplate, TemplateRegistered
from domain.registry.deployment_messages import (
    AbortDeployment,
    Accuse,
    ConfirmReady,
    DeploymentAborted,
    DeploymentCompleted,
    DeploymentFailed,
    DeploymentHeld,
    DeploymentReady,
    DeploymentResumed,
    DeploymentRolledBack,
    DeploymentStarted,
    HoldDeployment,
    PassStep,
    ResumeDeployment,
    RollBack,
    StartDeployment,
    StepPassed,
    StepStarted,
)
from domain.registry.messages import (
    AliasSet,
    DescribeModel,
    ModelDescribed,
    ModelEvaluated,
    ModelPromoted,
    ModelRegistered,
    ModelRetired,
    PromoteModel,
    RecordEvaluation,
    RegisterModel,
    RetireModel,
    SetAlias,
    ShiftTraffic,
    TrafficShifted,
    UseCaseSilenced,
)
from domain.relay.messages import ConfirmLog, LogConfirmed
from domain.routing.messages import EngineStateChanged

EVENTS: tuple[type[Event], ...] = (
    ModelRegistered,
    ModelDescribed,
    AliasSet,
    ModelEvaluated,
    ModelPromoted,
    ModelRetired,
    TrafficShifted,
    UseCaseSilenced,
    DeploymentStarted,
    DeploymentReady,
    DeploymentFailed,
    StepStarted,
    StepPassed,
    DeploymentHeld,
    DeploymentResumed,
    DeploymentCompleted,
    DeploymentAborted,
    DeploymentRolledBack,
    SuiteRegistered,
    EvaluationStarted,
    EvaluationFinished,
    EvaluationAborted,
    PolicyPublished,
    PolicyActivated,
    ViolationDetected,
    ViolationReviewed,
    ViolationRevealed,
    PolicySet,
    Proposed,
    Approved,
    ProposalRejected,
    ProposalWithdrawn,
    CarriedOut,
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
    LogConfirmed,
)

COMMANDS: tuple[type[Command], ...] = (
    RegisterModel,
    DescribeModel,
    SetAlias,
    PromoteModel,
    RetireModel,
    ShiftTraffic,
    StartDeployment,
    HoldDeployment,
    ResumeDeployment,
    AbortDeployment,
    RollBack,
    RegisterSuite,
    StartEvaluation,
    FinishEvaluation,
    AbortEvaluation,
    PublishPolicy,
    ActivatePolicy,
    ReviewViolation,
    RevealViolation,
    SetPolicy,
    ApproveProposal,
    RejectProposal,
    RegisterTemplate,
    Generate,
    RateInference,
    OpenBatch,
    AddItems,
    SubmitBatch,
    CancelBatch,
    ConfirmLog,
)
"""What may be sent over the wire."""

INTERNAL_COMMANDS: tuple[type[Command], ...] = (
    RecordRequest,
    RecordCompletion,
    RecordFailure,
    RecordCancellation,
    RecordItems,
    BeginEvaluation,
    RecordEvaluation,
    ConfirmReady,
    PassStep,
    Accuse,
    Propose,
    WithdrawProposal,
    RecordOutcome,
)
"""What our own handlers say to a decider; never served on a subject."""

Payload = dict[str, JsonValue]


def _without_time(payload: Payload) -> Payload:
    return {key: value for key, value in payload.items() if key != "took_us"}


UPCASTERS: Mapping[tuple[str, int], Callable[[Payload], Payload]] = {
    (ViolationDetected.event_name, 1): _without_time
}
"""From (event name, version) to the function that turns such a payload into one of the next version."""
