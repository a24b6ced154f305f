"""Who keeps a stall: its people, where they are now."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from aicore.content.sample_world import sample_definition
from aicore.wiring.market import Around, within
from bus.memory import MemoryLog
from domain.market.stalls import stalls_of
from domain.people.lives import who_of
from domain.places.messages import Entered, Left
from domain.session.limits import BURST, OverAllowance
from handlers.places.limits import PlayerLimits
from handlers.places.whereabouts import Whereabouts
from protocol.messages import CommandMessage, Reply
from tests.unit.ledger.desk_kit import CODEC, message
from tests.unit.market.kit import ANN, UNA, YARD
from tests.unit.market.test_orders import buys
from tests.unit.places.kit import city

STALL = replace(YARD, keepers={"hob": "Hob", "wen": "Wen"})


def test_a_stall_is_kept_while_one_of_its_people_is_there() -> None:
    there = Whereabouts(MemoryLog("x", lambda: 0), city(), decode=CODEC.decode)
    around = Around(None, there, int)  # type: ignore[arg-type]  # no clock is asked here

    def goes(person: str, place: str) -> None:
        entered: dict[str, Any] = {**Entered.example, "who": who_of(person), "place": place}
        there.apply(Entered.model_validate(entered), None)  # type: ignore[arg-type]  # it looks at the event alone

    assert around.away(STALL) == "", "nobody lives yet"
    goes("hob", "elsewhere")
    assert around.away(STALL) == "Hob is away"
    goes("wen", "lamp_yard")
    assert around.away(STALL) == ""
    goes("wen", "elsewhere")
    assert around.away(STALL) == "Hob and Wen are away"
    assert around.away(YARD) == ""
    gone = Left.model_validate({**Left.example, "who": who_of("hob")})
    there.apply(gone, None)  # type: ignore[arg-type]
    assert around.away(STALL) == "Wen is away"


async def test_a_players_orders_are_within_their_allowance() -> None:
    taken: list[str] = []

    async def handler(sent: CommandMessage) -> Reply:
        taken.append(sent.payload["account"])
        return Reply({}, [])

    order = within(PlayerLimits(lambda: 0.0), handler)
    burst = int(BURST.burst)
    for number in range(burst + 3):
        with suppress(OverAllowance):
            await order(message(f"player {number}", buys(1)))
        await order(message(f"person {number}", buys(1, UNA)))
    assert (taken.count(ANN), taken.count(UNA)) == (burst, burst + 3)


def test_stalls_of_the_sample_world_have_keepers() -> None:
    stalls = stalls_of(sample_definition())
    assert any(stall.keepers for stall in stalls.values())
