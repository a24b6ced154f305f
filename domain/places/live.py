"""The live message of places: a frame of changes (SPEC.md, "Place feed")."""

from typing import Annotated, Any, Literal

from pydantic import Field

from domain.kernel.event import LiveMessage
from domain.kernel.vocabulary import COUNT_MAX

_Count = Annotated[int, Field(ge=0, le=COUNT_MAX)]


class PlaceFrame(
    LiveMessage,
    name="places.frame",
    subject="{realm}.live.place.{side}.{district}.{place}.{cell}",
    heard_with="places.snapshot",
):
    """What changed in a cell of a place in a tick; an empty one every few seconds says the last number.

    Who misses a number asks places.snapshot for the changes since.
    """

    v: Literal[1] = Field(description="The version of the format.")
    epoch: _Count = Field(description="Of the feeder; a frame of an earlier one is dropped.")
    fold: _Count = Field(description="By which rules changes are numbered; another one: begin anew.")
    seq: _Count = Field(description="Number of the last change; the first is seq - length + 1.")
    changes: list[list[Any]] = Field(description="Lists of a position in the log, and ops.")


class ShortFrame(
    LiveMessage,
    name="places.short_frame",
    subject="{realm}.live.at.{side}.{district}.{place}.{cell}",
    heard_with="places.snapshot",
    listed=True,
):
    """The same in half the bytes: a list of these fields in order, each change an element of it.

    Words are numbers and times are spans (SPEC.md, "Short frames").
    """

    v: Literal[2] = Field(description="The version of the format.")
    epoch: _Count = Field(description="Of the feeder; a frame of an earlier one is dropped.")
    fold: _Count = Field(description="By which rules changes are numbered; another one: begin anew.")
    seq: _Count = Field(description="Number of the last change; the first is seq - length + 1.")
    changes: list[list[Any]] = Field(description="Lists of a position in the log, and ops.")
