"""What happened to the engines, as the router of a process saw it.

Names and versions of events are storage format: they stay in the log for ever.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from domain.kernel.event import Event
from domain.kernel.vocabulary import Text

EngineState = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]{0,63}$",
        description="serving, unhealthy (its probe says so), circuit_open (too many failures: left alone for "
        "a while) or circuit_half_open (one turn may try it). More may come.",
    ),
]


class EngineStateChanged(Event, name="routing.engine_state_changed", version=1):
    """An engine can be asked again, or no longer."""

    engine: str = Field(max_length=128, description="The engine's name in the settings.")
    tiers: list[str] = Field(max_length=8, description="The tiers that it serves.")
    before: EngineState
    after: EngineState
    reason: Annotated[Text, Field(max_length=2_000, description="What was seen, for an operator.")]

    example: ClassVar = {
        "engine": "vllm-a",
        "tiers": ["gold", "silver"],
        "before": "serving",
        "after": "circuit_open",
        "reason": "engine_timeout: no token for 5 s",
    }


def stream_of(engine: str) -> str:
    """Return the stream of an engine's states."""
    return f"engine-{engine}"
