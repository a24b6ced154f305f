"""Processes that stand still and go on as if nothing had happened: relays, subscribers and writers.

A stopped process (SIGSTOP) keeps its connections, its locks and its belief to be the leader; what it does
when it goes on must neither double nor tear anything.
"""

import secrets
from collections.abc import AsyncIterator
from functools import partial
from signal import SIGCONT, SIGSTOP

import pytest

from bus.postgres.migrate import migrate
from tests.harness.convergence import converge, delivered, log_head, progress, relayed, until
from tests.harness.invariants import check_everything
from tests.harness.world import REALM, RELAYS, WRITERS, World, open_world

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A world at work, at the pace that a test asks for."""
    with open_world(secrets.randbits(32), pace=getattr(request, "param", 1.0)) as opened:
        await migrate(opened.postgres.dsn, REALM)
        opened.start_children()
        await converge(opened)
        yield opened


@pytest.mark.parametrize("world", [5.0], indirect=True, ids=["calm"])
async def test_stand_by_relay_takes_over_and_the_stopped_one_does_no_harm(world: World) -> None:
    """Each relay is stopped in turn, so the leader is, too: the other must go on, and then both run again."""
    for name in RELAYS:
        world.children.signal(name, SIGSTOP)
        head = await log_head(world)
        await until(world, f"JetStream beyond {head}", partial(relayed, world, head + 1))
        world.children.signal(name, SIGCONT)

    checked = await check_everything(world, await converge(world))
    assert checked["doubles_steady"] == checked["doubles_restless"] == 0


async def test_stopped_subscriber_goes_on_without_gap_or_double(world: World) -> None:
    """Others are not held up; what is redelivered to the resumed one it has not seen."""
    world.children.signal("restless", SIGSTOP)
    head = await log_head(world) + 500
    await until(world, f"the steady subscriber at {head}", lambda: delivered(world, head, ("steady",)))
    world.children.signal("restless", SIGCONT)

    checked = await check_everything(world, await converge(world))
    assert checked["doubles_steady"] == checked["doubles_restless"] == 0


async def test_writer_stopped_at_any_instant_stalls_nobody_for_long(world: World) -> None:
    """Even one stopped with the log in its hand is overtaken; its own appends hold once when it goes on."""
    for _ in range(6):
        await world.moment(0.2)
        victim = world.draws.choice(WRITERS)
        (other,) = set(WRITERS) - {victim}
        world.children.signal(victim, SIGSTOP)
        before = progress(world)[other]

        async def going(before: int = before, other: str = other) -> bool:
            return progress(world)[other] >= before + 10

        await until(world, f"ten more appends of {other}", going)
        world.children.signal(victim, SIGCONT)

    await check_everything(world, await converge(world))
