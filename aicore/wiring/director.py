"""The director: what is played is in the log, and read there."""

from aicore.settings import Settings
from aicore.wiring.parts import Part


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part()
