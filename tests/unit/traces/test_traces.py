"""Each trace has its cause, none is without one; how it ages; what was to be seen before."""

from collections import Counter
from fractions import Fraction

import pytest

from domain.beliefs.claims import Claim
from domain.kernel.event import Event
from domain.places.messages import Left
from domain.traces.ageing import FADED
from domain.traces.traces import KEPT_MAX, SHOWN_MAX
from tests.unit.kit import in_case
from tests.unit.traces.kit import (
    COMING,
    GRAVES,
    HOUR_MS,
    INDOORS,
    LEFT_BY,
    STREET,
    Tale,
    came,
    died,
    event_id,
    happenings,
    hurt,
    setting,
    weather,
)


def place_of(event: Event) -> str | None:
    """Return where an event happened, by its own fields."""
    found = getattr(event, "place", None) or getattr(event, "market", None)
    return str(found) if found else None


def left_by(event: Event) -> frozenset[str]:
    """Return what an event leaves for certain: nobody's blow or death is no deed."""
    return frozenset() if getattr(event, "by", "") is None else LEFT_BY.get(type(event), frozenset())


def see_that_each_has_its_cause(seed: int, count: int = 500) -> Counter[str]:
    """Have so many events happen, hold every trace against them; return how many each rule left."""
    tale = Tale()
    tale.hear(*happenings(count, seed))
    left: dict[int, set[str]] = {}
    for trace in tale.traces.by_id.values():
        with in_case(trace.id):
            cause = tale.events[trace.position - 1]
            assert trace.event == event_id(trace.position)
            assert trace.place == place_of(cause)
            assert trace.rule in left_by(cause) | COMING
            claim, then = trace.claim, trace.position
            facts = tale.beliefs.facts.ask(claim.subject, claim.predicate, position=then)
            told = [each.begun for each in facts if each.claim == claim]
            assert told and (then in told or tale.beliefs.facts.vocabulary.is_state(claim))
            assert trace.at_ms <= tale.traces.told.now_ms
        left.setdefault(trace.position, set()).add(trace.rule)
    for position, event in enumerate(tale.events, 1):
        with in_case(f"{position} {event}"):
            assert left.get(position, set()) - COMING == left_by(event)
    return Counter(trace.rule for trace in tale.traces.by_id.values())


def test_of_500_events_each_trace_has_its_cause_and_none_is_without() -> None:
    found = see_that_each_has_its_cause(seed=1)

    assert found.total() > 300
    assert set(found) >= set(setting().rules) - {"bent_grass"}, "each rule of the sample world"


@pytest.mark.slow
def test_of_many_times_500_events_each_trace_has_its_cause() -> None:
    for seed in range(2, 102):
        see_that_each_has_its_cause(seed)


def test_what_is_to_be_seen_as_of_a_position_is_what_was_to_be_seen_then() -> None:
    events = list(happenings(200, seed=3, places=(STREET, INDOORS, GRAVES)))
    after, before = Tale(), Tale()
    after.hear(*events)
    for position, event in enumerate(events, 1):
        before.hear(event)
        if position % 40 == 0:
            for place in (STREET, INDOORS, GRAVES):
                then, at_ms = before.traces.told.now_ms, before.traces.told.now_ms + HOUR_MS
                for time in (then, at_ms):
                    assert after.traces.look(place, time, position) == before.traces.look(place, time)


# --- how they age -------------------------------------------------------------------------------------------


def exact(strength: int, half_lives: Fraction) -> Fraction:
    """Return what is left of a strength: half after each half-life, evenly in between."""
    whole = int(half_lives)
    return Fraction(strength, 2 ** (whole + 1)) * (2 - (half_lives - whole))


def strength_of(tale: Tale, rule: str, at_ms: int, place: str = STREET) -> int:
    return next((each.strength for each in tale.traces.look(place, at_ms) if each.rule.id == rule), 0)


def test_a_trace_halves_with_each_half_life_of_the_weather_that_was_over_it() -> None:
    tale, day = Tale(), 24 * HOUR_MS
    tale.hear(weather("clear", 0), hurt(), weather("rain", day), weather("clear", day + 2 * HOUR_MS))

    # of 0.8: a day of 2 dry ones, two hours of 3 wet ones, then dry again
    for hours, half_lives in (
        (0, Fraction(0)),
        (12, Fraction(1, 4)),
        (24, Fraction(1, 2)),
        (25, Fraction(1, 2) + Fraction(1, 3)),
        (26, Fraction(1, 2) + Fraction(2, 3)),
        (50, Fraction(1) + Fraction(2, 3)),
    ):
        with in_case(f"after {hours} h"):
            assert abs(strength_of(tale, "blood_drops", hours * HOUR_MS) - exact(800, half_lives)) <= 1
    assert strength_of(tale, "blood_drops", 10 * day) == 0, "and is gone at last"


def test_a_roof_keeps_the_weather_off() -> None:
    tale = Tale()
    zone = setting().zone(INDOORS)
    tale.hear(weather("storm", 0, zone), hurt(INDOORS), hurt(STREET), weather("storm", 0))

    assert INDOORS in setting().roofed
    assert strength_of(tale, "blood_drops", 72 * HOUR_MS, INDOORS) == exact(800, Fraction(1, 2))
    assert strength_of(tale, "blood_drops", 72 * HOUR_MS) == 0


def test_strength_never_grows_and_ends_below_what_can_be_seen() -> None:
    tale = Tale()
    tale.hear(
        hurt(), *(weather(state, n * HOUR_MS) for n, state in enumerate(("rain", "fog", "mist", "clear")))
    )
    before = 1_001
    for minute in range(0, 9 * 24 * 60, 7):
        now = strength_of(tale, "blood_drops", minute * 60_000)
        assert now <= before and (now == 0 or now >= FADED)
        before = now
    assert before == 0


def test_a_clock_that_is_set_back_tells_its_hours_anew() -> None:
    tale = Tale()
    tale.hear(weather("clear", 0), hurt(), weather("rain", 6 * HOUR_MS), weather("fog", 2 * HOUR_MS))

    assert tale.traces.weather(STREET, 7 * HOUR_MS) == "fog"
    assert tale.traces.weather(STREET, 7 * HOUR_MS, 3) == "rain"
    assert tale.traces.look(STREET, -1) == [], "before it was left nothing is to be seen"


# --- who treads over it -------------------------------------------------------------------------------------


def test_the_newest_of_a_rule_are_to_be_seen_and_what_was_let_go_is_not_guessed() -> None:
    tale = Tale()
    for n in range(KEPT_MAX + SHOWN_MAX):
        tale.hear(hurt(at_ms=n))
    now = tale.traces.told.now_ms

    seen = [each.trace.position for each in tale.traces.look(STREET, now) if each.rule.id == "blood_drops"]
    assert sorted(seen) == list(range(KEPT_MAX + 1, KEPT_MAX + SHOWN_MAX + 1))
    assert tale.traces.look(STREET, now, 2 * SHOWN_MAX)
    with pytest.raises(LookupError, match="let go"):
        tale.traces.look(STREET, now, SHOWN_MAX + 1)
    old = next(trace for trace in tale.traces.by_id.values() if trace.position == SHOWN_MAX + 1)
    assert tale.traces.at_hand(old, now) is None, "newer ones lie over it"
    assert len(tale.traces.by_id) == 2 * KEPT_MAX


def test_what_is_left_depends_on_the_weather_and_on_the_kind_of_place() -> None:
    gone = Tale()
    gone.hear(*(Left(who="person.nib", place=place, at_ms=1, at_us=0) for place in (STREET, GRAVES)))
    assert [(trace.rule, trace.place) for trace in gone.traces.by_id.values()] == [("bent_grass", GRAVES)]
    for state, place, rules in (
        ("clear", STREET, []),
        ("rain", STREET, ["wet_prints"]),
        ("rain", INDOORS, ["wet_prints"]),
        ("snow", STREET, ["prints_in_the_snow"]),
        ("snow", INDOORS, []),
    ):
        tale = Tale()
        tale.hear(weather(state, 0, setting().zone(place)), came(place, 1))
        with in_case(f"{state} at {place}"):
            assert [trace.rule for trace in tale.traces.by_id.values()] == rules


def test_a_rule_that_is_no_more_leaves_nothing_to_be_seen() -> None:
    tale = Tale()
    tale.hear(died())
    tale.traces.redefine(type(setting())(setting().ground, {}, {}, setting().kinds, setting().roofed))
    tale.hear(died())

    assert tale.traces.look(STREET, 0) == []
    assert {trace.position for trace in tale.traces.by_id.values()} == {1}
    tale.traces.redefine(setting())
    assert {each.trace.claim for each in tale.traces.look(STREET, 0)} == {
        Claim("killed", "player.ben", "person.una_pell")
    }
