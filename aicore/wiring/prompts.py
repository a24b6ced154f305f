"""Prompt templates: registered by command, asked for from memory."""

from aicore.settings import Settings
from aicore.wiring.parts import Part, Parts
from aicore.wiring.registry import models_in_memory
from domain.prompts.queries import TemplatesQuery
from handlers.registry.commands import TEMPLATES


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(bindings=(TEMPLATES,), serve={"queries": _queries})


async def _queries(parts: Parts) -> None:
    models = await parts.once(models_in_memory)
    parts.served.queries[TemplatesQuery] = models.answer_templates
