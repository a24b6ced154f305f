"""The desk: one append for all who wait, one effect for each id, whatever is cut in two."""

import asyncio
from collections import Counter
from random import Random

import pytest

from bus.ids import derived_id
from bus.memory import MemoryLog
from bus.ports import Fenced, IdConflict, LogUnavailable, NewEvent, StreamWrite, VersionConflict
from domain.clock.units import GameTime
from domain.kernel.decider import Rejected
from domain.ledger.book import STREAM
from domain.ledger.commands import (
    Hold,
    LedgerCommand,
    Link,
    OpenAccount,
    PostHold,
    Reverse,
    Transfer,
    VoidHold,
)
from domain.ledger.messages import HoldExpired, Led, Transferred
from domain.session.messages import SessionClosed, SessionOpened
from handlers.ledger.authority import Holders
from handlers.ledger.desk import Desk
from protocol.messages import CommandMessage, Reply
from tests.unit.ledger.desk_kit import (
    ANN,
    BEN,
    CODEC,
    CuttableLog,
    Realm,
    answer,
    leading,
    message,
    opened,
    until,
)
from tests.unit.ledger.kit import move

TRADES = 60
TRADES_WHOLE = 10_000


def pays(payer: str, payee: str, amount: int) -> Transfer:
    return Transfer(moves=[move(payer, payee, amount)], reason="trade")


def holds(amount: int, *, game_ms: int | None = None, real_ms: int | None = None) -> Hold:
    return Hold(moves=[move(ANN, BEN, amount)], reason="trade", game_ms=game_ms, real_ms=real_ms)


async def has(realm: Realm, account: str) -> tuple[int, int]:
    """Return what the log says of an account's crowns."""
    found = (0, 0)
    for event in await realm.log.events():
        for each in getattr(event, "after", ()):
            if (each.account, each.unit) == (account, "crown"):
                found = each.balance, each.held
    return found


async def test_all_who_wait_at_a_hot_account_are_one_append() -> None:
    realm = Realm()
    desk = realm.desk()
    async with leading(desk):
        await opened(desk, {ANN: 1_000, BEN: 0})
        realm.log.hold.clear()
        before = realm.log.appends
        async with asyncio.TaskGroup() as group:
            first = group.create_task(desk(message("first", pays(ANN, BEN, 1))))
            await until(lambda: realm.log.appends > before)
            others = [group.create_task(desk(message(n, pays(ANN, BEN, 1)))) for n in range(200)]
            await asyncio.sleep(0)
            realm.log.hold.set()
        assert realm.log.appends == before + 2
        balances = [task.result().result["after"][1]["balance"] for task in (first, *others)]
        assert balances == list(range(1, 202))


async def test_a_command_sent_again_gives_the_first_result() -> None:
    realm = Realm()
    desk = realm.desk()
    async with leading(desk):
        await opened(desk, {ANN: 10, BEN: 0})
        first = await desk(message("buy", pays(ANN, BEN, 10)))
        assert await desk(message("buy", pays(ANN, BEN, 10))) == Reply(first.result, first.events, True)
        with pytest.raises(IdConflict):
            await desk(message("buy", pays(ANN, BEN, 9)))
    other = realm.desk("quay:2")
    async with leading(other):  # which remembers nothing, and where nothing is left to pay with
        again = await other(message("buy", pays(ANN, BEN, 10)))
        assert (again.result, again.duplicate) == (first.result, True)
        assert [event.id for event in again.events] == [event.id for event in first.events]
        with pytest.raises(IdConflict):
            await other(message("buy", pays(ANN, BEN, 9)))
        with pytest.raises(Rejected, match="has 0 crown"):
            await other(message("another", pays(ANN, BEN, 10)))
    assert await has(realm, BEN) == (10, 0)


async def test_the_same_command_twice_at_once_is_one() -> None:
    realm = Realm()
    desk = realm.desk()
    async with leading(desk):
        await opened(desk, {ANN: 10, BEN: 0})
        replies = await asyncio.gather(*(desk(message("buy", pays(ANN, BEN, 4))) for _ in range(5)))
        assert sorted(reply.duplicate for reply in replies) == [False, True, True, True, True]
    assert await has(realm, BEN) == (4, 0)


async def test_an_id_of_another_stream_is_refused() -> None:
    realm = Realm()
    desk = realm.desk()
    async with leading(desk):
        await opened(desk, {ANN: 10, BEN: 0})
        sent = message("buy", pays(ANN, BEN, 4))
        foreign = NewEvent(derived_id(sent.id, 0), "batch.opened", 1, b"\x80")
        await realm.log.append(StreamWrite("batch-1", [foreign]))
        with pytest.raises(IdConflict):
            await desk(sent)
        await desk(message("more", pays(ANN, BEN, 5)))
    assert await has(realm, BEN) == (5, 0)


async def test_an_expectation_is_of_the_whole_ledger() -> None:
    realm = Realm()
    desk = realm.desk()
    async with leading(desk):
        await opened(desk, {ANN: 10, BEN: 0})
        there = len(await realm.log.events())
        with pytest.raises(VersionConflict):
            await desk(message("none", pays(ANN, BEN, 1), "none"))
        with pytest.raises(VersionConflict):
            await desk(message("old", pays(ANN, BEN, 1), there - 1))
        await desk(message("exact", pays(ANN, BEN, 1), there))
        await desk(message("exists", pays(ANN, BEN, 1), "exists"))


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_what_is_cut_in_two_happens_once(cut: str) -> None:
    realm = Realm()
    desk = realm.desk()
    async with leading(desk):
        await opened(desk, {ANN: 10, BEN: 0})
        realm.log.cuts.append(cut)
        with pytest.raises(LogUnavailable):
            await desk(message("buy", pays(ANN, BEN, 7)))
        reply = await answer(desk, message("buy", pays(ANN, BEN, 7)))
        assert reply.duplicate is (cut == "after")
    assert (await has(realm, ANN), await has(realm, BEN)) == ((3, 0), (7, 0))


@pytest.mark.parametrize("count", [TRADES, pytest.param(TRADES_WHOLE, marks=pytest.mark.slow)])
async def test_trades_cut_between_any_two_steps_lose_and_double_nothing(count: int) -> None:
    """Hold, post with the lamp, or let go: cut at the append, at its answer, and by another leader."""
    realm, dice = Realm(), Random(1_130)
    desks = [realm.desk("quay:1"), realm.desk("quay:2")]
    async with leading(desks[0]):
        await opened(desks[0], {ANN: 10 * count, BEN: 0})
    sold = 0
    for trade in range(count):
        steps = [message(f"hold {trade}", holds(3, real_ms=60_000))]
        hold_id = str(derived_id(steps[0].id, 0))
        if dice.random() < 0.7:
            amounts = [dice.randrange(1, 4)]
            steps.append(message(f"post {trade}", PostHold(hold_id=hold_id, amounts=amounts)))
            sold += amounts[0]
        else:
            steps.append(message(f"void {trade}", VoidHold(hold_id=hold_id, reason="no_deal")))
        for step in steps:
            await _cut(realm, dice, desks, step)
    assert await has(realm, BEN) == (sold, 0)
    assert await has(realm, ANN) == (10 * count - sold, 0)
    kinds = Counter(type(event).__name__ for event in await realm.log.events())
    assert kinds["Held"] == kinds["HoldPosted"] + kinds["HoldVoided"] == count


async def _cut(realm: Realm, dice: Random, desks: list[Desk], step: CommandMessage) -> None:
    """Send a step, cut it somewhere, and send it until it is answered, perhaps to another leader."""
    realm.log.cuts = dice.choice([[], ["before"], ["after"], ["before", "after"]])
    async with leading(dice.choice(desks)):
        await answer(dice.choice(desks), step)
    realm.log.cuts = []


async def test_a_leader_that_was_overtaken_decides_nothing() -> None:
    realm = Realm()
    desk = realm.desk("quay:1")
    async with leading(desk):
        await opened(desk, {ANN: 10, BEN: 0})
        realm.log.hold.clear()
        before = realm.log.appends
        async with asyncio.TaskGroup() as group:
            late = [group.create_task(_refused(desk, message(n, pays(ANN, BEN, 10)))) for n in range(2)]
            await until(lambda: realm.log.appends > before)
            await _overtaken(realm)
            realm.log.hold.set()
    assert all("leads the ledger no more" in task.result() for task in late)
    assert await has(realm, BEN) == (0, 0)


async def test_a_leader_that_was_overtaken_refuses_nothing_for_good() -> None:
    """It would say that Ann has no more, by a ledger of long ago."""
    realm = Realm()
    desk = realm.desk("quay:1")
    async with leading(desk):
        await opened(desk, {ANN: 10, BEN: 0})
        await _overtaken(realm)
        assert "leads the ledger no more" in await _refused(desk, message("dear", pays(ANN, BEN, 11)))


async def _overtaken(realm: Realm) -> None:
    """Have another process lead, by what it appends."""
    led = CODEC.encode(
        Led(term=2, leader="quay:2"), derived_id(message("led", OpenAccount(account=ANN)).id, 0)
    )
    await MemoryLog.append(realm.log, StreamWrite(STREAM, [led]))


async def _refused(desk: Desk, sent: CommandMessage) -> str:
    try:
        await desk(sent)
    except (Fenced, Rejected) as error:
        return str(error)
    return ""


async def test_a_process_that_does_not_lead_passes_on() -> None:
    realm = Realm()
    leader, other = realm.desk("quay:1"), realm.desk("quay:2")
    async with leading(leader):
        await opened(other, {ANN: 10, BEN: 0})
        sent = message("buy", pays(ANN, BEN, 4))
        assert (await other(sent)).result["after"][1]["balance"] == 4
        with pytest.raises(Rejected, match="has 6 crown") as refusal:
            await other(message("dear", pays(ANN, BEN, 7)))
        assert (refusal.value.code, refusal.value.field) == ("insufficient", "moves.0.amount")
        with pytest.raises(IdConflict):
            await other(message("buy", pays(ANN, BEN, 5)))


async def test_holds_end_by_themselves_in_both_times() -> None:
    realm = Realm()
    realm.game = GameTime(0)
    desk = realm.desk()
    async with leading(desk):
        await opened(desk, {ANN: 10, BEN: 0})
        real = (await desk(message("real", holds(2, real_ms=5_000)))).result["hold_id"]
        game = (await desk(message("game", holds(3, game_ms=5_000)))).result["hold_id"]
        kept = (await desk(message("kept", holds(1)))).result["hold_id"]
        realm.log.time_us += 5_000_000
        with pytest.raises(Rejected) as refusal:
            await desk(message("too late", PostHold(hold_id=real)))
        assert refusal.value.code in ("hold_not_open", "hold_expired")
        realm.game = GameTime(5_000)  # a jump
        await _until_has(realm, ANN, (10, 1))
        await desk(message("posted", PostHold(hold_id=kept)))
    ended = [event.hold_id for event in await realm.log.events() if isinstance(event, HoldExpired)]
    assert ended == [real, game]


async def test_a_hold_that_ends_while_the_log_is_away_ends_once() -> None:
    realm = Realm()
    desk = realm.desk()
    async with leading(desk):
        await opened(desk, {ANN: 10, BEN: 0})
        await desk(message("real", holds(2, real_ms=1)))
        realm.log.cuts = ["before", "after"]
        realm.log.time_us += 1_000_000
        await _until_has(realm, ANN, (10, 0))
    assert sum(isinstance(event, HoldExpired) for event in await realm.log.events()) == 1


async def _until_has(realm: Realm, account: str, wanted: tuple[int, int]) -> None:
    async with asyncio.timeout(20):
        while await has(realm, account) != wanted:  # noqa: ASYNC110 - the log has no event
            await asyncio.sleep(0.01)


async def test_a_reversal_finds_its_original_in_the_log() -> None:
    realm = Realm()
    desk = realm.desk()
    async with leading(desk):
        await opened(desk, {ANN: 10, BEN: 0})
        original = str((await desk(message("buy", pays(ANN, BEN, 4)))).events[0].id)
        first = await desk(message("undo", Reverse(reverses=original, reason="refund")))
        again = await desk(message("undo", Reverse(reverses=original, reason="refund")))
        assert again == Reply(first.result, first.events, True)
        for name, of in (("twice", original), ("back", str(first.events[0].id))):
            with pytest.raises(Rejected):
                await desk(message(name, Reverse(reverses=of, reason="refund")))
    assert await has(realm, ANN) == (10, 0)


async def test_linked_steps_are_one_append_and_are_remembered_as_one() -> None:
    realm = Realm()
    desk = realm.desk()
    async with leading(desk):
        await opened(desk, {ANN: 10, BEN: 0})
        step = {"do": "transfer", **pays(ANN, BEN, 2).model_dump()}
        link = message("both", Link.model_validate({"steps": [step, step]}))
        reply = await desk(link)
        assert [each["after"][1]["balance"] for each in reply.result["steps"]] == [2, 4]
    other = realm.desk()
    async with leading(other):
        assert await other(link) == Reply(reply.result, reply.events, True)
    moved = [event for event in await realm.log.events() if isinstance(event, Transferred)]
    assert len(moved) == 3


async def test_what_is_so_already_is_no_event_and_one_bad_command_harms_no_other() -> None:
    realm = Realm()
    desk = realm.desk()
    async with leading(desk):
        await opened(desk, {ANN: 10, BEN: 0})
        assert await desk(message("again", OpenAccount(account=ANN))) == Reply({}, [])
        good, bad = await asyncio.gather(
            desk(message("good", pays(ANN, BEN, 4))),
            _refused(desk, message("bad", pays(BEN, ANN, 400))),
        )
        assert good.result["after"][0]["balance"] == 6
        assert "has" in bad


async def test_a_stream_of_a_newer_program_is_not_decided_on() -> None:
    log = CuttableLog()
    realm = Realm()
    realm.log = log
    await log.append(
        StreamWrite(
            STREAM,
            [NewEvent(derived_id(message("x", OpenAccount(account=ANN)).id, 9), "ledger.taxed", 1, b"\x80")],
        )
    )
    desk = realm.desk()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(desk.lead())
        await asyncio.sleep(0.01)
        assert log.appends == 1
        task.cancel()


async def test_a_service_gives_away_what_is_a_players_only_while_it_holds_their_session() -> None:
    realm = Realm()
    desk = realm.desk()
    mine, forged = "service:market", "service:forger"

    async def says(name: str, command: LedgerCommand, by: str) -> str:
        return await _code(desk, message(name, command, by=by))

    async with leading(desk):
        await opened(desk, {ANN: 10, BEN: 0, "stall.lamps": 5})
        assert await says("early", pays(ANN, BEN, 1), mine) == "not_your_player"
        await _session(realm, SessionOpened(player="ann", session=1, service=mine, at_us=1))
        assert await says("buy", pays(ANN, BEN, 4), mine) == ""
        assert await says("forged", pays(ANN, BEN, 4), forged) == "not_your_player"
        assert await says("unnamed", pays(ANN, BEN, 4), "") == "not_your_player"
        assert await says("hold", holds(1), forged) == "not_your_player"
        assert await says("stall", pays("stall.lamps", ANN, 1), forged) == "", "a stall is nobody's session"
        bought = str(derived_id(message("buy", pays(ANN, BEN, 4)).id, 0))
        assert await says("undo", Reverse(reverses=bought, reason="refund"), mine) == "not_your_player"
        step = {"do": "transfer", **pays(ANN, BEN, 1).model_dump()}
        link = Link.model_validate({"steps": [step]})
        assert await says("link", link, forged) == "not_your_player"
        await _session(realm, SessionClosed(player="ann", session=1, reason="asked", at_us=2))
        assert await says("late", pays(ANN, BEN, 1), mine) == "not_your_player"
        assert await says("buy", pays(ANN, BEN, 4), mine) == "", "what was done is told again"
    assert await has(realm, BEN) == (4, 0)


async def test_sessions_are_followed() -> None:
    realm = Realm()
    holders = Holders(realm.log, CODEC)
    await _session(realm, SessionOpened(player="ann", session=1, service="service:market", at_us=1))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(holders.run())
        await until(lambda: holders.position == 1)
        await holders.see_may(pays(ANN, BEN, 1), "service:market", {})
        await _session(realm, SessionClosed(player="ann", session=1, reason="asked", at_us=2))
        await until(lambda: holders.position == 2)
        with pytest.raises(Rejected):
            await holders.see_may(pays(ANN, BEN, 1), "service:market", {})
        task.cancel()


async def _session(realm: Realm, event: SessionOpened | SessionClosed) -> None:
    number = (await realm.log.head()).position
    id_ = derived_id(message(f"session {number}", OpenAccount(account=ANN)).id, 0)
    await realm.log.append(StreamWrite("player-ann", [CODEC.encode(event, id_)]))


async def _code(desk: Desk, sent: CommandMessage) -> str:
    try:
        await desk(sent)
    except Rejected as refusal:
        return refusal.code
    return ""
