"""A use case's models and deployments: which models there are, which one serves, how a new one takes over.

Both live in the use case's stream, so one expected version keeps every rule that spans them: one deployment
at a time, one current model, shares that are 100 together.
"""

from domain.kernel.context import Context
from domain.registry.deployment_messages import (
    AbortDeployment,
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
    RollBackOnEvidence,
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
from domain.registry.queries import CurrentQuery, DeploymentsQuery, ModelsQuery

CONTEXT = Context(
    "registry",
    events=(
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
    ),
    commands=(
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
    ),
    internal=(
        RecordEvaluation,
        ConfirmReady,
        PassStep,
        RollBackOnEvidence,
    ),
    queries=(
        CurrentQuery,
        ModelsQuery,
        DeploymentsQuery,
    ),
)
