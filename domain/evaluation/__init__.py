"""Evaluation: suites of recorded and scripted turns, how answers are scored, when a candidate has passed."""

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
from domain.kernel.context import Context

CONTEXT = Context(
    "evaluation",
    events=(
        SuiteRegistered,
        EvaluationStarted,
        EvaluationFinished,
        EvaluationAborted,
    ),
    commands=(
        RegisterSuite,
        StartEvaluation,
        FinishEvaluation,
        AbortEvaluation,
    ),
    internal=(BeginEvaluation,),
)
