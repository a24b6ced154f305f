"""Queries of the definition in the log."""

from typing import Annotated, ClassVar

from pydantic import Field

from domain.definition.messages import EntryId, Section
from domain.kernel.event import Query
from domain.kernel.visibility import Private


class DefinitionQuery(Query, name="world.definition"):
    """Ask which version of the definition holds, and for the digests of what the log has.

    The result is a map with version (0: none was published), digest, drafted (whether something was defined
    or retired since) and entries: lists of section, id and digest, with what was drafted.
    """


class EntryQuery(Query, name="world.entry"):
    """Ask for one entry of the version that holds, or for what it was when it was retired.

    The result is a map with written (null: it was never published) and retired.
    """

    example: ClassVar = {"section": "world", "entry_id": "world"}
    shows: ClassVar = {"written": Private()}

    section: Section
    entry_id: Annotated[EntryId, Field()]
