"""Token messages, an answer piece by piece, and cancellations: SPEC.md, "Answers as they come"."""

from typing import Any, NamedTuple

from protocol.errors import WireError
from protocol.messages import FORMAT_VERSION
from protocol.packing import pack, unpack

ID_BYTES = 16


class TokenMessage(NamedTuple):
    """One piece of an answer."""

    id: bytes
    """The command's id, 16 bytes."""
    number: int
    """0, 1, 2, … without gap."""
    text: str


def encode_tokens(message: TokenMessage) -> bytes:
    """Return a token message's bytes."""
    return pack({"v": FORMAT_VERSION, "id": message.id, "n": message.number, "text": message.text})


def decode_tokens(data: bytes) -> TokenMessage:
    """Return the token message that ``data`` is.

    Raises:
        WireError: it is none.
    """
    match _versioned(data, "token message"):
        case {"id": bytes(id_), "n": int(number), "text": str(text)} if len(id_) == ID_BYTES:
            return TokenMessage(id_, number, text)
        case _:
            raise WireError("malformed_message", "", "a token message has id (16 bytes), n and text")


def encode_cancel(id_: bytes) -> bytes:
    """Return the bytes of a cancellation of the answer to the command ``id_``."""
    return pack({"v": FORMAT_VERSION, "id": id_})


def decode_cancel(data: bytes) -> bytes:
    """Return the id of the command whose answer is no longer wanted.

    Raises:
        WireError: it is no cancellation.
    """
    match _versioned(data, "cancellation"):
        case {"id": bytes(id_)} if len(id_) == ID_BYTES:
            return id_
        case _:
            raise WireError("malformed_message", "id", "a cancellation has the command's id, 16 bytes")


def _versioned(data: bytes, what: str) -> dict[str, Any]:
    fields = unpack(data, what)
    if fields.get("v") != FORMAT_VERSION:
        raise WireError(
            "unsupported_version", "v", f"is not {FORMAT_VERSION}, the only one this reader knows"
        )
    return fields
