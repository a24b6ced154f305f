"""The prompt templates of the demo models, as they are registered: one per kind of text."""

from collections.abc import Mapping
from typing import Any

from aicore.content.prompt import TAGS

CONTEXT_TOKENS = 256
VERSION = "1"

CUT = {"history": 5, "memory": 4, "lore": 3, "quest": 2, "mood": 1, "time": 1, "weather": 1, "place": 1}
"""Order in which a prompt that is too long loses its sections."""


def _tagged(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "text": f"<{name}> {{value}}", "cut": CUT.get(name, 0)} for name in names]


def _template(name: str, description: str, sections: list[dict[str, Any]]) -> Mapping[str, Any]:
    return {
        "name": name,
        "version": VERSION,
        "description": description,
        "sections": [*sections, {"name": "answer", "text": "<line>", "cut": 0}],
        "reserved": list(TAGS),
        "budget": CONTEXT_TOKENS,
        "operator": "aicore",
    }


SAID = {"name": "prompt", "text": "<said> {value}", "cut": 0}

LINE = _template(
    "cindermouth-line",
    "What a character answers to a player.",
    [*_tagged("npc", "lore", "memory", "mood", "place", "weather", "time", "quest", "history"), SAID],
)
BARK = _template(
    "cindermouth-bark",
    "A short call of a character, to nobody.",
    [{"name": "kind", "text": "<kind> bark", "cut": 0}, *_tagged("npc", "mood", "weather")],
)
PLACE = _template(
    "cindermouth-place",
    "Two sentences about a place.",
    [{"name": "kind", "text": "<kind> place", "cut": 0}, *_tagged("lore", "place", "weather", "time")],
)
SUMMARY = _template(
    "cindermouth-summary",
    "What happened so far, in a few sentences; the prompt holds the events, a sentence each.",
    [
        {"name": "kind", "text": "<kind> summary", "cut": 0},
        *_tagged("quest"),
        {"name": "prompt", "text": "<history> {value}", "cut": 0},
    ],
)

TEMPLATES = (LINE, BARK, PLACE, SUMMARY)
