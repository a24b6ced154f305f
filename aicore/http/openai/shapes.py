"""Responses: completions and chats, whole and in pieces."""

import time
from typing import Any
from uuid import UUID

import orjson

from protocol.messages import Reply

REASONS = {
    "stop": "stop",
    "authored": "stop",
    "length": "length",
    "cut": "length",
    "blocked": "content_filter",
    "filtered": "content_filter",
}
"""OpenAI's words for why an answer ended; a test holds it against what inference.completed says."""

DONE = b"data: [DONE]\n\n"


class Shape:
    """The answer to one request, in OpenAI's form; ``created`` is the same in all of its pieces."""

    def __init__(self, id_: UUID, model: str, *, chat: bool, include_usage: bool = False) -> None:
        self._chat = chat
        self._usage = {"usage": None} if include_usage else {}
        self._base = {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{id_.hex}",
            "created": int(time.time()),
            "model": model,
        }

    def whole(self, reply: Reply) -> bytes:
        """Return an answer that is not streamed."""
        text = str(reply.result["text"])
        said: dict[str, Any] = {"text": text}
        if self._chat:
            said = {"message": {"role": "assistant", "content": text, "refusal": None}}
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": reason_of(reply)}
        kind = "chat.completion" if self._chat else "text_completion"
        whole = {**self._base, "object": kind, "choices": [choice], "usage": usage_of(reply)}
        return orjson.dumps(whole | _warned(reply))

    def first(self) -> bytes:
        """Return the event before the first text: a chat says there who speaks."""
        delta = {"role": "assistant", "content": "", "refusal": None}
        return self._piece({"delta": delta}, None) if self._chat else b""

    def piece(self, text: str) -> bytes:
        """Return the event of some text."""
        return self._piece({"delta": {"content": text}} if self._chat else {"text": text}, None)

    def last(self, reply: Reply) -> bytes:
        """Return the events of a stream's end, `DONE` included."""
        nothing: dict[str, Any] = {"delta": {}} if self._chat else {"text": ""}
        end = self._piece(nothing, reason_of(reply), **_warned(reply))
        if self._usage:
            end += event({**self._base, "object": self._kind, "choices": [], "usage": usage_of(reply)})
        return end + DONE

    @property
    def _kind(self) -> str:
        return "chat.completion.chunk" if self._chat else "text_completion"

    def _piece(self, said: dict[str, Any], reason: str | None, **more: Any) -> bytes:
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": reason}
        return event({**self._base, "object": self._kind, "choices": [choice], **self._usage, **more})


def event(value: object) -> bytes:
    """Return a server-sent event."""
    return b"data: " + orjson.dumps(value) + b"\n\n"


def model_of(name: str) -> dict[str, object]:
    """Return a model as /v1/models tells it; since when it serves is not told."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "aicore"}


def reason_of(reply: Reply) -> str:
    """Return OpenAI's word for why an answer ended."""
    return REASONS[str(reply.result["finish_reason"])]


def _warned(reply: Reply) -> dict[str, Any]:
    """Return the warnings of inference.generate as a field of their own, where there are some."""
    warnings = reply.result["warnings"]
    return {"warnings": warnings} if warnings else {}


def usage_of(reply: Reply) -> dict[str, int]:
    """Return the tokens of an answer, as its record has them."""
    usage = reply.result["usage"]
    asked, answered = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
