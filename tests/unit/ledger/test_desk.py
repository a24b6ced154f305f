"""The desk: one append for all who wait, one effect for each id, whatever is cut in two."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from bus.ids import derived_id
from bus.memory import MemoryLog
from bus.ports import IdConflict, LogError, LogUnavailable, NewEvent, StreamWrite, VersionConflict
from domain.clock.units import GameTime
from domain.kernel.decider import Rejected
from domain.ledger.book import STREAM
from domain.ledger.commands import (
    Link,
    OpenAccount,
    PostHold,
    Reverse,
    VoidHold,
)
from domain.ledger.messages import AccountClosed, HoldExpired, Led, Transferred
from handlers.ledger.desk import Desk
from protocol.messages import CommandMessage, Reply
from tests.unit.ledger.desk_kit import (
    ANN,
    BEN,
    CODEC,
    MINT,
    CuttableLog,
    Realm,
    answer,
    has,
    holds,
    leading,
    message,
    opened,
    pays,
    until,
)

TRADES = 60
TRADES_WHOLE = 10_000


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


async def test_who_repeats_anothers_command_is_told_nothing_of_what_it_came_to() -> None:
    """Result and events of a command say what somebody has: they are for who sent it."""
    realm = Realm()
    desk = realm.desk()
    sent, copied = (message("buy", pays(MINT, BEN, 1), by=f"service:{who}") for who in ("game", "rogue"))
    async with leading(desk):
        await opened(desk, {BEN: 0})
        first = await desk(sent)
        with pytest.raises(IdConflict):
            await desk(copied)
    other = realm.desk("quay:2")
    async with leading(other):  # which has to ask the log
        with pytest.raises(IdConflict):
            await other(copied)
        assert (await other(sent)).events == first.events
    assert await has(realm, BEN) == (1, 0)


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


async def _while_one_is_on_its_way(realm: Realm, desk: Desk, end: Callable[[], Awaitable[None]]) -> list[str]:
    """Return what became of a command on its way and of two that came meanwhile."""
    realm.log.hold.clear()
    before = realm.log.appends
    async with asyncio.TaskGroup() as group:
        first = group.create_task(_refused(desk, message("first", pays(ANN, BEN, 6))))
        await until(lambda: realm.log.appends > before)
        more = [pays(BEN, ANN, 6), pays(BEN, ANN, 1)]
        others = [group.create_task(_refused(desk, message(n, each))) for n, each in enumerate(more)]
        await asyncio.sleep(0.01)
        assert realm.log.appends == before + 1, "one append at a time"
        await end()
        realm.log.hold.set()
    return [task.result() for task in (first, *others)]


async def test_what_comes_while_an_append_is_on_its_way_stands_on_it() -> None:
    realm = Realm()
    desk = realm.desk()

    async def end() -> None:
        pass

    async with leading(desk):
        await opened(desk, {ANN: 6, BEN: 0})
        told = await _while_one_is_on_its_way(realm, desk, end)
    assert (told[:2], "has 0 crown" in told[2]) == (["", ""], True)
    assert (await has(realm, ANN), await has(realm, BEN)) == ((6, 0), (0, 0))


async def test_what_was_decided_on_an_old_ledger_is_decided_again() -> None:
    realm = Realm()
    desk = realm.desk()

    async def end() -> None:
        """Something else is there first: as many events as the append on its way has."""
        closed = CODEC.encode(
            AccountClosed(account=BEN), derived_id(message("x", OpenAccount(account=ANN)).id, 0)
        )
        await MemoryLog.append(realm.log, StreamWrite(STREAM, [closed]))

    async with leading(desk):
        await opened(desk, {ANN: 6, BEN: 0})
        told = await _while_one_is_on_its_way(realm, desk, end)
    assert all("is closed" in each for each in told)
    assert (await has(realm, ANN), await has(realm, BEN)) == ((6, 0), (0, 0))


async def test_a_log_that_refuses_an_append_ends_no_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.ledger.desk.BEHIND_S", 0.001)
    realm = Realm()
    desk = realm.desk()
    async with leading(desk):
        await opened(desk, {ANN: 6, BEN: 0})
        realm.log.cuts = ["refused"]
        assert "Postgres refused" in await _refused(desk, message("first", pays(ANN, BEN, 6)))
        await answer(desk, message("first", pays(ANN, BEN, 6)))
    assert await has(realm, BEN) == (6, 0)


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
    except (LogError, Rejected) as error:
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
