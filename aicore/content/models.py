"""The demo models as they are registered: which use case each serves, on which tier, with which template."""

from collections.abc import Mapping
from typing import Any

import orjson

from aicore.content.templates import BARK, LINE, PLACE, SUMMARY
from aicore.content.weights import MODELS, SHIPPED_VERSION

VERSION = SHIPPED_VERSION
DIALOGUE, QUEST, BARKS = "npc_dialogue", "quest_dialogue", "npc_bark"


def _model(
    use_case: str, folder: str, tier: str, template: Mapping[str, Any], description: str, **changes: Any
) -> Mapping[str, Any]:
    manifest = orjson.loads((MODELS / folder / "manifest.json").read_bytes())
    return {
        "use_case": use_case,
        "name": folder,
        "version": VERSION,
        "provider": "embedded",
        "model_type": "self_hosted",
        "tier": tier,
        "description": description,
        "configuration": {"template": f"{template['name']}@{template['version']}"},
        "artefacts": manifest["files"],
        **changes,
    }


DEMO_MODELS = (
    _model(DIALOGUE, "ember-gold", "gold", LINE, "Lines for the people of Cindermouth, in real time."),
    _model(
        DIALOGUE,
        "ember-gold-early",
        "gold",
        LINE,
        "The same, after a twelfth of its training: worse on purpose, for evaluations to catch.",
    ),
    _model(QUEST, "ember-silver", "silver", LINE, "Lines of those who give quests, with more care."),
    _model(BARKS, "ember-gold", "gold", BARK, "Short calls, to nobody."),
    _model("place_description", "ember-silver", "silver", PLACE, "Two sentences about a place."),
    _model("story_summary", "ember-silver", "bronze", SUMMARY, "What happened so far."),
)
