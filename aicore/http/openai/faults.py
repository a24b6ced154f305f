"""Errors of the OpenAI door, in the form, the words and the statuses that OpenAI's clients know.

`Fault` is raised wherever a request is read; what the inference service refuses becomes one by `of_problem`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
from aiohttp import web

from handlers.inference.replies import FailedForGood
from protocol.messages import ErrorReply

STATUS: Mapping[str, int] = {
    "overloaded": 429,
    "over_allowance": 429,
    "no_current_model": 404,
    "no_engine": 404,
    "alias_not_found": 404,
    "engines_away": 503,
    "unavailable": 503,
    "inference_failed": 502,
    "internal": 500,
}
"""Status of our codes; 400 for the rest."""

WORDS: Mapping[str, str] = {
    "no_current_model": "model_not_found",
    "no_engine": "model_not_found",
    "prompt_too_long": "context_length_exceeded",
    "question_too_long": "context_length_exceeded",
}
"""OpenAI's codes for ours, where clients look for theirs."""

FAILED: Mapping[str, tuple[int, str]] = {
    "prompt_too_long": (400, "context_length_exceeded"),
    "unknown_adapter": (400, "unknown_adapter"),
    "unsupported": (400, "unsupported"),
    "invalid_request": (400, "invalid_request"),
    "deadline_exceeded": (504, "deadline_exceeded"),
}
"""Status and code of an inference that failed for these reasons: most are the request's own, so that a client
which tries again on 5xx does not do so in vain."""

TYPES: Mapping[int, str] = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
SHOWN_MAX = 120
"""Characters of a caller's own text in a message."""


@dataclass(eq=False)
class Fault(Exception):
    """A request that gets an error.

    Attributes:
        status: of HTTP.
        code: a word for programs.
        message: a sentence for people.
        param: path of the field at fault, as OpenAI writes it (``messages[0].content``), or "".
        headers: of the response.
        recorded: our code under which the refusal is recorded, or "".
    """

    status: int
    code: str
    message: str
    param: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    recorded: str = ""

    def body(self) -> dict[str, object]:
        """Return the error as OpenAI's API gives it."""
        usual = "invalid_request_error" if self.status < 500 else "server_error"
        kind = TYPES.get(self.status, usual)
        told = {"message": self.message, "type": kind, "param": self.param or None, "code": self.code}
        return {"error": told}

    def response(self) -> web.Response:
        """Return the response."""
        body = orjson.dumps(self.body())
        return web.Response(
            status=self.status, body=body, content_type="application/json", headers=self.headers
        )


def wrong(code: str, param: str, message: str) -> Fault:
    """Return the fault of one field."""
    return Fault(400, code, f"{param}: {message}", param, recorded="invalid_field")


def shown(value: str) -> str:
    """Return a caller's own text as a message may hold it: printable and short."""
    cut = value[:SHOWN_MAX] + ("…" if len(value) > SHOWN_MAX else "")
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in cut)


def model_unknown(model: str, why: str = "") -> Fault:
    """Return the fault of a model's name."""
    return Fault(
        404, "model_not_found", f"the model `{shown(model)}` does not exist{why and f': {why}'}", "model"
    )


def of_problem(problem: ErrorReply, error: Exception, params: Mapping[str, str], model: str) -> Fault:
    """Return what a caller is told of a refusal by the service, which has recorded it.

    ``params`` are the caller's names of the service's fields.
    """
    param = params.get(problem.field, problem.field)
    if WORDS.get(problem.code) == "model_not_found" or (problem.code == "invalid_field" and param == "model"):
        return model_unknown(model, problem.message)
    status, code = STATUS.get(problem.code, 400), WORDS.get(problem.code, problem.code)
    if isinstance(error, FailedForGood):
        status, code = FAILED.get(error.fault, (status, code))
    if problem.code == "invalid_field":
        code = "invalid_value"
    said = f"{problem.message}; {problem.remedy}" if problem.remedy else problem.message
    headers = {}
    if problem.retry_after_ms:
        headers["Retry-After"] = str(max(1, round(problem.retry_after_ms / 1e3)))
        headers["Retry-After-Ms"] = str(problem.retry_after_ms)
    return Fault(status, code, said, param, headers)
