"""Refusals of servers: whose fault they are, and the remedy. Pure.

The statuses are RFC 9110's; what the words say is read from the bodies that OpenAI, Azure, Gemini, vLLM,
llama.cpp, TGI, Ollama, OpenRouter, LiteLLM, DeepSeek, Mistral and DashScope document for their errors. A body
may be an object, a list, plain text or a page of HTML.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import orjson

from handlers.engines.openai_events import words
from handlers.engines.port import EngineAsk, EngineError, EngineFault

SHOWN_CHARACTERS = 300
READ_CHARACTERS = 8_192
"""Of a body, for what it says."""

RETRY_AFTER_S_MAX = 300.0
"""Longest time that an engine is left alone because it asks for it."""

KEY = re.compile(
    r"invalid_api_key|incorrect api key|api[ _-]?key (is )?(not valid|invalid|missing)|api_key_invalid|"
    r"authentication_error|invalid_authentication|no auth credentials|permission_denied",
)
QUOTA = re.compile(r"insufficient_quota|insufficient (balance|credits)|exceeded your current quota|billing")
POLICY = re.compile(
    r"content_?filter|content[ _]?policy|content management policy|responsibleaipolicy|moderation|flagged|"
    r"data_?inspection_?failed|content exists risk|prohibited_content|blocked by .*safety|safety_violation",
)
TOO_LONG = re.compile(
    r"context[ _]?(length|window|size)|maximum context|prompt is too long|string_above_max_length|"
    r"too many (input )?tokens|input token count|`inputs`.*(must have less|must be <=)|max_new_tokens|"
    r"exceed_context_size|maximum (model )?length|too long",
)
PARAMETER = re.compile(
    r"unsupported_?(parameter|value)|unsupported (parameter|value)|unknown_?parameter|"
    r"unknown (parameter|field|name)|unrecognized (request argument|field)|extra_forbidden|"
    r"extra (inputs|fields) (are )?not permitted|not supported with this model|unsupportedparamserror|"
    r"unexpected keyword|is not (a )?supported parameter",
)
MODEL = re.compile(
    r"model_not_found|model_not_available|deploymentnotfound|no such model|unknown model|"
    r"(model|deployment|adapter).{0,200}(not found|does not exist|not available|not exist)|not a valid model",
    re.DOTALL,
)
OF_THIS_ASK = re.compile(
    r"structured_outputs|guided_regex|response_format|\bpriority\b|\blora\b|adapter|grammar"
)
"""Fields that only some questions ask for: a server without it can answer the others."""

TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)

BY_STATUS: Mapping[int, EngineFault] = {
    401: "engine_denied", 402: "engine_denied", 403: "engine_denied", 407: "engine_denied",
    404: "engine_misconfigured", 405: "engine_misconfigured", 410: "engine_misconfigured",
    415: "engine_misconfigured", 421: "engine_misconfigured", 426: "engine_misconfigured",
    501: "engine_misconfigured", 505: "engine_misconfigured",
    408: "engine_timeout", 504: "engine_timeout", 524: "engine_timeout",
    409: "engine_failed", 423: "engine_failed", 424: "engine_failed",
    425: "engine_overloaded", 429: "engine_overloaded", 503: "engine_overloaded", 529: "engine_overloaded",
    413: "prompt_too_long",
}  # fmt: skip
"""What a status means by itself; the rest of 3xx is the settings' fault, of 4xx the request's, of 5xx the
engine's."""

REMEDIES: Mapping[EngineFault, str] = {
    "engine_denied": "see api_key_env and api_key_header of this engine, and the account's credit",
    "engine_misconfigured": "see url, path, model, names, leave_out and body of this engine",
}


WORD = re.compile(r"\w+")
HIDDEN = re.compile("\0+")


def refusal(  # noqa: PLR0913 - all that an answer says, by name
    who: str, status: int, body: str, *, headers: Mapping[str, str], ask: EngineAsk, secret: str = ""
) -> EngineError:
    """Return what an HTTP status other than 200 means.

    Args:
        who: the engine's name, for the message.
        status: the status.
        body: the body, as far as it was read.
        headers: of the answer; ``Retry-After`` counts.
        ask: what was asked for.
        secret: never shown, although some servers repeat the key that they refuse.
    """
    code = fault_of(status, body[:READ_CHARACTERS].lower(), ask)
    said = shown(body) or headers.get("Location", "")
    told = f"{who}: HTTP {status}: {said}" if said else f"{who}: HTTP {status}"
    wait_s = retry_after_s(headers) if code == "engine_overloaded" else None
    return _error(_unquoted(told, ask), code, secret, wait_s)


def broken_off(who: str, said: object, *, ask: EngineAsk, secret: str = "") -> EngineError:
    """Return what an error in the middle of an event stream means."""
    found = list(words(said))
    status = next((int(word) for word in found if re.fullmatch("[45][0-9][0-9]", word)), 400)
    code = fault_of(status, " ".join(found)[:READ_CHARACTERS].lower(), ask)
    if code == "invalid_request":  # it began to answer: the request was good enough for that
        code = "engine_failed"
    return _error(_unquoted(f"{who}: {_inner(said) or ' '.join(found)}", ask), code, secret, None)


def _unquoted(told: str, ask: EngineAsk) -> str:
    """Return an error without what it quotes of the question or the answer: three words in a row or more."""
    asked = " ".join([ask.prompt, ask.sent, *(message.text for message in ask.messages)])
    theirs = WORD.findall(asked.lower())
    quotable = set(zip(theirs, theirs[1:], theirs[2:], strict=False))
    words = [(found.group().lower(), found.start(), found.end()) for found in WORD.finditer(told)]
    hidden = [
        (begin, end)
        for (one, begin, _), (two, _, _), (three, _, end) in zip(words, words[1:], words[2:], strict=False)
        if (one, two, three) in quotable
    ]
    letters = list(told)
    for begin, end in hidden:
        letters[begin:end] = "\0" * (end - begin)
    return HIDDEN.sub("…", "".join(letters))


def _error(told: str, code: EngineFault, secret: str, wait_s: float | None) -> EngineError:
    told = " ".join((told.replace(secret, "***") if secret else told).split())[:SHOWN_CHARACTERS]
    remedy = REMEDIES.get(code)
    return EngineError(f"{told} ({remedy})" if remedy else told, code, retry_after_s=wait_s)


def fault_of(status: int, said: str, ask: EngineAsk) -> EngineFault:
    """Return whose fault a status with these words (in small letters) is."""
    if status == 429:
        return "engine_denied" if QUOTA.search(said) else "engine_overloaded"
    if status in (400, 403, 406, 422, 451) and POLICY.search(said):
        return "content_filtered"
    if status in (400, 422, 500) and TOO_LONG.search(said):
        return "prompt_too_long"
    if status in (400, 422):
        return _bad_request(said, ask)
    if status == 404 and ask.adapter:
        return "unknown_adapter"
    if found := BY_STATUS.get(status):
        return found
    if 300 <= status < 400:
        return "engine_misconfigured"
    return "invalid_request" if status < 500 else "engine_failed"


def _bad_request(said: str, ask: EngineAsk) -> EngineFault:
    if KEY.search(said):  # Gemini
        return "engine_denied"
    if QUOTA.search(said):
        return "engine_denied"
    if PARAMETER.search(said):
        return "unsupported" if OF_THIS_ASK.search(said) else "engine_misconfigured"
    if MODEL.search(said):
        return "unknown_adapter" if ask.adapter else "engine_misconfigured"
    return "invalid_request"


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how long to wait, s; None if that is not said, or not in a way that anybody writes.

    Source: RFC 9110, 10.2.3: seconds or a date; Azure and OpenAI add ``retry-after-ms``.
    """
    for name, unit_s in (("retry-after-ms", 1e-3), ("Retry-After", 1.0)):
        said = headers.get(name, "").strip()
        if said.isascii() and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", said):
            return min(RETRY_AFTER_S_MAX, float(said) * unit_s)
    return _until(headers.get("Retry-After", ""), headers.get("Date", ""))


def _until(when: str, now: str) -> float | None:
    """Return the time from one date to another, both by the server's own clock, s."""
    try:
        span = (_utc(parsedate_to_datetime(when)) - _utc(parsedate_to_datetime(now))).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(RETRY_AFTER_S_MAX, max(0.0, span))


def _utc(date: datetime) -> datetime:
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def shown(body: str) -> str:
    """Return the message of an error's body, whatever its shape."""
    if body.lstrip().startswith("<"):
        title = TITLE.search(body)
        return f"a page of HTML ({title[1].strip()})" if title else "a page of HTML"
    try:
        return _inner(orjson.loads(body)) or body
    except ValueError:
        return body


def _inner(found: object) -> str:
    """Return the message in an error's object, "" if there is none."""
    if isinstance(found, list):
        return next((told for each in found if (told := _inner(each))), "")
    if isinstance(found, str):
        return found
    if not isinstance(found, dict):
        return ""
    for key in ("error", "message", "msg", "detail"):
        if told := _inner(found.get(key)):
            return told
    return ""
