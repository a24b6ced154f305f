"""Promises over the wire: who may make one, to whom, of what."""

from collections.abc import Mapping
from typing import Any

import pytest

from aicore.content.sample_world import sample_definition
from aicore.wiring.people import PLAYERS
from bus.memory import MemoryLog
from bus.ports import StreamWrite
from domain.definition.definition import Definition
from domain.kernel.decider import Rejected
from domain.promises.making import Scene
from domain.session.messages import SessionOpened
from handlers.places.limits import PlayerLimits
from handlers.promises.promising import Promising
from protocol.messages import CommandMessage, Reply
from protocol.meta import Meta
from tests.unit.kit import ident, in_case, memory_log
from tests.unit.promises.kit import CODEC

GAME = "service:game"
GIVE = {"by": "player.ann", "session": 1, "to": "person.una_pell", "kind": "give", "what": "good.lamp_oil"}
QUAY = Scene(
    "ropewalk_quay", {"player.ann", "person.una_pell", "person.nib"}, {"player.ann", "person.una_pell"}
)


class Here:
    """Who is where, by a test's word."""

    def __init__(self, scene: Scene = QUAY, game_ms: int | None = 60_000) -> None:
        self.now, self.ms = scene, game_ms

    async def scene(self, who: str) -> Scene:
        return self.now

    async def definition(self) -> Definition:
        return sample_definition()

    def game_ms(self) -> int | None:
        return self.ms


async def opened() -> MemoryLog:
    log = memory_log()
    session = SessionOpened.model_validate({**SessionOpened.example, "session": 1, "service": GAME})
    await log.append(StreamWrite("player-ann", [CODEC.encode(session, ident())]))
    return log


async def ask(
    log: MemoryLog,
    payload: Mapping[str, Any],
    *,
    here: Here | None = None,
    name: object = None,
    command: str = "promises.make",
    actor: str = GAME,
) -> Reply:
    limits = PlayerLimits(lambda: 0.0)
    promising = Promising(log, CODEC, here or Here(), players=PLAYERS, allow=limits.take)
    message = CommandMessage(
        id=ident(name), command=command, payload=dict(payload), expected="any", meta=Meta(actor=actor)
    )
    return await promising(message)


async def test_a_promise_is_recorded_once_wherever_it_is_asked_again() -> None:
    log = await opened()
    first = await ask(log, GIVE, name="one")
    again = await ask(log, GIVE, name="one", here=Here(Scene("", (), ()), 90_000))

    assert first.result == again.result == {"promise": ident("one").hex}
    assert (first.duplicate, again.duplicate, first.events) == (False, True, again.events)
    assert [event.type for event in await log.read_stream("promises_player-ann")] == ["promises.made"]


async def test_only_who_holds_the_session_promises_for_a_player_or_lets_off() -> None:
    log = await opened()
    for session, actor in ((None, GAME), (2, GAME), (1, "service:other")):
        with pytest.raises(Rejected, match="session"):
            await ask(log, {**GIVE, "session": session}, actor=actor)
    theirs = {**GIVE, "by": "person.una_pell", "to": "player.ann", "session": None}
    promise = (await ask(log, theirs)).result["promise"]
    off = {"promise": promise, "by": "person.una_pell", "to": "player.ann"}
    with pytest.raises(Rejected, match="session"):
        await ask(log, {**off, "session": None}, command="promises.release")
    done = await ask(log, {**off, "session": 1}, command="promises.release")
    assert [event.type for event in done.events] == ["promises.released"]


async def test_what_cannot_be_promised_is_refused() -> None:
    log = await opened()
    away = Here(Scene("", (), ()))
    cases: list[tuple[str, Mapping[str, Any], Here]] = [
        ("not_there", GIVE, away),
        ("not_there", {**GIVE, "to": "person.gault"}, Here()),
        ("nobody_hears", {**GIVE, "to": "person.nib"}, Here()),
        ("oneself", {**GIVE, "to": "player.ann"}, Here()),
        ("no_clock", GIVE, Here(game_ms=None)),
        ("unknown_thing", {**GIVE, "what": "good.moonlight"}, Here()),
        ("bad_promise", {**GIVE, "what": "place.tally_house"}, Here()),
        ("bad_promise", {**GIVE, "kind": "do", "what": "person.nib"}, Here()),
        ("needs_due", {**GIVE, "kind": "never", "deed": "rob", "what": "player.ben"}, Here()),
        ("due_over", {**GIVE, "due_ms": 60_000}, Here()),
    ]
    for code, payload, here in cases:
        with in_case(f"{code} {payload}"), pytest.raises(Rejected) as refused:
            await ask(log, payload, here=here)
        assert refused.value.code == code


async def test_promises_count_against_what_may_come_for_a_player() -> None:
    log, limits, codes = await opened(), PlayerLimits(lambda: 0.0), set()
    promising = Promising(log, CODEC, Here(), players=PLAYERS, allow=limits.take)
    for _ in range(200):
        message = CommandMessage(
            id=ident(), command="promises.make", payload=GIVE, expected="any", meta=Meta(actor=GAME)
        )
        try:
            await promising(message)
        except Rejected as refused:
            codes.add(refused.code)
    assert codes == {"already_promised", "over_allowance"}
