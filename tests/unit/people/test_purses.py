"""Purses: what is bought where and why elsewhere, what a shift is paid, and each of it once."""

from typing import TypeGuard

import pytest

from domain.ledger.vocabulary import Move
from domain.market.market import Market
from domain.market.vocabulary import Posted
from domain.people.explain import explain
from domain.people.living import RENT, SAVINGS, TAXES, Till, Wage, account_of, flows, pay
from domain.people.messages import PersonDecided, with_purse
from domain.people.purchases import Order, choose, missed_by
from domain.people.rules import HOUR_MS, MINUTE_MS, RULES
from domain.people.town import Town
from tests.unit.people.hamlet import NOON_MS, entry, person
from tests.unit.people.kit import START_MS, cast, decisions, of, world
from tests.unit.people.village import LIKES, WAGE, Village, village

HUNGRY = {"food": 100_000}
EATER = person("ada", entry(12, 14, "inn", "eat"))
TRADER = person("bea", entry(12, 14, "market", "trade"), entry(15, 17, "market", "trade"))


def told(there: Village, minutes: int) -> list[PersonDecided]:
    return list(decisions(there.run(NOON_MS + minutes * MINUTE_MS)))  # type: ignore[arg-type]


def test_who_eats_where_it_is_sold_buys_it_when_they_begin_and_the_next_decision_says_so() -> None:
    there = village(EATER, coins={"ada": 20}, levels={"ada": HUNGRY})

    eats, after = told(there, 150)[:2]

    assert (eats.action, eats.place, eats.market, eats.pieces, eats.coins) == ("eat", "inn", "inn", 1, 20)
    (order,) = there.errands
    assert order == Order("ada", 1, "inn", ("pie", "cake"), 1, LIKES // RULES.ready)
    assert after.bought is not None
    assert (after.bought.good, after.bought.coins, after.coins, after.missed) == ("pie", 6, 14, None)
    assert after.levels["food"] > 700_000
    assert there.agenda.people.lives["ada"].bought == after.bought


def test_an_empty_shelf_sends_them_to_another_stall_and_that_is_the_reason() -> None:
    there = village(EATER, coins={"ada": 20}, levels={"ada": HUNGRY})
    there.got = ["sold_out"]

    eats, elsewhere, after = told(there, 150)[:3]

    begun = eats.begins_ms // MINUTE_MS * MINUTE_MS
    assert (elsewhere.action, elsewhere.place, elsewhere.market) == ("eat", "far_inn", "far_inn")
    assert (elsewhere.reason, elsewhere.missed, elsewhere.at_ms) == (
        "sold_out",
        "sold_out",
        begun + MINUTE_MS,
    )
    assert elsewhere.levels["food"] < eats.levels["food"], "nobody is filled by what they did not get"
    assert after.bought is not None
    assert [errand.market for errand in there.errands if isinstance(errand, Order)] == ["inn", "far_inn"]
    cool = there.agenda.people.lives["ada"].missed
    assert cool == {} or cool["inn"] == (elsewhere.at_ms + RULES.cool_ms, "sold_out")


def test_an_empty_purse_buys_nothing_and_makes_work_wanted() -> None:
    poor = village(EATER, TRADER, coins={"ada": 0, "bea": 0}, levels={"ada": HUNGRY})
    rich = village(EATER, TRADER, coins={"ada": 0, "bea": 4 * LIKES}, levels={"ada": HUNGRY})

    found = {event.person: event for event in reversed(told(poor, 5))}
    assert found["ada"].action != "eat"
    assert found["ada"].reason == "no_coin"
    assert found["bea"].levels["coin"] == 0
    assert {event.person: event for event in reversed(told(rich, 5))}["bea"].levels["coin"] == 1_000_000


def test_a_shift_is_paid_once_at_its_end_and_a_break_is_not_its_end() -> None:
    there = village(TRADER, coins={"bea": 10})

    found = told(there, 6 * 60)

    wages = [errand for errand in there.errands if isinstance(errand, Wage)]
    assert [event.earned for event in found if event.earned] == [wages[0].coins]
    assert len(wages) == 1
    shut = [event for event in found if event.owed]
    assert shut, "what was earned before the break is owed meanwhile"
    assert 3 * WAGE <= wages[0].coins <= 4 * WAGE
    assert (wages[0].place, wages[0].activity, wages[0].has) == ("market", "trade", 10)
    assert there.coins["bea"] >= 10 + wages[0].coins - 12


def test_who_goes_on_after_a_death_has_the_same_to_do_and_nobody_decides_before_it_is_done() -> None:
    there = village(EATER, coins={"ada": 20}, levels={"ada": HUNGRY})
    events = there.agenda.run(NOON_MS + 10 * MINUTE_MS)
    (order,) = there.agenda.errands.take()

    later = there.agenda.run(NOON_MS + 3 * HOUR_MS)
    assert list(decisions(later)) == [], "they wait to be served"
    again = there.goes_on(there.agenda.people)
    assert again.errands.take() == [order]
    assert isinstance(order, Order)
    again.settle(order, there.sold(order))
    again.settle(order, there.sold(order))  # a second answer changes nothing
    after = next(iter(decisions(again.run(NOON_MS + 4 * HOUR_MS))))
    assert after.bought is not None
    assert len(events) > 1


def test_what_was_carried_along_is_eaten_where_nothing_is_sold() -> None:
    there = village(EATER, coins={"ada": 20}, levels={"ada": HUNGRY})
    assert there.agenda.crowd.carries(there.agenda.people.lives["ada"]) == {}, "it is sold wherever they eat"
    assert cast().living.brought == {"eat"}, "one eats at home, and drinks in taverns"

    town = Town(world(), START_MS)
    events = town.run(START_MS + 7 * HOUR_MS)
    seven = [event for event in of(events, "odalys_pike") if event.action == "eat"]
    assert seven[0].market is None
    assert seven[0].carries == {"eat": RULES.pantry - 1}


def test_every_decision_is_explained_with_its_purse_and_old_ones_without() -> None:
    there = village(EATER, TRADER, coins={"ada": 20, "bea": 0}, levels={"ada": HUNGRY})
    there.got = ["sold_out"]
    before = village(EATER, TRADER, coins={}, levels={"ada": HUNGRY}).agenda.people
    events = list(there.run(NOON_MS + 6 * HOUR_MS))
    count = 0
    for number, event in enumerate(events):
        if isinstance(event, PersonDecided):
            people = village(EATER, TRADER, coins={}, levels={"ada": HUNGRY}).agenda.people
            minute = [n for n, each in enumerate(events) if _decides(each) and each.at_ms == event.at_ms]
            first = minute[0]
            people.evolve_all(events[:first])  # type: ignore[arg-type]
            found = explain(people, there.world, events[first:number], event)  # type: ignore[arg-type]
            assert found.differs == [], event
            count += 1
    assert count > 8
    assert before.lives["ada"].coins is None
    old = {key: value for key, value in PersonDecided.example.items() if key not in PURSE}
    assert PersonDecided.model_validate(with_purse(dict(old))).coins is None


PURSE = ("coins", "earned", "owed", "market", "pieces", "carries", "bought", "missed")


def _decides(event: object) -> TypeGuard[PersonDecided]:
    return isinstance(event, PersonDecided)


# --- wages and orders ---------------------------------------------------------------------------------------

SHIFT = Wage("bea", 7, "trade", "market", "crowns", coins=20, has=10, likes=40, dues=200)


def paid(moves: object) -> dict[tuple[str, str], int]:
    assert isinstance(moves, list)
    return {(move.payer, move.payee): move.amount for move in moves if isinstance(move, Move)}


def test_a_wage_comes_from_the_till_as_far_as_it_can_spare_it_and_rent_goes_off() -> None:
    bea, till = account_of("bea"), "stall.market"
    source = "source.wages.trade"
    works = "works.market"
    cases = {
        "no till": ([], {(source, bea): 20, (bea, RENT): 4}),
        "a full till": ([Till(till, 400, 400)], {(till, bea): 20, (bea, RENT): 4}),
        "half is kept": ([Till(till, 208, 400)], {(till, bea): 8, (source, bea): 12, (bea, RENT): 4}),
        "an empty till": ([Till(till, 0, 400)], {(source, bea): 20, (bea, RENT): 4}),
        "a share of what is over": ([Till(till, 600, 400)], {(till, bea): 30, (bea, RENT): 4}),
        "what is made there": (
            [Till(till, 208, 400), Till(works, 9, 0)],
            {(till, bea): 8, (works, bea): 9, (source, bea): 3, (bea, RENT): 4},
        ),
        "more than enough": (
            [Till(till, 400, 400), Till(works, 100, 0)],
            {(till, bea): 20, (works, bea): 5, (bea, RENT): 4},
        ),
    }
    for name, (tills, expected) in cases.items():
        assert paid(pay(SHIFT, tills)) == expected, name


@pytest.mark.parametrize("has", [0, 79, 1_000, 2**52])
def test_what_somebody_has_over_goes_back_by_a_quarter(has: int) -> None:
    wage = Wage("bea", 7, "trade", "market", "crowns", coins=20, has=has, likes=40, dues=200)
    taxes = paid(pay(wage, [])).get((account_of("bea"), TAXES), 0)

    assert taxes == max(0, has + 16 - 80) // 4


def board(**prices: tuple[int, int]) -> Market:
    none = {"stock": 0, "bought": 0, "sold": 0, "wanted": 0, "arrives": 0, "coming": 0}
    posted = {
        good: Posted(good=good, price=price, level=level, **none) for good, (price, level) in prices.items()
    }
    return Market(day=1, posted=posted)


def test_one_takes_what_is_cheap_against_what_it_usually_costs_and_can_be_paid() -> None:
    market = board(pie=(6, 900), cake=(2, 1_000), tart=(30, 800))
    wanted = Order("ada", 1, "inn", ("pie", "cake", "tart"), 5, ready=10)
    cases = {
        "the cheapest against usual": (100, {"pie": 9, "cake": 9, "tart": 9}, ("pie", 5)),
        "half of the purse at most": (40, {"pie": 9, "cake": 9, "tart": 9}, ("pie", 3)),
        "what is left": (100, {"pie": 2, "cake": 9, "tart": 9}, ("pie", 2)),
        "what is there": (100, {"cake": 9, "tart": 9}, ("cake", 5)),
        "what can be paid": (5, {"pie": 9, "cake": 9}, ("cake", 1)),
        "wanted in vain": (100, {}, ("pie", 1)),
        "more than they like, if there is nothing else": (100, {"tart": 9}, ("tart", 1)),
        "no coin at all": (0, {"pie": 9, "cake": 9}, ("cake", 1)),
    }
    for name, (coins, stock, expected) in cases.items():
        asked = choose(wanted, market, lambda good, stock=stock: stock.get(good, 0), coins)  # type: ignore[misc]
        assert asked is not None, name
        assert (asked.good, asked.quantity) == expected, name
        assert (asked.account, asked.used_up) == ("person.ada", True)
    assert choose(Order("ada", 1, "inn", ("soup",), 1, 10), market, lambda _: 1, 100) is None
    assert [missed_by(code) for code in ("sold_out", "insufficient", "market_shut")] == [
        "sold_out", "no_coin", "closed",
    ]  # fmt: skip


def test_each_source_and_sink_says_what_for_and_a_world_without_purses_has_none() -> None:
    cast = village(EATER, TRADER, coins={}).world.cast
    assert set(flows(cast.living, cast.acts)) == {SAVINGS, RENT, TAXES, "source.wages.trade"}
