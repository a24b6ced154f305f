"""The query of why nothing is played for a player."""

from typing import Annotated, ClassVar

from pydantic import Field

from domain.kernel.event import Query
from domain.kernel.roles import GRANTED, PEOPLE
from domain.session.messages import PlayerId

NEAREST_DEFAULT, NEAREST_MAX = 5, 200


class SilenceQuery(Query, name="director.silence", may=(GRANTED, *PEOPLE)):
    """Ask why no storylet is played for a player now.

    The result is null for who is in no place, or before there is a clock; else a map with position (of the
    log, up to which facts are known), now_ms, place, phase, weather, tension, realm, level (how tense it is,
    of 1,000), stirred (what the player saw that moved them, the newest first: maps with claims, by, ago_ms),
    scene (the storylet that is being played; "": none), waits_ms (game time until the next may begin), would
    (what would be played; "": nothing) and nearest: maps with storylet and missing, what lacks least first.
    Of a condition that does not hold, missing has a map with field, wanted and found.
    """

    player: PlayerId
    most: Annotated[int, Field(ge=1, le=NEAREST_MAX, description="How many storylets.")] = NEAREST_DEFAULT

    example: ClassVar = {"player": "ann"}
