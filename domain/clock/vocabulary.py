"""The words of the clock's messages: each field type with its limit, unit and meaning, said once."""

from typing import Annotated

from pydantic import Field
from pydantic.config import JsonDict

from domain.kernel.vocabulary import COUNT_MAX

GAME_MS_MAX = 400_000_000_000_000
"""Some 12,000 years on either side of day 0."""

RATE_PART_MAX = 1_000_000
RATE_MAX = 100_000
"""Game time at most, and real time at most, that passes in one of the other."""

EVERY_GAME_MS_MIN = 60_000
EVERY_REAL_US_MIN = 1_000_000
GRACE_GAME_MS = 900_000
GRACE_REAL_US = 15_000_000
"""A quarter of a game hour, and at the default scale as long in real time: more than a change of leaders."""

GAME_MS: JsonDict = {"unit": "game ms"}

GameMs = Annotated[
    int,
    Field(
        ge=-GAME_MS_MAX,
        le=GAME_MS_MAX,
        description="Since the beginning of day 0.",
        json_schema_extra=GAME_MS,
    ),
]
SeenGameMs = Annotated[int, Field(ge=-COUNT_MAX, le=COUNT_MAX, json_schema_extra=GAME_MS)]
"""A game time that came about; a clock may run on past what may be asked for."""

GameSpanMs = Annotated[int, Field(ge=0, le=GAME_MS_MAX, json_schema_extra=GAME_MS)]
RealSpanUs = Annotated[int, Field(ge=0, le=COUNT_MAX // 2, json_schema_extra={"unit": "µs"})]
AlarmId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_-]{1,128}$",
        description="The alarm's id, chosen by who sets it; free again once the alarm is over.",
    ),
]
JumpId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_-]{1,128}$",
        description="An id of the jump, so that one that is sent twice is made once.",
    ),
]
RatePart = Annotated[int, Field(ge=1, le=RATE_PART_MAX)]
