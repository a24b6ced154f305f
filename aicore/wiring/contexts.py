"""The parts of every context, found by its name: `domain.contexts` is the list, there is no second one."""

from collections.abc import Sequence
from importlib import import_module

from aicore.settings import Settings
from aicore.wiring.parts import Part
from domain.contexts import CONTEXTS
from projections.kernel.view import View


def parts_of(settings: Settings) -> Sequence[Part]:
    """Return each context's part, in the order of their declaration.

    Raises:
        ModuleNotFoundError: a context without a file ``aicore/wiring/<context>.py``.
    """
    found: list[Part] = []
    for context in CONTEXTS:
        part = import_module(f"aicore.wiring.{context.name}").wire(settings)
        assert isinstance(part, Part), context.name
        found.append(part)
    return found


def views_of(settings: Settings) -> Sequence[View]:
    """Return every read model that is kept in Postgres."""
    return [view for part in parts_of(settings) for view in part.views]
