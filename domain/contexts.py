"""Every context there is. Add yours here; catalogue, documents, services, views and tests read this."""

from importlib import import_module

from domain.kernel.context import Context

_NAMES = (
    "registry",
    "evaluation",
    "guardrails",
    "optimisation",
    "prompts",
    "inference",
    "routing",
    "batch",
    "clock",
    "ledger",
    "relay",
    "definition",
    "four_eyes",
    "projections",
    "session",
    "places",
    "quests",
    "people",
    "weather",
    "market",
    "factions",
    "promises",
    "beliefs",
    "memories",
    "lore",
    "director",
    "traces",
    "story",
)

CONTEXTS: tuple[Context, ...] = tuple(import_module(f"domain.{name}").CONTEXT for name in _NAMES)
