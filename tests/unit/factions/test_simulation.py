"""A year of the factions: nobody is stuck, what emerges has its reasons, and the same day is the same."""

from collections import Counter

import pytest

from domain.factions import rules
from domain.factions.factions import Factions, evolve, pair
from domain.factions.messages import Emerged, Lapsed, Pending
from domain.factions.simulation import day_of
from tests.unit.factions.kit import GROUND, begun, emerged, lived, year

STUCK_DAYS = 30


@pytest.mark.parametrize("seeds", [range(3, 4), pytest.param(range(20), marks=pytest.mark.slow)])
def test_a_year_is_lively_and_nobody_is_stuck(seeds: range) -> None:
    for seed in seeds:
        first, told, count = begun(seed), list[Emerged](), 0
        flat = Counter[str]()
        holders = {id_: {each.holder} for id_, each in first.territories.items()}
        for state, events in year(seed):
            told += emerged(events)
            count += len(events)
            for faction, power in state.powers.items():
                flat[faction] = flat[faction] + 1 if power in (0, 1_000) else 0
                assert flat[faction] < STUCK_DAYS, (seed, faction)
            for id_, each in state.territories.items():
                holders[id_].add(each.holder)
        assert sum(event.depth >= 2 for event in told) >= 10, "chains of three and more"
        assert count / 365 < 8, "events a day"
        assert sum(len(each) > 1 for each in holders.values()) >= 5, "ground changes hands"
        assert {"territory_taken", "raid", "crisis_begun", "crisis_ended", "feud_begun", "feud_ended"} <= {
            event.kind for event in told
        }


def test_a_day_is_the_same_for_whoever_computes_it() -> None:
    days = [events for _, events in lived(begun(7), 40)]
    assert [events for _, events in lived(begun(7), 40)] == days
    assert [events for _, events in lived(begun(8), 40)] != days


def test_what_follows_has_its_cause_and_happens_or_lapses_once() -> None:
    open_, by_number = set[tuple[int, int]](), dict[int, Emerged]()
    for _, events in year(3):
        for event in events:
            if isinstance(event, Lapsed):
                open_.remove((event.cause, event.nth))
            if not isinstance(event, Emerged):
                continue
            assert event.number == len(by_number)
            by_number[event.number] = event
            open_ |= {(event.number, n) for n in range(len(event.follows))}
            if event.cause is None:
                assert event.depth == 0
                continue
            assert event.nth is not None
            open_.remove((event.cause, event.nth))
            cause = by_number[event.cause]
            due = cause.follows[event.nth]
            assert (event.kind in (due.what, "reclaim_failed"), event.day) == (True, due.due)
            assert event.depth == cause.depth + 1 <= rules.DEPTH_MAX
    assert len(open_) < 20


def test_what_may_follow_does_so_as_often_as_it_is_likely() -> None:
    """Of raids, which can always be; the odds are of several kinds."""
    follows: dict[tuple[int, int], Pending] = {}
    likely, happened = list[float](), 0
    for _, events in year(3):
        for event in events:
            if isinstance(event, Emerged):
                follows |= {(event.number, n): each for n, each in enumerate(event.follows)}
            if isinstance(event, Emerged | Lapsed) and event.cause is not None and event.nth is not None:
                due = follows[event.cause, event.nth]
                if due.what == "raid":
                    likely.append(due.likely / 1_000)
                    happened += isinstance(event, Emerged)
    assert len(likely) > 50
    spread = sum(chance * (1 - chance) for chance in likely) ** 0.5
    assert abs(happened - sum(likely)) < 3 * spread


def test_ties_have_a_hysteresis() -> None:
    """Nothing is made and ended at the same point: no feud and no alliance lasts less than a few days."""
    begun_at: dict[tuple[str, tuple[str, str]], int] = {}
    lasted = []
    for _, events in year(3):
        for event in emerged(events):
            kind, _, how = event.kind.partition("_")
            if kind in ("feud", "alliance") and event.other:
                key = kind, pair(event.faction, event.other)
                if how in ("begun", "formed"):
                    assert key not in begun_at
                    begun_at[key] = event.day
                else:
                    lasted.append(event.day - begun_at.pop(key))
    assert len(lasted) > 5
    assert sum(days < 3 for days in lasted) <= len(lasted) // 10


def test_ground_that_was_taken_rests_but_for_who_lost_it() -> None:
    taken: dict[str, Emerged] = {}
    for _, events in year(3):
        for event in emerged(events):
            if event.kind not in ("territory_taken", "territory_claimed", "territory_retaken"):
                continue
            assert event.territory is not None
            before = taken.get(event.territory)
            if before and event.day - before.day < rules.REST_DAYS:
                assert event.kind == "territory_retaken"
                assert event.holder == before.other
            taken[event.territory] = event
    assert len(taken) > 5


def test_who_has_lost_everything_comes_back() -> None:
    """With no territory, in a crisis and at the floor: a year later somebody else has trouble with them."""
    state = begun(4)
    ground = {
        id_: type(each)(each.of, "tallymen" if each.holder == "lamplighters" else each.holder, each.since)
        for id_, each in state.territories.items()
    }
    state = Factions(
        **{
            **{name: getattr(state, name) for name in state.__slots__},
            "territories": ground,
            "powers": {**state.powers, "lamplighters": 80},
            "crises": {"lamplighters": 0},
        }
    )
    assert not state.held("lamplighters")
    states = [after for after, _ in lived(state, 250)]
    assert any(after.held("lamplighters") for after in states)
    assert max(after.powers["lamplighters"] for after in states) > 200


def test_a_power_below_its_floor_does_not_fall_of_itself() -> None:
    state = begun(1)
    low = Factions(
        **{
            **{name: getattr(state, name) for name in state.__slots__},
            "powers": dict.fromkeys(state.powers, 20),
        }
    )
    for event in day_of(low, 1):
        low = evolve(low, event)
    assert min(low.powers.values()) >= 20
    floors = {each.faction: each.floor for each in GROUND.factions}
    for after, _ in year(3):
        assert all(power >= floors[faction] for faction, power in after.powers.items())


def test_a_smaller_world_keeps_what_is_left() -> None:
    """A definition without a faction: its ground is nobody's, the others keep powers and ties."""
    state, _ = year(3)[60]
    less = GROUND.model_copy(
        update={"number": 1, "factions": [each for each in GROUND.factions if each.faction != "tallymen"]}
    )
    after = evolve(state, less)
    assert "tallymen" not in after.powers
    assert {each.holder for each in after.territories.values()} & {"tallymen"} == set()
    assert after.powers["unwound"] == state.powers["unwound"]
    for _, events in lived(after, 30):
        assert all("tallymen" not in (event.faction, event.other) for event in emerged(events))
