"""Queries about what somebody remembers, and about promises."""

from typing import Annotated, ClassVar

from pydantic import Field

from domain.beliefs.messages import Argument, Holder, PredicateRef
from domain.beliefs.queries import AsOf, Stage
from domain.kernel.event import Query
from domain.kernel.roles import GRANTED, PEOPLE
from domain.places.messages import GameMs

ABOUT_MAX, KINDS_MAX = 8, 32
LIMIT, LIMIT_MAX = 10, 200

Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX, description="How many at most.")]


class RecallQuery(Query, name="memories.recall", may=(GRANTED, *PEOPLE)):
    """Ask what somebody remembers: of things or of everything, what matters most first.

    The result is a map with known (false: they remember nothing of it), memories, left_off, and forgotten
    (how many of theirs were let go). A memory is a map with claim, predicate, subject, object, value, says,
    over, evidence (as beliefs.known has it), confidence, teller, hands, with (who else came to know it then),
    place, at_ms (when it was), event and position (by which they know), root, pinned; importance, recency,
    relevance in thousandths, and score, their sum. With ``newest`` the newest come first.
    """

    holder: Holder
    about: Annotated[
        list[Argument],
        Field(max_length=ABOUT_MAX, description="What the memories name; the more of it, the more relevant."),
    ] = Field(default_factory=list)
    kinds: Annotated[
        list[PredicateRef], Field(max_length=KINDS_MAX, description="Only by these predicates; empty: all.")
    ] = Field(default_factory=list)
    at_ms: Annotated[GameMs | None, Field(description="As of this game time; nil: now.")] = None
    as_of: AsOf | None = None
    limit: Limit = LIMIT
    newest: Annotated[bool, Field(description="Whether the newest come first, whatever they matter.")] = False
    stage: Stage = 0

    example: ClassVar = {"holder": "person.una_pell", "about": ["player.ann"]}


class SummaryQuery(Query, name="memories.summary", may=(GRANTED, *PEOPLE)):
    """Ask for what somebody remembers of somebody, in short sentences, each with the events that say so.

    The result is a map with known, sentences and left_off. A sentence is a map with text, events (ids, the
    newest 16), times, from_ms, to_ms and pinned. Promises between the two, debts and deaths are all in it,
    however many there are; of the rest, the twelve that matter most.
    """

    holder: Holder
    of: Annotated[Argument, Field(description="Of whom or what: player.ann, place.ropewalk_quay.")]
    as_of: AsOf | None = None
    stage: Stage = 0

    example: ClassVar = {"holder": "person.una_pell", "of": "player.ann"}


class PromisesQuery(Query, name="memories.promises", may=(GRANTED, *PEOPLE)):
    """Ask for promises: of quests (who took one promised it to its giver) and all others, the newest first.

    The result is a map with promises and left_off. A promise is a map with promise, by, to, kind, what,
    amount, says, made_ms, due_ms, made (id of its event), position, state (open, kept, broken, expired,
    released), why, ended_ms, ended (id of the event that ended it) and cause (of the one that decided that).
    """

    of: Annotated[Holder | None, Field(description="Only what they promised or were promised.")] = None
    open: Annotated[bool, Field(description="Only those that wait.")] = False
    as_of: AsOf | None = None
    limit: Limit = LIMIT_MAX

    example: ClassVar = {"of": "player.ann", "open": True}
