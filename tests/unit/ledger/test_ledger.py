"""What may happen to money and goods."""

from uuid import UUID

import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from domain.clock.units import GameTime, RealTime
from domain.ledger.book import Now
from domain.ledger.commands import (
    AllowCredit,
    CloseAccount,
    DeclareFlow,
    Hold,
    Link,
    OpenAccount,
    OpenUnit,
    PostHold,
    RetireUnit,
    Reverse,
    Transfer,
    VoidHold,
)
from domain.ledger.ledger import expire
from domain.ledger.messages import Held, HoldPosted, Reversed, Transferred
from domain.ledger.split import split
from domain.ledger.vocabulary import AMOUNT_MAX, Move, Volume, owner_of
from tests.unit.ledger.kit import RICH, Ledger, move

ANN, BEN, STALL, MINT, TOLLS = "player.ann", "player.ben", "stall.lamps", "source.mint", "sink.tolls"


def at(real_us: int, game_ms: int | None) -> Now:
    return Now(RealTime(real_us), None if game_ms is None else GameTime(game_ms))


def pays(*moves: Move) -> Transfer:
    return Transfer(moves=list(moves), reason="trade")


def holds(*moves: Move, game_ms: int | None = None, real_ms: int | None = None) -> Hold:
    return Hold(moves=list(moves), reason="trade", game_ms=game_ms, real_ms=real_ms)


def test_a_transfer_says_what_everybody_has_then() -> None:
    ledger = Ledger(RICH)

    assert ledger.ask(pays(move(ANN, STALL, 30))) == [
        Transferred(
            moves=[move(ANN, STALL, 30)],
            reason="trade",
            after=[
                Volume(account=ANN, unit="crown", balance=70),
                Volume(account=STALL, unit="crown", balance=30),
            ],
        )
    ]


def test_nobody_gives_what_they_do_not_have() -> None:
    ledger = Ledger(RICH)
    ledger.refuses(pays(move(ANN, STALL, 101)), "insufficient", "moves.0.amount", "100 crown")
    ledger.refuses(
        pays(move(ANN, STALL, 60), move(ANN, BEN, 60)), "insufficient", "moves.1.amount", "40 crown"
    )
    ledger.refuses(pays(move(BEN, ANN, 1, "oil")), "insufficient", "moves.0.amount", "0 oil")


def test_a_later_move_may_spend_what_an_earlier_one_brings() -> None:
    ledger = Ledger(RICH)
    ledger.ask(pays(move(ANN, BEN, 100), move(BEN, STALL, 90)))
    assert (ledger.has(ANN), ledger.has(BEN), ledger.has(STALL)) == ((0, 0), (10, 0), (90, 0))
    ledger.refuses(pays(move(STALL, ANN, 90), move(BEN, STALL, 11)), "insufficient", "moves.1.amount")


def test_what_names_nothing_that_there_is_is_refused() -> None:
    ledger = Ledger(RICH)
    ledger.refuses(pays(move(ANN, "player.nobody", 1)), "account_unknown", "moves.0.payee", "open_account")
    ledger.refuses(pays(move("player.nobody", ANN, 1)), "account_unknown", "moves.0.payer")
    ledger.refuses(pays(move(ANN, STALL, 1, "shell")), "unit_unknown", "moves.0.unit")
    ledger.refuses(pays(move(ANN, ANN, 1)), "same_account", "moves.0.payee")


def test_units_come_from_sources_and_go_into_sinks_only() -> None:
    ledger = Ledger(RICH)
    ledger.refuses(pays(move(ANN, MINT, 1)), "source_only_gives", "moves.0.payee")
    ledger.ask(pays(move(ANN, TOLLS, 5)))
    ledger.refuses(pays(move(TOLLS, ANN, 5)), "sink_keeps", "moves.0.payer")
    assert ledger.has(MINT) == (-100, 0)
    assert ledger.has(TOLLS) == (5, 0)


def test_there_is_no_overflow() -> None:
    ledger = Ledger()
    ledger.ask(pays(move(MINT, ANN, AMOUNT_MAX)))
    ledger.refuses(pays(move(MINT, BEN, 1)), "balance_overflow", "moves.0.amount", "world holds")
    ledger.refuses(pays(move("source.wells", BEN, 1)), "balance_overflow", "moves.0.amount", "world holds")
    ledger.ask(AllowCredit(account=BEN, unit="crown", floor=-5))
    ledger.refuses(pays(move(BEN, ANN, 1)), "balance_overflow", "moves.0.amount", "player.ann")


def test_credit_is_as_deep_as_it_was_declared() -> None:
    ledger = Ledger()
    ledger.refuses(pays(move(ANN, BEN, 1)), "insufficient", "moves.0.amount")
    ledger.ask(AllowCredit(account=ANN, unit="crown", floor=-50))
    assert ledger.ask(AllowCredit(account=ANN, unit="crown", floor=-50)) == []
    ledger.ask(pays(move(ANN, BEN, 50)))
    ledger.refuses(pays(move(ANN, BEN, 1)), "insufficient", "moves.0.amount", "0 crown")
    ledger.ask(AllowCredit(account=ANN, unit="crown", floor=0))
    assert ledger.has(ANN) == (-50, 0)
    ledger.ask(pays(move(BEN, ANN, 49)))
    ledger.refuses(pays(move(ANN, BEN, 1)), "insufficient", "moves.0.amount")
    ledger.refuses(AllowCredit(account=MINT, unit="crown", floor=-1), "no_credit", "account")
    ledger.refuses(AllowCredit(account=ANN, unit="tin_crown", floor=-1), "no_credit", "account")


def test_an_item_has_one_owner() -> None:
    ledger = Ledger()
    ledger.ask(pays(move(MINT, ANN, 1, "tin_crown")))
    ledger.refuses(pays(move(MINT, BEN, 1, "tin_crown")), "item_exists", "moves.0.unit")
    ledger.refuses(pays(move("source.wells", BEN, 1, "tin_crown")), "item_exists", "moves.0.unit")
    ledger.refuses(pays(move(ANN, BEN, 2, "tin_crown")), "item_is_one", "moves.0.amount")
    ledger.ask(pays(move(ANN, BEN, 1, "tin_crown")))
    ledger.refuses(pays(move(ANN, STALL, 1, "tin_crown")), "insufficient", "moves.0.amount")
    ledger.ask(pays(move(BEN, TOLLS, 1, "tin_crown")))
    ledger.refuses(pays(move(MINT, ANN, 1, "tin_crown")), "item_exists", "moves.0.unit")
    two = pays(move(MINT, ANN, 1, "tin_crown"), move(MINT, BEN, 1, "tin_crown"))
    Ledger().refuses(two, "item_exists", "moves.1.unit")


def test_what_is_held_is_given_to_nobody_else() -> None:
    ledger = Ledger(RICH)
    (held,) = ledger.ask(holds(move(ANN, STALL, 80), real_ms=60_000))
    assert isinstance(held, Held)
    assert (held.hold_id, held.expires_real_us, held.expires_game_ms) == (ledger.ids()[0], 61_000_000, None)
    assert (ledger.has(ANN), ledger.has(STALL)) == ((100, 80), (0, 0))
    ledger.refuses(pays(move(ANN, BEN, 21)), "insufficient", "moves.0.amount", "20 crown")
    ledger.refuses(holds(move(ANN, BEN, 21)), "insufficient", "moves.0.amount", "20 crown")
    ledger.ask(pays(move(ANN, BEN, 20)))

    assert ledger.ask(PostHold(hold_id=held.hold_id)) == [
        HoldPosted(
            hold_id=held.hold_id,
            moves=held.moves,
            reason="trade",
            after=[
                Volume(account=ANN, unit="crown", balance=0),
                Volume(account=STALL, unit="crown", balance=80),
            ],
        )
    ]
    ledger.refuses(PostHold(hold_id=held.hold_id), "hold_not_open", "hold_id")
    ledger.refuses(VoidHold(hold_id=held.hold_id, reason="late"), "hold_not_open", "hold_id")


def test_a_hold_is_posted_in_part_and_the_rest_is_free() -> None:
    ledger = Ledger(RICH)
    ledger.ask(holds(move(ANN, STALL, 60), move(ANN, BEN, 40)))
    hold_id = ledger.ids()[0]
    for amounts in ([60], [61, 40], [0, 0], [60, 40, 0]):
        ledger.refuses(PostHold(hold_id=hold_id, amounts=amounts), "invalid_part", "amounts")
    ledger.ask(PostHold(hold_id=hold_id, amounts=[0, 15]))
    assert (ledger.has(ANN), ledger.has(STALL), ledger.has(BEN)) == ((85, 0), (0, 0), (15, 0))


def test_a_void_hold_leaves_all_as_it_was() -> None:
    ledger = Ledger(RICH)
    ledger.ask(holds(move(ANN, STALL, 60)))
    ledger.ask(VoidHold(hold_id=ledger.ids()[0], reason="no_deal"))
    assert ledger.has(ANN) == (100, 0)
    ledger.refuses(PostHold(hold_id=ledger.ids()[0]), "hold_not_open", "hold_id")


@pytest.mark.parametrize(
    ("hold", "before", "after"),
    [
        ({"real_ms": 2_000}, at(2_999_999, 10**9), at(3_000_000, None)),
        ({"game_ms": 2_000}, at(10**15, 6_999), at(0, 7_000)),
        ({"game_ms": 2_000, "real_ms": 9_000}, at(9_999_999, 6_999), at(1, 7_000)),
        ({"game_ms": 2_000}, at(10**15, None), at(1, 8_000)),
    ],
    ids=["real", "game stands in a pause", "whichever is first", "the clock is away"],
)
def test_a_hold_ends_in_its_own_kind_of_time(hold: dict[str, int], before: Now, after: Now) -> None:
    ledger = Ledger(RICH)
    ledger.ask(holds(move(ANN, STALL, 60), **hold))
    hold_id, book = ledger.ids()[0], ledger.book
    ledger.now = after
    ledger.refuses(PostHold(hold_id=hold_id), "hold_expired", "hold_id")
    ledger.now = before
    ledger.ask(PostHold(hold_id=hold_id))
    assert ledger.has(STALL) == (60, 0)
    open_hold = book.holds.get(hold_id)
    assert open_hold is not None
    free = [(each.account, each.balance, each.held) for each in expire(open_hold, book).after]
    assert free == [(ANN, 100, 0), (STALL, 0, 0)]


def test_game_time_is_needed_for_what_ends_by_it() -> None:
    ledger = Ledger(RICH)
    ledger.now = at(1, None)
    ledger.refuses(holds(move(ANN, STALL, 1), game_ms=1), "no_clock", "game_ms")
    ledger.refuses(holds(move(MINT, STALL, 1)), "source_holds_nothing", "moves.0.payer")


def test_a_promise_is_kept_though_the_credit_behind_it_was_cut() -> None:
    ledger = Ledger()
    ledger.ask(AllowCredit(account=ANN, unit="crown", floor=-50))
    ledger.ask(holds(move(ANN, BEN, 50)))
    hold_id = next(iter(ledger.book.holds))
    ledger.ask(AllowCredit(account=ANN, unit="crown", floor=0))
    ledger.ask(RetireUnit(unit="crown"))
    ledger.ask(PostHold(hold_id=hold_id))
    assert (ledger.has(ANN), ledger.has(BEN)) == ((-50, 0), (50, 0))


def test_a_reversal_names_its_original_and_works_once() -> None:
    ledger = Ledger(RICH)
    ledger.ask(pays(move(ANN, STALL, 60), move(STALL, TOLLS, 10)))
    ledger.ask(holds(move(ANN, BEN, 40)))
    original, hold_id = ledger.ids()
    undo = Reverse(reverses=original, reason="refund")
    assert ledger.ask(undo) == [
        Reversed(
            reverses=original,
            moves=[move(TOLLS, STALL, 10), move(STALL, ANN, 60)],
            reason="refund",
            after=[
                Volume(account=TOLLS, unit="crown", balance=0),
                Volume(account=STALL, unit="crown", balance=0),
                Volume(account=ANN, unit="crown", balance=100, held=40),
            ],
        )
    ]
    ledger.refuses(undo, "already_reversed", "reverses")
    ledger.refuses(Reverse(reverses=ledger.ids()[2], reason="again"), "not_reversible", "reverses")
    ledger.refuses(Reverse(reverses=hold_id, reason="again"), "not_reversible", "reverses")
    ledger.refuses(Reverse(reverses=str(UUID(int=0)), reason="x"), "original_unknown", "reverses")
    ledger.ask(PostHold(hold_id=hold_id))
    ledger.ask(Reverse(reverses=ledger.ids()[3], reason="refund"))
    assert (ledger.has(ANN), ledger.has(BEN)) == ((100, 0), (0, 0))


def test_what_was_spent_cannot_be_taken_back() -> None:
    ledger = Ledger(RICH)
    ledger.ask(pays(move(ANN, STALL, 60)))
    ledger.ask(pays(move(STALL, BEN, 60)))
    ledger.refuses(Reverse(reverses=ledger.ids()[0], reason="refund"), "insufficient", "moves.0.amount")


def test_a_minted_item_that_went_back_may_come_again() -> None:
    ledger = Ledger()
    ledger.ask(pays(move(MINT, ANN, 1, "tin_crown")))
    ledger.ask(Reverse(reverses=ledger.ids()[0], reason="mistake"))
    ledger.ask(pays(move("source.wells", BEN, 1, "tin_crown")))
    assert ledger.has(BEN, "tin_crown") == (1, 0)


def test_linked_steps_are_all_or_nothing() -> None:
    ledger = Ledger(RICH)
    ledger.ask(pays(move(MINT, STALL, 1, "tin_crown")))
    ledger.ask(holds(move(ANN, STALL, 90)))
    hold_id = ledger.ids()[1]
    post = {"do": "post_hold", "hold_id": hold_id}
    give = {"do": "transfer", "moves": [move(STALL, ANN, 1, "tin_crown").model_dump()], "reason": "trade"}
    tax = {"do": "transfer", "moves": [move(STALL, TOLLS, 91).model_dump()], "reason": "toll"}
    ledger.refuses(
        Link.model_validate({"steps": [post, give, tax]}),
        "insufficient",
        "steps.2.moves.0.amount",
        "90 crown",
    )
    ledger.refuses(Link.model_validate({"steps": [post, post]}), "hold_not_open", "steps.1.hold_id")
    tax["moves"] = [move(STALL, TOLLS, 9).model_dump()]
    assert len(ledger.ask(Link.model_validate({"steps": [post, give, tax]}))) == 3
    assert (ledger.has(STALL), ledger.has(ANN, "tin_crown")) == ((81, 0), (1, 0))


def test_a_retired_unit_only_leaves_the_world() -> None:
    ledger = Ledger(RICH)
    ledger.ask(pays(move(ANN, BEN, 50)))
    ledger.ask(holds(move(ANN, STALL, 10)))
    ledger.ask(RetireUnit(unit="crown"))
    assert ledger.ask(RetireUnit(unit="crown")) == []
    ledger.refuses(pays(move(ANN, BEN, 1)), "unit_retired", "moves.0.unit")
    ledger.refuses(pays(move(MINT, BEN, 1)), "unit_retired", "moves.0.unit")
    ledger.refuses(holds(move(ANN, BEN, 1)), "unit_retired", "moves.0.unit")
    ledger.refuses(Reverse(reverses=ledger.ids()[0], reason="refund"), "unit_retired", "moves.0.unit")
    ledger.ask(PostHold(hold_id=ledger.ids()[1]))
    ledger.ask(pays(move(ANN, TOLLS, 40), move(BEN, TOLLS, 50), move(STALL, TOLLS, 10)))
    assert ledger.has(TOLLS) == (100, 0)
    ledger.refuses(RetireUnit(unit="shell"), "unit_unknown", "unit")


def test_accounts_and_units_are_opened_once_and_closed_when_empty() -> None:
    ledger = Ledger(RICH)
    coin = OpenUnit(unit="crown", kind="currency", digits=2, says="Coin")
    assert ledger.ask(coin) == []
    ledger.refuses(coin.model_copy(update={"kind": "good"}), "unit_exists", "unit", "currency")
    assert ledger.ask(OpenAccount(account=ANN)) == []
    ledger.refuses(OpenAccount(account="sink.fire"), "flow", "account")
    ledger.refuses(DeclareFlow(account="player.cid", says=""), "no_flow", "account")
    assert len(ledger.ask(DeclareFlow(account="sink.fire", says="Burnt"))) == 1
    ledger.refuses(CloseAccount(account=ANN), "account_in_use", "account", "100 crown")
    ledger.ask(holds(move(ANN, STALL, 10)))
    ledger.refuses(CloseAccount(account=STALL), "account_in_use", "account", "hold")
    assert len(ledger.ask(CloseAccount(account=BEN))) == 1
    assert ledger.ask(CloseAccount(account=BEN)) == []
    ledger.refuses(OpenAccount(account=BEN), "account_closed", "account")
    ledger.refuses(pays(move(ANN, BEN, 1)), "account_closed", "moves.0.payee")
    ledger.refuses(CloseAccount(account="player.nobody"), "account_unknown", "account")


def test_an_account_says_whose_it_is() -> None:
    assert [owner_of(name) for name in (ANN, "player.ann.bank")] == [ANN, ANN]


@settings(max_examples=40)
@forall(st.integers(0, AMOUNT_MAX), st.lists(st.integers(0, 10**9), min_size=1, max_size=9).filter(any))
def test_parts_add_up_and_none_is_off_by_one(amount: int, weights: list[int]) -> None:
    parts, total = split(amount, weights), sum(weights)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert amount * weight // total <= part <= -(-amount * weight // total)


def test_what_is_left_goes_to_the_largest_remainder_and_then_to_the_first() -> None:
    assert split(100, [1, 1, 1]) == [34, 33, 33]
    assert split(10, [15, 15, 70]) == [2, 1, 7]
    assert split(0, [3, 4]) == [0, 0]
    for weights in ([], [0, 0], [2, -1]):
        with pytest.raises(ValueError, match="at least 0"):
            split(5, weights)
