"""The definition of the world in memory, after commands over a log."""

import pytest

from aicore.content.loading import parts_of
from aicore.wiring.definition import CHANGES
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from domain.definition.entries import entries_of
from domain.definition.loading import plan_of
from domain.kernel.decider import Rejected
from handlers.definition.board import DefinitionBoard
from handlers.kernel.commands import CommandRunner
from tests.unit.definition.kit import FILES, changed, check
from tests.unit.kit import memory_log, message


async def test_a_world_is_loaded_changed_and_asked_for() -> None:
    log, codec = memory_log(), EventCodec(domain_catalogue())
    runner, board = CommandRunner(log, codec, [CHANGES]), DefinitionBoard(log, decode=codec.decode)

    async def known() -> None:
        await board.take(await log.read_all(after=board.position))

    async def load(files: dict[str, str]) -> dict[str, object]:
        plan = plan_of(board.state.version, board.state.digests, entries_of(check(files).data))
        (part,) = parts_of(plan)
        payload = {"base": plan.base, **part, "publish": plan.digest, "operator": "mira", "reason": "a test"}
        reply = await runner(message("world.change", payload))
        await known()
        return dict(reply.result)

    assert (await board.answer({}))[0]["version"] == 0
    assert (await load(dict(FILES)))["version"] == 1
    assert (await load(changed("grams: 40", "grams: 45")))["version"] == 2

    answer, position = await board.answer({})
    assert (answer["version"], answer["drafted"]) == (2, False)
    assert position == (await log.head()).position
    assert ["goods", "tooth_comb"] in [entry[:2] for entry in answer["entries"]]
    asked = {"section": "goods", "entry_id": "tooth_comb"}
    assert (await board.answer_entry(asked))[0]["written"]["grams"] == 45
    assert (await board.answer_entry({**asked, "entry_id": "no"}))[0] == {"written": None, "retired": False}
    with pytest.raises(Rejected, match="section"):
        await board.answer_entry({**asked, "section": "trinkets"})
