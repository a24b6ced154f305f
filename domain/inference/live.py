"""Live messages while an answer is made: its pieces, and its cancellation."""

from typing import Annotated, Literal

from pydantic import Field

from domain.kernel.event import LiveMessage
from domain.kernel.visibility import Personal

_ID = Field(min_length=16, max_length=16, description="Id of the command inference.generate, 16 bytes (bin).")


class Piece(LiveMessage, name="inference.piece", subject="{stream_to}"):
    """One piece of an answer, sent to the subject that inference.generate named in ``stream_to``.

    The pieces together are the reply's ``text``, unless its ``finish_reason`` is ``authored``. Who misses a
    number takes the reply's text.
    """

    v: Literal[1] = Field(description="The version of the format.")
    id: bytes = _ID
    n: int = Field(ge=0, description="0, 1, 2, … without gap.")
    text: Annotated[str, Personal(of="id")] = Field(description="The piece.")


class Cancel(LiveMessage, name="inference.cancel", subject="{realm}.live.inference.cancel.{identity}"):
    """Say that an answer is no longer wanted; only who asked for it may.

    Who is answering stops; if the message has a reply subject, it replies with the result
    ``{cancelled: true}``. Nobody replies if the answer is complete or unknown.
    """

    v: Literal[1] = Field(description="The version of the format.")
    id: bytes = _ID
