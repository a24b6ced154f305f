"""Status of the read models themselves."""

from aicore.settings import Settings
from aicore.wiring.parts import Part
from domain.projections.queries import StatusQuery
from projections.projections.status import status


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(answers={StatusQuery: status})
