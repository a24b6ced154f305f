"""The relay's command: what operators decide about the log's copy in JetStream."""

from aicore.settings import Settings
from aicore.wiring.parts import Part
from handlers.relay.commands import CONFIRMATIONS


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(bindings=(CONFIRMATIONS,))
