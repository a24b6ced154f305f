"""The sample world's calendar, as `clock.start` takes it."""

from collections.abc import Mapping
from typing import Any

from aicore.content.sample_world import sample_definition


def shipped_calendar() -> Mapping[str, Any]:
    """Return the calendar of Cindermouth."""
    return sample_definition().calendar.model_dump()
