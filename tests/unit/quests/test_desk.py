"""Quests at the ledger's desk: one append, whatever is cut, and whoever comes in the same instant."""

import asyncio
from collections import OrderedDict
from typing import Any
from uuid import uuid5

import pytest

from bus.ports import IdConflict, StreamWrite
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.ledger.messages import Transferred
from domain.people.harm_messages import Died
from domain.quests.commands import Abandon, Accept, Advance, Choose, Join
from domain.quests.messages import Completed, GoneTold, Happened
from domain.quests.vocabulary import stream_of
from protocol.messages import CommandMessage
from protocol.meta import Meta
from tests.unit.ledger.desk_kit import CODEC, SPACE, until
from tests.unit.quests.desk_kit import GAME, Table, table


async def quests_events(at: Table) -> list[Any]:
    recorded = await at.realm.log.read_all(after=0, limit=10_000)
    return [CODEC.decode(each) for each in recorded if each.type.startswith("quests.")]


async def bells(at: Table, player: str = "ann") -> dict[str, Any]:
    """Have a player take the three bells, with the bells in hand."""
    await at.opens(player)
    taken = (await at.says(Accept, player=player, quest="three_bells")).result
    await at.gives(player, "wreck_bell", 3)
    await at.look()
    return {"player": player, "instance": taken["instance"]}


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_cut_at_the_handover_pays_once_and_completes_once(cut: str) -> None:
    async with table() as at:
        mine = await bells(at)
        at.realm.log.cuts = [cut]
        done = await at.says(Advance, **mine, stage="hand_over", objective=0)
        again = await at.says(Advance, **mine, stage="hand_over", objective=0)
        assert (done.result["over"], again.result, again.duplicate) == ("completed", done.result, True)
        assert [event.id for event in again.events] == [event.id for event in done.events]
        paid = [
            event for event in await at.realm.log.events() if getattr(event, "reason", "") == "quest_reward"
        ]
        completed = [event for event in await quests_events(at) if isinstance(event, Completed)]
        assert (len(paid), len(completed)) == (1, 1)
        [transferred] = paid
        assert isinstance(transferred, Transferred)
        assert [(move.unit, move.amount) for move in transferred.moves] == [
            ("wicks", 900),
            ("sorted_bones", 1),
        ]
        quest = await at.realm.log.read_stream(stream_of(mine["instance"]))
        ledger = await at.realm.log.find(done.events[-1].id)
        assert ledger is not None
        assert {quest[-1].recorded_us} == {ledger.recorded_us}


async def test_what_is_not_there_is_not_handed_over_and_nothing_is_recorded() -> None:
    async with table() as at:
        mine = await bells(at)
        await at.gives("ben", "wreck_bell", 1)
        await at.opens("ben")
        other = (await at.says(Accept, player="ben", quest="keep_it_burning")).result
        with pytest.raises(Rejected) as refusal:
            await at.says(Advance, player="ben", instance=other["instance"], stage="carry", objective=1)
        assert refusal.value.code in ("insufficient", "unit_unknown", "account_unknown")
        assert [event for event in await quests_events(at) if getattr(event, "given", None)] == []
        with pytest.raises(Rejected, match="not on this quest"):
            await at.says(Advance, player="ben", instance=mine["instance"], stage="hand_over", objective=0)


async def test_two_of_a_party_in_the_same_instant_hand_over_once() -> None:
    async with table() as at:
        await at.opens("ann", "ben")
        instance = (await at.says(Accept, player="ann", quest="keep_it_burning")).result["instance"]
        joined = await at.says(Join, player="ben", instance=instance)
        assert joined.result["players"] == ["ann", "ben"]
        assert len(joined.events) == 2, "one on the quest's stream, one on what would be ben's own"
        await asyncio.gather(at.gives("ann", "kiln_coke", 2))
        await at.gives("ben", "kiln_coke", 2)
        await at.look()
        deliver = {"instance": instance, "stage": "carry", "objective": 1}
        both = await asyncio.gather(*(at.says(Advance, player=who, **deliver) for who in ("ann", "ben")))
        assert {reply.result["over"] for reply in both} == {"completed"}
        handed = [event for event in await quests_events(at) if getattr(event, "given", None)]
        assert len(handed) == 1
        paid = [
            event for event in await at.realm.log.events() if getattr(event, "reason", "") == "quest_reward"
        ]
        assert isinstance(paid[0], Transferred)
        assert sorted({move.payee for move in paid[0].moves}) == ["player.ann", "player.ben"]
        assert len(paid) == 1
        with pytest.raises(Rejected) as refusal:
            await at.says(Accept, "anew", player="ben", quest="keep_it_burning")
        assert refusal.value.code == "taken_before"
        at.clock.ms += 15 * 86_400_000
        at.realm.game = type(at.realm.game)(at.clock.ms) if at.realm.game else None
        mine = await at.says(Accept, "after a fortnight", player="ben", quest="keep_it_burning")
        assert mine.result["instance"] != instance


async def test_what_was_read_before_the_first_one_was_recorded_is_read_anew() -> None:
    """And not tried, refused by the log, and decided again with all who wait beside it."""
    async with table() as at:
        mine = await bells(at)
        deliver = {**mine, "stage": "hand_over", "objective": 0}
        before = at.realm.log.appends
        at.realm.log.hold.clear()
        first = asyncio.ensure_future(at.says(Advance, 1, **deliver))
        await until(lambda: at.realm.log.appends > before)
        second = asyncio.ensure_future(at.says(Advance, 2, **deliver))
        await until(lambda: bool(at.desk._queue))
        at.realm.log.hold.set()
        assert [(await first).result["over"], (await second).result["over"]] == ["completed"] * 2
        assert at.realm.log.appends == before + 1


async def test_one_takes_a_quest_once_however_often_it_is_asked_at_once() -> None:
    async with table() as at:
        await at.opens("ann")
        asked = (at.says(Accept, n, player="ann", quest="three_bells") for n in range(4))
        replies = await asyncio.gather(*asked)
        assert len({reply.result["instance"] for reply in replies}) == 1
        assert sorted(len(reply.events) for reply in replies) == [0, 0, 0, 1]
        with pytest.raises(Rejected) as refusal:
            await at.says(Accept, by="service:other", player="ann", quest="by_dusk")
        assert refusal.value.code == "not_your_session"


async def test_an_id_of_a_quests_command_is_known_as_that_commands_after_a_restart() -> None:
    async with table() as at:
        mine = await bells(at)
        done = await at.says(Advance, "one id", **mine, stage="hand_over", objective=0)
        id_, at.desk._remembered = uuid5(SPACE, f"{Advance.command_name} one id"), OrderedDict()
        meta = Meta(actor=GAME)
        with pytest.raises(IdConflict):
            await at.desk(CommandMessage(id_, Abandon.command_name, {"session": 1, **mine}, meta=meta))
        again = await at.says(Advance, "one id", **mine, stage="hand_over", objective=0)
        assert (again.events, again.duplicate) == (done.events, True)


async def test_what_somebody_else_wrote_meanwhile_is_taken_in() -> None:
    """A quest that was given up by another process: whoever comes second is told, and nothing is lost."""
    async with table() as at:
        mine = await bells(at)
        at.realm.log.hold.clear()
        done = asyncio.ensure_future(at.says(Advance, **mine, stage="hand_over", objective=0))
        while at.realm.log.appends == (before := at.realm.log.appends) and not done.done():
            await asyncio.sleep(0.001)
            if at.realm.log.appends > before:
                break
        stream = await at.realm.log.read_stream(stream_of(mine["instance"]))
        at.realm.log.hold.set()
        assert (await done).result["over"] == "completed"
        assert len(await at.realm.log.read_stream(stream_of(mine["instance"]))) == len(stream) + 2
        with pytest.raises(Rejected, match="completed"):
            await at.says(Abandon, **mine)


GONE = (
    ("quests-gone", GoneTold(kind="person", thing="edda_marsh")),
    ("harm-person-edda_marsh", Died.model_validate({**Died.example, "person": "edda_marsh"})),
)


@pytest.mark.parametrize(("stream", "event"), GONE)
async def test_who_is_gone_closes_what_runs_and_time_ends_it(stream: str, event: Event) -> None:
    async with table() as at:
        await at.opens("ann")
        nurse = (await at.says(Accept, player="ann", quest="ask_the_nurse")).result["instance"]
        wall = (await at.says(Accept, player="ann", quest="walk_the_wall")).result
        told = CODEC.encode(event, SPACE, Meta())
        await at.realm.log.append(StreamWrite(stream, [told], expected=0))
        await at.look()
        at.clock.ms = wall["due_ms"] + 1
        at.realm.game = type(at.realm.game)(at.clock.ms) if at.realm.game else None
        await at.look()
        ended = {
            each.instance: each.event_name
            for each in await quests_events(at)
            if isinstance(each, Happened) and hasattr(each, "end")
        }
        assert ended == {nurse: "quests.closed", wall["instance"]: "quests.failed"}
        assert at.board.board.running == {}
        assert at.board.board.standings["ann", "ninth_precinct"] == -50
        with pytest.raises(Rejected, match="closed"):
            await at.says(Choose, player="ann", instance=nurse, stage="ask", choice=0)


async def test_who_comes_along_and_takes_their_own_in_the_same_instant_has_one_of_both() -> None:
    async with table() as at:
        await at.opens("ann", "ben")
        instance = (await at.says(Accept, player="ann", quest="keep_it_burning")).result["instance"]
        along, own = await asyncio.gather(
            at.says(Join, player="ben", instance=instance),
            at.says(Accept, player="ben", quest="keep_it_burning"),
            return_exceptions=True,
        )
        on = [
            event for event in await quests_events(at) if getattr(event, "player", event.players[0]) == "ben"
        ]
        assert {event.instance for event in on} in ({instance}, {on[0].instance}), (along, own)
        assert len({event.instance for event in on}) == 1
