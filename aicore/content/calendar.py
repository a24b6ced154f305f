"""The sample world's calendar."""

from aicore.content.sample_world import sample_definition
from domain.clock.calendar import Calendar


def shipped_calendar() -> Calendar:
    """Return the calendar of Cindermouth."""
    return sample_definition().calendar
