"""Queries of the clock."""

from typing import ClassVar

from pydantic import Field

from domain.kernel.event import Query
from domain.kernel.roles import GRANTED, PEOPLE, SERVICE

PAGE_MAX = 500


class ClockQuery(Query, name="clock.now", may=(SERVICE, *PEOPLE)):
    """Ask for the clock, with all that one needs to read it oneself from then on.

    The result is nil before there is a clock, or a map: ``real_us`` (the time of who answers; half of the
    round trip later it is the caller's offset), ``game_ms`` (the game time then), ``anchor_real_us`` and
    ``anchor_game_ms``, ``rate_num`` and ``rate_den`` (game time per real time since the anchor; 0/1 in a
    pause), ``scale_num``, ``scale_den``, ``dilation_num``, ``dilation_den``, ``paused``, ``calendar``,
    ``reading`` (``year``, ``month``, ``day``, ``weekday``, ``hour``, ``minute``, ``second``, ``phase``,
    ``season``, ``sunrise_s``, ``sunset_s`` and ``moons``), ``alarms`` (how many wait), ``late_us`` (how long
    something has been due), ``term`` and ``leader`` (the last one; it may be gone).
    """


class AlarmsQuery(Query, name="clock.alarms", may=(GRANTED, *PEOPLE)):
    """Ask for the alarms that wait, in the order in which they will be due; those that a pause holds last.

    The result is a list of maps: the fields of clock.alarm_set, ``next`` (which of its times comes next, from
    0), and ``due_game_ms`` or ``due_real_us``, the other one nil.
    """

    example: ClassVar = {"limit": 100}

    limit: int = Field(100, ge=1, le=PAGE_MAX, description="At most so many.")
