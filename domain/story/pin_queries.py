"""The query of what is pinned."""

from typing import ClassVar

from domain.kernel.event import Query
from domain.kernel.roles import GRANTED, PEOPLE
from domain.story.messages import PinnedBy


class PinsQuery(Query, name="story.pins", may=(GRANTED, *PEOPLE)):
    """Ask which lines are pinned, those first that were pinned first.

    The result is {pins}: maps with pin, by, plan, let, text, operator and reason (of story.pin), event and
    position (by which it is pinned).
    """

    by: PinnedBy | None = None

    example: ClassVar = {"by": "person.una_pell"}
