"""What `aicore clock` shows, and what a person may write for a time of the game."""

from typing import Any

import pytest

from aicore.cli.clock import lines_of, listing, moment_of, span_s
from aicore.cli.terminal import Exit, Failure
from aicore.doctor.world import clock_finding
from domain.clock.units import RealTime
from handlers.clock.view import shown
from tests.unit.clock.kit import CINDERMOUTH, DAY, HOUR, SECOND, alarm_set, clock_after

NOW = RealTime(90 * SECOND)


def found(**changes: Any) -> dict[str, Any]:
    return {**shown(clock_after(), NOW), **changes}


def test_the_clock_is_shown_in_five_lines() -> None:
    assert lines_of(found(term=3, leader="brain-1:47", alarms=2_000)) == [
        "time    Tideday, 1 Thawing 412, 08:30:00",
        "sky     day, spring; sun 06:00 to 19:00; The Lantern waning_crescent, The Cinder dark",
        "course  60 game seconds a second",
        "alarms  2,000 waiting",
        "leader  brain-1:47, term 3",
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"paused": True}, "paused; 60 game seconds a second before"),
        ({"dilation_den": 4}, "60 game seconds a second, slowed down to 1/4"),
        ({"late_us": 2_500_000}, "late by 2.5 s"),
        ({}, "nobody yet"),
    ],
)
def test_what_is_unusual_is_told(changes: dict[str, Any], says: str) -> None:
    assert says in "\n".join(lines_of(found(**changes)))


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("+6h", 14 * HOUR + HOUR // 2),
        ("-2d", 8 * HOUR + HOUR // 2 - 2 * DAY),
        ("90s", 8 * HOUR + HOUR // 2 + 90_000),
        ("412-thawing-1", 0),
        ("412-thawing-2 18:05", DAY + 18 * HOUR + 300_000),
        ("413-thawing-1T00:00:07", 366 * DAY + 7_000),
    ],
)
def test_a_time_of_the_game_is_written_as_a_span_or_a_date(text: str, ms: int) -> None:
    assert moment_of(text, found()) == ms


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("noon", "'noon' is no time of the game"),
        ("412-thawing-31", "thawing of the year 412 has 30 days"),
        ("412-thawing-1 24:00", "hour must be 0 to 23"),
        ("412-may-1", "there is no month 'may'"),
    ],
)
def test_what_is_no_time_is_refused(text: str, says: str) -> None:
    with pytest.raises(Failure, match=says) as told:
        moment_of(text, found())
    assert told.value.code == Exit.USAGE


def test_a_span_has_a_unit() -> None:
    assert [span_s(text, CINDERMOUTH) for text in ("90s", "15m", "6h", "2d")] == [90, 900, 21_600, 172_800]
    with pytest.raises(Failure, match="no span"):
        span_s("6", CINDERMOUTH)


def test_alarms_are_listed_in_their_own_kind_of_time() -> None:
    alarms = [
        {
            **alarm_set(game={"at_ms": 20 * HOUR}).model_dump(),
            "next": 0,
            "due_game_ms": 20 * HOUR,
            "due_real_us": None,
        },
        {
            **alarm_set(real={"at_us": 5}).model_dump(),
            "next": 2,
            "due_game_ms": None,
            "due_real_us": 60 * SECOND,
        },
    ]
    rows = listing(alarms, found()).rows
    assert [row[1] for row in rows] == ["412-thawing-1 20:00", "1970-01-01 00:01:00 UTC"]


def test_doctor_tells_of_a_clock_that_is_late_or_slow() -> None:
    assert clock_finding(found(leader="a", term=1)).verdict == "ok"
    late = clock_finding(found(leader="a", term=1, late_us=60_000_000))
    assert (late.verdict, "60 s" in late.fact, bool(late.mend)) == ("warning", True, True)
    assert clock_finding(found(leader="a", term=1, dilation_den=2)).verdict == "warning"
