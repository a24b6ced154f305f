"""Round after round of SIGKILL and lost disks on running servers: nothing acknowledged is lost or doubled.

A run keeps its servers and children over all its rounds. A round lets them work for a moment, does one fault,
starts again what died, waits until everything that is derived has reached the log, and checks everything from
outside. Seeds are fresh in every run; a failing one is printed with the command that repeats its faults (the
instants are the machine's, so a rare failure may take several tries).
"""

import asyncio
import os
import random
import secrets
import time
from collections import defaultdict
from collections.abc import Callable

import pytest

from bus.postgres.migrate import migrate
from tests.harness.convergence import converge, said
from tests.harness.invariants import check_everything
from tests.harness.world import FAULTS, REALM, SECOND_FAULTS, SECOND_SHARE, World, open_world

pytestmark = pytest.mark.integration

SLOW_RUNS, SLOW_ROUNDS = 10, 20
"""200 rounds in all."""

RUN_TIMEOUT_S = 900
"""Ends what hangs; each wait within has a limit of its own, and a busy machine needs minutes for a run."""

LOAD_MIN_S = 0.05
LOAD_MAX_S = 0.4
SECOND_AFTER_MAX_S = 0.4

DAY_PACE = 3.0
"""How many times longer the writers pause by day: faults befall the same things on their way, and less that
is not is counted after each. The long run, with forty times the rounds, has all the load."""

DAY_ROUNDS = 4
"""Some of the faults by day, drawn anew in each run."""

Round = tuple[str, str]
"""A fault, and what is done on top while the system recovers from it: "" for nothing."""


def crowded(draws: random.Random) -> list[Round]:
    """Return ten rounds with every fault: one that may come on top of another does so, and only so."""
    first = [fault for fault in FAULTS if fault not in SECOND_FAULTS]
    second = [*SECOND_FAULTS, *[""] * (len(first) - len(SECOND_FAULTS))]
    draws.shuffle(first)
    draws.shuffle(second)
    return list(zip(first, second, strict=True))


def by_day(draws: random.Random) -> list[Round]:
    """Return some rounds of `crowded`."""
    return crowded(draws)[:DAY_ROUNDS]


def spread(draws: random.Random) -> list[Round]:
    """Return twenty rounds with every fault at least once, some of them with another one on top."""
    faults = [*FAULTS, *draws.choices(FAULTS, k=SLOW_ROUNDS - len(FAULTS))]
    draws.shuffle(faults)
    return [(fault, draws.choice(SECOND_FAULTS) if draws.random() < SECOND_SHARE else "") for fault in faults]


@pytest.mark.timeout(RUN_TIMEOUT_S)
async def test_nothing_is_lost_or_doubled_whatever_is_killed() -> None:
    await run_rounds(by_day, fresh_seed(), pace=DAY_PACE)


@pytest.mark.slow
@pytest.mark.timeout(RUN_TIMEOUT_S)
@pytest.mark.parametrize("run", range(SLOW_RUNS))
async def test_nothing_is_lost_or_doubled_in_200_rounds(run: int) -> None:
    await run_rounds(spread, fresh_seed(), pace=1.0)


def fresh_seed() -> int:
    return int(os.environ.get("KILL_SEED") or secrets.randbits(32))


async def run_rounds(plan: Callable[[random.Random], list[Round]], seed: int, *, pace: float) -> None:
    """Do the rounds of one seed, one after the other, on servers and children that stay."""
    rounds = plan(random.Random(seed))
    took: dict[str, list[float]] = defaultdict(list)
    begun: list[Round] = []
    with open_world(seed, pace=pace) as world:
        await migrate(world.postgres.dsn, REALM)
        world.start_children()
        try:
            await converge(world)
            for fault, second in rounds:
                begun.append((fault, second))
                took[fault].append(await do_round(world, fault, second))
            world.checked_jetstream = (None, 0)
            await check_everything(world, await converge(world))
        except BaseException as error:
            error.add_note(
                f"round {len(begun)} of {len(rounds)} with seed {seed}; faults so far: {begun}\n"
                f"again: KILL_SEED={seed} pytest {os.environ['PYTEST_CURRENT_TEST'].split()[0]}\n"
                f"{said(world)}"
            )
            raise
    for name, seconds in sorted(took.items()):
        print(f"{name}: " + " ".join(f"{s:.2f}" for s in seconds))


async def do_round(world: World, fault: str, second: str) -> float:
    """Let it run, do its faults, mend, converge, check; return the seconds from the mend to convergence."""
    await world.moment(LOAD_MAX_S - LOAD_MIN_S)
    await asyncio.sleep(LOAD_MIN_S)
    world.children.expect_running()
    await getattr(world, fault)()
    await world.mend()
    if second:
        await world.moment(SECOND_AFTER_MAX_S)
        world.children.expect_running()
        await getattr(world, second)()
        await world.mend()
    began = time.monotonic()
    head = await converge(world)
    took = time.monotonic() - began
    started = time.monotonic()
    checked = await check_everything(world, head)
    said_of = f"{fault} then {second}" if second else fault
    print(f"{said_of}: {took:.2f} s, checks {time.monotonic() - started:.2f} s, {dict(checked)}")
    assert checked["doubles_steady"] == 0, "a subscriber that nobody killed saw an event twice"
    return took
