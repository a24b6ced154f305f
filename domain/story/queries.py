"""The query of why a line was said."""

from typing import Annotated, ClassVar

from pydantic import Field

from domain.kernel.event import Query
from domain.kernel.roles import PEOPLE

LineId = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}\.[1-9][0-9]{0,17}$", description="Id of the line: ann.17.")
]


class ExplainQuery(Query, name="story.explain", may=PEOPLE):
    """Ask why a person said a line, and have it made again from the log and the corpus.

    The result is null if there is no such line; else a map with position, line (the event without what the
    player said), again (its text, made anew), goes_by (events and sentences that it names: maps with name,
    what and position, 0 if the log has it not) and differs (what comes out otherwise; empty: all is as it
    was recorded).
    """

    line: LineId

    example: ClassVar = {"line": "ann.17"}
