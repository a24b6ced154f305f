"""A world's definition: what a designer writes of it, as typed values, and what may be wrong with them."""

from domain.definition.messages import ChangeWorld, EntryDefined, EntryRetired, VersionPublished
from domain.definition.queries import DefinitionQuery, EntryQuery
from domain.kernel.context import Context

CONTEXT = Context(
    "definition",
    events=(EntryDefined, EntryRetired, VersionPublished),
    commands=(ChangeWorld,),
    queries=(DefinitionQuery, EntryQuery),
)
