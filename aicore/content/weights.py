"""The models that come with the program: where their weights lie, and what the registry calls them."""

from pathlib import Path

from handlers.engines.artefact import MANIFEST
from handlers.engines.port import EngineError

MODELS = Path(__file__).parents[1] / "models"
"""Folder of the models that come with the program, each in a folder of its own."""

SHIPPED = {"gold": "ember-gold", "silver": "ember-silver"}
"""The model of each tier, as it is named in the registry, too."""

VOICE = "ember-voice"
"""The model that says plans of lines; it answers no prompt of a player, so no tier has it."""

SHIPPED_VERSION = "0.3.0"
"""Of all models that come with the program."""


def shipped_model(name: str = SHIPPED["gold"]) -> Path:
    """Return the folder of a model that comes with the program.

    Raises:
        EngineError: it is not there.
    """
    folder = MODELS / name
    if not (folder / MANIFEST).exists():
        raise EngineError(f"the model {name} is not here; train it (`make train`) and set AICORE_MODEL_DIR")
    return folder
