"""How the sample world's people live: nobody dithers, starves, or is elsewhere without a reason."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from aicore.content.sample_world import sample_definition
from domain.kernel.event import Event
from domain.people.agenda import Agenda
from domain.people.messages import PeopleSkipped, PersonDecided
from domain.people.needs import levels_at
from domain.people.rules import HOUR_MS, RULES
from domain.people.scene import Times, World
from domain.people.town import Town
from tests.unit.people.kit import (
    DAY_MS,
    LOOK_MS,
    START_MS,
    Seen,
    begun,
    cast,
    city,
    day,
    decisions,
    dithering,
    lived,
    per_day,
    real_us,
    world,
)

DITHERING_MAX, FILLED_MIN, RIGHT_MIN = 0.005, 0.95, 0.98
EVENTS_MAX = 24
"""Stored events per person and game day."""

EVENTS_PER_S_MAX = 5.0


def seeded(seed: int) -> World:
    """The sample world, begun with other levels."""
    made = sample_definition()
    other = replace(made, world=replace(made.world, seed=seed))
    return World(other, city(), Times(day, real_us), cast=cast())


def held_once(agenda: Agenda, now: int) -> None:
    """See that nothing that only one can have is had by two."""
    claims = [life.claim for life in agenda.people.lives.values() if life.claim]
    assert len(claims) == len(set(claims)), now
    assert dict(agenda.people.claims) == {
        life.claim: life.person for life in agenda.people.lives.values() if life.claim
    }


def believable(days: int, made: World) -> Town:
    """Let everybody live, earn and buy for some days; see that it is as one may expect, and print figures."""
    seen, town, starved = Seen(), Town(made, START_MS), Counter[str]()
    agenda, events, spent = town.agenda, list[Event](), 0
    for now in range(START_MS + LOOK_MS, START_MS + days * DAY_MS + 1, LOOK_MS):
        events += town.run(now)
        seen.look(agenda, now)
        held_once(agenda, now)
        starved.update(starving(agenda, now))
        if (now - START_MS) % DAY_MS == 0:
            number = (now - START_MS) // DAY_MS - 1
            told = sum(count for (_, at), count in per_day(events).items() if at == number)
            paid, spent = town.transfers - spent, town.transfers
            each = (told + paid) / len(agenda.people.lives)
            print(f"{each:.2f} events a person, {paid / len(agenda.people.lives):.2f} of them transfers")
            assert each <= EVENTS_MAX
    assert not starved, starved.most_common(3)
    assert dithering(events) <= DITHERING_MAX
    assert seen.filled / seen.needs >= FILLED_MIN
    assert seen.right / seen.expected >= RIGHT_MIN, Counter(seen.wrong).most_common(3)
    assert (len(events) + town.transfers) / (days * DAY_MS / 60_000) <= EVENTS_PER_S_MAX
    for currency, (explained, there) in town.money.items():
        assert explained == there, currency
    return town


def starving(agenda: Agenda, now: int) -> Iterator[str]:
    """Yield who has nothing in their stomach, and no coin."""
    cast = agenda.world.cast
    food = cast.needs.index("food")
    for life in agenda.people.lives.values():
        row = cast.rows[life.person]
        broke = life.coins is not None and life.coins + life.owed < 1
        if broke and cast.drains[row, food] and levels_at(cast, life, now)[food] == 0:
            yield life.person


def test_two_days_are_believable_and_within_the_budget_of_the_log() -> None:
    town = believable(2, world())

    moved = [levels for levels in town.levels.values() if max(levels) > 1_000]
    assert len(moved) >= 5, "prices move by what people eat"
    assert town.missed["no_coin"] == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(10))
def test_thirty_days_are_believable(seed: int) -> None:
    believable(30, seeded(seed))


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_a_year_of_people_keeps_prices_in_their_bands_and_money_where_it_is() -> None:
    """Purses and prices come to rest: what circulates after a year is about what did after a month."""
    town, month = Town(world(), START_MS), dict[str, int]()
    for number in range(1, 366):
        town.run(START_MS + number * DAY_MS)
        if number == 30:
            month = purses(town)
        assert all(explained == there for explained, there in town.money.values()), number
    stalls = town.living.stalls.values()
    terms = {(stall.market, good): each for stall in stalls for good, each in stall.terms.items()}
    days = within = 0
    for at, levels in town.levels.items():
        low, high = terms[at].low, terms[at].high
        days += len(levels)
        within += sum(low < level < high for level in levels)
    assert within / days >= 0.99
    for currency, coins in purses(town).items():
        print(currency, month[currency], "after a month,", coins, "after a year")
        assert coins <= 2 * month[currency], currency
        assert coins >= month[currency] // 2, currency


def purses(town: Town) -> dict[str, int]:
    """What everybody has together, by currency."""
    found = Counter[str]()
    for person, row in town.world.cast.rows.items():
        found[town.living.currencies[row]] += town.coins(person) or 0
    return dict(found)


def test_without_momentum_and_least_time_people_dither() -> None:
    """The measure measures: with what keeps people at something switched off it finds them out."""
    _, events = lived(1, world(replace(RULES, momentum=1_000, least_ms=0)))

    assert dithering(events) > DITHERING_MAX


def test_after_a_leap_of_three_days_the_routine_is_there_again_by_the_second_day() -> None:
    before, _ = begun()
    before.run(START_MS + 6 * HOUR_MS)
    now = START_MS + 6 * HOUR_MS + 3 * DAY_MS

    skipped = before.skip(now)
    assert isinstance(skipped[-1], PeopleSkipped)
    assert all(not isinstance(event, PersonDecided) for event in skipped), "nobody tells of what nobody saw"
    seen = Seen()
    before.run(now + DAY_MS)
    for moment in range(now + DAY_MS, now + 2 * DAY_MS, LOOK_MS):
        before.run(moment)
        seen.look(before, moment)
    assert seen.right / seen.expected >= RIGHT_MIN


def test_a_clock_that_is_set_back_leaves_nobody_waiting_for_a_time_that_was() -> None:
    agenda, _ = begun()
    agenda.run(START_MS + 12 * HOUR_MS)
    back = START_MS + HOUR_MS

    assert agenda.skip(back)
    events = agenda.run(back + DAY_MS // 4)

    assert {event.person for event in decisions(events)} == set(agenda.people.lives)
    assert all(back <= event.at_ms for event in decisions(events))


def watched(made: World) -> World:
    return made.seen(frozenset(made.cast.places), 0)


def shares(look: Callable[[Agenda, int], None], made: World, days: int) -> list[Event]:
    return lived(days, made, look=look)[1]


def test_who_is_watched_lives_as_who_is_not() -> None:
    """The same rules at another rate: what one finds on coming is what one would have seen."""
    found: list[dict[tuple[str, int], tuple[str, str]]] = []
    for made in (world(), watched(world())):
        at: dict[tuple[str, int], tuple[str, str]] = {}

        def look(agenda: Agenda, now: int, at: dict[tuple[str, int], tuple[str, str]] = at) -> None:
            for life in agenda.people.lives.values():
                at[life.person, now] = life.action, life.at

        shares(look, made, 1)
        found.append(at)
    one, other = found
    later = [key for key in one if key[1] > START_MS + 12 * HOUR_MS]
    same = sum(one[key] == other[key] for key in later)
    where = sum(one[key][1] == other[key][1] for key in later)
    assert same / len(later) >= 0.9
    assert where / len(later) >= 0.93


def test_everybody_of_the_definition_lives() -> None:
    agenda, _ = begun()
    assert set(agenda.people.lives) == {person.id for person in sample_definition().people}
