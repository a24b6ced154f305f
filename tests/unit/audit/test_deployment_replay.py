"""A deployment judged again from its log: where the limit is drawn, and that an accusation can be seen."""

import pytest

from aicore.audit.deployment_replay import BLOCKS, Point, Replay, replay, sparkline
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import StreamWrite
from domain.registry.evidence import Evidence
from tests.unit.kit import ident, memory_log
from tests.unit.registry.test_deployment import ID, started

LIMIT = Evidence(0.01).limit


def shown(*e_values: float) -> str:
    points = [Point(n, {"together": value}) for n, value in enumerate(e_values)]
    return sparkline(Replay(ID, limit=LIMIT, points=points), width=20)


async def test_the_limit_is_the_one_that_judged() -> None:
    """A part of the false alarms is kept for bounds, so it is not one over their rate."""
    log, codec = memory_log(), EventCodec(domain_catalogue())
    begun = started(gate={"false_alarms": 0.01, "turns_min": 10})
    await log.append(StreamWrite("use_case-a", [codec.encode(begun, ident(1))], "any"))

    assert (await replay(log, codec, ID)).limit == LIMIT


def test_a_full_block_is_evidence_over_the_limit_and_nothing_else() -> None:
    assert shown(1.0, LIMIT - 0.1)[-1] != BLOCKS[-1]
    assert shown(1.0, LIMIT) == BLOCKS[0] + BLOCKS[-1]


@pytest.mark.parametrize("turns", [7, 20, 21, 599])
def test_the_turn_that_ended_it_is_shown_however_many_there_were(turns: int) -> None:
    assert shown(*[1.0] * (turns - 1), 540.0).endswith(BLOCKS[-1])
