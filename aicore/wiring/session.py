"""Sessions: their commands are decided with the player's journeys, on one stream (`aicore.wiring.places`)."""

from aicore.settings import Settings
from aicore.wiring.parts import Part


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part()
