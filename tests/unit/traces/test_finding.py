"""A discovery is one append, pays once, and is believed by who made it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid5

import pytest

from aicore.content.sample_world import sample_definition
from aicore.wiring.people import PLAYERS
from bus.ports import StreamWrite
from domain.clock.units import GameTime
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.ledger.messages import Transferred
from domain.places.messages import Entered
from domain.places.moving import stream_of as player_stream
from domain.session.messages import SessionOpened
from domain.traces.finding import REASON, SOURCE, stream_of
from domain.traces.messages import Discover, Discovered
from handlers.beliefs.view import BeliefsView
from handlers.traces.rider import TraceRider
from handlers.traces.view import TracesView
from protocol.messages import Reply
from tests.unit.kit import in_case
from tests.unit.ledger.desk_kit import CODEC, SPACE, Realm, leading, message
from tests.unit.traces.kit import HOUR_MS, INDOORS, STREET, fled, hurt

GAME = "service:game"


class Town:
    """A realm where Nib has fled from the quay, and players stand about."""

    def __init__(self) -> None:
        self.realm = Realm()
        self.realm.game = GameTime(HOUR_MS)
        self.view = self._view()
        self.desk = self.realm.desk()
        self.desk.carry(TraceRider(self.realm.log, CODEC, self.view, players=PLAYERS))

    def _view(self) -> TracesView:
        game_ms = lambda: self.realm.game.ms if self.realm.game else None  # noqa: E731
        return TracesView(self.realm.log, sample_definition(), decode=CODEC.decode, game_ms=game_ms)

    async def begin(self) -> None:
        for player, place in (("ann", STREET), ("ben", STREET), ("cid", INDOORS)):
            opened = SessionOpened(player=player, session=1, service=GAME, build="", at_us=0)
            came = Entered(who=player, kind="player", place=place, at_ms=0, at_us=0)
            await self.append(player_stream(player), opened, came)
        await self.append("people-realm", fled(), hurt(by="player.ben"))

    async def append(self, stream: str, *events: Event) -> None:
        new = [CODEC.encode(each, uuid5(SPACE, f"{stream} {n} {each}")) for n, each in enumerate(events)]
        await self.realm.log.append(StreamWrite(stream, new))

    def trace(self, rule: str) -> str:
        return next(trace.id for trace in self.view.traces.by_id.values() if trace.rule == rule)

    async def discovers(self, player: str, rule: str, *, name: object = "", by: str = GAME) -> Reply:
        known = rule if "-" in rule else self.trace(rule)
        command = Discover(player=player, session=1, trace=known)
        return await self.desk(message(name or (player, rule), command, by=by))

    async def events(self, stream: str) -> list[Event]:
        return [CODEC.decode(each) for each in await self.realm.log.read_stream(stream, limit=100)]

    def has(self, player: str) -> int:
        volume = self.desk.book.volumes.get((f"player.{player}", "crowns"))
        return volume[0] if volume else 0


@asynccontextmanager
async def town() -> AsyncIterator[Town]:
    made = Town()
    await made.begin()
    async with leading(made.desk), asyncio.TaskGroup() as group:
        following = group.create_task(made.view.run())
        await made.view.caught_up()
        yield made
        following.cancel()


async def refusal(asked: Any) -> str:
    with pytest.raises(Rejected) as refused:
        await asked
    assert refused.value.remedy
    return refused.value.code


async def test_what_lies_there_is_taken_once_by_who_finds_it_first() -> None:
    async with town() as made:
        first = await made.discovers("ann", "lost_purse")
        assert first.result["paid"] == [{"unit": "crowns", "amount": 6}]
        assert (first.result["claim"], first.result["again"]) == (None, False)
        assert made.has("ann") == 6
        positions = sorted(ref.position for ref in first.events)
        assert positions == list(range(positions[0], positions[0] + len(positions))), "one append"
        moved = [each for each in await made.realm.log.events() if isinstance(each, Transferred)]
        assert [(each.reason, each.moves[0].payer) for each in moved] == [(REASON, SOURCE)]

        same = await made.discovers("ann", "lost_purse")
        assert (same.duplicate, same.result) == (True, first.result), "the same command is the same discovery"
        again = await made.discovers("ann", "lost_purse", name="once more")
        assert (again.result["paid"], again.result["again"], list(again.events)) == ([], True, [])
        assert await refusal(made.discovers("ben", "lost_purse")) == "trace_taken"
        assert (made.has("ann"), made.has("ben")) == (6, 0)
        found = await made.events(stream_of(first.result["trace"]))
        assert [each.player for each in found if isinstance(each, Discovered)] == ["ann"]
        await made.view.caught_up()
        there, _ = await made.view.answer_at({"place": STREET})
        assert "lost_purse" not in {each["rule"] for each in there["traces"]}, "and is there no more"


async def test_of_many_who_find_it_in_one_instant_one_is_paid() -> None:
    async with town() as made:
        replies = await asyncio.gather(
            *(
                made.discovers(player, "lost_purse", name=(player, n))
                for n in range(8)
                for player in ("ann", "ben")
            ),
            return_exceptions=True,
        )
        paid = [each for each in replies if isinstance(each, Reply) and each.result["paid"]]
        codes = {each.code for each in replies if isinstance(each, Rejected)}
        assert (len(paid), codes, made.has("ann") + made.has("ben")) == (1, {"trace_taken"}, 6)


async def test_each_player_learns_once_from_what_stays_and_believes_it_by_its_cause() -> None:
    async with town() as made:
        for player in ("ann", "ben"):
            reply = await made.discovers(player, "hurried_tracks")
            assert reply.result["claim"] == "fled(person.nib, place.ropewalk_quay)"
        beliefs = BeliefsView(made.realm.log, sample_definition(), decode=CODEC.decode)
        await beliefs.take(await made.realm.log.read_all(after=0, limit=1_000))
        await made.view.caught_up()
        why, _ = await beliefs.answer_why({"holder": "player.ann", "claim": reply.result["claim"]})
        tracks = made.view.traces.by_id[reply.result["trace"]]

        # ann saw him run: what one saw is not made less sure by what it left
        assert (why["evidence"], why["root"]) == ("witnessed", tracks.event)
        there, _ = await made.view.answer_at({"place": STREET, "player": "ben"})
        assert {each["rule"]: each["found"] for each in there["traces"]} == {
            "hurried_tracks": True,
            "lost_purse": False,
            "blood_drops": False,
            "torn_sleeve": False,
        }


async def test_who_was_not_there_believes_what_they_conclude_as_surely_as_it_shows() -> None:
    async with town() as made:
        came = Entered(who="dot", kind="player", place=STREET, at_ms=HOUR_MS, at_us=0)
        opened = SessionOpened(player="dot", session=1, service=GAME, build="", at_us=0)
        await made.append(player_stream("dot"), opened, came)
        reply = await made.discovers("dot", "hurried_tracks")
        beliefs = BeliefsView(made.realm.log, sample_definition(), decode=CODEC.decode)
        await beliefs.take(await made.realm.log.read_all(after=0, limit=1_000))
        why, _ = await beliefs.answer_why({"holder": "player.dot", "claim": reply.result["claim"]})
        tracks = made.view.traces.by_id[reply.result["trace"]]

        assert (why["evidence"], why["confidence"], why["basis"]) == ("inferred", 650, "inferred")
        assert (why["root"], why["at_ms"]) == (tracks.event, tracks.at_ms)
        assert [each["by"] for each in why["chain"]] == ["inferred"]
        nobody, _ = await beliefs.answer_known({"holder": "player.cid", "about": "person.nib"})
        assert nobody["beliefs"] == []


async def test_who_may_not_find_it_or_what_is_not_there_is_refused() -> None:
    async with town() as made:
        unknown = made.trace("lost_purse")[:-1] + "7"
        for code, player, rule, by in (
            ("trace_unknown", "ann", unknown, GAME),
            ("not_there", "cid", "lost_purse", GAME),
            ("own_trace", "ben", "blood_drops", GAME),
            ("not_your_session", "ann", "lost_purse", "service:other"),
        ):
            with in_case(code):
                assert await refusal(made.discovers(player, rule, name=code, by=by)) == code
        made.realm.game = GameTime(30 * 24 * HOUR_MS)
        assert await refusal(made.discovers("ann", "hurried_tracks")) == "trace_faded"
        made.realm.game = None
        assert await refusal(made.discovers("ann", "lost_purse")) == "no_clock"
        assert await made.events(stream_of(made.trace("lost_purse"))) == []
