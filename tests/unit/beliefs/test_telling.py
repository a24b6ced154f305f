"""What players say over the wire: who may, who hears it, and that it is recorded as what they say."""

from collections.abc import Sequence
from typing import Any

import pytest

from aicore.content.sample_world import sample_definition
from bus.memory import MemoryLog
from bus.ports import StreamWrite
from domain.beliefs.messages import ClaimTold
from domain.beliefs.telling import Audience
from domain.definition.definition import Definition
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.places.messages import Entered
from domain.places.moving import PLAYER, stream_of
from domain.session.messages import SessionOpened
from handlers.beliefs.telling import Tellings
from handlers.kernel.commands import Binding
from protocol.messages import CommandMessage, Reply
from protocol.meta import Meta
from tests.unit.kit import ident, memory_log
from tests.unit.people.realm import CODEC

GAME = "service:game"
PLAYERS: Binding[Any, Any, Any] = Binding(
    commands=(), stream_of=lambda command: stream_of(command.player), decider=PLAYER
)


class Here:
    """Who is where, by a test's word."""

    def __init__(self, awake: Sequence[str], asleep: Sequence[str] = ()) -> None:
        self.awake = ["player.ann", *awake]
        self.asleep = asleep

    async def audience(self, place: str) -> Audience:
        return Audience(place, self.awake, [*self.awake, *self.asleep])

    async def definition(self) -> Definition:
        return sample_definition()

    def game_ms(self) -> int | None:
        return 60_000


async def log_with(*events: Event) -> MemoryLog:
    log = memory_log()
    await log.append(StreamWrite("player-ann", [CODEC.encode(each, ident()) for each in events]))
    return log


async def opened() -> MemoryLog:
    """Ann is at the quay, and a game holds her session."""
    example = {**SessionOpened.example, "session": 1, "service": GAME}
    entered = {"who": "ann", "kind": "player", "place": "ropewalk_quay", "at_ms": 0, "at_us": 0}
    return await log_with(SessionOpened.model_validate(example), Entered.model_validate(entered))


async def tell(log: MemoryLog, here: Here, *, name: str = "say", actor: str = GAME, **said: object) -> Reply:
    payload: dict[str, Any] = {"player": "ann", "session": 1, **said}
    message = CommandMessage(
        id=ident(name), command="beliefs.tell", payload=payload, expected="any", meta=Meta(actor=actor)
    )
    return await Tellings(log, CODEC, here, players=PLAYERS)(message)


async def recorded(log: MemoryLog) -> list[Event]:
    return [CODEC.decode(each) for each in await log.read_stream("told-ann", after=0, limit=100)]


async def test_what_a_player_says_is_recorded_for_those_who_are_there_and_awake() -> None:
    log, here = await opened(), Here(["person.una_pell", "person.nib"], ["person.gault"])

    reply = await tell(log, here, text="I saw Gault at the Tally House. (Nib is dead) Is Una dead?")

    claims = ["at(person.gault, place.tally_house)", "dead(person.nib)"]
    assert [each["claim"] for each in reply.result["claims"]] == claims
    told = await recorded(log)
    assert [each.claim for each in told if isinstance(each, ClaimTold)] == claims
    assert {each.teller for each in told if isinstance(each, ClaimTold)} == {"player.ann"}
    assert reply.result["hearers"] == ["person.una_pell", "person.nib"]


async def test_words_that_claim_nothing_are_recorded_nowhere() -> None:
    log = await opened()

    reply = await tell(log, Here(["person.nib"]), text="Good evening! Do you sell lamp oil?")

    assert (reply.result["claims"], list(reply.events)) == ([], [])
    assert await recorded(log) == []


async def test_the_same_saying_again_is_what_it_was_whoever_is_there_by_now() -> None:
    log = await opened()
    first = await tell(log, Here(["person.nib"]), text="Gault is dead.")

    again = await tell(log, Here(["person.una_pell"]), text="Gault is dead.")

    assert (again.duplicate, again.result) == (True, first.result)
    assert len(await recorded(log)) == 1


async def test_who_may_not_say_it_or_whom_nobody_hears_is_refused() -> None:
    log, nib = await opened(), Here(["person.nib"])
    for code, here, said in (
        ("not_your_session", nib, {"actor": "service:other", "text": "Gault is dead."}),
        ("session_over", nib, {"session": 2, "text": "Gault is dead."}),
        ("not_there", nib, {"to": ["person.gault"], "text": "Nib is dead."}),
        ("nobody_hears", Here([], ["person.nib"]), {"text": "Gault is dead."}),
        ("nobody_hears", Here([], ["person.nib"]), {"to": ["person.nib"], "text": "Gault is dead."}),
        ("bad_claim", nib, {"claims": ["Gault is dead"]}),
        ("unknown_claim", nib, {"claims": ["flies(person.gault)"]}),
        ("unknown_claim", nib, {"claims": ["true_name(person.gault, text.Wren)"]}),
        ("own_words", nib, {"claims": ["wants(person.gault, text.my address)"]}),
    ):
        with pytest.raises(Rejected) as refused:
            await tell(log, here, **said)
        assert refused.value.code == code, said
    assert await recorded(log) == []
