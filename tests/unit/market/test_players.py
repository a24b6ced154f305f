"""Players of the demo trade where they are, and count what they are refused."""

from collections import Counter
from collections.abc import Mapping
from random import Random
from types import SimpleNamespace
from typing import Any

from aicore.client import Refused
from aicore.demos.deeds import Player, trade
from bus.problems import problem_of
from domain.kernel.decider import Rejected
from domain.market.commands import Buy, Sell
from handlers.market.answers import StallAnswers
from tests.unit.market.kit import Town, town


class AtHome:
    """The wire's questions, answered by a town in this process."""

    def __init__(self, there: Town) -> None:
        self._there = there
        self._asked = 0

    async def query(self, _name: str, payload: Mapping[str, Any]) -> Any:
        board, _ = await StallAnswers(self._there.view, self._there.around).board(payload)
        return SimpleNamespace(result=board)

    async def command(self, name: str, payload: Mapping[str, Any]) -> Any:
        self._asked += 1
        kind = Buy if name == Buy.command_name else Sell
        try:
            reply = await self._there.tell(f"order {self._asked}", kind.model_validate(payload))
        except Rejected as refusal:
            error = problem_of(refusal)
            assert error
            raise Refused(error) from None
        await self._there.view.caught_up()
        return reply


async def test_players_buy_and_sell_again_and_count_refusals() -> None:
    async with town() as there:
        counts: Counter[str] = Counter()
        said: list[str] = []
        player = Player(AtHome(there), "ann", Random(3), counts, said.append)  # type: ignore[arg-type]
        for _ in range(12):
            await trade(player, "lamp_yard")
        assert counts["trades"] == len(said) > 6
        assert any("sells" in line for line in said)
        there.around.minute, there.around.absent = 0, "Hob is away"
        await trade(player, "lamp_yard")
        assert counts["market_shut"] == 1
