"""The sample world's definition, as a program needs it at its start."""

from functools import lru_cache

from pydantic import JsonValue

from aicore.content.compiled import sample
from domain.definition.definition import Definition
from domain.definition.entries import Key, data_of
from domain.definition.read import read


def sample_entries() -> dict[Key, JsonValue]:
    """Return the entries of the sample world, as the log holds them."""
    return {Key(section, id_): content for section, id_, content in sample()["entries"]}


@lru_cache(1)
def sample_definition() -> Definition:
    """Return the sample world; read from its compiled form in some 20 ms."""
    definition = read(data_of(sample_entries())).definition
    assert definition is not None, "what is compiled was found right"
    return definition
