"""Token messages, an answer piece by piece, and cancellations: SPEC.md, "Answers as they come"."""

from typing import NamedTuple

from protocol.fields import CANCELLATION, FORMAT_VERSION, PIECE
from protocol.kinds import read
from protocol.packing import pack, unpack


class TokenMessage(NamedTuple):
    """One piece of an answer."""

    id: bytes
    """The command's id, 16 bytes."""
    number: int
    """0, 1, 2, … without gap."""
    text: str

    def __repr__(self) -> str:
        """Return its place without the text, which is said to a player."""
        return f"TokenMessage(id={self.id!r}, number={self.number})"


def encode_tokens(message: TokenMessage) -> bytes:
    """Return a token message's bytes."""
    return pack({"v": FORMAT_VERSION, "id": message.id, "n": message.number, "text": message.text})


def decode_tokens(data: bytes) -> TokenMessage:
    """Return the token message that ``data`` is.

    Raises:
        WireError: it is none.
    """
    _, *values = read(unpack(data, "token message"), PIECE)
    return TokenMessage(*values)


def encode_cancel(id_: bytes) -> bytes:
    """Return the bytes of a cancellation of the answer to the command ``id_``."""
    return pack({"v": FORMAT_VERSION, "id": id_})


def decode_cancel(data: bytes) -> bytes:
    """Return the id of the command whose answer is no longer wanted.

    Raises:
        WireError: it is no cancellation.
    """
    _, id_ = read(unpack(data, "cancellation"), CANCELLATION)
    found: bytes = id_
    return found
