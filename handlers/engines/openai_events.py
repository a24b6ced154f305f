"""Event streams and chunks of servers with the OpenAI API, read leniently. No I/O.

The shapes are those of the public documentation of vLLM, llama.cpp, Ollama, TGI, SGLang, OpenAI, Azure,
Gemini's OpenAI door, OpenRouter, LiteLLM, DeepSeek and Mistral; tests/unit/engines/shapes holds them, with
what each must come to. What says nothing is passed over; only what cannot be an answer is nonsense.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from handlers.engines.port import EngineError, FinishReason

COUNT_MAX = 2**32
SPLIT_BYTES_MAX = 64 * 1024
"""Longest object that is split over several lines; nobody is known to do so, but the standard allows it."""

FIELD = re.compile(rb"[A-Za-z_-]+:")
BOM = b"\xef\xbb\xbf"
DONE = b"[DONE]"

LENGTH = frozenset({"length", "max_tokens", "model_length", "max_output_tokens"})
FILTERED = frozenset(
    {
        "content_filter", "content_filtered", "safety", "recitation", "blocklist", "prohibited_content",
        "spii", "refusal", "guardrail_intervened", "sensitive",
    }
)  # fmt: skip
FAILED = frozenset(
    {
        "error", "abort", "aborted", "cancelled", "insufficient_system_resource", "malformed_function_call",
        "network_error",
    }
)  # fmt: skip
"""Why an answer ended, in small letters, by what it means; any other word is an end like ``stop``.

Sources: the API references of the servers above, and of Anthropic and Bedrock, whose words gateways pass on.
"""


@dataclass(slots=True)  # not frozen: there is one for each token, and a frozen one takes twice as long
class Chunk:
    """Content of one event."""

    text: str = field(default="", repr=False)
    reason: FinishReason | None = None
    """Why the answer ended; None: it goes on."""
    token: bool = False
    """It comes of a token of the answer, even if it has no text (yet)."""
    thought: bool = False
    """It comes of a token that is not for the reader."""
    refused: bool = False
    """The model itself refuses to answer; its words for it are no answer."""


class Events:
    """Splits an event stream into its objects, line by line; `done` once it said that it is over.

    More is taken than the standard has (WHATWG HTML, "Server-sent events"): events without an empty line
    between them, llama.cpp's ``error:`` field, and the one object of a server that does not stream.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._held = b""
        self._begun = False
        self.done = False

    def line(self, line: bytes) -> Mapping[str, Any] | None:
        """Return the object that a line completes, if it does.

        Raises:
            EngineError: ``engine_nonsense``, it is no event stream.
        """
        if not self._begun:
            self._begun, line = True, line.removeprefix(BOM)
        if line.startswith(b"data:"):
            return self._data(line[5:].strip())
        line = line.strip()
        if not line:
            self.end()
            return None
        if line.startswith(b"{") or self._held:  # an object without a stream around it
            return self._data(line)
        if line.startswith(b"error:"):
            return {"error": _loaded(line[6:].strip()) or line[6:].strip().decode(errors="replace")}
        if not line.startswith(b":") and not FIELD.match(line):
            raise EngineError(f"{self._name} sent something that is no event stream", "engine_nonsense")
        return None

    def _data(self, data: bytes) -> Mapping[str, Any] | None:
        if data.startswith(DONE):
            self.done = True
            return None
        if not data and not self._held:
            return None
        found = _loaded(data) if not self._held else None
        if found is None:
            self._held += data + b"\n"
            found = _loaded(self._held)
        if found is None:
            if len(self._held) > SPLIT_BYTES_MAX:
                self.end()
            return None
        self._held = b""
        return whole(found, self._name)

    def end(self) -> None:
        """See that no object is left in the middle; raises `EngineError`."""
        if self._held:
            raise EngineError(f"{self._name} sent something that is no JSON", "engine_nonsense")


def whole(found: object, name: str) -> Mapping[str, Any]:
    """Return an object that was sent as it is; raises `EngineError`."""
    if not isinstance(found, dict):
        raise EngineError(f"{name} sent an event that is no object", "engine_nonsense")
    return found


def _loaded(data: bytes) -> object:
    """Return what JSON says, None if it is none; half of a character (a lone surrogate) becomes a sign."""
    try:
        return orjson.loads(data)
    except ValueError:
        pass
    try:
        text = json.dumps(json.loads(data), ensure_ascii=False)
        return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    except (ValueError, RecursionError):
        return None


def chunk(event: Mapping[str, Any], name: str) -> Chunk:
    """Return what an event says of the answer.

    Raises:
        EngineError: ``engine_nonsense``, it cannot be a part of an answer; ``engine_failed``, it says that
            the answer broke off.
    """
    try:
        choice = _first(event.get("choices"))
        if choice is None:
            return Chunk()
        reason = choice.get("finish_reason")
        if reason is not None:
            reason = _reason(reason, name)
        if type(said := choice.get("text")) is str and said and "delta" not in choice:
            return Chunk(_clean(said), reason, token=True)
        said = choice.get("delta") or choice.get("message") or {}
        text = _text(said.get("content")) or _text(choice.get("text"))
        thought = bool(said.get("reasoning_content") or said.get("reasoning"))
        head = "role" in said or (not said and "text" not in choice)
        token = bool(text) or not (head or thought or reason)
        refused = bool(said.get("refusal"))
        return Chunk(text, reason, token=token, thought=thought and not text, refused=refused)
    except (TypeError, AttributeError) as error:
        raise EngineError(
            f"{name} sent something that is no completion ({error!r})", "engine_nonsense"
        ) from error


def _first(choices: Any) -> Any:
    """Return the first choice, None if there is none: nobody asks for a second one."""
    if not choices:
        return None
    choice = choices[0]
    return choice if not choice.get("index") else next((c for c in choices if not c.get("index")), None)


def _clean(text: str) -> str:
    """Return a text without U+0000, which no record can hold."""
    return text.replace("\x00", "") if "\x00" in text else text


def _text(content: object) -> str:
    """Return the text of a content: a string, or parts of which some are text."""
    if content is None:
        return ""
    if isinstance(content, str):
        return _clean(content)
    if isinstance(content, list):
        return "".join(_text(part if isinstance(part, str) else _part(part)) for part in content)
    raise TypeError(f"content is of type {type(content).__name__}")


def _part(part: Mapping[str, Any]) -> object:
    return part.get("text") if part.get("type", "text") in ("text", "output_text") else None


def _reason(said: object, name: str) -> FinishReason | None:
    if said == "stop":
        return "stop"
    if isinstance(said, dict):  # SGLang: {"type": "stop", "matched": 2}
        said = said.get("type")
    if said is None or said == "":
        return None
    if not isinstance(said, str):
        raise TypeError(f"finish_reason is of type {type(said).__name__}")
    word = said.lower()
    if word in FAILED:
        raise EngineError(f"{name} ended the answer with {said[:64]!r}")
    return "length" if word in LENGTH else "filtered" if word in FILTERED else "stop"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a server told; None: it did not, or no number that can be one."""

    prompt: int | None = None
    completion: int | None = None


def usage(event: Mapping[str, Any], before: Usage) -> Usage:
    """Return the tokens told so far: the newest numbers stand, as some servers send running sums."""
    said = event.get("usage")
    if not isinstance(said, dict):
        timings = event.get("timings")  # llama.cpp, where it does not send the standard one
        if not isinstance(timings, dict) or before != Usage():
            return before
        said = {"prompt_tokens": timings.get("prompt_n"), "completion_tokens": timings.get("predicted_n")}
    prompt, completion = count(said.get("prompt_tokens")), count(said.get("completion_tokens"))
    return Usage(
        before.prompt if prompt is None else prompt, before.completion if completion is None else completion
    )


def count(said: object) -> int | None:
    """Return a number of tokens, however it was written; None if it is none."""
    if isinstance(said, str) and said.isascii() and said.isdigit() and len(said) <= 10:
        said = int(said)
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return int(said) if 0 <= said <= COUNT_MAX and said == int(said) else None


def errors_of(event: Mapping[str, Any]) -> object:
    """Return what an event says of an error, None if it is none."""
    if said := event.get("error"):
        return said
    if event.get("object") == "error":
        return event
    choices = event.get("choices")
    inner = choices[0] if type(choices) is list and choices else None
    return inner.get("error") if type(inner) is dict else None


def words(found: object) -> Iterator[str]:
    """Yield every text and number in an error's body."""
    if isinstance(found, Mapping):
        for value in found.values():
            yield from words(value)
    elif isinstance(found, list):
        for value in found:
            yield from words(value)
    elif isinstance(found, str | int | float) and not isinstance(found, bool):
        yield str(found)
