"""The sample world's definition, as a program needs it at its start."""

from functools import lru_cache

from aicore.content.compiled import sample
from domain.definition.definition import Definition
from domain.definition.entries import Key, data_of
from domain.definition.read import read


@lru_cache(1)
def sample_definition() -> Definition:
    """Return the sample world; read from its compiled form in some 20 ms."""
    entries = {Key(section, id_): content for section, id_, content in sample()["entries"]}
    definition = read(data_of(entries)).definition
    assert definition is not None, "what is compiled was found right"
    return definition
