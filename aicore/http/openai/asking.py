"""From a JSON object to what is asked of the inference service, by the table of fields."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aicore.http.openai.faults import Fault, shown, wrong
from aicore.http.openai.fields import (
    CHAT,
    COMPLETION,
    OURS,
    PARTS_REFUSED,
    ROLES,
    ROLES_REFUSED,
    STREAM_OPTIONS,
    TEXT_PART,
    Field,
    by_name,
)
from domain.inference.facts import PROMPT_CHARACTERS_MAX, SEED_MAX

INDEX = re.compile(r"\[\d+\]")
NAMES = {"use_case": "model", "tier": "model"}
"""OpenAI's names of our fields, on both endpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that was understood."""

    model: str
    payload: Mapping[str, Any] = field(repr=False)
    """Of inference.generate."""
    label: str
    """What the caller says of its user, or ""."""
    stream: bool
    include_usage: bool
    ignored: tuple[str, ...]
    """Fields that change nothing, of which the caller is told."""
    params: Mapping[str, str]
    """The caller's names of the payload's fields."""


def chat(body: Mapping[str, Any]) -> Asked:
    """Read a request for /v1/chat/completions. Raises `Fault`."""
    ignored = dict[str, None]()
    given = _read(body, _CHAT, "", ignored, OURS)
    prompt = _conversation(given.get("messages"), ignored)
    return _asked(given, prompt, "messages", ignored)


def completion(body: Mapping[str, Any]) -> Asked:
    """Read a request for /v1/completions. Raises `Fault`."""
    ignored = dict[str, None]()
    given = _read(body, _COMPLETION, "", ignored, OURS)
    prompt = given.get("prompt")
    if prompt is None:
        raise _missing("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str) or not prompt:
        raise wrong("invalid_value", "prompt", "must be one text of at least one character")
    return _asked(given, prompt, "prompt", ignored)


_CHAT, _COMPLETION = by_name(CHAT), by_name(COMPLETION)
_STREAM_OPTIONS, _TEXT_PART = by_name(STREAM_OPTIONS), by_name(TEXT_PART)
_ROLES = {role: by_name(fields) for role, fields in ROLES.items()}


def _read(
    body: Mapping[str, Any],
    fields: Mapping[str, Field],
    at: str,
    ignored: dict[str, None],
    ours: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the fields that are given and served; what is told goes to ``ignored``."""
    given = dict[str, Any]()
    for name, value in body.items():
        field = fields.get(name)
        if value is None:
            continue
        if name in ours:
            given[name] = value
        elif field is None:
            raise wrong("unknown_parameter", at + shown(name), "is no field of this request")
        elif field.fate == "told":
            ignored[INDEX.sub("[]", at) + name] = None
        elif field.fate == "refused":
            if not field.asks_for_nothing(value):
                code = "unsupported_value" if field.nothing else "unsupported_parameter"
                raise wrong(code, at + name, f"is not served here: {field.says}")
        elif field.check and (fault := field.check(value)):
            raise wrong("invalid_value", at + name, fault)
        else:
            given[name] = value
    return given


def _asked(given: dict[str, Any], prompt: str, words: str, ignored: dict[str, None]) -> Asked:
    if "model" not in given:
        raise _missing("model")
    if len(prompt) > PROMPT_CHARACTERS_MAX:
        fault = f"{words}: {len(prompt)} characters, the limit is {PROMPT_CHARACTERS_MAX}"
        raise Fault(400, "context_length_exceeded", fault, words, recorded="prompt_too_long")
    options = _options(given, ignored)
    tokens = [name for name in ("max_tokens", "max_completion_tokens") if name in given]
    if len(tokens) > 1:
        raise wrong("invalid_value", "max_tokens", "stands beside max_completion_tokens; give one of them")
    use_case, _, tier = given["model"].partition("@")
    payload: dict[str, Any] = {"use_case": use_case, "prompt": prompt}
    payload |= {name: given[name] for name in (*OURS, "temperature") if name in given}
    if tier:
        payload["tier"] = tier
    if tokens:
        payload["max_tokens"] = given[tokens[0]]
    if "seed" in given:
        payload["seed"] = given["seed"] & SEED_MAX
    return Asked(
        model=given["model"],
        payload=payload,
        label=given.get("user") or given.get("safety_identifier") or "",
        stream=given.get("stream", False),
        include_usage=options.get("include_usage", False),
        ignored=tuple(ignored),
        params={**NAMES, "prompt": words, **({"max_tokens": tokens[0]} if tokens else {})},
    )


def _options(given: Mapping[str, Any], ignored: dict[str, None]) -> dict[str, Any]:
    if "stream_options" not in given:
        return {}
    if not given.get("stream"):
        raise wrong("invalid_value", "stream_options", "is only for requests with stream")
    return _read(given["stream_options"], _STREAM_OPTIONS, "stream_options.", ignored)


# --- messages -----------------------------------------------------------------------------------------------


def _conversation(messages: object, ignored: dict[str, None]) -> str:
    """Return the texts of all messages as one prompt, a line or more for each."""
    if messages is None:
        raise _missing("messages")
    if not isinstance(messages, list) or not messages:
        raise wrong("invalid_type", "messages", "must be a list of at least one message")
    texts = [_message(message, f"messages[{n}]", ignored) for n, message in enumerate(messages)]
    if not texts[-1].strip():
        raise wrong("invalid_value", f"messages[{len(texts) - 1}].content", "the last message is empty")
    return "\n".join(texts)


def _message(message: object, at: str, ignored: dict[str, None]) -> str:
    if not isinstance(message, dict):
        raise wrong("invalid_type", at, "must be an object")
    role = message.get("role")
    if role is None:
        raise _missing(f"{at}.role")
    if isinstance(role, str) and role in ROLES_REFUSED:
        raise wrong("unsupported_value", f"{at}.role", f"{role} is not served here: {ROLES_REFUSED[role]}")
    if not isinstance(role, str) or role not in _ROLES:
        raise wrong("invalid_value", f"{at}.role", f"must be one of {', '.join(_ROLES)}")
    content = _read(message, _ROLES[role], f"{at}.", ignored).get("content")
    if content is None:
        raise _missing(f"{at}.content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong("invalid_type", f"{at}.content", "must be a text or a list of parts")
    return "".join(_part(part, f"{at}.content[{n}]", ignored) for n, part in enumerate(content))


def _part(part: object, at: str, ignored: dict[str, None]) -> str:
    if not isinstance(part, dict):
        raise wrong("invalid_type", at, "must be an object")
    kind = part.get("type")
    if kind is None:
        raise _missing(f"{at}.type")
    if isinstance(kind, str) and kind in PARTS_REFUSED:
        raise wrong("unsupported_value", f"{at}.type", f"{kind} is not served here: {PARTS_REFUSED[kind]}")
    if kind != "text":
        raise wrong("invalid_value", f"{at}.type", "must be text")
    found = _read(part, _TEXT_PART, f"{at}.", ignored).get("text")
    if found is None:
        raise _missing(f"{at}.text")
    if not isinstance(found, str):
        raise wrong("invalid_type", f"{at}.text", "must be a text")
    return found


def _missing(param: str) -> Fault:
    return Fault(400, "missing_required_parameter", f"{param}: is missing", param, recorded="invalid_field")
