"""Everybody who may be spoken to: those whom the models have learnt, and those whom the prompt tells of."""

from functools import lru_cache
from pathlib import Path

from aicore.content.pack import pack_of
from aicore.content.sample_world import sample_definition
from aicore.content.world import World, load_world


@lru_cache(4)
def load_characters(file: Path | None = None) -> World:
    """Return the content pack of a TOML file; without one the sample world's, with all of its people.

    Raises:
        SettingsError: ``file`` cannot be read or is wrong, naming file and field.
    """
    if file is not None:
        return load_world(file)
    return World.model_validate(pack_of(sample_definition(), everybody=True))
