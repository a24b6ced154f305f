"""From what our own parts raise to what a caller is told: code, fact, field, remedy and retry advice."""

from uuid import UUID

from pydantic import ValidationError

from bus.ports import (
    AppendTooLarge,
    ClockWrong,
    Fenced,
    IdConflict,
    InvalidAppend,
    LogUnavailable,
    LogUnread,
    VersionConflict,
)
from domain.kernel.decider import Rejected
from protocol.errors import WireError
from protocol.messages import ErrorReply

UNAVAILABLE_RETRY_MS = 500
UNFORESEEN_RETRY_MS = 250
FAULTS_SHOWN_MAX = 8


def problem_of(error: Exception) -> ErrorReply | None:
    """Return the reply for an expected error; None for one that only our log may see."""
    match error:
        case WireError():
            return ErrorReply(error.code, error.message, error.field, "see protocol/SPEC.md")
        case Rejected():
            # Only a refusal for want of room (`Overloaded`) says when the same command may come again.
            after_ms: int | None = getattr(error, "retry_after_ms", None)
            told = (error.code, error.message, error.field, error.remedy)
            return ErrorReply(*told, retry="later" if after_ms else "never", retry_after_ms=after_ms)
        case ValidationError():
            return _invalid(error)
        case VersionConflict():
            details = {"stream": error.stream, "expected": error.expected, "actual": error.actual}
            remedy = "read the state, decide again, send a new command"
            return ErrorReply("version_conflict", str(error), "expected", remedy, "reload", details=details)
        case IdConflict():
            return ErrorReply("id_conflict", str(error), "id", "choose a fresh id for every new command")
        case AppendTooLarge():
            return ErrorReply("too_large", str(error), "payload", "keep to the limits of protocol/SPEC.md")
        case InvalidAppend():
            return ErrorReply(
                "invalid_field", str(error), "payload", "keep to the limits of protocol/SPEC.md"
            )
        case LogUnavailable() | Fenced():
            return _unavailable(error)
        case _:
            return None


def unforeseen(error_id: UUID) -> ErrorReply:
    """Return the reply for an error that only our log may see, where it stands under ``error_id``."""
    return ErrorReply(
        "internal",
        "an error of ours",
        remedy=f"report the id {error_id}; sending it again with the same id is harmless",
        retry="later",
        retry_after_ms=UNFORESEEN_RETRY_MS,
        details={"error_id": str(error_id)},
    )


def _unavailable(error: LogUnavailable | Fenced) -> ErrorReply:
    """Say what is known of an append or a read that failed because the log is away, and when to try again."""
    told, remedy = (
        "whether this took effect is unknown",
        "send it again with the same id: it takes effect once",
    )
    message, details = f"the log cannot be written at the moment; {told}", dict[str, object]()
    if isinstance(error, LogUnread):
        message, remedy = "the log cannot be read at the moment", "send it again with the same id"
    elif isinstance(error, ClockWrong):
        message = "the clock of the process that took this is wrong; nothing was written"
        remedy = "send it again with the same id: another process may take it"
        details = {"clock_skew_ms": error.skew_us // 1_000}
    return ErrorReply(
        "unavailable",
        message,
        remedy=remedy,
        retry="later",
        retry_after_ms=UNAVAILABLE_RETRY_MS,
        details=details,
    )


def _invalid(error: ValidationError) -> ErrorReply:
    """Name every field at fault, with no value in it: values may be private."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)[:FAULTS_SHOWN_MAX]
    told = [(".".join(map(str, fault["loc"])), fault["msg"]) for fault in faults]
    message = "; ".join(f"{path}: {text}" if path else text for path, text in told)
    remedy = "send values of the form that the command's schema gives"
    return ErrorReply("invalid_field", message, told[0][0], remedy, details={"fields": [p for p, _ in told]})
