"""What becomes of a stall: its mornings, its shortages, and who keeps it."""

from dataclasses import replace

from domain.ledger.vocabulary import MOVES_MAX
from domain.market.commands import ShutStall, TakeOverStall
from domain.market.deliveries import COSTS, OPENING, TILLS, coffers, deliveries, flows
from domain.market.market import MARKET, Closing, Market, bereft, kept_by, open_day
from domain.market.messages import (
    MarketEvent,
    PricesPosted,
    RanShort,
    Recovered,
    StallShut,
    StallTakenOver,
    Wanted,
)
from domain.market.stalls import Stall
from tests.unit.market.kit import OIL, PAWN, YARD
from tests.unit.spec import given

SHUT = StallShut(market="lamp_yard", cause="Hob Lantry is dead", salience=500)
ENDS = Closing(1, {"lamp_oil": 40, "loaf": 40}, 10**6)


def opened(stall: Stall, *closings: Closing) -> tuple[Market, list[MarketEvent]]:
    """Return a stall after some mornings, with all that was told."""
    market, told = MARKET.initial, list[MarketEvent]()
    for closing in closings:
        events = open_day(stall, market, closing)
        told += events
        market = MARKET.fold(events, market)
    return market, told


def posted(market: Market, good: str = "lamp_oil") -> tuple[int, int, int, int]:
    row = market.posted[good]
    return row.level, row.price, row.arrives, row.coming


def test_the_first_morning_fills_the_shelves_at_the_usual_price() -> None:
    market, told = opened(YARD, Closing(0, {}, 0))
    assert [type(each) for each in told] == [PricesPosted]
    assert (posted(market), posted(market, "loaf")) == ((1_000, 40, 40, 0), (1_000, 1, 40, 0))
    assert opened(YARD, Closing(0, {}, 0), Closing(0, {}, 0))[1] == told


def test_a_good_that_is_bought_out_gets_dear_is_missed_and_comes_back() -> None:
    out = {"lamp_oil": 0, "loaf": 40}
    market, told = opened(YARD, Closing(0, {}, 0), Closing(1, out, 10**6, {"lamp_oil": 40}))
    assert posted(market) == (1_080, 43, 8, 12)
    assert told[-1] == RanShort(market="lamp_yard", good="lamp_oil", price=43, salience=612)
    assert market.posted["lamp_oil"].bought == 40
    market, told = opened(YARD, Closing(0, {}, 0), *[Closing(day, out, 10**6) for day in range(1, 30)])
    assert sum(isinstance(each, RanShort) for each in told) == 1
    assert market.posted["lamp_oil"].level <= OIL.high
    market, told = opened(YARD, Closing(0, {}, 0), Closing(1, out, 10**6), replace(ENDS, day=2))
    assert told[-1] == Recovered(market="lamp_yard", good="lamp_oil", price=41)
    assert not market.short


def test_what_was_asked_for_in_vain_counts_up_to_a_shelf_and_for_one_day() -> None:
    market, _ = opened(YARD, Closing(0, {}, 0))
    missed = Wanted(market="lamp_yard", good="lamp_oil", quantity=30, account="player.ann", day=0)
    again = replace(MARKET.fold([missed, missed], market))
    first = MARKET.fold(open_day(YARD, again, ENDS), again)
    assert first.posted["lamp_oil"].wanted == 60
    assert first.posted["lamp_oil"].level == 1_080
    second = MARKET.fold(open_day(YARD, first, replace(ENDS, day=2)), first)
    assert second.posted["lamp_oil"].wanted == 0
    assert second.posted["lamp_oil"].level < 1_080


def test_a_thing_of_which_there_is_one_is_not_missed_and_not_brought_again() -> None:
    market, told = opened(PAWN, Closing(0, {}, 0), Closing(1, {}, 10**9))
    assert [each.good for each in told if isinstance(each, RanShort)] == ["lamp_oil"]
    assert posted(market, "tin_saint")[2:] == (0, 0)


def test_goods_come_from_named_sources_and_are_paid_for() -> None:
    market, told = opened(
        YARD, Closing(0, {}, 0), Closing(1, {"loaf": 40}, 10**6), Closing(2, {"loaf": 40}, 10**6)
    )
    first, second, third = [each for each in told if isinstance(each, PricesPosted)]
    (opening,) = deliveries(YARD, None, first)
    assert [(move.payer, move.unit, move.amount) for move in opening] == [
        (OPENING, "lamp_oil", 40),
        (OPENING, "loaf", 40),
        (TILLS, "crowns", YARD.till),
    ]
    (made,) = deliveries(YARD, first, second)
    assert [(move.payer, move.payee, move.amount) for move in made] == [
        ("stall.lamp_yard", COSTS, 8 * OIL.cost),
        ("source.makers.oil_mill", "stall.lamp_yard", 8),
    ]
    (both,) = deliveries(YARD, second, third)
    assert [(move.payer, move.amount) for move in both[1:]] == [
        ("source.carters", 12),
        ("source.makers.oil_mill", 8),
    ]
    assert "source.makers.oil_mill" in flows([YARD])
    assert market.day == 2


def test_what_is_paid_for_goes_to_who_works_where_it_is_made() -> None:
    worked = replace(OIL, worked=True)
    stall = replace(YARD, terms={**YARD.terms, "lamp_oil": worked})
    ends = Closing(0, {}, 0), Closing(1, {"loaf": 40}, 10**6), Closing(2, {"loaf": 40}, 10**6)
    first, second, third = [each for each in opened(stall, *ends)[1] if isinstance(each, PricesPosted)]

    (made,) = deliveries(stall, first, second)
    assert [(move.payee, move.amount) for move in made] == [
        ("works.oil_mill", 8 * OIL.cost), ("stall.lamp_yard", 8),
    ]  # fmt: skip
    (both,) = deliveries(stall, second, third)
    assert [(move.payee, move.amount) for move in both if move.unit == "crowns"] == [
        (COSTS, 12 * OIL.cost), ("works.oil_mill", 8 * OIL.cost),
    ]  # fmt: skip
    assert set(coffers([stall])) == {"works.oil_mill"}
    assert coffers([YARD]) == {}


def test_many_goods_are_several_transfers_and_none_comes_unpaid() -> None:
    terms = {f"good_{n}": replace(OIL, good=f"good_{n}") for n in range(60)}
    stall = replace(YARD, terms=terms)
    _, told = opened(stall, Closing(0, {}, 0), Closing(1, {}, 10**9), Closing(2, {}, 10**9))
    _, second, third = [each for each in told if isinstance(each, PricesPosted)]
    parts = deliveries(stall, second, third)
    assert len(parts) == 3
    for part in parts:
        assert len(part) <= MOVES_MAX
        assert part[0].payee == COSTS
    assert sum(move.amount for part in parts for move in part if move.unit != "crowns") == 60 * 20


def test_a_unique_thing_comes_in_a_transfer_of_its_own() -> None:
    _, told = opened(PAWN, Closing(0, {}, 0))
    assert isinstance(told[0], PricesPosted)
    assert [[move.unit for move in part] for part in deliveries(PAWN, None, told[0])] == [
        ["lamp_oil", "crowns"],
        ["tin_saint"],
    ]


def test_a_stall_whose_keeper_is_gone_stays_shut_until_somebody_takes_it_over() -> None:
    shut, over = (
        ShutStall(market="lamp_yard", cause="Hob Lantry is dead"),
        TakeOverStall(market="lamp_yard", keeper="Wen"),
    )
    given(MARKET).when(shut).then(SHUT)
    given(MARKET, SHUT).when(shut).then_nothing()
    given(MARKET, SHUT).when(over).then(StallTakenOver(market="lamp_yard", keeper="Wen"))
    given(MARKET).when(over).then_nothing()


def test_a_stall_whose_keepers_are_dead_shuts_until_another_takes_it_over_and_so_on() -> None:
    stall = replace(YARD, keepers={"hob": "Hob", "wen": "Wen"})
    assert list(bereft(stall, MARKET.initial, {"hob": "a fever"})) == []
    assert list(bereft(YARD, MARKET.initial, {"hob": "a fever"})) == []
    deaths = {"hob": "a fever", "wen": "the sea"}
    [shut] = bereft(stall, MARKET.initial, deaths)
    assert shut == StallShut(
        market="lamp_yard", cause="Hob died of a fever and Wen died of the sea", salience=500
    )
    market = MARKET.fold([shut])
    assert list(bereft(stall, market, deaths)) == []
    taken = StallTakenOver(market="lamp_yard", keeper="una")
    market = MARKET.fold([taken], market)
    assert (market.shut, kept_by(stall, market), list(bereft(stall, market, deaths))) == (
        "",
        {"una": "una"},
        [],
    )
    [again] = bereft(stall, market, {**deaths, "una": "a knife"})
    assert isinstance(again, StallShut)
    assert again.cause == "una died of a knife"
